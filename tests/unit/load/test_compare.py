"""Two runs side by side: what is more than noise, and what only looks so."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.load.compare import Values, chance, differences
from sim.load.figures import figures
from sim.load.histogram import histogram_of
from sim.load.outcome import Latencies, Outcome, StormOutcome
from sim.load.plan import Chats, Plan

PLAN = Plan((Chats(2),), rate=100.0)
few = st.lists(st.integers(0, 6), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10], 2 / 252),
        ([6, 7, 8, 9, 10], [1, 2, 3, 4, 5], 2 / 252),
        ([1, 2, 3], [4, 5, 6], 2 / 20),
        ([1], [2], 1.0),
        ([3, 3, 3], [3, 3, 3], 1.0),
        ([1, 4], [2, 3], 1.0),
    ],
)
def test_chance_is_exact(a: list[float], b: list[float], expected: float) -> None:
    assert chance(a, b) == pytest.approx(expected)


@given(few, few)
def test_chance_is_what_counting_all_ways_gives(a: list[float], b: list[float]) -> None:
    values = [*a, *b]
    ranks = [sum(o < v for o in values) + (values.count(v) + 1) / 2 for v in values]
    middle = len(a) * (len(values) + 1) / 2
    sums = [sum(some) for some in combinations(ranks, len(a))]
    found = sum(ranks[: len(a)])
    beyond = sum(abs(each - middle) >= abs(found - middle) - 1e-9 for each in sums)
    assert chance(a, b) == pytest.approx(beyond / len(sums))
    assert chance(a, b) == pytest.approx(chance(b, a))


def repetitions(sent: list[int], latency_s: float) -> list[dict[str, Any]]:
    noise = Random(sum(sent))
    found = []
    for count in sent:
        outcome = Outcome(seconds=1.0, sent=count, cpu_s=[0.1])
        seconds = [latency_s * (1 + noise.random() / 10) for _ in range(200)]
        outcome.latencies["answer"] = Latencies(histogram_of(seconds), histogram_of(seconds))
        outcome.storms = [StormOutcome(1.0, 5, 5, 5, latency_s)]
        found.append(figures(PLAN, outcome))
    return found


def test_what_is_beyond_noise_is_told_from_what_is_not() -> None:
    a = repetitions([990, 1_000, 1_010, 995, 1_005], 0.010)
    b = repetitions([992, 1_001, 1_008, 996, 1_004], 0.020)
    found = {each.name: each for each in differences(a, b)}
    assert not found["messages/s sent"].larger_than_noise
    assert found["messages/s sent"].a == Values(1_000.0, 990.0, 1_010.0)
    assert found["messages/s sent"].a.noise_percent == pytest.approx(2.0)
    for name in ("answer intended p50, ms", "answer service p99, ms", "storm 1 recovered, s"):
        assert found[name].larger_than_noise, name
        assert found[name].change_percent == pytest.approx(100, abs=12)
    assert found["answer service p99, ms"].figures()["larger_than_noise"]


def test_few_repetitions_say_nothing() -> None:
    a, b = repetitions([1_000] * 4, 0.01), repetitions([1_000] * 4, 0.09)
    assert not any(each.larger_than_noise for each in differences(a, b))


def test_what_only_one_run_has_is_not_compared() -> None:
    a, b = repetitions([10], 0.01), repetitions([10], 0.01)
    del b[0]["latencies"]["answer"]
    b[0]["storms"] = []
    names = {each.name for each in differences(a, b)}
    assert "messages/s sent" in names
    assert not any("answer" in name or "storm" in name for name in names)
