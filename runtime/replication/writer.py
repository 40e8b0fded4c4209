"""Threads that wait for the disk, for many copies. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

R = TypeVar("R")

THREADS = 4
GROUP_MAX = 4
"""Jobs of one hop: on a slow disk they wait for each other."""


class _Job(NamedTuple):
    future: Future[Any]
    work: Callable[[], Any]


class Writer(Executor):
    """To wake a thread, and the loop again, costs more than most syncs: jobs that come at the same
    time, as the records of a bundle do, are done in one hop. Each has a result of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "writer")
        self._jobs: list[_Job] = []

    def submit(self, work: Callable[..., R], /, *args: Any, **named: Any) -> Future[R]:
        """On the loop's thread."""
        if not self._jobs:
            asyncio.get_running_loop().call_soon(self._hop)
        future: Future[R] = Future()
        self._jobs.append(_Job(future, lambda: work(*args, **named)))
        return future

    def _hop(self) -> None:
        jobs, self._jobs = self._jobs, []
        for start in range(0, len(jobs), GROUP_MAX):
            self._threads.submit(_do, jobs[start : start + GROUP_MAX])


def _do(jobs: list[_Job]) -> None:
    """The loop is told when all are done: it is woken once for all."""
    outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
    for future, work in jobs:
        if not future.set_running_or_notify_cancel():
            continue
        try:
            outcomes.append((future, work(), None))
        except BaseException as error:
            outcomes.append((future, None, error))
    for future, result, failure in outcomes:
        if failure is not None:
            future.set_exception(failure)
        else:
            future.set_result(result)
