"""Fake time for what runs on asyncio: nothing is waited for, and two runs of a test do the same
things in the same order."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from api import ambient

R = TypeVar("R")

TEST_S_MAX = 10_000.0


class _NeverIdle(selectors.DefaultSelector):
    """Instead of waiting for a timer, lets time jump to it."""

    loop: FakeTime

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and nobody will ever come"
        self.loop.now_s += max(timeout, 0.0)
        return super().select(0)


class FakeTime(asyncio.SelectorEventLoop):
    """A loop without sockets and threads. Time stands still while anything can run, and jumps to
    the next timer when nothing can. What is for a thread is done on the loop, in the order of the
    calls, `thread_s()` later; or, after `hold`, when `work` or `let_go` says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.thread_s: Callable[[], float] = lambda: 0.0
        self.jobs: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._held = False
        selector = _NeverIdle()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()
        self.jobs.append((future, lambda: func(*args)))
        if not self._held:
            self.call_later(self.thread_s(), self.work)
        return future

    def hold(self) -> None:
        """From now on, threads wait."""
        self._held = True

    def let_go(self) -> None:
        """Threads go on, also with what waits."""
        self._held = False
        for _ in self.jobs:
            self.call_soon(self.work)

    def work(self) -> None:
        """Do the oldest thing that is for a thread; whoever waits for it runs later."""
        future, job = self.jobs.popleft()
        try:
            result = job()
        except Exception as error:
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(result)


class InFakeTime(ambient.Machine):
    """What passes around a process passes in fake time."""

    def __init__(self, loop: FakeTime) -> None:
        self.monotonic_s = self.boot_s = loop.time  # type: ignore[method-assign]


def fake_loop() -> FakeTime:
    """The loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, FakeTime)
    return loop


def run(test: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run a test in fake time, which `api.ambient` tells, too."""

    async def limited() -> R:
        async with asyncio.timeout(TEST_S_MAX):
            return await test()

    loop = FakeTime()
    around = InFakeTime(loop)
    with ambient.replaced(around), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(limited())


def is_cancelled() -> bool:
    """Whether it is who runs that was cancelled, and not only what they waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def idle() -> None:
    """Everything has happened that needs no time."""
    await asyncio.sleep(1e-6)
