"""What a run is made of, worked out of a scenario: everything that the generator has to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from sim.population.arrays import Floats
from sim.population.chats import Sizes
from sim.population.layout import Kind, Layout
from sim.population.people import Cohort, Habits
from sim.population.queueing.noise import Noise, noise_of
from sim.population.queueing.parameters import Station as Queue
from sim.population.slot import MINUTE_BINS, SLOTS, Slot

BLOCK = 1 << 21
"""At most so many people are in a block, and more where a minute is cut into slots, so that about
as much is done at once."""
LARGER = 4
"""But at most so many times as many."""
CELLS_MAX = 2_000_000
"""A minute is cut into slots where there would be more bins of all stations."""


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
    `fanout.Frame`; of media, for each file and each 1,000 bytes taken in (by each copy) and given
    out."""

    turns: tuple[int, ...]
    frames: tuple[int, ...]
    media_in_ns: int
    media_in_ns_per_kb: int
    media_out_ns: int
    media_out_ns_per_kb: int
    copy_share: float = 0.27
    """Of a host's work for what it leads, what each further copy costs another host."""


@dataclass(frozen=True)
class Restart:
    """A share of the connections of a region (None: of all) is lost at the beginning of a minute,
    and their devices come back as soon as they may."""

    minute: int
    region: int | None
    share: float = 1.0


@dataclass(frozen=True)
class Loss:
    """A region's nodes are down from the beginning of a minute on."""

    minute: int
    region: int


@dataclass(frozen=True)
class Cold:
    """From a minute on reads cost so many times as much; after a while half of it is over."""

    minute: int
    factor: float
    half_minutes: float


@dataclass(frozen=True)
class Channel:
    """One that so many of the people are in. Each edge is told once of each post, and tells its
    connections."""

    members: float
    posts_per_hour: float


@dataclass(frozen=True)
class Model:
    """`connected`: by region and minute of a day, the share of people who have a connection.
    `rtt_ms`: between regions, there and back."""

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
    queues: dict[Kind, Queue]
    rtt_ms: tuple[tuple[float, ...], ...]
    cores: int = 4
    """Of each node."""
    beside: dict[Kind, float] = field(default_factory=dict)
    """By kind of process: CPU of its other threads, for that of its loop."""
    cached: float = 0.0
    """The share of what is read that an edge knows itself."""
    residents_max: int = 100_000
    """Actors that a host keeps in memory."""
    factors: tuple[float, ...] = (1.0,)
    """By day: how active it is (of the week, of growth)."""
    reconnect_s: float = 0.1
    """So long clients wait before they connect again for the first time; spread over its upper
    half."""
    restarts: tuple[Restart, ...] = ()
    losses: tuple[Loss, ...] = ()
    cold: Cold | None = None
    channel: Channel | None = None

    @cached_property
    def noises(self) -> dict[Kind, Noise]:
        """Of the queues. It takes seconds to work them out; a copy of the model has them, too."""
        return {kind: noise_of(queue) for kind, queue in self.queues.items()}

    def cpu(self, kind: Kind) -> float:
        """Of all threads of such a process, for that of its loop."""
        return 1.0 + self.beside.get(kind, 0.0)

    @cached_property
    def slots(self) -> int:
        """Into so many a minute is cut."""
        needed = len(self.layout.stations) * MINUTE_BINS / CELLS_MAX
        return next((number for number in SLOTS if number >= needed), SLOTS[-1])

    def slots_of(self, minute: int) -> list[Slot]:
        return [Slot(minute, number, self.slots) for number in range(self.slots)]

    def layout_at(self, minute: int) -> Layout:
        """Who does what then."""
        return self._layouts[frozenset(x.region for x in self.losses if x.minute <= minute)]

    @cached_property
    def _layouts(self) -> dict[frozenset[int], Layout]:
        """By the regions that are down."""
        found, down = {frozenset[int](): self.layout}, frozenset[int]()
        for loss in sorted(self.losses, key=lambda loss: loss.minute):
            before, down = found[down], down | {loss.region}
            found[down] = before.without(loss.region)
        return found

    def read_factor(self, minute: int) -> float:
        """How many times as much as usual reads cost then."""
        cold = self.cold
        if cold is None or minute < cold.minute:
            return 1.0
        return float(
            1.0 + (cold.factor - 1.0) * 0.5 ** ((minute - cold.minute) / cold.half_minutes)
        )

    @cached_property
    def broken(self) -> dict[int, Floats]:
        """By minute: which share of the connections of each region is lost at its beginning."""
        found: dict[int, Floats] = {}
        for restart in (
            *self.restarts,
            *(Restart(loss.minute, loss.region) for loss in self.losses),
        ):
            shares = found.setdefault(restart.minute, np.zeros(len(self.regions)))
            hit = slice(None) if restart.region is None else restart.region
            shares[hit] = np.maximum(shares[hit], restart.share)
        return found

    @cached_property
    def blocks(self) -> tuple[range, ...]:
        """The numbers of the users of each, from 1."""
        count = -(-self.users // (BLOCK * min(self.slots, LARGER)))
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
