"""A stretch of minutes, the unit of work of a run: all people's work in it passes through the
stations, and what is waited is counted.

Whether one process does all stretches or many do, the numbers are the same. A stretch begins with
idle stations, or with what the one before has left where that was not little (`run`). Machines are
looked at one after the other, so that what is kept of a minute is little, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from sim.population import cores, everybody, histogram
from sim.population.arrays import Floats, Ints
from sim.population.block import Block
from sim.population.doing import Doing
from sim.population.fanout import Turn
from sim.population.followed import Followed
from sim.population.layout import Kind
from sim.population.load import COUNTS, Load
from sim.population.model import Model
from sim.population.people import stream
from sim.population.queueing.station import State, Stations, pass_through
from sim.population.slot import Slot
from sim.population.waits import Waits

LITTLE_NS = 1_000_000_000
"""So much may be left without the next stretch being done again: less than a second of twenty
minutes."""
EVERYBODY, LOOK = 1 << 20, 1 << 21
"""What random streams are called beside those of blocks."""


@dataclass(frozen=True)
class Left:
    """What a stretch leaves to the next, by machine: what waits at its stations, and how much CPU
    time is still wanted."""

    queues: tuple[State, ...]
    cores_ns: tuple[int, ...]

    @classmethod
    def idle(cls, model: Model) -> Left:
        """Nothing."""
        layout = model.layout
        counts = np.bincount([each.node for each in layout.stations], minlength=len(layout.nodes))
        return cls(tuple(State.idle(int(count)) for count in counts), (0,) * len(counts))

    def is_much(self) -> bool:
        """Whether the next stretch has to be told."""
        waiting = max(int(each.backlog_ns.max(initial=0)) for each in self.queues)
        returning = any(each.returning for each in self.queues)
        return returning or max(waiting, *self.cores_ns) > LITTLE_NS


@dataclass
class Found:
    """Of minutes from `first` on. Arrays: `counts` (minutes, regions, COUNTS), `busy_ns`, `items`
    and `refused` (minutes, stations), `waited_s`, `retrying` and `given_up` (minutes,), `late`
    (minutes, buckets): deliveries of all regions. Of all minutes together: `turns` (hosts, Turn),
    `by_partition` and its busiest minute `peak` (partitions,), `delays` (stations, buckets),
    `latency` (regions, [send, deliver, read], buckets)."""

    first: int
    counts: Ints
    busy_ns: Ints
    items: Ints
    refused: Ints
    waited_s: Floats
    retrying: Ints
    given_up: Ints
    late: Ints
    turns: Ints
    by_partition: Ints
    peak: Ints
    delays: Ints
    latency: Ints
    end: Left

    @classmethod
    def nothing(cls, model: Model, first: int, minutes: int, end: Left) -> Found:
        layout, regions = model.layout, len(model.regions)
        stations = len(layout.stations)

        def zeros(*shape: int, dtype: type = np.int64) -> Ints:
            return np.zeros(shape, dtype)

        return cls(
            first,
            zeros(minutes, regions, len(COUNTS)),
            zeros(minutes, stations),
            zeros(minutes, stations, dtype=np.int32),
            zeros(minutes, stations, dtype=np.int32),
            np.zeros(minutes),
            zeros(minutes),
            zeros(minutes),
            zeros(minutes, histogram.BUCKETS),
            zeros(len(layout.hosts), len(Turn)),
            zeros(layout.partitions),
            zeros(layout.partitions),
            zeros(stations, histogram.BUCKETS),
            zeros(regions, 3, histogram.BUCKETS),
            end,
        )

    def add(self, other: Found) -> None:
        """Put in what was found of some of these minutes, the last until now."""
        begin = other.first - self.first
        for name in BY_MINUTE:
            getattr(self, name)[begin : begin + len(other.counts)] = getattr(other, name)
        for name in SUMS:
            total = getattr(self, name)
            np.add(total, getattr(other, name), out=total)
        np.maximum(self.peak, other.peak, out=self.peak)
        self.end = other.end

    def until(self, minutes: int) -> Found:
        """Of these first minutes, which are all that something was put in of."""
        return replace(self, **{name: getattr(self, name)[:minutes] for name in BY_MINUTE})


BY_MINUTE = ("counts", "busy_ns", "items", "refused", "waited_s", "retrying", "given_up", "late")
SUMS = ("turns", "by_partition", "delays", "latency")


@dataclass(frozen=True)
class Machine:
    """Of a node: its stations (indices, of which the first are `hosts`), their kinds, and the CPU
    of all threads of each for that of its loop."""

    stations: Ints
    hosts: int
    kinds: list[Kind]
    queues: Stations
    cpu: Floats


class Stretch:
    """`folder`: where the partitions of users are kept."""

    def __init__(self, model: Model, first: int, minutes: int, folder: Path) -> None:
        self.model = model
        self.first = first
        self.minutes = minutes
        self.folder = folder

    def run(self, start: Left | None = None, done: Callable[[], None] = lambda: None) -> Found:
        """`start`: what the stretch before has left. `done` is called after each minute."""
        left = start or Left.idle(self.model)
        found = Found.nothing(self.model, self.first, self.minutes, left)
        for index in range(self.minutes):
            left = self._minute(index, left, found)
            done()
        found.end = left
        return found

    def _minute(self, index: int, left: Left, found: Found) -> Left:
        turned = np.zeros_like(found.peak)
        for slot in self.model.slots_of(self.first + index):
            load = self._load(slot)
            found.counts[index] += load.counts
            found.turns += load.turns
            turned += load.by_partition
            left = self._work_off(index, load, left, found)
        found.by_partition += turned
        found.peak = np.maximum(found.peak, turned)
        return left

    def _load(self, slot: Slot) -> Load:
        """What there is to do."""
        model, load = self.model, Load(self.model, slot)
        for block in range(len(model.blocks)):
            Doing(model, Block(model, block, self.folder), load).run()
        rng = stream(model.seed, EVERYBODY, slot.minute, slot.number)
        everybody.presence(rng, model, load)
        everybody.channel(rng, model, load)
        load.check()
        return load

    def _work_off(self, index: int, load: Load, left: Left, found: Found) -> Left:
        """By all machines. Returns what is left there."""
        slot = load.slot
        rng = stream(self.model.seed, LOOK, slot.minute, slot.number)
        followed = Followed(self.model, load.samples, rng)
        following_ns = _of_copies(self.model, load)
        found.retrying[index] = 0
        ends = [
            self._pass(machine, index, load, following_ns, left_of, followed, rng, found)
            for machine, left_of in zip(
                self._machines, zip(left.queues, left.cores_ns, strict=True), strict=True
            )
        ]
        followed.count(found.latency, found.late[index])
        return Left(tuple(queues for queues, _ in ends), tuple(ns for _, ns in ends))

    def _pass(
        self,
        machine: Machine,
        index: int,
        load: Load,
        following_ns: Ints,
        left: tuple[State, int],
        followed: Followed,
        rng: np.random.Generator,
        found: Found,
    ) -> tuple[State, int]:
        """Through a machine. Returns what is left there."""
        model, here, slot = self.model, machine.stations, load.slot
        items, work_ns = load.items(here), load.work_ns(here)
        hosts = slice(0, machine.hosts)
        work_ns[hosts] += np.where(items[hosts] > 0, following_ns, 0)
        shared = cores.share(model.cores, machine.cpu, work_ns, left[1])
        passed = pass_through(work_ns, items.astype(np.int32), machine.queues, shared.slow, left[0])
        found.busy_ns[index, here] += np.rint(passed.busy_s * 1e9).astype(np.int64)
        found.items[index, here] += items.sum(1)
        found.refused[index, here] += passed.refused.sum(1)
        longest_s = max(passed.delay_s.max(initial=0.0), shared.late_s.max())
        found.waited_s[index] = max(found.waited_s[index], longest_s)
        found.retrying[index] += sum(map(passed.end.retrying, passed.end.returning))
        found.given_up[index] += passed.given_up.sum()
        waits = Waits(machine.kinds, model.queues, model.noises, items, passed, shared, rng)
        looked = np.flatnonzero(here % slot.slots == slot.number)  # each in one slot of a minute
        found.delays[here[looked]] += waits.delays(looked, len(found.delays))
        followed.pass_machine(here, waits)
        return passed.end, shared.left_ns

    @cached_property
    def _machines(self) -> list[Machine]:
        model, layout = self.model, self.model.layout
        found = []
        for node in range(len(layout.nodes)):
            here = [n for n, station in enumerate(layout.stations) if station.node == node]
            kinds = [layout.stations[n].kind for n in here]
            queues = Stations.of(
                [model.queues[kind] for kind in kinds],
                [model.noises[kind].batches for kind in kinds],
            )
            cpu = np.array([model.cpu(kind) for kind in kinds])
            found.append(Machine(np.array(here), kinds.count("host"), kinds, queues, cpu))
        return found


def _of_copies(model: Model, load: Load) -> Ints:
    """What a host that has something to do does for the copies that it has of others' partitions,
    by bin."""
    hosts = len(load.layout.hosts)
    led_ns = sum(load.work_ns(np.array([host]))[0] for host in range(hosts)) / hosts
    further = (model.layout.copies - 1) * model.prices.copy_share
    found: Ints = np.rint(led_ns * further).astype(np.int64)
    return found
