"""What there is to do in a minute: the work of each station in bins of 5 ms.

Everything is counted in whole numbers, so that sums are the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.population.fanout import Frame, Turn
from sim.population.model import Model
from sim.population.partitions import Partitions
from sim.population.people import MINUTE_US, Ints

BIN_US = 5_000
BINS = MINUTE_US // BIN_US
ITEM = 1 << 36
READS = (Turn.READ_DIFFERENCE, Turn.READ_HISTORY)
COUNTS = (
    *("sends", "deliveries", "pushes", "opens", "private_sends", "group_sends"),
    *("text_bytes", "media_files", "media_bytes", "fetched_bytes", "messages_between"),
)


class Load:
    """What there is to do in a minute. `work_ns` and `items`: by station and bin; `turns`: by host
    and `Turn`; `by_partition`: turns; `counts`: by region and `COUNTS`; `presence`: by bin, people
    who are shown that somebody comes or goes, wherever they live."""

    def __init__(self, model: Model, minute: int = 0) -> None:
        self.layout = model.layout_at(minute)
        self.read_factor = model.read_factor(minute)
        stations = len(self.layout.stations)
        self.work_ns = np.zeros((stations, BINS), np.int64)
        self.items = np.zeros((stations, BINS), np.int64)
        self.turns = np.zeros((len(self.layout.hosts), len(Turn)), np.int64)
        self.by_partition = np.zeros(self.layout.partitions, np.int64)
        self.counts = np.zeros((len(model.regions), len(COUNTS)), np.int64)
        self.presence = np.zeros(BINS, np.int64)
        self.samples: list[Samples] = []

    def show(self, at_us: Ints, contacts: int) -> None:
        """People come or go, which so many others are shown."""
        bins = at_us % MINUTE_US // BIN_US
        self.presence += contacts * np.bincount(bins, minlength=BINS)

    def tell(self, region: Ints, count: str, times: Ints | None = None) -> None:
        """Count something by region."""
        found = np.bincount(region, times, len(self.counts))
        self.counts[:, COUNTS.index(count)] += np.rint(found).astype(np.int64)


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


class Work:
    """Collects what is to be done, and adds it to a load at once."""

    def __init__(self, model: Model, load: Load) -> None:
        self._model = model
        self._load = load
        self._keys: list[Ints] = []
        self._costs: list[tuple[int, int]] = []
        self._media: list[tuple[Ints, Ints]] = []

    def at(self, station: Ints, at_us: Ints, cost_ns: int) -> None:
        """An item of work for each element."""
        self._keys.append(station * BINS + at_us % MINUTE_US // BIN_US)
        self._costs.append((len(station), cost_ns))

    def turn(self, kind: Turn, partition: Partitions, at_us: Ints) -> None:
        """A turn of an actor in each of these partitions."""
        layout = self._load.layout
        host = layout.host_of[partition]
        cost_ns = self._model.prices.turns[kind]
        if kind in READS:
            cost_ns = round(cost_ns * self._load.read_factor)
        self.at(host, at_us, cost_ns)
        self._load.turns[:, kind] += np.bincount(host, minlength=len(layout.hosts))
        if kind < Turn.MESSAGE_OUT:
            self._load.by_partition += np.bincount(partition, minlength=layout.partitions)

    def message(self, source: Partitions, target: Partitions, at_us: Ints, region: Ints) -> None:
        """From actors to others: only those to another host cost something by themselves."""
        host_of = self._load.layout.host_of
        away = host_of[source] != host_of[target]
        self.turn(Turn.MESSAGE_OUT, source[away], at_us[away])
        self.turn(Turn.MESSAGE_IN, target[away], at_us[away])
        self._load.tell(region[away], "messages_between")

    def edges(self, rng: np.random.Generator, regions: Ints) -> Ints:
        """For people of these regions, the edges they are connected to."""
        found = np.zeros(len(regions), np.int64)
        for region in range(len(self._model.regions)):
            here = np.array(self._load.layout.in_region("edge", region))
            mine = np.flatnonzero(regions == region)
            found[mine] = here[rng.integers(0, len(here), len(mine))]
        return found

    def frame(self, kind: Frame, edge: Ints, at_us: Ints) -> None:
        self.at(edge, at_us, self._model.prices.frames[kind])

    def confirmed(self, home: Partitions, edge: Ints, at_us: Ints) -> None:
        """Devices say that they have everything: to these edges, for users who live there."""
        self.frame(Frame.IN, edge, at_us)
        self.turn(Turn.SESSION_ACK, home, at_us)
        self.turn(Turn.USER_RECEIVED, home, at_us)

    def bytes(
        self,
        rng: np.random.Generator,
        send: Ints,
        size: Ints,
        regions: Ints,
        at_us: Ints,
        ns_per_kb: int,
    ) -> None:
        """The files of these sends pass media actors of the region that they were sent from."""
        layout = self._load.layout
        for region in range(len(self._model.regions)):
            actors = np.array(layout.in_region("media", region))
            here = send[regions[send] == region]
            if not len(actors) or not len(here):
                continue
            key = actors[rng.integers(0, len(actors), len(here))] * BINS + at_us[here] // BIN_US
            self._media.append((key, size[here] * ns_per_kb // 1_000))

    def add(self) -> None:
        """Put all of it into the load."""
        if not self._keys:
            return
        lengths, costs = zip(*self._costs, strict=True)
        keys = np.concatenate([*self._keys, *(key for key, _ in self._media)])
        paid = [np.repeat(np.array(costs, float), lengths), *(cost for _, cost in self._media)]
        load = self._load
        # One sum for both: numbers in the upper bits of what is exact below 2**53.
        sums = np.bincount(keys, np.concatenate(paid) + ITEM, load.work_ns.size)
        items, work = np.divmod(sums.astype(np.int64), ITEM)
        load.work_ns += work.reshape(load.work_ns.shape)
        load.items += items.reshape(load.items.shape)
