"""Harmless strings, and times in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.terminal.text import (
    clock,
    harmless,
    last_seen,
    local,
    long_day,
    one_line,
    plural,
    short_date,
)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def ms(*when: int) -> int:
    return int(datetime(*when).timestamp() * 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("dos\r\nlines", "dos\nlines"),
        ("back\rover", "back␍over"),
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("\x9b31m", "\ufffd31m"),
        ("\x7f", "␡"),
        ("tab\there", "tab    here"),
        ("abc\u202egnp.exe", "abc\ufffdgnp.exe"),
        ("\u2066x\u2069", "\ufffdx\ufffd"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\U000e0041tag", "tag"),
        ("a\u2028b", "a\nb"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 8),
        ("שלום", "שלום"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_whatever_comes_is_harmless(text: str) -> None:
    shown = harmless(text)
    assert not [c for c in shown if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert "\n" not in one_line(text)


def test_one_line() -> None:
    assert one_line("  a \n b\x1b\tc ") == "a b␛ c"


def test_plural() -> None:
    assert (plural(1, "member"), plural(2, "member")) == ("1 member", "2 members")
    assert plural(1200, "message") == "1,200 messages"


def test_days() -> None:
    today = date(2026, 3, 1)
    assert long_day(today, today) == "Today"
    assert long_day(date(2026, 2, 28), today) == "Yesterday"
    assert long_day(date(2026, 1, 5), today) == "Monday 5 January"
    assert long_day(date(2024, 8, 5), today) == "5 August 2024"


def test_short_dates() -> None:
    now = ms(2026, 3, 12, 15, 0)
    assert short_date(ms(2026, 3, 12, 9, 41), now) == "09:41"
    assert short_date(ms(2026, 3, 11, 23, 59), now) == "Wed"
    assert short_date(ms(2026, 3, 5, 9, 0), now) == "5 Mar"
    assert short_date(ms(2024, 8, 5), now) == "05.08.24"


def test_last_seen() -> None:
    now = ms(2026, 3, 12, 15, 0)
    assert last_seen(0, now) == "not seen yet"
    assert last_seen(now - 30_000, now) == "last seen just now"
    assert last_seen(now - 60_000, now) == "last seen 1 minute ago"
    assert last_seen(ms(2026, 3, 12, 9, 41), now) == "last seen today at 09:41"
    assert last_seen(ms(2026, 3, 11, 9, 41), now) == "last seen yesterday at 09:41"
    assert last_seen(ms(2026, 3, 1, 9, 41), now) == "last seen on Sunday 1 March"


def test_a_time_beyond_the_calendar() -> None:
    assert local(2**53) == local(0)
    assert clock(2**53) == "00:00"
