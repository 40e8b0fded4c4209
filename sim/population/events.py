"""What happens to whom in a slot: once to each of some, or again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Bools, Ints
from sim.population.slot import Slot

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class Events:
    """Something happens in each of these `bins`, to the same of an array of those that it happens
    to."""

    bins: Ints

    @property
    def times(self) -> int | Ints:
        """How often it happens to each."""
        return 1

    def each(self, values: NDArray[Value]) -> NDArray[Value]:
        """For each event, the value of whom it happens to."""
        return values

    def later(self, slot: Slot, after_us: int) -> Self:
        return replace(self, bins=slot.later(self.bins, after_us))


@dataclass(frozen=True)
class Repeated(Events):
    """`of`: whom each happens to, an index of an array of them; `counts`: how often it happens to
    each."""

    of: Ints
    counts: Ints

    @classmethod
    def counted(cls, bins: Ints, of: Ints, size: int) -> Repeated:
        """`size`: of how many it may happen to."""
        return cls(bins, of, np.bincount(of, minlength=size))

    @property
    def times(self) -> Ints:
        return self.counts

    def each(self, values: NDArray[Value]) -> NDArray[Value]:
        return values[self.of]

    def some(self, which: Bools) -> Repeated:
        """Only these."""
        return Repeated.counted(self.bins[which], self.of[which], len(self.counts))

    def to_each(self, counts: Ints) -> Repeated:
        """To each of those that they have, so many, who are numbered one after the other."""
        many = counts[self.of]
        before, first = np.cumsum(many) - many, np.cumsum(counts) - counts
        bins = np.repeat(self.bins, many)
        of = np.arange(len(bins)) + np.repeat(first[self.of] - before, many)
        return Repeated(bins, of, np.repeat(self.counts, counts))
