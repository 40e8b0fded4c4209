"""Room in the memory of a process."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import ApiError
from api.room import FLOOD_BYTES, Room, Share

HOLDERS = st.sampled_from("abc")


@given(st.lists(st.tuples(st.integers(1, 40), HOLDERS, st.booleans())))
def test_no_more_is_held_than_there_is(asked: list[tuple[int, str, bool]]) -> None:
    room = Room(100)
    held = []
    for size, holder, ends in asked:
        mine = sum(of for of, who, _ in held if who == holder)
        fits = room.taken + size <= 100 and mine + size <= 50
        hold = room.hold(size, Share(holder, 50))
        if fits:
            hold.__enter__()
            held.append((size, holder, hold))
        else:
            with pytest.raises(ApiError, match="overloaded"):
                hold.__enter__()
        if ends and held:
            held.pop()[2].__exit__(None, None, None)
        assert room.taken == sum(of for of, _, _ in held) <= 100
    while held:
        held.pop()[2].__exit__(None, None, None)
    assert room.taken == 0
    assert room.has(50, Share("a", 50))


def test_a_flood_that_is_over_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    room = Room(2 * FLOOD_BYTES)
    monkeypatch.setattr(Room, "on_ebb", staticmethod(lambda: told.append(room.taken)))
    with room.hold(FLOOD_BYTES // 16):
        with room.hold(FLOOD_BYTES - 1 - FLOOD_BYTES // 16):
            pass
        assert told == [], "that was none"
        with room.hold(FLOOD_BYTES):
            pass
        assert told == [FLOOD_BYTES // 16]
    assert len(told) == 1
