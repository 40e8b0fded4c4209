"""What bins do not see of a delay: taken from `exact`, drawn anywhere.

One host is driven event by event, at one load after the other, and the same arrivals are passed
through `station`. What the delay of each item is beyond its bin's is the noise: its own work, the
rest of the batch it is in, the wait for a commit and the commit, who came just before. It may be
negative, where an item comes early in a bin that fills up.

It depends on the load, for batches are the longer the less time is left beside work, and on what
waits already, for who waits in a queue waits less for a batch. So there is a distribution for each
load and for each of some classes of `delay_s`. The load is that of some seconds (`LOAD_BINS`):
within so long, long batches come and go. What changes faster is only in `delay_s`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Floats, Ints
from sim.population.queueing.exact import Host, poisson, works
from sim.population.queueing.parameters import Station
from sim.population.queueing.station import BIN_S, Stations, pass_through

Singles = NDArray[np.float32]

ATOMS = 1_024
"""Equally likely values of a distribution."""
LOADS = np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 1.05])
OVER = 1.2
"""The last of them stands for all that is too much; this is what the host is driven at."""
ITEMS = 20_000
MANY = 8
"""So many times as many items come at high loads, where what happens is remembered for long."""
WAITING = np.array([0.5, 0.75, 0.9, 0.97, 0.99])
"""Where classes of `delay_s` end: nothing, then these shares of those who wait."""
FEW = 30
"""A class of fewer items takes the distribution of the one before."""
SEED = 1


@dataclass(frozen=True)
class Binned:
    """Arrivals in bins (1, bins), and the bin of each of them (items,)."""

    work_ns: Ints
    items: NDArray[np.int32]
    bin: Ints

    @staticmethod
    def of(came_s: Floats, work_s: Floats, bins: int | None = None) -> Binned:
        """Of so many bins; None: up to the last arrival."""
        where = (came_s / BIN_S).astype(np.int64)
        count = int(where[-1]) + 1 if bins is None else bins
        work_ns = np.zeros(count, np.int64)
        np.add.at(work_ns, where, np.rint(work_s * 1e9).astype(np.int64))
        items = np.bincount(where, minlength=count).astype(np.int32)
        return Binned(work_ns[np.newaxis], items[np.newaxis], where)


@dataclass(frozen=True)
class Noise:
    """`extra_s` (loads, classes, ATOMS): values at each of `LOADS`, ascending; `ends_s` (loads,
    classes - 1): where classes of `delay_s` end. `batches`: loads, and how many more batches there
    are at each, for an item, than if all were full. `commit_s`: what no slow core makes longer."""

    extra_s: Singles
    ends_s: Singles
    batches: tuple[Floats, Floats]
    commit_s: float

    def draw(
        self, load: Floats, delay_s: Singles, share: Floats, slow: Floats | float = 1.0
    ) -> Floats:
        """What to add, in seconds, to the delay of items (n,), given `Passed.load` and `delay_s`
        where they come. `share`: drawn from [0, 1)."""
        place = np.interp(load, LOADS, np.arange(len(LOADS)))
        row = place.astype(np.int64)
        scaled = share * ATOMS
        atom = scaled.astype(np.int64)
        row += scaled - atom < place - row  # between two loads: the one or the other, by chance
        waiting = (delay_s[:, np.newaxis] > self.ends_s[row]).sum(axis=1)
        extra = self.extra_s[row, waiting, atom]
        return np.asarray((extra - self.commit_s) * slow + self.commit_s)


@cache
def noise_of(station: Station) -> Noise:
    """The noise of a station, always the same. It takes some seconds of computing time."""
    endless = replace(station, limit=10**9)
    rng = np.random.default_rng(SEED)
    extra_s = np.empty((len(LOADS), len(WAITING) + 2, ATOMS), np.float32)
    ends_s = np.empty((len(LOADS), len(WAITING) + 1), np.float32)
    batches = np.empty(len(LOADS))
    for row, load in enumerate(LOADS):
        items = ITEMS * (MANY if load >= 0.7 else 1)
        came_s, work_s = arrivals(endless, load if load < 1 else OVER, items, rng)
        outcome = Host(endless, came_s, work_s, SEED).run()
        binned = Binned.of(came_s, work_s)
        passed = pass_through(binned.work_ns, binned.items, Stations.of([endless]))
        settled = slice(items // 10, None)
        delay_s = passed.delay_s[0, binned.bin[settled]]
        extra_s[row], ends_s[row] = _classes(outcome.delay_s[settled] - delay_s, delay_s)
        batches[row] = max(outcome.batches / items - 1 / station.batch_items, 0.0)
    fixed_s = station.commit_s + 2 * station.travel_s
    return Noise(extra_s, ends_s, (LOADS, batches), fixed_s)


def arrivals(
    station: Station, load: float, items: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """When so many items come, and their work (items,), at exactly this load."""
    work_s = works(station, items, rng)
    came_s = poisson(1.0, items, rng)
    cost_s = np.maximum(work_s + station.cpu_item_s, station.other_item_s)
    return came_s * (cost_s.sum() / load / came_s[-1]), work_s


def _classes(extra_s: Floats, delay_s: Singles) -> tuple[Floats, Floats]:
    """The distributions (classes, ATOMS) of the noise of some items by their `delay_s`, and where
    their classes end."""
    some = delay_s[delay_s > 0]
    ends = np.full(len(WAITING) + 1, np.inf)
    ends[0] = 0.0
    if len(some) >= FEW:
        ends[1:] = np.quantile(some, WAITING)
    of = (delay_s[:, np.newaxis] > ends.astype(np.float32)).sum(axis=1)
    shares = (np.arange(ATOMS) + 0.5) / ATOMS
    rows = [np.quantile(extra_s, shares)]
    for each in range(len(ends) + 1):
        inside = extra_s[of == each]
        rows.append(np.quantile(inside, shares) if len(inside) >= FEW else rows[-1])
    return np.array(rows[1:]), ends
