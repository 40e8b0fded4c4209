"""Slots of a minute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.population.slot import MINUTE_BINS, MINUTE_US, SLOTS, Slot
from sim.population.writing import ACK_US, TYPED_US


@pytest.mark.parametrize("slots", SLOTS)
def test_they_are_the_minute(slots: int) -> None:
    slot = Slot(1_441, slots - 1, slots)
    assert slot.us * slots == MINUTE_US
    assert slot.bins * slots == MINUTE_BINS
    assert slot.of_day == 1
    assert slot.us > max(ACK_US, TYPED_US)
    at_us = np.array([0, slot.us - 1, slot.us, slot.us + 5_000])
    assert slot.bins_of(at_us).tolist() == [0, slot.bins - 1, 0, 1]
    assert slot.later(np.array([0, slot.bins - 1]), 5_000).tolist() == [1, 0]
    assert slot.later(np.array([0]), -5_000).tolist() == [slot.bins - 1]


@given(
    slots=st.sampled_from(SLOTS),
    minute=st.integers(0, 3),
    begin_us=st.floats(0, 2 * MINUTE_US),
    length_us=st.floats(1, 2 * MINUTE_US),
)
def test_parts_of_a_time_are_the_time(
    slots: int, minute: int, begin_us: float, length_us: float
) -> None:
    all_slots = [Slot(m, n, slots) for m in range(minute, minute + 4) for n in range(slots)]
    parts = [slot.part_of(minute, begin_us, begin_us + length_us) for slot in all_slots]
    there = [(begin, end) for begin, end in parts if end > begin]
    assert sum(end - begin for begin, end in there) == pytest.approx(length_us)
    assert all(begin >= 0 and end <= slot.us for slot in all_slots[:1] for begin, end in there)
    assert all(end <= begin for begin, end in [Slot(minute - 1, 0, slots).part_of(minute, 0, 1e6)])
