"""Bins: what they lose against a host event by event, and that they lose nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.population.queueing import error
from sim.population.queueing.exact import poisson, works
from sim.population.queueing.noise import arrivals
from sim.population.queueing.parameters import Station
from sim.population.queueing.station import BIN_NS, BIN_S, State, Stations, pass_through
from tests.profile import tries

Ints = NDArray[np.int64]

HOST = Station(
    60e-6, 0.5, batch_s=3e-4, commit_s=1e-3, commit_item_s=3e-6, travel_s=2e-4, limit=8_000
)
ITEM_NS = 60_000


def come(items: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """So many items (stations, bins), all with the same work."""
    return items * ITEM_NS, items.astype(np.int32)


@pytest.fixture(scope="module")
def errors() -> dict[float, error.BinError]:
    loads = (0.3, 0.8, 0.95, 1.2)
    return {each.load: each for each in error.error_of_bins(HOST, 8.0, loads)}


@pytest.mark.parametrize("load", [0.3, 0.8, 0.95])
def test_delays_are_those_of_a_host_event_by_event(
    load: float, errors: dict[float, error.BinError]
) -> None:
    found = errors[load]
    assert abs(found.error("mean_s")) < 0.05, found
    assert abs(found.error("p50_s")) < 0.05, found
    assert abs(found.error("p99_s")) < 0.25, found
    assert abs(found.error("done_per_s")) < 0.005, found
    assert found.bins.refused == found.exact.refused == 0


def test_so_are_refusals_and_those_who_come_back(errors: dict[float, error.BinError]) -> None:
    found = errors[1.2]
    assert found.exact.refused > 10_000
    assert abs(found.error("refused")) < 0.1, found
    assert abs(found.error("mean_s")) < 0.1, found
    assert abs(found.error("p50_s")) < 0.1, found
    # One refusal more or less.
    assert abs(found.bins.p99_s - found.exact.p99_s) < 1.1 * HOST.retry_after_s, found
    assert abs(found.error("done_per_s")) < 0.01, found


def test_a_storm_ends_when_it_does() -> None:
    """Twice as many as the host has room for come at once, beside what always comes."""
    rng = np.random.default_rng(1)
    usual_s, _ = arrivals(HOST, 0.5, 50_000, rng)
    came_s = np.sort(np.concatenate((usual_s, 1.0 + poisson(1e5, 16_000, rng))))
    found = error.compare(HOST, came_s, works(HOST, len(came_s), rng), 0.0, rng)
    assert found.exact.refused > 3_000
    assert found.exact.given_up == found.bins.given_up == 0
    assert abs(found.error("refused")) < 0.15, found
    assert abs(found.error("mean_s")) < 0.15, found
    assert abs(found.error("p99_s")) < 0.15, found
    assert abs(found.error("done_per_s")) < 0.002, found


@pytest.mark.soak
@pytest.mark.parametrize(
    "station",
    [
        HOST,
        replace(HOST, commit_s=8e-3, sources=4),
        Station(33e-6, 0.5, batch_s=5e-5),
        Station(2e-4, 1.0, limit=2_000),
    ],
)
def test_delays_are_those_of_a_host_for_long(station: Station) -> None:
    for found in error.error_of_bins(station, 20.0):
        assert abs(found.error("mean_s")) < 0.1, found
        assert abs(found.error("p50_s")) < 0.15, found
        # Among those who come back, the 99th of a hundred may be one refusal further.
        assert abs(found.error("p99_s")) < (0.25 if found.load < 1 else 0.4), found
        assert abs(found.error("done_per_s")) < 0.01, found


COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=20)
SMALL = Station(
    60e-6, batch_s=6e-5, batch_items=5, flying=1, limit=40, retry_after_s=0.01, patience_s=0.1
)


@settings(max_examples=tries(40))
@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=4), st.floats(1.0, 3.0))
def test_nobody_appears_or_vanishes(calls: list[tuple[list[int], list[int]]], slow: float) -> None:
    """At a station that refuses and one that never does, from one call to the next."""
    stations = Stations.of([SMALL, replace(SMALL, limit=10**6)])
    state = State.idle(2)
    for first, second in calls:
        items = np.zeros((2, max(len(first), len(second))), np.int64)
        items[0, : len(first)], items[1, : len(second)] = first, second
        work_ns, counts = come(items)
        passed = pass_through(work_ns, counts, stations, slow, state)
        for row in (0, 1):
            before = int(state.waiting[row]) + state.retrying(row)
            after = int(passed.end.waiting[row]) + passed.end.retrying(row)
            gone = int(passed.done[row] + passed.given_up[row])
            assert before + items[row].sum() == gone + after
        assert ((passed.end.waiting > 0) == (passed.end.backlog_ns > 0)).all()
        assert (passed.fresh_refused <= np.minimum(passed.refused, counts)).all()
        assert passed.refused[1].sum() == 0
        state = passed.end


def test_no_work_is_lost_by_those_who_are_refused() -> None:
    """One item a bin and fewer: what cannot be divided stays with whom it belongs to."""
    station = Station(5e-3, flying=1, batch_items=1, limit=10)
    rng = np.random.default_rng(1)
    items = rng.poisson(1.5, (1, 3_000)).astype(np.int32)
    work_ns = items * rng.integers(1_000_000, 9_000_000, items.shape)
    passed = pass_through(work_ns, items, Stations.of([station]))
    ring = passed.end.returning[0]
    assert ring[..., 0].sum() > 500
    assert (ring[..., 1] > 0).sum() == (ring[..., 0] > 0).sum()
    assert round(passed.busy_s[0] * 1e9) + ring[..., 1].sum() == pytest.approx(work_ns.sum())


@settings(max_examples=tries(40))
@given(COUNTS, COUNTS)
def test_two_calls_are_one(first: list[int], second: list[int]) -> None:
    stations = Stations.of([replace(SMALL, limit=10**6)])
    work_ns, items = come(np.array([first + second]))
    whole = pass_through(work_ns, items, stations)
    cut = len(first)
    one = pass_through(work_ns[:, :cut], items[:, :cut], stations)
    other = pass_through(work_ns[:, cut:], items[:, cut:], stations, start=one.end)
    parts = np.concatenate((one.delay_s, other.delay_s), axis=1)
    assert (parts == whole.delay_s).all()
    assert other.end.backlog_ns == whole.end.backlog_ns
    assert abs(int(other.end.waiting[0] - whole.end.waiting[0])) <= 1


@settings(max_examples=tries(40))
@given(COUNTS)
def test_bin_by_bin_is_as_all_at_once(counts: list[int]) -> None:
    stations = Stations.of([replace(SMALL, limit=10**6)])
    work_ns, items = come(np.array([counts]))
    calm = pass_through(work_ns, items, stations)
    nobody = np.zeros((1, 1, 2), np.int64)
    idle = State.idle(1)
    storm = pass_through(work_ns, items, stations, start=replace(idle, returning={0: nobody}))
    assert (storm.delay_s == calm.delay_s).all()
    assert storm.end.backlog_ns == calm.end.backlog_ns
    assert storm.load == pytest.approx(calm.load)
    assert storm.busy_s == pytest.approx(calm.busy_s)
    assert abs(int(storm.end.waiting[0] - calm.end.waiting[0])) <= 1


def test_what_comes_evenly_waits_behind_what_is_there() -> None:
    """Three bins' work in the first bin; half of a bin's in the others."""
    station = Stations.of([Station(1e-3)])
    work_ns = np.array([[3 * BIN_NS, *[BIN_NS // 2] * 5]])
    passed = pass_through(work_ns, np.ones((1, 6), np.int32), station)
    expected = np.array([1.0, 1.75, 1.25, 0.75, 0.25, 0.0]) * BIN_S
    np.testing.assert_allclose(passed.delay_s[0], expected, rtol=1e-6, atol=1e-9)
    assert passed.load[0, 0] == pytest.approx(5.5 / 6)
    slower = pass_through(work_ns, np.ones((1, 6), np.int32), station, 2.0)
    assert slower.end.backlog_ns[0] == 5 * BIN_NS
    assert slower.busy_s[0] == pytest.approx(11 * BIN_S)


def test_clients_come_back_as_the_library_does() -> None:
    """A second after each refusal, as the server asks, until the backoff is longer."""
    ages = np.array(HOST.ages_s)
    np.testing.assert_allclose(np.diff(ages)[:3], 1.0)
    assert (np.diff(ages) <= HOST.backoff.max_s).all()
    assert ages[-1] < HOST.patience_s <= ages[-1] + HOST.backoff.max_s
