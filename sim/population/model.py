"""What a run is made of, worked out of a scenario: everything that the generator has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from sim.population.chats import Sizes
from sim.population.layout import Layout
from sim.population.people import Cohort, Floats, Habits

BLOCK = 1 << 20
"""At most so many people are in a block."""


@dataclass(frozen=True)
class Region:
    """`share`: of the people. `shapes`: (share of its people, sessions over the minutes of a day in
    UTC, mean 1) for each kind of day. `access_ms`: the way from a device to the nearest edge and
    back."""

    name: str
    share: float
    shapes: tuple[tuple[float, tuple[float, ...]], ...]
    access_ms: float


@dataclass(frozen=True)
class ChatHabits:
    """`private`: the share of sends in private chats. Contacts are in as many layers as a person
    has, of which the n-th gets a share in proportion to n to the power of -`decay`. `wide`: the
    share of contacts and groups that know no regions. `typing`: how often it is told that somebody
    writes, a send."""

    private: float
    contacts: int
    decay: float
    wide: float
    group_layers: int
    group_smallest: int
    group_largest: int
    group_alpha: float
    typing: float
    opened: float
    """Chats that are looked at in a session."""

    @cached_property
    def ranks(self) -> Floats:
        """For each contact, the share of sends that goes to it or to those before."""
        weights = np.arange(1, self.contacts + 1, dtype=float) ** -self.decay
        total: Floats = np.cumsum(weights / weights.sum())
        return total


@dataclass(frozen=True)
class File:
    """A kind of media: the share of sends that have one, its size (log-normal), and the share of
    those who get it who fetch it."""

    name: str
    share: float
    mean_bytes: float
    sigma: float
    fetched: float


@dataclass(frozen=True)
class Prices:
    """What things cost, in nanoseconds of a core. `turns` by `fanout.Turn`, `frames` by
    `fanout.Frame`; of media, for each byte taken in (by each copy) and given out."""

    turns: tuple[int, ...]
    frames: tuple[int, ...]
    media_in_ns_per_kb: int
    media_out_ns_per_kb: int


@dataclass(frozen=True)
class Model:
    """`connected`: by region and minute of a day, the share of people who have a connection."""

    seed: int
    users: int
    regions: tuple[Region, ...]
    habits: Habits
    chats: ChatHabits
    files: tuple[File, ...]
    text_bytes: float
    text_sigma: float
    connected: tuple[tuple[float, ...], ...]
    prices: Prices
    layout: Layout
    rtt_ms: tuple[tuple[float, ...], ...] = ((0.0,),)
    factors: tuple[float, ...] = field(default=(1.0,))
    """By day: how active it is (of the week, of growth)."""

    @cached_property
    def blocks(self) -> tuple[range, ...]:
        """The numbers of the users of each, from 1."""
        count = -(-self.users // BLOCK)
        edges = [1 + self.users * n // count for n in range(count + 1)]
        return tuple(range(first, stop) for first, stop in pairwise(edges))

    @cached_property
    def sizes(self) -> tuple[Sizes, ...]:
        """Of groups, by layer."""
        chats = self.chats
        return tuple(
            Sizes.draw(
                self.seed, layer, chats.group_smallest, chats.group_largest, chats.group_alpha
            )
            for layer in range(chats.group_layers)
        )

    def circles(self, size: int) -> tuple[range, ...]:
        """The people of each region, in a block of this size; they are numbered from 0."""
        edges = np.rint(np.cumsum([0.0, *(each.share for each in self.regions)]) * size)
        return tuple(range(int(first), int(stop)) for first, stop in pairwise(edges))

    def cohorts(self, size: int) -> tuple[Cohort, ...]:
        """Those of a block of this size."""
        found = []
        for region, circle in enumerate(self.circles(size)):
            shapes = self.regions[region].shapes
            edges = circle.start + np.rint(
                np.cumsum([0.0, *(share for share, _ in shapes)]) * len(circle)
            )
            for (first, stop), (_, shape) in zip(pairwise(edges), shapes, strict=True):
                if stop > first:
                    found.append(Cohort(int(first), int(stop), region, shape))
        return tuple(found)
