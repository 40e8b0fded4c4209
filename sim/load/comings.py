"""Who goes away and comes back: churn, and storms.

They fall on those who do not write. Nobody waits for anybody else: a storm of 2,000 is 2,000
connections that are asked for at the same moment, and again after the backoff of each.
"""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from time import monotonic

from sim.load.arrivals import due_times
from sim.load.plan import Churn, Plan, Storm
from sim.load.reconnecting import Reconnecting
from sim.load.schedule import Schedule


class Comings:
    """Churn and storms of a process, among `those`. `storms`: what became of each so far."""

    def __init__(self, plan: Plan, those: list[Reconnecting], chance: Random) -> None:
        self.those = those
        self.storms: list[Broken] = []
        self._plan = plan
        self._chance = chance
        self._timers: list[asyncio.TimerHandle] = []
        self._churn: Schedule | None = None

    def missing(self) -> int:
        """Who was taken by a storm and is not back."""
        return sum(each.connections - len(each.waits_s) for each in self.storms)

    def begin(self, start: float, stop: float) -> None:
        later = asyncio.get_running_loop().call_later
        for storm in self._plan.storms:
            at_s = start + storm.at_s - monotonic()
            self._timers.append(later(max(0.0, at_s), self._break_out, storm))
        churn = self._plan.churn
        if churn is not None:
            times = due_times("poisson", churn.per_s, 1, start, self._chance)
            self._churn = Schedule(times, stop, partial(self._one_goes, churn))

    def end(self, stop: float) -> None:
        for timer in self._timers:
            timer.cancel()
        if self._churn is not None:
            self._churn.close(stop)
            self._churn = None

    def _one_goes(self, churn: Churn, due: float, now: float) -> None:
        away_s = self._chance.expovariate(1.0) * churn.away_s
        self._chance.choice(self.those).go_away(away_s)

    def _break_out(self, storm: Storm) -> None:
        broken = Broken(storm)
        self.storms.append(broken)
        online = [one for one in self.those if one.online]
        for one in self._chance.sample(online, min(storm.connections, len(online))):
            one.go_away(self._chance.random() * storm.spread_s, broken.came_back)
            broken.connections += 1


class Broken:
    """A storm that broke out."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.connections = 0
        self.recovered_s = 0.0
        """Until the last one that came back did."""
        self.waits_s: list[float] = []
        self._began = monotonic()

    def came_back(self, waited_s: float) -> None:
        self.waits_s.append(waited_s)
        self.recovered_s = monotonic() - self._began
