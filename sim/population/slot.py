"""Slots: parts of a minute that are done one after the other, so that what is in memory is as much
for few machines as for many."""

from __future__ import annotations

from dataclasses import dataclass

from sim.population.arrays import Ints

HOUR_MINUTES = 60
DAY_MINUTES = 1_440
MINUTE_US = 60_000_000
BIN_US = 5_000
MINUTE_BINS = MINUTE_US // BIN_US
SLOTS = (1, 2, 3, 4, 6, 12)
"""Into so many a minute may be cut. The shortest is longer than anything that is told ahead or
afterwards (`writing.TYPED_US`)."""


@dataclass(frozen=True)
class Slot:
    """`minute`: of the run. `number`: of the minute's slots, of which there are `slots`."""

    minute: int
    number: int = 0
    slots: int = 1

    @property
    def of_day(self) -> int:
        """The minute of the day, which is UTC's."""
        return self.minute % DAY_MINUTES

    @property
    def us(self) -> int:
        """How long it is."""
        return MINUTE_US // self.slots

    @property
    def bins(self) -> int:
        """How many it has."""
        return MINUTE_BINS // self.slots

    def bins_of(self, at_us: Ints) -> Ints:
        """In which these times are. What is beyond the slot is at its beginning."""
        return at_us % self.us // BIN_US

    def later(self, bins: Ints, after_us: int) -> Ints:
        """So much after these."""
        return (bins + after_us // BIN_US) % self.bins

    def part_of(self, minute: int, begin_us: float, end_us: float) -> tuple[float, float]:
        """Of a time that begins and ends so long after a minute of the run began: what of it lies
        in this slot, as us of the slot. It ends before it begins where nothing does."""
        since_us = (self.minute - minute) * MINUTE_US + self.number * self.us
        return max(begin_us - since_us, 0.0), min(end_us - since_us, float(self.us))
