"""Processes that share the cores of one machine, event by event: stations that ask each other.

Each is a `Host`; all have one clock and one list of events. Where more of them want to work than
there are cores, all of these go on the slower, for as long as that is so; and now and then the
whole machine stands still, as machines do that share theirs with others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

import numpy as np

from sim.population.queueing.exact import Batch, Host
from sim.population.queueing.parameters import Station

Then = Callable[[], None]
NOBODY = np.empty(0)
LITTLE_S = 1e-12


STALLS_PER_S = 1.0
STALLS_SEED = 7


@dataclass
class Job:
    """What a process works on, and how much of it is left."""

    left_s: float
    then: Then


class Machine:
    """`rest_cores`: what all processes that are not told of use. `late`: how many times as long
    work takes as its CPU, for a thread is not on a core as soon as it wants to be. `stall_s`: how
    long everything stands still at the mean, once a second."""

    def __init__(
        self, cores: int, rest_cores: float, late: float = 1.0, stall_s: float = 0.0
    ) -> None:
        self.now_s = 0.0
        self.events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self.order = count()
        self.processes: list[Process] = []
        self._jobs: dict[Process, Job] = {}
        self._since_s = 0.0
        """Up to when what is left of the jobs is worked out."""
        self._plans = 0
        self._cores = cores
        self._rest_cores = rest_cores
        self._late = late
        self._stall_s = stall_s
        self._stalls: deque[tuple[float, float]] = deque()
        self._chance = Random(STALLS_SEED)

    def work(self, process: Process, work_s: float, then: Then) -> None:
        """A process begins to work, on one thing at a time."""
        self._advance()
        self._jobs[process] = Job(work_s, then)
        self._plan()

    def _slow(self) -> float:
        """How much longer work takes than on a core of its own, while these work."""
        wanted = self._rest_cores + sum(process.cores for process in self._jobs)
        return self._late * max(1.0, wanted / self._cores)

    def _advance(self) -> None:
        """Work until now."""
        since_s, self._since_s = self._since_s, self.now_s
        still_s, at = 0.0, 0
        while self._stall_s and (stall := self._stall(at))[0] < self.now_s:
            still_s += max(0.0, min(stall[1], self.now_s) - max(stall[0], since_s))
            at += 1
        while self._stalls and self._stalls[0][1] <= self.now_s and len(self._stalls) > 1:
            self._stalls.popleft()
        if self._jobs:
            done_s = (self.now_s - since_s - still_s) / self._slow()
            for job in self._jobs.values():
                job.left_s -= done_s

    def _plan(self) -> None:
        """Look when the next one is done, should none begin before."""
        self._plans += 1
        if self._jobs:
            left_s = min(job.left_s for job in self._jobs.values())
            self.later(self._takes_s(max(left_s, 0.0) * self._slow()), self._look, self._plans)

    def _look(self, plan: int) -> None:
        if plan != self._plans:
            return
        self._advance()
        done = [process for process, job in self._jobs.items() if job.left_s <= LITTLE_S]
        jobs = [self._jobs.pop(process) for process in done]
        self._plan()
        for job in jobs:
            job.then()

    def _takes_s(self, wall_s: float) -> float:
        """With what stands still from now on."""
        end_s, at = self.now_s + wall_s, 0
        while self._stall_s and (stall := self._stall(at))[0] < end_s:
            end_s += max(0.0, stall[1] - max(stall[0], self.now_s))
            at += 1
        return end_s - self.now_s

    def _stall(self, at: int) -> tuple[float, float]:
        """From when to when it stands still, the how many-th time of those that are known."""
        stalls = self._stalls
        while len(stalls) <= at:
            before_s = stalls[-1][1] if stalls else 0.0
            begin_s = before_s + self._chance.expovariate(STALLS_PER_S)
            stalls.append((begin_s, begin_s + self._chance.expovariate(1 / self._stall_s)))
        return stalls[at]

    def later(self, after_s: float, handle: Callable[[Any], None], what: Any = None) -> None:
        heappush(self.events, (self.now_s + after_s, next(self.order), handle, what))

    def run(self, until_s: float) -> None:
        """Go on until then, or until nothing happens any more."""
        while self.events and self.events[0][0] <= until_s:
            self.now_s, _, handle, what = heappop(self.events)
            for process in self.processes:
                process.now_s = self.now_s
            handle(what)


class Process(Host):
    """A station of a machine. Work that it takes is log-normal about what it is said to be.
    `cores`: what it uses while it works, with its other threads."""

    def __init__(self, machine: Machine, station: Station, seed: int, cores: float = 1.0) -> None:
        super().__init__(station, NOBODY, NOBODY, seed)
        self.cores = cores
        self._machine = machine
        self._came_s.clear()
        self._events, self._order = machine.events, machine.order
        self._then: dict[int, Then] = {}
        self._chance = Random(seed)
        machine.processes.append(self)

    def take(self, work_s: float, then: Then) -> None:
        """An item comes; `then` is called when it is done. Whoever gives up is not heard of."""
        item, sigma = len(self._work_s), self.station.work_sigma
        self._came_s.append(self.now_s)
        self._work_s.append(work_s * self._chance.lognormvariate(-sigma * sigma / 2, sigma))
        self._done_s.append(0.0)
        self._refusals.append(0)
        self._sources.append(self._chance.randrange(self.station.sources))
        self._then[item] = then
        self._ask(item)

    def _work(self, work_s: float, part: tuple[Batch, int, list[int]]) -> None:
        self._machine.work(self, work_s, partial(self._executed, part))

    def _answer(self, items: list[int]) -> None:
        for item in items:
            self._then.pop(item)()
