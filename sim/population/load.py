"""What there is to do in a minute: the work of each station in bins of 5 ms.

Everything is counted in whole numbers, so that sums are the same in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.population.fanout import Frame, Turn
from sim.population.model import Model
from sim.population.partitions import Partitions
from sim.population.people import MINUTE_US, Floats, Ints

Bools = NDArray[np.bool_]
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
    """Collects what is to be done, and adds it to a load at once. An item is what comes to a
    process by itself, with all that it causes there at once."""

    def __init__(self, model: Model, load: Load) -> None:
        self._model = model
        self._load = load
        self._keys: list[Ints] = []
        self._costs: list[Floats] = []

    def at(self, station: Ints, at_us: Ints, cost_ns: int | Ints) -> None:
        """An item for each element."""
        self._keys.append(station * BINS + at_us % MINUTE_US // BIN_US)
        self._costs.append(np.broadcast_to(np.asarray(cost_ns, float), station.shape))

    def turns(
        self, kinds: tuple[Turn, ...], partition: Partitions, at_us: Ints, more_ns: int | Ints = 0
    ) -> None:
        """In each of these partitions an item with these turns; `more_ns`: what it costs beside."""
        load, prices = self._load, self._model.prices
        host = load.layout.host_of[partition]
        cost_ns = sum(
            round(prices.turns[kind] * (load.read_factor if kind in READS else 1.0))
            for kind in kinds
        )
        self.at(host, at_us, cost_ns + more_ns)
        counts = np.bincount(host, minlength=len(load.layout.hosts))
        load.turns[:, list(kinds)] += counts[:, np.newaxis]
        found = np.bincount(partition, minlength=load.layout.partitions)
        load.by_partition += len(kinds) * found

    def away(self, source: Partitions, target: Partitions, region: Ints) -> Bools:
        """Which of the messages from actors to others go to another host. That costs the host that
        sends `out_ns`, and the one that gets it `in_ns`, each."""
        load = self._load
        hosts = len(load.layout.hosts)
        out, to = load.layout.host_of[source], load.layout.host_of[target]
        found: Bools = out != to
        load.turns[:, Turn.MESSAGE_OUT] += np.bincount(out[found], minlength=hosts)
        load.turns[:, Turn.MESSAGE_IN] += np.bincount(to[found], minlength=hosts)
        load.tell(region[found], "messages_between")
        return found

    @property
    def out_ns(self) -> int:
        return self._model.prices.turns[Turn.MESSAGE_OUT]

    @property
    def in_ns(self) -> int:
        return self._model.prices.turns[Turn.MESSAGE_IN]

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

    def confirmed(self, home: Partitions, edge: Ints, at_us: Ints, more_ns: int | Ints = 0) -> None:
        """Devices say that they have everything: to these edges, for users who live there."""
        self.frame(Frame.IN, edge, at_us)
        self.turns((Turn.SESSION_ACK, Turn.USER_RECEIVED), home, at_us, more_ns)

    def files(self, rng: np.random.Generator, region: Ints, at_us: Ints, cost_ns: Ints) -> None:
        """Files pass media actors of these regions."""
        for number in range(len(self._model.regions)):
            actors = np.array(self._load.layout.in_region("media", number))
            here = np.flatnonzero(region == number)
            if len(actors):
                chosen = actors[rng.integers(0, len(actors), len(here))]
                self.at(chosen, at_us[here], cost_ns[here])

    def add(self) -> None:
        """Put all of it into the load."""
        if not self._keys:
            return
        load = self._load
        # One sum for both: numbers in the upper bits of what is exact below 2**53.
        costs = np.concatenate(self._costs)
        costs += ITEM
        sums = np.bincount(np.concatenate(self._keys), costs, load.work_ns.size)
        items, work = np.divmod(sums.astype(np.int64), ITEM)
        load.work_ns += work.reshape(load.work_ns.shape)
        load.items += items.reshape(load.items.shape)
