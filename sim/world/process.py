"""Machines, and the processes on them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

from runtime.steady import MemoryKeeper, SteadyClock
from sim.world.disk import Disk
from sim.world.loop import Life, Loop, context_of, current_life, settle

EPOCH_MS = 1_700_000_000_000


class Machine:
    """What outlives a process: a disk, a clock, which may be set wrong by `ahead_ms`, and the time
    that a host kept."""

    def __init__(self, name: str, loop: Loop, rng: random.Random) -> None:
        self.name = name
        self.disk = Disk(rng)
        self.ahead_ms = 0
        self.keeper = MemoryKeeper()
        self._loop = loop

    def now_ms(self) -> int:
        """Unix milliseconds, as this machine believes."""
        return EPOCH_MS + int(self._loop.now_s * 1000) + self.ahead_ms

    def steady(self) -> SteadyClock:
        """The clock of a host that starts here."""
        return SteadyClock(self.now_ms, self._loop.time, self.keeper)


class Process(Life):
    """One life of the process called `name`. `service` is what others can call; `rng` draws what
    happens in it."""

    def __init__(self, name: str, machine: Machine, loop: Loop, rng: random.Random) -> None:
        super().__init__()
        self.name = name
        self.machine = machine
        self.loop = loop
        self.rng = rng
        self.service: Any = None
        self.context = context_of(self)
        self.endings: dict[object, Callable[[], None]] = {}
        """What others must notice when this process dies."""
        self._jobs: dict[asyncio.Future[Any], Callable[[], Any]] = {}
        self._free_s: dict[Any, float] = {}

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in this process."""
        return self.loop.create_task(coroutine, context=self.context.copy())

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Have this process do something, now if it is not frozen."""
        self.loop.call_soon(callback, *args, context=self.context)

    def work(self, loop: Loop, executor: Any, job: Callable[[], Any]) -> asyncio.Future[Any]:
        """What is for a thread waits for the disk, and has its effect at the end: one after the
        other where they share an executor."""
        future = loop.create_future()
        self._jobs[future] = job
        begins_s = max(loop.now_s, self._free_s.get(executor, 0.0))
        ends_s = self._free_s[executor] = begins_s + self.machine.disk.takes_s()
        loop.call_at(ends_s, self._finish, future, context=self.context)
        return future

    def _finish(self, future: asyncio.Future[Any]) -> None:
        settle(future, self._jobs.pop(future))

    def kill(self) -> None:
        """End at once and without a word. What was on its way to the disk may get there."""
        self.over = True
        self.held.clear()
        for job in self._jobs.values():
            if not self.machine.disk.survives_crash():
                break  # and so do those behind it not
            with contextlib.suppress(Exception):
                job()
        endings, self.endings = self.endings, {}
        for noticed in endings.values():
            noticed()


def current_process() -> Process:
    """The process that the running code belongs to."""
    life = current_life()
    assert isinstance(life, Process)
    return life
