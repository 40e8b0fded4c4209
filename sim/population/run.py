"""A run: stretches of minutes, done by as many processes as there shall be, here or on a Ray
cluster, and put together in their order, so that the numbers are the same however many there are.

Most stretches begin with idle stations, as nothing is left of the one before after some
milliseconds. Where much is left (a storm), the next one is done again with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path

from sim.population.model import Model
from sim.population.saved import Saved
from sim.population.slot import DAY_MINUTES
from sim.population.stretch import Found, Left, Stretch

STRETCH_MINUTES = 20

Todo = tuple[int, int]
"""A stretch: its first minute, and how many it has."""
Progress = Callable[[int], None]
"""Called with the number of minutes that have been done since the last call."""


def folder() -> Path:
    """Where partitions of users are kept between runs; 2 MB for a million."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    found = Path(cache) / "heliograph" / "population"
    found.mkdir(parents=True, exist_ok=True)
    return found


def stretches(days: int) -> list[Todo]:
    """All of so many days."""
    total = days * DAY_MINUTES
    return [
        (first, min(STRETCH_MINUTES, total - first)) for first in range(0, total, STRETCH_MINUTES)
    ]


def pass_stretch(model: Model, first: int, minutes: int, start: Left | None = None) -> Found:
    """One stretch, in whatever process this is."""
    return Stretch(model, first, minutes, folder()).run(start)


def run(
    model: Model,
    todo: list[Todo],
    workers: int,
    progress: Progress = lambda _: None,
    ray: bool = False,
    saved: Saved | None = None,
) -> Found:
    """These stretches, one after the other, together; after an interruption (Ctrl-C), those from
    the first on without a gap that were done. What is `saved` is not done again."""
    assert model.noises  # worked out once, and sent along
    each = _on_ray if ray else partial(_in_processes, workers)
    minutes = sum(length for _, length in todo)
    whole = Found.nothing(model, todo[0][0], minutes, Left.idle(model))
    early: dict[int, Found] = {}
    put = done = 0
    try:
        for stretch in _done(each, model, todo, saved):
            early[stretch.first] = stretch
            progress(len(stretch.counts))
            while put < len(todo) and (found := early.pop(todo[put][0], None)) is not None:
                if whole.end.is_much():
                    # It did not know what the one before has left.
                    found = pass_stretch(model, *todo[put], whole.end)
                whole.add(found)
                done += todo[put][1]
                put += 1
    except KeyboardInterrupt:
        if not done:
            raise
    return whole.until(done)


def _done(
    each: Callable[[Model, list[Todo]], Iterator[tuple[int, Found]]],
    model: Model,
    todo: list[Todo],
    saved: Saved | None,
) -> Iterator[Found]:
    """All of them, in the order in which they are there."""
    if saved is None:
        yield from (found for _, found in each(model, todo))
        return
    for first, _ in todo:
        if saved.has(first):
            yield saved.read(first)
    for _, found in each(model, [stretch for stretch in todo if not saved.has(stretch[0])]):
        saved.write(found)
        yield found


def _in_processes(workers: int, model: Model, todo: list[Todo]) -> Iterator[tuple[int, Found]]:
    if workers == 1:
        for index, stretch in enumerate(todo):
            yield index, pass_stretch(model, *stretch)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_deaf) as pool:
        waiting: dict[Future[Found], int] = {}
        left = iter(enumerate(todo))
        try:
            while True:
                while len(waiting) <= workers and (following := next(left, None)) is not None:
                    index, stretch = following
                    waiting[pool.submit(pass_stretch, model, *stretch)] = index
                if not waiting:
                    return
                ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    yield waiting.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()


def _deaf() -> None:
    """Ctrl-C is for the one process that knows what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_ray(model: Model, todo: list[Todo]) -> Iterator[tuple[int, Found]]:
    from shells.tasks import run_on_ray  # Ray takes seconds to import

    return run_on_ray(pass_stretch, [(model, *stretch) for stretch in todo])
