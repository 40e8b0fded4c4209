"""What there is to do in a slot: the work of each station in bins of 5 ms.

Everything is counted in whole numbers, so that sums are the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heliograph.failing import Told
from sim.population.arrays import Bools, Ints
from sim.population.events import Events
from sim.population.fanout import Frame, Turn
from sim.population.layout import Kind, Layout
from sim.population.model import Model
from sim.population.partitions import Partitions
from sim.population.slot import BIN_US, Slot

ITEM_BITS = 40
ITEM = 1 << ITEM_BITS
"""Of an item, in a cell; beside it is room for the work of a quarter of an hour, and for eight
million items."""
READS = (Turn.READ_DIFFERENCE, Turn.READ_HISTORY)
COUNTS = (
    *("sends", "deliveries", "pushes", "opens", "private_sends", "group_sends"),
    *("text_bytes", "media_files", "media_bytes", "fetched_bytes", "messages_between"),
)


class Load:
    """What there is to do in a slot. `cells`, by station and bin: items, each `ITEM`, and their
    work in nanoseconds, in one number; `turns`: by host and `Turn`; `by_partition`: turns;
    `counts`: by region and `COUNTS`; `online`: by region, the share of people who are connected;
    `presence`: by bin, people who are shown that somebody comes or goes, wherever they live."""

    def __init__(self, model: Model, slot: Slot) -> None:
        self.slot = slot
        self.layout = model.layout_at(slot.minute)
        self.online = np.array([shares[slot.of_day] for shares in model.connected])
        self.read_factor = model.read_factor(slot.minute)
        self.cells = np.zeros((len(self.layout.stations), slot.bins), np.int64)
        self.turns = np.zeros((len(self.layout.hosts), len(Turn)), np.int64)
        self.by_partition = np.zeros(self.layout.partitions, np.int64)
        self.counts = np.zeros((len(model.regions), len(COUNTS)), np.int64)
        self.presence = np.zeros(slot.bins, np.int64)
        self.samples: list[Samples] = []
        self.edges = Servers(self.layout, "edge", len(model.regions))
        self.media = Servers(self.layout, "media", len(model.regions))

    def items(self, stations: Ints) -> Ints:
        """By station and bin."""
        found: Ints = self.cells[stations] >> ITEM_BITS
        return found

    def work_ns(self, stations: Ints) -> Ints:
        """By station and bin."""
        found: Ints = self.cells[stations] & (ITEM - 1)
        return found

    def check(self) -> None:
        """Raises Told where more came than a cell can hold."""
        least = self.cells.min(axis=1)
        if least.min() < 0:
            name = self.layout.stations[int(least.argmin())].name
            raise Told(
                f"{name} would get more than {2 ** (63 - ITEM_BITS):,} things within "
                f"{BIN_US / 1e3:g} ms: give the scenario more machines (nodes)"
            )

    def show(self, bins: Ints, contacts: int) -> None:
        """People come or go, which so many others are shown."""
        self.presence += contacts * np.bincount(bins, minlength=self.slot.bins)

    def tell(self, region: Ints, count: str, times: int | Ints = 1) -> None:
        """Count something by region."""
        self.counts[:, COUNTS.index(count)] += _counted(region, len(self.counts), times)


@dataclass(frozen=True)
class Samples:
    """Sends that are followed, one element each: the bin, the stations of sender's edge, chat,
    sender, and of one of those who get it with their edge; regions of both."""

    bin: Ints
    edge: Ints
    chat: Ints
    sender: Ints
    other: Ints
    other_edge: Ints
    region: Ints
    other_region: Ints


class Servers:
    """The stations of a kind that serve each region, to draw from."""

    def __init__(self, layout: Layout, kind: Kind, regions: int) -> None:
        each = [layout.in_region(kind, region) for region in range(regions)]
        self.all = np.array([station for here in each for station in here], np.int64)
        self._count = np.array([len(here) for here in each])
        self._first = np.cumsum(self._count) - self._count

    def draw(self, rng: np.random.Generator, regions: Ints) -> Ints:
        """One for each element."""
        place = (rng.random(len(regions)) * self._count[regions]).astype(np.int64)
        found: Ints = self.all[self._first[regions] + place]
        return found


class Work:
    """Puts what is to be done into a load. An item is what comes to a process by itself, with all
    that it causes there at once."""

    def __init__(self, model: Model, load: Load) -> None:
        self._load = load
        self._prices = model.prices
        self._cells = load.cells.reshape(-1)
        self._bins = load.slot.bins
        self.out_ns = model.prices.turns[Turn.MESSAGE_OUT]
        self.in_ns = model.prices.turns[Turn.MESSAGE_IN]
        self.shown_ns = model.chats.contacts * round(load.layout.away * self.out_ns)
        """What it costs that one who comes or goes is shown to all contacts."""

    def at(self, station: Ints, events: Events, cost_ns: int | Ints, items: int | Ints = 1) -> None:
        """Each time so many items, with this cost together, each a number or one for each of those
        that it happens to."""
        cells, worth = station * self._bins, cost_ns + items * ITEM
        if isinstance(worth, np.ndarray):
            worth = events.each(worth)
        np.add.at(self._cells, events.each(cells) + events.bins, worth)

    def turns(
        self,
        kinds: tuple[Turn, ...],
        partition: Partitions,
        events: Events,
        more_ns: int | Ints = 0,
        items: int | Ints = 1,
    ) -> None:
        """In each of these partitions, each time, so many items with these turns; `more_ns`: what
        they cost beside."""
        load = self._load
        cost_ns = sum(
            round(self._prices.turns[kind] * (load.read_factor if kind in READS else 1.0))
            for kind in kinds
        )
        host_of = load.layout.host_of
        self.at(host_of[partition], events, items * cost_ns + more_ns, items)
        found = _counted(partition, load.layout.partitions, events.times * items)
        load.by_partition += len(kinds) * found
        by_host = _counted(host_of, len(load.layout.hosts), found)
        load.turns[:, list(kinds)] += by_host[:, np.newaxis]

    def away(
        self, source: Partitions, target: Partitions, region: Ints, times: int | Ints = 1
    ) -> Bools:
        """Which of the messages from actors to others go to another host. That costs the host that
        sends `out_ns`, and the one that gets it `in_ns`, each. `times`: how many there are of
        each."""
        load = self._load
        hosts = len(load.layout.hosts)
        out, to = load.layout.host_of[source], load.layout.host_of[target]
        found: Bools = out != to
        many = times[found] if isinstance(times, np.ndarray) else times
        load.turns[:, Turn.MESSAGE_OUT] += _counted(out[found], hosts, many)
        load.turns[:, Turn.MESSAGE_IN] += _counted(to[found], hosts, many)
        load.tell(region[found], "messages_between", many)
        return found

    def edges(self, rng: np.random.Generator, regions: Ints) -> Ints:
        """For people of these regions, the edges they are connected to."""
        return self._load.edges.draw(rng, regions)

    def frames(self, kinds: tuple[Frame, ...], edge: Ints, events: Events) -> None:
        """Each of these comes to each of these edges."""
        self.at(edge, events, sum(self._prices.frames[kind] for kind in kinds), len(kinds))

    def confirmed(
        self, home: Partitions, edge: Ints, events: Events, more_ns: int | Ints = 0
    ) -> None:
        """Devices say that they have everything: to these edges, for users who live there."""
        self.frames((Frame.IN,), edge, events)
        self.turns((Turn.SESSION_ACK, Turn.USER_RECEIVED), home, events, more_ns)

    def files(self, rng: np.random.Generator, region: Ints, bins: Ints, cost_ns: Ints) -> None:
        """Files pass media actors of these regions."""
        if len(self._load.media.all):
            self.at(self._load.media.draw(rng, region), Events(bins), cost_ns)


def _counted(numbers: Ints | Partitions, size: int, times: int | Ints) -> Ints:
    """How often each number from 0 to before `size` is there, each so many times."""
    if isinstance(times, int):
        return times * np.bincount(numbers, minlength=size)
    return np.bincount(numbers, times, size).astype(np.int64)
