"""Processes that share the cores of one machine, event by event: stations that ask each other.

Each is a `Host`; all have one clock and one list of events. Where more of them want to work than
there are cores, a step takes so much longer.
"""

from __future__ import annotations

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


class Machine:
    """`rest_cores`: what all processes that are not told of use."""

    def __init__(self, cores: int, rest_cores: float) -> None:
        self.now_s = 0.0
        self.events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self.order = count()
        self.processes: list[Process] = []
        self._cores = cores
        self._rest_cores = rest_cores

    def slow(self) -> float:
        """How much longer work takes than on a core of its own."""
        wanted = self._rest_cores + sum(p.cores for p in self.processes if p.working)
        return max(1.0, wanted / self._cores)

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
        return work_s * self._machine.slow()

    def _answer(self, items: list[int]) -> None:
        for item in items:
            self._then.pop(item)()
