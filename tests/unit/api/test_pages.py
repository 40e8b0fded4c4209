"""Pages end before they are too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api import types as t
from api.frames import encode, own_update
from api.pages import fitting

CHARACTERS = st.sampled_from(["a", '"', "\x01", "ж", "漢", "🌍"])


def message(number: int, text: str) -> t.Message:
    return t.Message("p1-2", number, 1, 1_700_000_000_000, text)


@given(CHARACTERS, st.integers(0, 100))
def test_a_page_is_as_much_as_fits(character: str, count: int) -> None:
    items = [message(number, character * limits.TEXT_CHARS_MAX) for number in range(count)]
    page = fitting(items)
    assert page == items[: len(page)]
    assert len(encode(page)) <= limits.ANSWER_BYTES_MAX
    if len(page) < len(items):
        assert len(encode(items[: len(page) + 1])) > limits.ANSWER_BYTES_MAX


def test_one_item_always_fits() -> None:
    assert fitting(["x" * (limits.ANSWER_BYTES_MAX + 1)] * 2) == [
        "x" * (limits.ANSWER_BYTES_MAX + 1)
    ]


@given(st.text(max_size=20), st.integers(1, limits.JSON_INT_MAX))
def test_the_sender_is_told_the_random_id(text: str, random_id: int) -> None:
    common = encode(t.MessageNew(message(7, text)))
    own = t.Message("p1-2", 7, 1, 1_700_000_000_000, text, random_id=random_id)
    assert own_update(common, random_id) == encode(t.MessageNew(own))
