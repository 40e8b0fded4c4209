"""How much succeeds of late, and when that ends a load."""

from __future__ import annotations

import pytest

from sim.load.success import SoFar, Success


def told(least: float, steps: list[tuple[int, int, int]], processes: int = 1) -> Success:
    """Hear a step of each second from 0 on, of each process: done, failed, overdue."""
    success = Success(least)
    for second, step in enumerate(steps):
        for process in range(processes):
            success.tell(process, float(second), SoFar(*step))
    return success


def steady(seconds: int, failing: float) -> list[tuple[int, int, int]]:
    return [(100 * n, round(100 * n * failing / (1 - failing)), 0) for n in range(seconds)]


@pytest.mark.parametrize("processes", [1, 3])
def test_it_is_of_all_processes(processes: int) -> None:
    assert told(95, steady(10, 0.04), processes).percent() == pytest.approx(96, abs=0.1)
    assert told(95, steady(10, 0.04), processes).too_little() == ""
    found = told(95, steady(10, 0.2), processes).too_little()
    assert found == "80.0 % of what was tried in 5 seconds succeeded, less than 95 %"


def test_nothing_is_said_of_the_first_seconds() -> None:
    assert told(95, steady(5, 0.5)).percent() is None
    assert told(95, steady(6, 0.5)).too_little()
    assert Success(95).percent() is None


def test_only_the_last_seconds_count() -> None:
    good = [(100 * n, 0, 0) for n in range(60)]
    bad = [(5_900 + 100 * n, 40 * n, 0) for n in range(1, 4)]
    assert told(95, good + bad).percent() == pytest.approx(100 * 500 / 620)
    mended = [(6_200 + 100 * n, 120, 0) for n in range(1, 9)]
    assert told(95, good + bad + mended).percent() == 100.0


def test_a_server_that_answers_nothing_fails_without_an_error() -> None:
    hangs = [(100, 0, 0)] * 8 + [(100, 0, 40)] * 2
    assert told(95, hangs[:8]).percent() is None, "nothing was tried"
    assert told(95, hangs).percent() == 0.0


def test_without_a_bound_nothing_ends() -> None:
    assert told(0, steady(10, 0.9)).too_little() == ""
