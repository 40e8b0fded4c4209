"""What is predicted, kept, refused and compared when the model is held against a real server."""

from __future__ import annotations

import io
import os
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from heliograph.failing import Told
from sim.load.scenario import read_scenario
from sim.population import calibration
from sim.population.fanout import Frame, Turn
from sim.population.queueing.parameters import Station
from sim.population.validation import attempts, commands, measure, predict, seen
from sim.population.validation.attempts import Measured, MeasuredLoad, Predicted, PredictedLoad
from sim.population.validation.compare import LIMITS, Compared, compared, middle, noise
from sim.population.validation.held import held
from sim.population.validation.loads import (
    LOADS,
    SEEN,
    SEEN_STORM,
    Load,
    named,
    scenario,
    seconds_of,
)
from sim.population.validation.machine import Machine, Process
from sim.population.validation.measure import NEVER_S, figures
from sim.population.validation.pace import pace_s
from sim.population.validation.path import Client, Costs, Storm, Talk
from sim.population.validation.predict import Seen, fitted, of_messages
from tests.unit.population.made import calibration_of

CAPACITY = 8_000.0
PACE_S = 0.02
SIMULATED_S = 0.3
COSTS = Costs(
    host=Station(40e-6, 0.5, batch_s=300e-6, commit_s=350e-6, commit_item_s=1.5e-6, travel_s=2e-4),
    edge=Station(10e-6, 0.5),
    client=Station(5e-6, batch_s=30e-6, flying=1),
    turns=(15e-6,) * len(Turn),
    frames=(20e-6,) * len(Frame),
    open_s=400e-6,
    call_s=100e-6,
    host_call_s=60e-6,
    edge_call_s=40e-6,
    rest_cores=0.1,
    cores=2,
)
PAIRS = [load for load in LOADS if load.size == 2 and not load.idle]
HELD_OUT = [load for load in PAIRS if load.held_out and load.share < 1]


def told(costs: Costs, loads: list[Load]) -> dict[str, dict[str, float]]:
    """Figures by name of a load."""
    return {load.name: of_messages(load, load.rate(CAPACITY), SIMULATED_S, costs) for load in loads}


@pytest.fixture(scope="module")
def batched() -> dict[str, dict[str, float]]:
    return told(COSTS, HELD_OUT)


# --- the model ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cores", "done_ms"), [(1, [2.0, 2.0, 4.0]), (2, [1.0, 1.0, 3.0])])
def test_processes_share_cores_while_they_work(cores: int, done_ms: list[float]) -> None:
    """Three of 1, 1 and 2 ms: the last begins when the first is done."""
    machine = Machine(cores, 0.0)
    done_s: list[float] = []

    def done() -> None:
        done_s.append(machine.now_s)
        if len(done_s) == 1:
            first.take(2e-3, done)

    first, second = (Process(machine, Station(1e-3, flying=1), seed) for seed in range(2))
    for process in (first, second):
        process.take(1e-3, done)
    machine.run(1.0)
    assert done_s == pytest.approx([each * 1e-3 for each in done_ms])


@pytest.mark.parametrize(("long_ms", "done_ms"), [(3.0, [2.0, 4.0]), (1.5, [2.0, 2.5])])
def test_who_works_longer_is_slow_only_as_long_as_others_work(
    long_ms: float, done_ms: list[float]
) -> None:
    machine = Machine(1, 0.0)
    done_s: list[float] = []
    for seed, work_ms in enumerate((long_ms, 1.0)):
        process = Process(machine, Station(1e-3, flying=1), seed)
        process.take(work_ms * 1e-3, lambda: done_s.append(machine.now_s))
    machine.run(1.0)
    assert done_s == pytest.approx([each * 1e-3 for each in done_ms])


def works_for(seconds: float, machine: Machine) -> float:
    """How long one process takes for so many seconds of work."""
    done_s: list[float] = []
    process = Process(machine, Station(1e-2, flying=1), 1)
    for _ in range(round(seconds * 100)):
        process.take(1e-2, lambda: done_s.append(machine.now_s))
    machine.run(1e3)
    return done_s[-1]


def test_a_machine_is_late_and_stands_still() -> None:
    assert works_for(10.0, Machine(1, 0.0)) == pytest.approx(10.0)
    assert works_for(10.0, Machine(1, 0.0, late=1.5)) == pytest.approx(15.0)
    stalled_s = works_for(100.0, Machine(1, 0.0, stall_s=0.1)) - 100.0  # a hundred times
    assert stalled_s == pytest.approx(100 * 0.1, rel=0.3)


def test_everything_that_is_sent_is_answered() -> None:
    talk = Talk(COSTS, 10, 3, 10.0, 1)
    passed = talk.run(10.0 - 1e-3)
    assert (len(passed.answered_s), len(passed.latency_s)) == (100, 180)  # without the beginning
    assert not any(process.outcome().refusals.any() for process in talk.machine.processes)


def test_a_message_takes_what_its_parts_take() -> None:
    """At hardly any load, without anything random."""
    fixed = {
        name: replace(getattr(COSTS, name), work_sigma=0.0, flying=1)
        for name in ("host", "edge", "client")
    }
    costs = replace(COSTS, **fixed)
    passed = Talk(costs, 1, 2, 10.0, 1).run(5.0)
    host_s = 3 * 15e-6 + 300e-6 + 350e-6 + 1.5e-6
    edge_s = 100e-6 + 20e-6 + 2 * 20e-6  # the answer is sent before the other's frame is
    client_s = 2 * (30e-6 + 5e-6)
    ways_s = 60e-6 + 40e-6 + 2 * 200e-6
    assert min(passed.latency_s) == pytest.approx(host_s + edge_s + client_s + ways_s, rel=0.1)


def test_more_load_takes_longer(batched: dict[str, dict[str, float]]) -> None:
    by_share = [batched[load.name] for load in sorted(HELD_OUT, key=lambda load: load.share)]
    for figure in ("p50_ms", "p99_ms", "throughput_per_s"):
        values = [each[figure] for each in by_share]
        assert values == sorted(values), figure


def test_more_than_can_be_done_is_not_done() -> None:
    (over,) = (load for load in PAIRS if load.share > 1)
    most = of_messages(over, 20_000.0, SIMULATED_S, COSTS)["throughput_per_s"]
    assert 5_000 < most < 18_000


def test_twice_as_many_come_back_in_twice_the_time() -> None:
    one, two = (Storm(COSTS, 1).run(count) for count in (500, 1_000))
    assert two == pytest.approx(2 * one, rel=0.1)


def test_a_slow_machine_takes_longer_for_everything_but_the_disk() -> None:
    """At hardly any load, without anything random (see above)."""
    fixed = {
        name: replace(getattr(COSTS, name), work_sigma=0.0, flying=1)
        for name in ("host", "edge", "client")
    }
    one, two = (
        min(Talk(replace(COSTS, **fixed).slowed(times), 1, 2, 10.0, 1).run(5.0).latency_s)
        for times in (1.0, 2.0)
    )
    commit_s = 350e-6 + 1.5e-6
    assert two - commit_s == pytest.approx(2 * (one - commit_s), rel=0.1)


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", LIMITS)
def test_a_figure_is_within_its_limit_or_not(figure: str) -> None:
    for share, within in ((0.0, True), (0.99, True), (1.01, False)):
        for sign in (-1, 1):
            predicted = 100.0 * (1 + sign * share * LIMITS[figure])
            assert Compared("a load", figure, predicted, 100.0, 0.0).within is within


def test_the_limits_are_those_that_were_set() -> None:
    assert LIMITS == {
        "throughput_per_s": 0.15,
        "p50_ms": 0.25,
        "p99_ms": 0.40,
        "edge_mb": 0.15,
        "memory_mb": 0.15,
        "recovery_s": 0.30,
    }


def test_nothing_measured_is_no_hit() -> None:
    assert not Compared("a load", "p50_ms", 1.0, 0.0, 0.0).within


def test_the_median_of_five_with_its_noise() -> None:
    rounds = [{"p50_ms": value} for value in (2.0, 100.0, 1.0, 4.0, 3.0)]
    assert middle(rounds) == {"p50_ms": 3.0}
    assert noise(rounds) == {"p50_ms": 33.0}


def test_the_same_model_without_batching_fails(batched: dict[str, dict[str, float]]) -> None:
    """Where a server does what the model with batching says, and a little else each time."""
    without = told(COSTS.without_batching(), HELD_OUT[:2])
    for load in HELD_OUT[:2]:
        rounds = [
            {name: value * times for name, value in batched[load.name].items()}
            for times in (0.95, 1.0, 1.05)
        ]
        assert all(each.within for each in compared(load.name, batched[load.name], rounds))
        found = {each.figure: each for each in compared(load.name, without[load.name], rounds)}
        assert not found["p50_ms"].within
        assert not found["p99_ms"].within
        if load.share > 0.2:
            assert not found["throughput_per_s"].within


# --- loads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [*LOADS, SEEN_STORM], ids=lambda load: load.name)
def test_the_load_tool_reads_every_load(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "load.toml"
    for rate in (0.0, 123.4):
        path.write_text(scenario(load, rate, seconds_of(load, 2.0)))
        read_scenario(path)


def test_the_loads_are_those_that_were_asked_for() -> None:
    held = {load.name for load in LOADS if load.held_out}
    assert held == {"10", "35", "65", "90", "120", "group", "idle", "storm"}
    assert {load.name for load in LOADS if not load.held_out} == {"20", "50", "80"}


def test_a_storm_of_which_some_never_came_back_has_not_recovered() -> None:
    storm = next(load for load in LOADS if load.storm)
    for back, recovery_s in ((2_000, 1.5), (1_999, NEVER_S)):
        found = {"storms": [{"asked": 2_000, "back": back, "recovered_s": 1.5}]}
        assert figures(storm, found) == {"recovery_s": recovery_s}


def test_loads_have_names() -> None:
    assert named("") == LOADS
    assert [load.name for load in named("35, idle")] == ["35", "idle"]
    for odd in ("nope", ",", "35,", "35,,10"):
        with pytest.raises(Told):
            named(odd)


# --- attempts -------------------------------------------------------------------------------------


def predicted(**changes: object) -> Predicted:
    given: dict[str, object] = {
        "made": "2026-01-01T00:00:00+00:00",
        "version": "0",
        "machine": "here",
        "cores": 2,
        "calibration": attempts.calibration_hash(),
        "model": attempts.model_hash(),
        "seconds": 6.0,
        "capacity_per_s": 10_000.0,
        "client": Client(5.0, 30.0, 300.0, 200.0),
        "seen": {},
        "loads": [PredictedLoad("35", "35 %", True, 1.0, {"p50_ms": 4.0}, {"p50_ms": 400.0})],
    }
    return Predicted(**given | changes)  # type: ignore[arg-type]


def measured_to_be(p50_ms: float) -> Measured:
    return Measured("now", "here", "abc", [MeasuredLoad("35", [{"p50_ms": p50_ms}])])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a repository."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "what is predicted")


def test_every_attempt_stays(tmp_path: Path) -> None:
    tmp_path /= "attempts"
    assert attempts.attempts(tmp_path) == []
    kept = [attempts.keep_predicted(predicted(seconds=float(n)), tmp_path) for n in (1, 2)]
    for number, p50_ms in ((1, 4.0), (1, 5.0), (2, 6.0)):
        kept.append(attempts.keep_measured(number, measured_to_be(p50_ms), tmp_path))
    assert [path.name for path in kept] == [
        "001-predicted.json",
        "002-predicted.json",
        "001-measured.json",
        "001-measured-2.json",
        "002-measured.json",
    ]
    first, second = attempts.attempts(tmp_path)
    assert (first.number, first.predicted.seconds, len(first.measured)) == (1, 1.0, 2)
    assert [each.loads[0].rounds[0]["p50_ms"] for each in first.measured] == [4.0, 5.0]
    assert (second.number, second.predicted.seconds, len(second.measured)) == (2, 2.0, 1)


def test_a_number_is_not_used_again(tmp_path: Path) -> None:
    attempts.keep_predicted(predicted(), tmp_path).rename(tmp_path / "007-predicted.json")
    assert attempts.keep_predicted(predicted(), tmp_path).name == "008-predicted.json"


def test_nothing_is_measured_that_is_not_predicted(folder: Path) -> None:
    with pytest.raises(Told, match="nothing is predicted"):
        attempts.to_be_measured(folder)


def test_what_is_predicted_is_committed_before_it_is_measured(folder: Path) -> None:
    path = attempts.keep_predicted(predicted(), folder)
    with pytest.raises(Told, match="not committed"):
        attempts.to_be_measured(folder)
    git(folder, "add", ".")
    with pytest.raises(Told, match="not committed"):
        attempts.to_be_measured(folder)
    commit(folder)
    last, found = attempts.to_be_measured(folder)
    assert last.number == 1
    assert len(found) == 40
    path.write_text(path.read_text().replace("4.0", "5.0"))
    with pytest.raises(Told, match="not committed"):
        attempts.to_be_measured(folder)


def test_what_git_ignores_is_not_committed(folder: Path) -> None:
    (folder / ".gitignore").write_text("*.json\n")
    attempts.keep_predicted(predicted(), folder)
    commit(folder)
    with pytest.raises(Told, match="not committed"):
        attempts.to_be_measured(folder)


def test_there_may_be_no_repository(tmp_path: Path) -> None:
    attempts.keep_predicted(predicted(), tmp_path)
    with pytest.raises(Told, match="not committed"):
        attempts.to_be_measured(tmp_path)


@pytest.mark.parametrize("what", ["calibration", "model"])
def test_whoever_tunes_predicts_anew(folder: Path, what: str) -> None:
    attempts.keep_predicted(predicted(**{what: "of another one"}), folder)
    commit(folder)
    with pytest.raises(Told, match=f"the {what} is not the one"):
        attempts.to_be_measured(folder)


def test_an_attempt_that_is_broken_is_told(tmp_path: Path) -> None:
    (tmp_path / "001-predicted.json").write_text("{}")
    with pytest.raises(Told, match=r"001-predicted\.json"):
        attempts.attempts(tmp_path)


def test_what_was_predicted_beside_what_was_measured() -> None:
    (one,) = commands.beside(predicted(), measured_to_be(5.0))
    assert (one.predicted, one.measured, one.within) == (4.0, 5.0, True)
    (other,) = commands.beside(predicted(), measured_to_be(5.0), batching=False)
    assert (other.predicted, other.within) == (400.0, False)


def test_what_is_measured_is_predicted_anew_for_the_pace_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twice as slow as when it was predicted: that is told beside, and changes no prediction."""
    attempt = attempts.Attempt(
        1, predicted(loads=[PredictedLoad("20", "", False, 100.0, {"p50_ms": 4.0}, {})]), []
    )
    attempt.predicted.pace_s = PACE_S / 2
    asked: list[float] = []

    def predicted_for(load: Load, rate: float, *rest: Any) -> dict[str, float]:
        asked.append(rest[-1].turns[0] / costs.turns[0])
        return {"p50_ms": 2.0}

    calibrated = calibration_of()
    monkeypatch.setattr(calibration, "read", lambda: calibrated)
    costs = Costs.of(calibrated, 2, attempt.predicted.client)
    monkeypatch.setattr(attempts, "to_be_measured", lambda: (attempt, "abc"))
    monkeypatch.setattr(measure, "running", lambda *_: nullcontext(Answering()))
    monkeypatch.setattr(predict, "figures", predicted_for)
    console = Console(record=True, width=200, file=io.StringIO())
    (found,) = commands.measured(None, SEEN[:1], None, 3, console, True)
    assert asked == [pytest.approx(2.0)]
    assert (found.predicted, found.measured) == (4.0, 2.0)
    text = console.export_text()
    assert "+100%" in text
    assert "0 of 1 figures are within" in text
    assert "1 of 1 for a machine that is as fast as it was meanwhile" in text


def test_a_pace_is_a_time() -> None:
    assert 0.0 < pace_s() < 60.0


def test_the_last_attempt_is_shown_beside_the_first(tmp_path: Path) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    with pytest.raises(Told, match="nothing is measured"):
        commands.shown(console, True, tmp_path)
    for p50_ms in (8.0, 5.0, 4.0):
        attempts.keep_predicted(predicted(), tmp_path)
        attempts.keep_measured(len(attempts.attempts(tmp_path)), measured_to_be(p50_ms), tmp_path)
    (last,) = commands.shown(console, True, tmp_path)
    assert (last.measured, last.within) == (4.0, True)
    text = console.export_text()
    assert [f"attempt {number}" in text for number in (1, 2, 3)] == [True] * 3
    first_then_last = text.rpartition("attempt 3")[2]
    assert "+0%" in first_then_last
    assert "-50%" in first_then_last


def test_what_fits_is_found_from_loads_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "WAYS_US", (0.0, 200.0, 400.0))
    monkeypatch.setattr(predict, "LATES", (1.0, 2.0))
    monkeypatch.setattr(predict, "STALLS_MS", (0.0, 60.0))
    monkeypatch.setattr(predict, "FINER", 3)
    monkeypatch.setattr(predict, "SIMULATED_S", 1.0)
    monkeypatch.setattr(predict, "FITTED_S", 0.5)
    made = Client(5.0, 20.0, 300.0, 200.0, 1.5, 60.0)
    costs, (load, *_) = Costs.of(calibration_of(), 2, made), PAIRS
    most = len(Talk(costs, load.chats, load.size, 10_000.0, 1).run(0.5).answered_s) / 0.5
    known = []
    for rate in (100.0, 800.0):
        figures = of_messages(load, rate, 1.0, costs)
        known.append(Seen(load, rate, figures["p50_ms"], figures["p99_ms"]))
    found = fitted(calibration_of(), 2, Client(5.0, 20.0, 300.0, 0.0), most, known)
    assert found.late == pytest.approx(1.5, abs=0.25)
    assert found.way_us == pytest.approx(200.0, abs=100.0)
    assert found.stall_ms == 60.0


class Answering(measure.Server):
    """Answers as a server of 10,000 messages a second does; every third round is another's."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def load(self, load: Load, rate: float, seconds: float) -> dict[str, Any]:
        self.rates.append(rate)
        odd = 10.0 if len(self.rates) % 3 == 0 else 1.0
        return {
            "sent_per_s": odd * (rate or 10_000.0),
            "service_p50_ms": 2.0 * odd,
            "service_p99_ms": 4.0 * odd,
            "client_us_per_message": (45.0 if rate == 2_000.0 else 15.0) * odd,
            "client_cpu_s": 0.2 * odd,
            "pace_s": PACE_S * odd,
            "notices": [],
            "edge_mb": 150.0,
            "memory_mb": 800.0,
            "storms": [{"asked": 500, "back": 500, "recovered_s": 0.5 * odd}],
        }


def test_what_the_seen_loads_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(predict, "fitted", lambda *given: asked.extend(given[-1]) or given[2])
    server = Answering()
    found = seen.look(server, calibration_of(), 2, 6.0, 3, lambda _: None)
    assert server.rates == [0.0] * 3 + [2e3] * 3 + [5e3] * 3 + [8e3] * 3 + [0.0] * 3
    assert found.capacity_per_s == 10_000.0
    assert found.pace_s == PACE_S
    assert found.client == Client(frame_us=5.0, batch_us=10.0, open_us=400.0, way_us=0.0)
    assert found.figures["20"] == {"throughput_per_s": 2_000.0, "p50_ms": 2.0, "p99_ms": 4.0}
    assert found.figures["storm of 500"] == {"recovery_s": 0.5}
    assert [(each.rate, each.p50_ms) for each in asked] == [(2e3, 2.0), (5e3, 2.0), (8e3, 2.0)]


@pytest.mark.parametrize(
    ("loads", "seconds", "rounds", "kept"),
    [
        (LOADS, None, 5, True),
        (LOADS, 6.0, 6, True),
        (SEEN, None, 5, False),
        (SEEN[:1], 1.0, 1, False),
    ],
)
def test_only_all_of_it_is_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
    loads: tuple[Load, ...],
    seconds: float | None,
    rounds: int,
    kept: bool,
) -> None:
    said = [
        PredictedLoad(load.name, load.text, load.held_out, load.rate(1e4), {}, {}) for load in LOADS
    ]
    attempt = attempts.Attempt(1, predicted(loads=said), [])
    made: list[Measured] = []

    def keep(number: int, found: Measured) -> Path:
        made.append(found)
        return Path("001-measured.json")

    monkeypatch.setattr(attempts, "to_be_measured", lambda: (attempt, "abc"))
    monkeypatch.setattr(attempts, "keep_measured", keep)
    monkeypatch.setattr(measure, "running", lambda *_: nullcontext(Answering()))
    console = Console(file=io.StringIO())
    assert commands.measured(None, loads, seconds, rounds, console, True) == []
    assert [each.commit for each in made] == ["abc"] * kept
    for found in made:
        assert [(load.name, len(load.rounds)) for load in found.loads] == [
            (load.name, rounds) for load in LOADS
        ]


@pytest.mark.parametrize(
    ("loads", "seconds", "rounds"), [(LOADS, None, 4), (LOADS, 5.0, 5), (LOADS[2:], None, 5)]
)
def test_a_trial_is_of_loads_that_were_seen(
    monkeypatch: pytest.MonkeyPatch, loads: tuple[Load, ...], seconds: float | None, rounds: int
) -> None:
    attempt = attempts.Attempt(1, predicted(), [])
    monkeypatch.setattr(attempts, "to_be_measured", lambda: (attempt, "abc"))
    with pytest.raises(Told, match="--only 20,50,80"):
        commands.measured(None, loads, seconds, rounds, Console(file=io.StringIO()), True)


def test_the_attempts_that_are_here_can_be_read() -> None:
    for attempt in attempts.attempts():
        assert [load.name for load in attempt.predicted.loads] == [load.name for load in LOADS]
    held()
