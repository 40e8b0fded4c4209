"""Processes that share the cores of one machine, event by event: stations that ask each other.

Each is a `Host`; all have one clock and one list of events. Where more of them want to work than
there are cores, a step takes so much longer; and now and then the whole machine stands still, as
machines do that share theirs with others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

import numpy as np

from sim.population.queueing.exact import Host
from sim.population.queueing.parameters import Station

Then = Callable[[], None]
NOBODY = np.empty(0)


STALLS_PER_S = 1.0
STALLS_SEED = 7


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
        self._cores = cores
        self._rest_cores = rest_cores
        self._late = late
        self._stall_s = stall_s
        self._stalls: deque[tuple[float, float]] = deque()
        self._chance = Random(STALLS_SEED)

    def slow(self) -> float:
        """How much longer work takes than on a core of its own."""
        wanted = self._rest_cores + sum(p.cores for p in self.processes if p.working)
        return self._late * max(1.0, wanted / self._cores)

    def takes_s(self, work_s: float) -> float:
        """How long so much work takes from now on."""
        end_s = self.now_s + work_s * self.slow()
        at = 0
        while self._stall_s and (stall := self._stall(at))[0] < end_s:
            end_s += stall[1] - max(stall[0], self.now_s)
            at += 1
        return end_s - self.now_s

    def _stall(self, at: int) -> tuple[float, float]:
        """From when to when it stands still, the how many-th time from now on."""
        stalls = self._stalls
        while stalls and stalls[0][1] <= self.now_s:
            stalls.popleft()
        while len(stalls) <= at:
            before_s = stalls[-1][1] if stalls else self.now_s
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

    @property
    def working(self) -> bool:
        return self._executing

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

    def _takes_s(self, work_s: float) -> float:
        return self._machine.takes_s(work_s)

    def _answer(self, items: list[int]) -> None:
        for item in items:
            self._then.pop(item)()
