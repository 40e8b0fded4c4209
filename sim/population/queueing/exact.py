"""A station event by event: what `station` is measured by, and where `noise` comes from.

The model is told in `parameters`. Nothing is averaged here: each item has its own arrival, work and
waits. Some 300,000 items a second of computing time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Any, NamedTuple

import numpy as np

from sim.population.arrays import Floats, Ints
from sim.population.queueing.parameters import Station


class Batch(NamedTuple):
    source: int
    items: list[int]


class Tally(NamedTuple):
    """Where the items are that came: each in one place."""

    came: int
    done: int
    waiting: int
    """At sources, on their way, executed and not durable."""
    retrying: int
    given_up: int

    @property
    def whole(self) -> bool:
        return self.came == self.done + self.waiting + self.retrying + self.given_up


@dataclass(frozen=True)
class Outcome:
    """What became of each item (n,): `done_s` when it was answered, NaN if it was not, `delay_s`
    since its client first asked, `refusals` how often it was refused. `batches`: how many the loop
    executed, `busy_s`: how long it worked."""

    came_s: Floats
    done_s: Floats
    refusals: Ints
    batches: int
    busy_s: float
    given_up: int

    @property
    def delay_s(self) -> Floats:
        return self.done_s - self.came_s


Layer = tuple[list[int], list[int]]
"""Items that become durable together, and the sources of the batches that they are the last of."""


class Host:
    """Items come at `came_s` (n,), ascending, with `work_s` (n,). `step` goes to the next event."""

    def __init__(self, station: Station, came_s: Floats, work_s: Floats, seed: int) -> None:
        self.station = station
        self.now_s = 0.0
        self._came_s: list[float] = [*came_s.tolist(), inf]
        self._work_s: list[float] = work_s.tolist()
        self._done_s = [inf] * len(work_s)
        self._refusals = [0] * len(work_s)
        self._draw = Random(seed).random
        self._source = np.random.default_rng(seed).integers(station.sources, size=len(work_s))
        self._sources: list[int] = self._source.tolist()
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._order = count()
        self._next = 0
        # At the sources.
        self._queues: list[deque[int]] = [deque() for _ in range(station.sources)]
        self._free = [station.flying] * station.sources
        self._queued = 0
        # At the station: batches to be executed, whether one is, and what waits for a commit.
        self._arrived: deque[Batch] = deque()
        self._executing = False
        self._committing = False
        self._held_up = False  # by a commit that the loop waits for
        self._unheard: Layer | None = None
        """What has become durable, of which the loop has not heard yet."""
        self._open: list[int] = []
        self._landing: list[int] = []
        self._waiting = self._done = self._retrying = self._given_up = 0
        self._batches, self._busy_s = 0, 0.0

    def step(self) -> bool:
        """Go to the next event; False: there is none."""
        came_s = self._came_s[self._next]
        if self._events and self._events[0][0] < came_s:
            self.now_s, _, handle, what = heappop(self._events)
            handle(what)
            return True
        if came_s == inf:
            return False
        self.now_s = came_s
        self._next += 1
        self._ask(self._next - 1)
        return True

    def run(self, until_s: float = inf) -> Outcome:
        """Go on until nothing happens any more, or the time is over."""
        while self.now_s < until_s and self.step():
            pass
        return self.outcome()

    def outcome(self) -> Outcome:
        done_s = np.array(self._done_s)
        return Outcome(
            np.array(self._came_s[:-1]),
            np.where(np.isinf(done_s), np.nan, done_s),
            np.array(self._refusals),
            self._batches,
            self._busy_s,
            self._given_up,
        )

    def tally(self) -> Tally:
        return Tally(self._next, self._done, self._waiting, self._retrying, self._given_up)

    def _later(self, after_s: float, handle: Callable[[Any], None], what: Any) -> None:
        heappush(self._events, (self.now_s + after_s, next(self._order), handle, what))

    # --- at the sources -----------------------------------------------------------------------

    def _ask(self, item: int) -> None:
        if self._queued >= self.station.limit:
            self._refuse(item)
            return
        source = self._sources[item]
        self._queues[source].append(item)
        self._queued += 1
        self._waiting += 1
        if self._free[source]:
            self._send(source)

    def _refuse(self, item: int) -> None:
        self._refusals[item] += 1
        wait_s = self.station.wait_s(self._refusals[item], self._draw())
        if self.now_s + wait_s >= self._came_s[item] + self.station.patience_s:
            self._given_up += 1
        else:
            self._retrying += 1
            self._later(wait_s, self._return, item)

    def _return(self, item: int) -> None:
        self._retrying -= 1
        self._ask(item)

    def _send(self, source: int) -> None:
        queue = self._queues[source]
        items = [queue.popleft() for _ in range(min(len(queue), self.station.batch_items))]
        self._queued -= len(items)
        self._free[source] -= 1
        self._soon(self.station.travel_s, self._arrive, Batch(source, items))

    def _soon(self, after_s: float, handle: Callable[[Any], None], what: Any) -> None:
        if after_s:
            self._later(after_s, handle, what)
        else:
            handle(what)

    def _land(self, sources: list[int]) -> None:
        for source in sources:
            self._free[source] += 1
            if self._queues[source]:
                self._send(source)

    # --- at the station -----------------------------------------------------------------------

    def _arrive(self, batch: Batch) -> None:
        self._arrived.append(batch)
        if not self._executing and not self._held_up:
            self._begin()

    def _begin(self) -> None:
        self._executing = True
        self._batches += 1
        self._execute((self._arrived.popleft(), 0, self.station.batch_s))

    def _execute(self, part: tuple[Batch, int, float]) -> None:
        """The next step of a batch, from an item on, and what it costs beside its items."""
        batch, first, fixed_s = part
        stop = first + self.station.step_items
        items = batch.items[first:stop]
        work_s = fixed_s + sum(map(self._work_s.__getitem__, items))
        self._busy_s += work_s
        self._work(work_s, (batch, stop, items))

    def _work(self, work_s: float, part: tuple[Batch, int, list[int]]) -> None:
        """Until a part is executed."""
        self._later(work_s, self._executed, part)

    def _executed(self, part: tuple[Batch, int, list[int]]) -> None:
        """The loop looks up."""
        batch, stop, items = part
        self._open += items
        more = stop < len(batch.items)
        if not more:
            self._landing.append(batch.source)
        if self._unheard is not None:
            durable, self._unheard = self._unheard, None
            self._release(durable)
        if not self._committing:
            self._commit(idle=not more and not self._arrived)
        if more:
            self._execute((batch, stop, 0.0))
        else:
            self._executing = False
            self._go_on()

    def _go_on(self) -> None:
        """With the batch that came first, unless the loop is held up."""
        if self._arrived and not self._held_up:
            self._begin()

    def _commit(self, idle: bool) -> None:
        layer, self._open = (self._open, self._landing), []
        self._landing = []
        took_s = self.station.commit_s + len(layer[0]) * self.station.commit_item_s
        if not took_s:
            self._release(layer)
            return
        self._committing = True
        self._held_up = idle and self.station.at_once
        self._later(took_s, self._committed, layer)

    def _committed(self, layer: Layer) -> None:
        if self._executing:
            self._unheard = layer  # until the loop looks up
            return
        self._held_up = False
        self._release(layer)
        if self._open and not self._committing and not self._executing:
            self._commit(idle=not self._arrived)
        if not self._executing:
            self._go_on()

    def _release(self, layer: Layer) -> None:
        items, sources = layer
        self._committing = False
        answered_s = self.now_s + self.station.travel_s
        for item in items:
            self._done_s[item] = answered_s
        self._answer(items)
        self._done += len(items)
        self._waiting -= len(items)
        if sources:
            self._soon(self.station.travel_s, self._land, sources)

    def _answer(self, items: list[int]) -> None:
        """These are done."""


def poisson(rate_per_s: float, items: int, rng: np.random.Generator) -> Floats:
    """When so many items come (n,) that know nothing of each other."""
    return np.cumsum(rng.exponential(1 / rate_per_s, items))


def works(station: Station, items: int, rng: np.random.Generator) -> Floats:
    """The work of so many items (n,), as the station says."""
    sigma = station.work_sigma
    return station.work_s * rng.lognormal(-sigma * sigma / 2, sigma, items)
