"""A stretch of minutes, the unit of work of a run: all people's work in it passes through the
stations, and what is waited is counted.

Whether one process does all stretches or many do, the numbers are the same. A stretch begins with
idle stations, or with what the one before has left where that was not little (`run`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from sim.population import cores, everybody, histogram
from sim.population.fanout import Turn
from sim.population.load import COUNTS, Load
from sim.population.minute import Block, Minute
from sim.population.model import Model
from sim.population.people import Floats, Ints, stream
from sim.population.queueing.station import State, Stations, pass_through
from sim.population.waits import Waits

LITTLE_NS = 50_000_000
"""So much may be left without the next stretch being done again."""
EVERYBODY, LOOK = 1 << 20, 1 << 21
"""What random streams are called beside those of blocks."""


@dataclass(frozen=True)
class Left:
    """What a stretch leaves to the next: what waits at stations, and by machine how much CPU time
    is still wanted."""

    queues: State
    cores_ns: Ints

    @classmethod
    def nothing(cls, model: Model) -> Left:
        layout = model.layout
        return cls(State.idle(len(layout.stations)), np.zeros(len(layout.nodes), np.int64))

    def is_much(self) -> bool:
        """Whether the next stretch has to be told."""
        waiting = max(self.queues.backlog_ns.max(), self.cores_ns.max())
        return bool(self.queues.returning) or waiting > LITTLE_NS


@dataclass
class Found:
    """Of a stretch, from `first` on. Arrays: `counts` (minutes, regions, COUNTS), `busy_ns`,
    `items` and `refused` (minutes, stations), `waited_s`, `retrying` and `given_up` (minutes,),
    `turns` (hosts, Turn), `by_partition` and its busiest minute `peak` (partitions,), `delays`
    (stations, buckets), `latency` (regions, [send, deliver, read], buckets), `late` (minutes,
    buckets): deliveries of all regions."""

    first: int
    counts: Ints
    busy_ns: Ints
    items: Ints
    refused: Ints
    waited_s: Floats
    retrying: Ints
    given_up: Ints
    turns: Ints
    by_partition: Ints
    peak: Ints
    delays: Ints
    latency: Ints
    late: Ints
    end: Left

    @classmethod
    def nothing(cls, model: Model, first: int, minutes: int) -> Found:
        layout, regions = model.layout, len(model.regions)
        stations = len(layout.stations)

        def zeros(*shape: int) -> Ints:
            return np.zeros(shape, np.int64)

        return cls(
            first,
            zeros(minutes, regions, len(COUNTS)),
            zeros(minutes, stations),
            zeros(minutes, stations),
            zeros(minutes, stations),
            np.zeros(minutes),
            zeros(minutes),
            zeros(minutes),
            zeros(len(layout.hosts), len(Turn)),
            zeros(layout.partitions),
            zeros(layout.partitions),
            zeros(stations, histogram.BUCKETS),
            zeros(regions, 3, histogram.BUCKETS),
            zeros(minutes, histogram.BUCKETS),
            Left.nothing(model),
        )


class Stretch:
    """`folder`: where the partitions of users are kept."""

    def __init__(self, model: Model, first: int, minutes: int, folder: Path) -> None:
        self.model = model
        self.first = first
        self.minutes = minutes
        self.folder = folder

    def run(self, start: Left | None = None, done: Callable[[], None] = lambda: None) -> Found:
        """`start`: what the stretch before has left. `done` is called after each minute."""
        found = Found.nothing(self.model, self.first, self.minutes)
        left = start or found.end
        for index in range(self.minutes):
            left = self._minute(index, left, found)
            done()
        found.end = left
        return found

    def _minute(self, index: int, left: Left, found: Found) -> Left:
        model, minute = self.model, self.first + index
        load = Load(model, minute)
        for block in range(len(model.blocks)):
            Minute(model, Block(model, block, self.folder), minute, load).run()
        rng = stream(model.seed, EVERYBODY, minute)
        everybody.presence(rng, model, minute, load)
        everybody.channel(rng, model, minute, load)
        work_ns = _with_copies(model, load)
        shared = cores.share(model, work_ns, left.cores_ns)
        items = load.items.astype(np.int32)
        passed = pass_through(work_ns, items, self._stations, shared.slow, left.queues)
        found.counts[index] = load.counts
        found.busy_ns[index] = np.rint(passed.busy_s * 1e9).astype(np.int64)
        found.items[index] = load.items.sum(1)
        found.refused[index] = passed.refused.sum(1)
        found.waited_s[index] = max(passed.delay_s.max(), shared.late_s.max())
        found.retrying[index] = sum(
            passed.end.retrying(station) for station in passed.end.returning
        )
        found.given_up[index] = passed.given_up.sum()
        found.turns += load.turns
        found.by_partition += load.by_partition
        found.peak = np.maximum(found.peak, load.by_partition)
        waits = Waits(model, passed, load, shared, stream(model.seed, LOOK, minute))
        waits.of_stations(found.delays)
        for samples in load.samples:
            waits.of_deliveries(samples, found.latency, found.late[index])
        return Left(passed.end, shared.left_ns)

    @cached_property
    def _stations(self) -> Stations:
        kinds = [station.kind for station in self.model.layout.stations]
        queues, noises = self.model.queues, self.model.noises
        return Stations.of(
            [queues[kind] for kind in kinds], [noises[kind].batches for kind in kinds]
        )


def _with_copies(model: Model, load: Load) -> Ints:
    """The work of all, with what hosts do for the copies that they have of others' partitions."""
    further = (model.layout.copies - 1) * model.prices.copy_share
    if not further:
        return load.work_ns
    hosts = len(load.layout.hosts)
    work = load.work_ns.copy()
    led = work[:hosts]
    following = np.rint(led.mean(0) * further).astype(np.int64)
    work[:hosts] += np.where(load.items[:hosts] > 0, following, 0)
    return work
