"""Who writes to whom: private chats and groups as functions of a person's number, so that nothing
of the social graph is kept.

People of a circle (a region of a block, or a whole block for contacts and groups over regions)
are put into an order by a bijection of a layer's own. In a layer of contacts those at places 2n and
2n + 1 have a private chat; in a layer of groups the order is cut into groups of sizes that come
from a bounded Pareto distribution. So each person has one contact in each layer of contacts, and is
in one group of each layer of groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np

from sim.population.arrays import Ints
from sim.population.people import each_of, stream

TILE = 4_096
"""So many sizes of groups are drawn; further groups have them again."""


@dataclass(frozen=True)
class Order:
    """A bijection of the numbers from `first` to before `first + size`, and places from 0."""

    first: int
    size: int
    step: int
    back: int
    offset: int

    @classmethod
    @lru_cache(1 << 14)
    def of(cls, seed: int, block: int, layer: int, first: int, size: int) -> Order:
        rng = stream(seed, block, layer, first, size)
        step = int(rng.integers(1, size)) if size > 1 else 1
        while gcd(step, size) != 1:
            step = step % size + 1
        return cls(
            first, size, step, pow(step, -1, size) if size > 1 else 0, int(rng.integers(size))
        )

    def places(self, who: Ints) -> Ints:
        return ((who - self.first) * self.step + self.offset) % self.size

    def people(self, places: Ints) -> Ints:
        return self.first + (places - self.offset) * self.back % self.size


def contact(order: Order, who: Ints) -> Ints:
    """Whom these people have a private chat with in a layer; the last one of an odd number has it
    with themselves (saved messages)."""
    places = order.places(who)
    other = places ^ 1
    return order.people(np.where(other < order.size, other, places))


@dataclass(frozen=True)
class Sizes:
    """Sizes of groups (`TILE` of them), and where each begins in an order."""

    sizes: Ints
    begins: Ints

    @classmethod
    def draw(cls, seed: int, layer: int, smallest: int, largest: int, alpha: float) -> Sizes:
        """From a Pareto distribution with this exponent, bounded (by inversion)."""
        share = stream(seed, layer).random(TILE)
        low, high = float(smallest) ** -alpha, float(largest + 1) ** -alpha
        sizes = (low - share * (low - high)) ** (-1.0 / alpha)
        sizes = np.clip(sizes.astype(np.int64), smallest, largest)
        return cls(sizes, np.concatenate(([0], np.cumsum(sizes))))

    @property
    def length(self) -> int:
        """So many people are in all of them together."""
        return int(self.begins[-1])

    def mean_of_members(self) -> float:
        """How many members the group of somebody has, at the mean: large groups have more."""
        return float((self.sizes**2).sum() / self.sizes.sum())


@dataclass(frozen=True)
class Groups:
    """One element each: the number of the group among those of its layer and circle, at which place
    its members begin, and how many there are."""

    number: Ints
    begins: Ints
    size: Ints


def groups(order: Order, sizes: Sizes, who: Ints) -> Groups:
    """The groups of these people in a layer. The last group of an order may be cut short."""
    tile, within = np.divmod(order.places(who), sizes.length)
    index = np.searchsorted(sizes.begins, within, side="right") - 1
    begins = tile * sizes.length + sizes.begins[index]
    size = np.minimum(sizes.sizes[index], order.size - begins)
    return Groups(tile * TILE + index, begins, size)


def members(order: Order, found: Groups) -> tuple[Ints, Ints]:
    """All members of these groups one after the other: which of the groups (its index), and who."""
    which, within = each_of(found.size)
    return which, order.people(found.begins[which] + within)
