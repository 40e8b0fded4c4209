"""When messages are due, and that each leaves for when it was due, however late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import islice, pairwise
from random import Random
from statistics import mean, pstdev
from time import monotonic

import pytest

from sim.load.arrivals import due_times
from sim.load.schedule import Schedule


def test_even_times_do_not_drift() -> None:
    times = list(islice(due_times("even", 3.0, 1, 100.0, Random(1)), 3_001))
    assert times[0] == 100.0
    assert times[3_000] == pytest.approx(1_100.0, abs=1e-9)


def test_bursts_come_at_once_and_keep_the_rate() -> None:
    times = list(islice(due_times("even", 10.0, 5, 0.0, Random(1)), 15))
    assert times == [0.0] * 5 + [0.5] * 5 + [1.0] * 5


def test_chance_keeps_the_rate_and_is_not_even() -> None:
    times = list(islice(due_times("poisson", 50.0, 1, 7.0, Random(1)), 20_000))
    gaps = [after - before for before, after in pairwise([7.0, *times])]
    assert mean(gaps) == pytest.approx(1 / 50, rel=0.03)
    assert pstdev(gaps) == pytest.approx(1 / 50, rel=0.03), "exponential gaps"
    assert times == list(islice(due_times("poisson", 50.0, 1, 7.0, Random(1)), 20_000))


def run(times: Iterator[float], stop: float, meanwhile: float = 0.0) -> list[tuple[float, float]]:
    """What a schedule sends, when due and when, while the loop is busy for so long."""

    async def scheduled() -> list[tuple[float, float]]:
        sent: list[tuple[float, float]] = []
        done = asyncio.Event()

        def send(due: float, now: float) -> None:
            sent.append((due, now))
            if len(sent) == 5:
                done.set()

        schedule = Schedule(times, stop, send)
        time.sleep(meanwhile)  # noqa: ASYNC251
        await done.wait()
        schedule.close(stop)
        return sent

    return asyncio.run(scheduled())


def test_what_is_late_keeps_when_it_was_due() -> None:
    start = monotonic()
    due = [start, start, start + 0.002, start + 0.004, start + 0.006, start + 99.0]
    sent = run(iter(due), stop=start + 50.0, meanwhile=0.02)
    assert [each for each, _ in sent] == due[:5]
    assert all(now >= when for when, now in sent)
    assert sent[0][1] >= start + 0.02


def test_what_was_due_when_it_ends_still_leaves() -> None:
    async def scheduled() -> list[float]:
        sent: list[float] = []
        start = monotonic()
        times = iter([start, start + 0.001, start + 0.002, start + 5.0, start + 6.0])
        schedule = Schedule(times, start + 9.0, lambda due, _: sent.append(due - start))
        schedule.close(start + 0.0015)
        schedule.close(start + 8.0)
        return sent

    assert asyncio.run(scheduled()) == pytest.approx([0.0, 0.001])
