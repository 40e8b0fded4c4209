"""Runs: the same numbers however many do them; what one stretch leaves is the next one's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heliograph.failing import Told
from sim.population import run as runs
from sim.population import scenario
from sim.population.layout import Layout, Node
from sim.population.model import Model, Restart
from sim.population.run import run, stretches
from sim.population.saved import Saved, head_of
from sim.population.stretch import Found
from tests.unit.population.made import model_of

TODO = [(600, 1), (601, 1), (602, 1)]


def model(users: int = 5_000, **changed: object) -> Model:
    layout = Layout((Node("n", 0, 2, 1, 1),), 64, 1)
    return model_of(users, layout, **changed)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def told_by(found: Found) -> str:
    with np.printoptions(threshold=sys.maxsize):
        return repr(found)


def test_a_day_is_cut_into_stretches() -> None:
    found = stretches(2)
    assert sum(minutes for _, minutes in found) == 2 * 1440
    ends = [first + minutes for first, minutes in found]
    assert [first for first, _ in found] == [0, *ends[:-1]]


def test_the_same_by_one_and_by_two() -> None:
    told: list[int] = []
    alone = run(model(), TODO, 1, told.append)
    together = run(model(), TODO, 2)
    assert told == [1, 1, 1]
    assert told_by(alone) == told_by(together)


@pytest.mark.soak
def test_the_same_on_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    alone, there = run(model(), TODO, 1), run(model(), TODO, 1, ray=True)
    assert told_by(alone) == told_by(there)


def test_what_is_left_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storm at the end of a stretch is the next one's, too."""
    storm = model(restarts=(Restart(600, None),), work_s=3e-3)
    found = run(storm, TODO[:2], 1)
    first, idle = (runs.pass_stretch(storm, *each) for each in TODO[:2])
    assert first.end.is_much()
    assert found.waited_s[1] > idle.waited_s[0]
    second = runs.pass_stretch(storm, *TODO[1], first.end)
    both = Found.nothing(storm, 600, 2, second.end)
    both.add(first)
    both.add(second)
    assert told_by(found) == told_by(both)


def test_interrupted_it_tells_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int) -> None:
        if told:
            raise KeyboardInterrupt
        told.append(done)

    told: list[int] = []
    whole = run(model(), TODO, 1)
    part: Found = run(model(), TODO, 1, interrupt)
    assert part.counts.tolist() == whole.counts[:1].tolist()


def test_what_was_saved_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended after the second of three, it goes on with the third; what a storm leaves is told all
    the same."""

    def interrupt(done: int) -> None:
        told.append(done)
        if len(told) == 2:
            raise KeyboardInterrupt

    def noted(model: Model, first: int, *rest: Any) -> Found:
        begun.append(first)
        return passed(model, first, *rest)

    storm = model(restarts=(Restart(600, None),), work_s=3e-3)
    told: list[int] = []
    begun: list[int] = []
    whole = run(storm, TODO, 1)
    head = head_of("a storm", storm.seed)
    part = run(storm, TODO, 1, interrupt, saved=Saved(tmp_path / "kept", head))
    assert len(part.counts) == 1
    passed = runs.pass_stretch
    monkeypatch.setattr(runs, "pass_stretch", noted)
    again = run(storm, TODO, 1, saved=Saved(tmp_path / "kept", head))
    assert told_by(again) == told_by(whole)
    assert begun == [601, 602], "the second again, with what the first left; and the third"


def test_a_folder_is_of_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    Saved(folder, head_of("a", 1))
    with pytest.raises(Told, match=r"kept is of another run \(a\): name a new folder"):
        Saved(folder, head_of("b", 1))
    with pytest.raises(Told, match="another version, or calibration"):
        Saved(folder, head_of("a", 2))
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter").touch()
    with pytest.raises(Told, match="has other files"):
        Saved(other, head_of("a", 1))
    assert [path.name for path in other.iterdir()] == ["letter"]


def test_a_scenario_that_is_read_again_is_the_same_run() -> None:
    """Whatever process reads it, and wherever that keeps it."""
    first, again, other = (
        head_of("a", scenario.load(name))
        for name in ("consumer-day", "consumer-day", "working-day")
    )
    assert first == again
    assert first != other


def test_what_is_not_a_stretch_is_said(tmp_path: Path) -> None:
    saved = Saved(tmp_path / "kept", head_of("a", 1))
    run(model(), TODO[:1], 1, saved=saved)
    (path,) = (tmp_path / "kept").glob("*.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Told, match=r"minute-000600.npz is not what was written .*: remove it"):
        run(model(), TODO[:1], 1, saved=saved)
