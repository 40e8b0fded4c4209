"""Many stations at once, in bins of 5 ms: what waits, how long, and what is refused.

Work that comes in a bin flows in evenly, and is done in the order of its coming: what waits after a
bin is what waited before, and came, less the bin's length (`lindley`). An item costs its work and
its share of a full batch, as a queue fills batches; or, where that is longer, the time between two
items that commits allow. What a bin does not see (which item comes when, batches that are not full,
the wait for a commit) is `noise`'s.

Where no queue can reach its limit, whole arrays are done at once. The other stations go bin by bin:
what finds no room is refused, and comes back in later bins (`storm`). All counts are integers, and
nothing is lost: what waited or was to come back before, and what came, is done, waits, is to come
back, or has been given up. The same inputs give the same outputs, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Floats, Ints
from sim.population.queueing.lindley import backlog
from sim.population.queueing.parameters import Station
from sim.population.queueing.storm import Queue, Returning, admit

Counts = NDArray[np.int32]
Singles = NDArray[np.float32]

BIN_S = 0.005
BIN_NS = 5_000_000
LOAD_BINS = 1_000
"""So many bins (5 s) are taken together to say what a station's load is."""


def _row(values_s: Sequence[float]) -> Ints:
    return np.rint(np.array(values_s) * 1e9).astype(np.int64)


@dataclass(frozen=True)
class Stations:
    """A row (stations,) of each parameter. `batches` of each station, for `busy_s`: loads,
    ascending, and how many more batches there are at each, for an item, than if all were full."""

    all: tuple[Station, ...]
    cpu_item_ns: Ints
    other_item_ns: Ints
    room: Ints
    """Items that wait or are on their way when the next one is refused."""
    batches: tuple[tuple[Floats, Floats], ...]

    @staticmethod
    def of(
        stations: Sequence[Station], batches: Sequence[tuple[Floats, Floats]] | None = None
    ) -> Stations:
        """`batches`: of each station, `noise.Noise.batches`; None: all are full."""
        full = [(np.zeros(1), np.zeros(1))] * len(stations)
        return Stations(
            tuple(stations),
            _row([station.cpu_item_s for station in stations]),
            _row([station.other_item_s for station in stations]),
            np.array([station.room for station in stations], np.int64),
            tuple(full if batches is None else batches),
        )


@dataclass(frozen=True)
class State:
    """Between two calls: what waits at each station (stations,), as time and as items; and by the
    station's index who is about to come back, if there is anybody (`storm.Returning`)."""

    backlog_ns: Ints
    waiting: Ints
    returning: dict[int, Ints] = field(default_factory=dict)

    @staticmethod
    def idle(stations: int) -> State:
        return State(np.zeros(stations, np.int64), np.zeros(stations, np.int64))

    def retrying(self, station: int) -> int:
        ring = self.returning.get(station)
        return 0 if ring is None else int(ring[..., 0].sum())


@dataclass(frozen=True)
class Passed:
    """Of each bin (stations, bins): `delay_s`, how long work that comes then waits at the mean
    until it is begun, if it is not refused; `refused`, how many were, of whom `fresh_refused` came
    for the first time. By the station's index, if somebody came back to it, `returned` (refusals,
    bins): how many were let in who had been refused so often (`Station.ages_s`). Of each
    `LOAD_BINS` bins (stations, windows): `load`, what waited and came, over what the station can
    do. Of each station (stations,): `busy_s`, how long its loop works for what came, and how many
    items were `done` and `given_up`."""

    delay_s: Singles
    load: Floats
    refused: Counts
    fresh_refused: Counts
    returned: dict[int, Counts]
    busy_s: Floats
    done: Ints
    given_up: Ints
    end: State

    @staticmethod
    def empty(stations: int, bins: int) -> Passed:
        shape = (stations, bins)
        return Passed(
            np.zeros(shape, np.float32),
            np.zeros((stations, -(-bins // LOAD_BINS))),
            np.zeros(shape, np.int32),
            np.zeros(shape, np.int32),
            {},
            np.zeros(stations),
            np.zeros(stations, np.int64),
            np.zeros(stations, np.int64),
            State.idle(stations),
        )


def pass_through(
    work_ns: Ints,
    items: Counts,
    stations: Stations,
    slow: Floats | float = 1.0,
    start: State | None = None,
) -> Passed:
    """`work_ns` and `items` (stations, bins): what comes; where there is work, there are items.
    `slow` (stations, bins), or what broadcasts to it: how much longer work takes than on a core of
    one's own."""
    count, bins = items.shape
    begin = start or State.idle(count)
    passed = Passed.empty(count, bins)
    slow = np.broadcast_to(np.asarray(slow, np.float64), items.shape)
    stormy = [
        row
        for row in range(count)
        if not _calm(passed, row, work_ns[row], items[row], stations, slow[row], begin)
    ]
    if stormy:
        _storm(passed, np.array(stormy), work_ns, items, stations, slow, begin)
    _add_batches(passed, items, stations, slow)
    return passed


def _cost(work_ns: Ints, items: Ints, cpu_item_ns: Ints, other_item_ns: Ints, slow: Floats) -> Ints:
    """The time (…,) that it takes to do this, in ns."""
    cpu = np.rint((work_ns + items * cpu_item_ns) * slow).astype(np.int64)
    cost: Ints = np.maximum(cpu, items * other_item_ns)
    return cost


def _waits(before: Ints, cost: Ints, after: Ints) -> Singles:
    """How long those wait, in seconds, who come in bins in which so much waits before and after."""
    first = before.astype(np.float32)
    # The queue ends within the bin, or it does not.
    short = first * first / np.maximum(2 * (BIN_NS - cost.astype(np.float32)), 2)
    long = (first + after.astype(np.float32)) / 2
    return np.where(after > 0, long, short) * np.float32(1e-9)


@cache
def _windows(bins: int) -> tuple[Ints, Ints]:
    """Where windows of load begin, and their lengths in ns."""
    starts = np.arange(0, bins, LOAD_BINS)
    return starts, np.diff(starts, append=bins) * BIN_NS


def _calm(
    passed: Passed,
    row: int,
    work_ns: Ints,
    items: Counts,
    stations: Stations,
    slow: Floats,
    start: State,
) -> bool:
    """Pass all bins of one station at once. False: somebody may be refused, or come back."""
    if row in start.returning:
        return False
    many = items.astype(np.int64)
    cost = _cost(work_ns, many, stations.cpu_item_ns[row], stations.other_item_ns[row], slow)
    begun = start.backlog_ns[row]
    after = backlog(cost - BIN_NS, begun)
    if _may_fill(after, cost, many, start, stations, row):
        return False
    before = np.concatenate(([begun], after[:-1]))
    passed.delay_s[row] = _waits(before, cost, after)
    starts, lengths = _windows(len(items))
    passed.load[row] = (before[starts] + np.add.reduceat(cost, starts)) / lengths
    waiting = _left(cost, many, int(after[-1]), int(begun), int(start.waiting[row]))
    passed.end.backlog_ns[row] = after[-1]
    passed.end.waiting[row] = waiting
    passed.done[row] = start.waiting[row] + many.sum() - waiting
    cpu = float(((work_ns + many * stations.cpu_item_ns[row]) * slow).sum())
    passed.busy_s[row] = cpu * 1e-9
    return True


def _may_fill(
    after: Ints, cost: Ints, items: Ints, start: State, stations: Stations, row: int
) -> bool:
    """Whether a queue may have no room for what comes, were all items as cheap as the cheapest."""
    room, before = int(stations.room[row]), int(start.waiting[row])
    if items.sum() + before <= room:
        return False
    some = items > 0
    cheapest = float((cost[some] / items[some]).min())
    if before:
        cheapest = min(cheapest, float(start.backlog_ns[row]) / before)
    return float(after.max()) + BIN_NS >= room * cheapest


def _left(cost: Ints, items: Ints, left_ns: int, begun_ns: int, waiting: int) -> int:
    """How many wait at the end, when `left_ns` of all work is left: the last ones."""
    if left_ns == 0:
        return 0
    later = np.cumsum(cost[::-1])
    place = int(np.searchsorted(later, left_ns))
    if place == len(later):  # some have waited since before the first bin
        share = (left_ns - int(later[-1])) / begun_ns
        return int(items.sum()) + int(np.ceil(waiting * share))
    last = len(cost) - 1 - place
    share = (left_ns - int(later[place]) + int(cost[last])) / int(cost[last])
    return int(items[last + 1 :].sum()) + int(np.ceil(int(items[last]) * share))


def _storm(
    passed: Passed,
    rows: Ints,
    work_ns: Ints,
    items: Counts,
    stations: Stations,
    slow: Floats,
    start: State,
) -> None:
    """Pass bin by bin through the stations of these rows."""
    rings = [start.returning.get(int(row)) for row in rows]
    returning = Returning([stations.all[row] for row in rows], BIN_S, rings)
    queue = Queue(start.backlog_ns[rows], start.waiting[rows], BIN_NS)
    cpu_ns, other_ns = stations.cpu_item_ns[rows], stations.other_item_ns[rows]
    room = stations.room[rows]
    fresh = np.stack((items[rows], work_ns[rows]), axis=-1).astype(np.int64)
    returned = np.zeros((*returning.shape, items.shape[1]), np.int32)
    for at in range(items.shape[1]):
        slower = slow[rows, at]
        come = np.concatenate((fresh[:, at, np.newaxis], returning.take()), axis=1)
        many, work = come.sum(axis=1).T
        cost = _cost(work, many, cpu_ns, other_ns, slower)
        if (queue.waiting + many > room).any():
            taken = admit(come, np.maximum(room - queue.waiting + queue.leaving(many, cost), 0))
            refused = come - taken
            passed.given_up[rows] += returning.put(refused)
            passed.refused[rows, at] = refused[..., 0].sum(axis=1)
            passed.fresh_refused[rows, at] = refused[:, 0, 0]
            come = taken
            many, work = taken.sum(axis=1).T
            cost = _cost(work, many, cpu_ns, other_ns, slower)
        returning.go_on()
        before = queue.left_ns
        passed.load[rows, at // LOAD_BINS] += cost if at % LOAD_BINS else before + cost
        passed.done[rows] += queue.pass_bin(many, cost)
        passed.delay_s[rows, at] = _waits(before, cost, queue.left_ns)
        passed.busy_s[rows] += (work + many * cpu_ns) * slower * 1e-9
        returned[:, :, at] = come[:, 1:, 0]
    passed.returned.update(zip(rows.tolist(), returned, strict=True))
    passed.load[rows] /= _windows(items.shape[1])[1]
    passed.end.backlog_ns[rows], passed.end.waiting[rows] = queue.left_ns, queue.waiting
    for row, ring in zip(rows, returning.rings(), strict=True):
        if ring is not None:
            passed.end.returning[int(row)] = ring


def _add_batches(passed: Passed, items: Counts, stations: Stations, slow: Floats) -> None:
    """Add to `busy_s` what batches cost that are not full."""
    starts, _ = _windows(items.shape[1])
    many = np.add.reduceat(items, starts, axis=1, dtype=np.int64)
    for row, (loads, batches) in enumerate(stations.batches):
        more = (np.interp(passed.load[row], loads, batches) * many[row]).sum()
        passed.busy_s[row] += more * stations.all[row].batch_s * slow[row].mean()
