"""What can be seen and what one line may hold, for every character that there is."""

from __future__ import annotations

import re
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import methods as m
from api.visible import (
    DIRECTIONS,
    IGNORABLE,
    LINE,
    LINE_OR_NONE,
    NOT_IN_A_LINE,
    TEXT_OR_NONE,
    VISIBLE,
    Ranges,
    as_line,
    is_visible,
)

SURROGATES = range(0xD800, 0xE000)
EVERYTHING = [code for code in range(0x110000) if code not in SURROGATES]
PREPENDED = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
"""Formats that are drawn: they enclose the digits after them (Prepended_Concatenation_Mark)."""
FILLERS = {
    *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164),
    *(*range(0xFE00, 0xFE10), 0xFFA0, 0x16FE4, 0x1D159, 0x13440, *range(0xE0100, 0xE01F0)),
}
"""Letters, marks and signs that show nothing."""


def within(code: int, ranges: Ranges) -> bool:
    return any(first <= code <= last for first, last in ranges)


def seen(code: int) -> bool:
    """What the general category says, with the exceptions above."""
    category = unicodedata.category(chr(code))
    if category == "Cf":
        return code in PREPENDED
    if category == "Cn":
        return not within(code, IGNORABLE) and not 0x13430 <= code <= 0x13440
    return category not in ("Cc", "Zs", "Zl", "Zp") and code not in FILLERS


def test_every_character_is_visible_or_not_as_its_properties_say() -> None:
    found = re.compile(VISIBLE).search
    wrong = [f"U+{code:04X}" for code in EVERYTHING if bool(found(chr(code))) != seen(code)]
    assert not wrong


def test_what_breaks_a_line_or_turns_it_around_stands_in_none() -> None:
    line = re.compile(LINE).search
    turning = {code for first, last in DIRECTIONS for code in range(first, last + 1)}
    wrong = []
    for code in EVERYTHING:
        char = chr(code)
        breaks = code in turning or unicodedata.category(char) in ("Cc", "Zl", "Zp")
        breaks = breaks or char in "\ufff9\ufffa\ufffb"
        if bool(line(f"a{char}b")) == breaks or (as_line(f"a{char}b") == "ab") != breaks:
            wrong.append(f"U+{code:04X}")
    assert not wrong


UNSEEN = [*"\u200b\u3164\u2800\u00ad\u180e\x00", "\u200d\ufe0f", " \u200e ", "\ufeff", "\u115f"]
FIELDS = [
    ("auth.register", "name", {"username": "alice", "password": "long enough", "name": "x"}),
    ("auth.register", "device", {"username": "alice", "password": "long enough", "name": "x"}),
    ("auth.login", "device", {"username": "alice", "password": "long enough"}),
    ("users.update_profile", "name", {}),
    ("users.update_profile", "bio", {}),
    ("contacts.add", "name", {"user_id": 1}),
    ("chats.create_group", "title", {"title": "x", "random_id": 1}),
    ("chats.rename", "title", {"chat_id": "g1"}),
    ("chats.set_description", "description", {"chat_id": "g1"}),
    ("messages.send", "text", {"chat_id": "g1", "random_id": 1}),
]
IDS = [f"{method} {field}" for method, field, _ in FIELDS]


def taken(method: str, body: dict[str, object]) -> bool:
    try:
        m.decode_params(m.METHODS[method], msgspec.json.encode(body))
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(("method", "field", "others"), FIELDS, ids=IDS)
def test_nothing_that_cannot_be_seen_is_a_name_a_title_or_a_text(
    method: str, field: str, others: dict[str, object]
) -> None:
    for text in UNSEEN:
        assert not taken(method, {**others, field: 3 * text}), ascii(text)
        assert not is_visible(3 * text)
        several = field in ("text", "description")
        assert not several or taken(method, {**others, field: f"{text}x{text}"})


@pytest.mark.parametrize(("method", "field", "others"), FIELDS[:-2], ids=IDS[:-2])
def test_names_and_titles_are_one_line_in_one_direction(
    method: str, field: str, others: dict[str, object]
) -> None:
    for char in "\n\r\t\x00\x1b\x7f\x85\u2028\u2029\u202a\u202e\u2066\u2069\ufff9":
        assert not taken(method, {**others, field: f"a{char}b"}), ascii(char)


WRITTEN = [
    *("👍🏽", "❤️", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "1️⃣", "🏳️‍🌈"),
    *("می‌خواهم", "ශ්‍රී", "क्‍ष", "שלום", "عمرو", "\u200fעברית\u200e", "한글", "日本語", "葛󠄀"),
    *("Zoë", "e\u0301", "a\u00adb", "x\u200by", "\U0001fae9", "\ue000"),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_is_taken(text: str) -> None:
    """Emoji that are joined, coloured, of flags and keys; joiners of Persian, Sinhala, Hindi; marks
    of direction; variants of characters; what a newer Unicode has."""
    for method, field, others in FIELDS:
        assert taken(method, {**others, field: text})
    assert as_line(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_the_patterns_say_the_same(text: str) -> None:
    line = not any(within(ord(char), NOT_IN_A_LINE) for char in text)
    assert bool(re.search(LINE, text)) == (line and is_visible(text))
    assert bool(re.search(LINE_OR_NONE, text)) == (not text or (line and is_visible(text)))
    assert bool(re.search(TEXT_OR_NONE, text)) == (not text or is_visible(text))
    assert is_visible(text) == any(is_visible(char) for char in text)
    assert bool(re.search(LINE_OR_NONE, as_line(text))) == (not as_line(text) or is_visible(text))
