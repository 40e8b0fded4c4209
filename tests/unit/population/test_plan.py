"""Plans: what more costs needs more machines, and what it depends on is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from heliograph.failing import Told
from sim.population import calibration, scenario
from sim.population.build import machines_needed
from sim.population.inputs import INPUTS, Values
from sim.population.plan import Aim, plan, probe_of

USERS = 3_000_000
CALIBRATED = calibration.read()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sim.population.plan.PROBE_USERS", 20_000)


def talkers(**inputs: float) -> scenario.Scenario:
    """People who send no files, so that hosts are the limit."""
    shares = {f"media.{kind}_share": 0.0 for kind in ("photo", "video", "voice")}
    return replace(scenario.load("working-day"), values=Values(shares | inputs))


def test_doubled_costs_of_hosts_double_the_hosts() -> None:
    twice = msgspec.structs.replace(
        CALIBRATED, turns_us={name: 2 * us for name, us in CALIBRATED.turns_us.items()}
    )
    once, doubled = (
        sum(machines_needed(probe_of(talkers(), each, 1), USERS, 0.6))
        for each in (CALIBRATED, twice)
    )
    assert once > 1
    assert 1.8 < doubled / once < 2.2


def test_a_plan_is_for_the_last_day_of_growth() -> None:
    grows = replace(scenario.load("growth"), values=talkers().values)
    stays = replace(grows, events=())
    first, last = (
        sum(machines_needed(probe_of(each, CALIBRATED, 1), USERS, 0.6)) for each in (stays, grows)
    )
    assert 8 < last / first < 11


def test_a_plan_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("people.sends_per_day", "node.disk_gb")
    monkeypatch.setattr("sim.population.plan.INPUTS", {name: INPUTS[name] for name in names})
    found = plan(talkers(), CALIBRATED, 300_000, 1, Aim.of("p99=400ms"), 0.3)
    assert found.met
    assert found.utilisation <= 0.3
    assert [lever.input for lever in found.levers] == ["people.sends_per_day"]
    assert found.levers[0].machines_low < found.levers[0].machines_high


def test_what_is_stored_and_what_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan says what a whole day stores, although it looks at a minute, and how long disks do."""
    monkeypatch.setattr("sim.population.plan.INPUTS", {})
    photos = {"media.photo_share": 0.5, "media.video_share": 0.0, "media.voice_share": 0.0}
    changed = {**photos, "media.photo_bytes": 100_000.0, "node.price": 900.0, "node.disk_gb": 500}
    told = replace(scenario.load("consumer-day"), values=Values(changed))
    found = plan(told, CALIBRATED, 20_000, 1, Aim.of("p99=500ms"), 0.6)
    assert found.price == 900 * sum(found.nodes)
    files_gb = 20_000 * 40 * 0.5 * 1e5 * 3 / 1e9
    assert found.gb_per_day == pytest.approx(files_gb, rel=0.3)
    days = 500 * sum(found.nodes) / found.gb_per_day
    assert found.days_until_full == pytest.approx(days, abs=0.06)
    grows = replace(scenario.load("growth"), values=told.values)
    later = plan(grows, CALIBRATED, 20_000, 1, Aim.of("p99=500ms"), 0.6)
    assert later.people == 200_000
    assert later.gb_per_day == pytest.approx(10 * files_gb, rel=0.3)


def test_processes_follow_the_cores_of_a_machine() -> None:
    names = ("node.hosts", "node.edges", "node.media")
    assert [Values().whole(name) for name in names] == [4, 2, 2]
    assert [Values({"node.cores": 16}).whole(name) for name in names] == [8, 4, 4]
    assert [Values({"node.cores": 1}).whole(name) for name in names] == [1, 1, 1]
    assert Values({"node.cores": 16, "node.hosts": 3}).whole("node.hosts") == 3


def test_where_it_is_too_busy_the_aim_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.population.plan.INPUTS", {})
    monkeypatch.setattr("sim.population.plan.TRIES", 1)
    one_is_too_few = {"node.speed": 0.05}
    found = plan(talkers(**one_is_too_few), CALIBRATED, 300_000, 1, Aim.of("p50=1000s"), 0.1)
    assert found.utilisation > 0.1
    assert not found.met


def test_an_aim_in_seconds() -> None:
    assert Aim.of("p99=0.5s") == Aim.of("p99=500ms") == Aim(0.99, 500.0)


def test_what_no_machine_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.population.plan.INPUTS", {})
    slow = talkers(**{"network.access_ms": 800.0})
    found = plan(slow, CALIBRATED, 1_000, 1, Aim.of("p99=500ms"), 0.6)
    assert not found.met
    assert sum(found.nodes) == 3


@pytest.mark.parametrize("words", ["", "p99", "p98=5ms", "p99=-1ms", "p99=0ms", "p99=5m", "p99=5"])
def test_an_aim_that_is_none(words: str) -> None:
    with pytest.raises(Told, match="--slo"):
        Aim.of(words)
