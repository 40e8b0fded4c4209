"""Scenarios: those that come along are whole, and what is wrong with one is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliograph.failing import Told
from sim.population import calibration, curves
from sim.population.build import build
from sim.population.inputs import INPUTS
from sim.population.scenario import load, shipped

GOOD = """
name = "a town"
text = "Few people."
[inputs]
"people.sends_per_day" = 30
[[region]]
name = "here"
share = 0.4
utc_offset_h = 1
[[region]]
name = "there"
share = 0.6
utc_offset_h = 8
[rtt_ms]
"here - there" = 90
[[event]]
kind = "edge_restart"
at_h = 3
region = "here"
"""


def told(folder: Path, text: str) -> str:
    file = folder / "town.toml"
    file.write_text(text)
    with pytest.raises(Told) as refused:
        load(str(file))
    words = str(refused.value)
    assert words.startswith("town.toml: ") or str(file) in words
    assert "\n" not in words
    return words


@pytest.mark.parametrize("name", shipped())
def test_each_that_comes_along_becomes_a_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sim.population.build.PROBE_USERS", 2_000)
    made = build(load(name), calibration.read(), 10_000, 12, 1)
    assert max(max(each) for each in made.connected) <= 1
    assert sum(region.share for region in made.regions) == pytest.approx(1)
    events = [made.restarts, made.losses, made.cold, made.channel, max(made.factors) > 2]
    assert any(events) == bool({each.kind for each in load(name).events} - {"midnight"})


def test_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "town.toml").write_text(GOOD)
    found = load(str(tmp_path / "town.toml"))
    assert found.values["people.sends_per_day"] == 30
    assert found.values["chats.contacts"] == INPUTS["chats.contacts"].default
    assert found.rtt_ms == {(0, 1): 90}
    assert [(each.kind, each.region, each.values["at_h"]) for each in found.events] == [
        ("edge_restart", 0, 3)
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"people.sends_per_day" = 30', '"people.sends" = 30', "people.sends: there is no such"),
        ("= 30", "= -1", "people.sends_per_day = -1: allowed is 0.01 to 10,000 1/day"),
        ("= 30", "= 1e9", "allowed is 0.01 to 10,000"),
        ("= 30", '= "30/day"', "a number is needed"),
        ("= 30", "= nan", "allowed is"),
        ("= 30", "= true", "a number is needed"),
        ('"people.sends_per_day" = 30', '"node.cores" = 1.5', "a whole number is needed"),
        ("share = 0.4", "share = 0.5", "region.share: all together are 1.1, and have to be 1"),
        ("share = 0.4", "share = 1.4", "region.share: 1.4 is out of range: allowed is 0 to 1"),
        ("share = 0.4", "part = 0.4", "region.part: is not known"),
        ("share = 0.4\n", "", "region.share: a number is needed"),
        ("utc_offset_h = 8", "utc_offset_h = 15", "allowed is -12 to 14 h"),
        ('name = "there"', 'name = "here"', "region.name: another name is needed"),
        ('"here - there" = 90', '"here-there" = 90', "rtt_ms.here-there: two regions are needed"),
        ('"here - there" = 90', '"here - home" = 90', "there is no region 'home'"),
        ('"here - there" = 90', '"here - there" = -9', "allowed is 0 to 2,000 ms"),
        ('kind = "edge_restart"', 'kind = "rain"', "event.kind: 'rain' is not known"),
        ("at_h = 3", "at_m = 3", "event edge_restart.at_m: is not known"),
        ('region = "here"', 'region = "home"', "there is no region 'home'"),
        ('kind = "edge_restart"', 'kind = "midnight"', "event midnight.at_h: is not known"),
        ('name = "a town"', "", "name: a text is needed"),
        ('name = "a town"', 'name = "a town"\nusers = 0', "users: 0 is out of range"),
        ('name = "a town"', 'name = "a town"\nhomes = 1', "homes: true or false is needed"),
        ('name = "a town"', 'name = "a town"\ncolour = 1', "colour: is not known"),
        ('name = "a town"', 'name = "a town', "line"),
        ("[inputs]", "[[inputs]]", "inputs: a table is needed"),
        ("[[event]]", "[event]", "event: [[event]] is needed"),
    ],
)
def test_what_is_wrong_is_told(before: str, after: str, said: str, tmp_path: Path) -> None:
    assert before in GOOD
    assert said in told(tmp_path, GOOD.replace(before, after, 1))


def test_there_are_regions(tmp_path: Path) -> None:
    assert "region: one is needed" in told(tmp_path, 'name = "a"\ntext = "b"\n')


def test_no_such_scenario(tmp_path: Path) -> None:
    with pytest.raises(Told, match=r"consumer-day, .* or name a file"):
        load("nowhere")
    (tmp_path / "x.toml").write_bytes(b"\xff")
    with pytest.raises(Told, match="UTF-8"):
        load(str(tmp_path / "x.toml"))


def test_inputs_are_within_their_bounds() -> None:
    for each in INPUTS.values():
        assert each.least <= each.low <= each.default <= each.high <= each.most, each.name
        assert each.source
        assert each.text.endswith(".")


def test_a_day_has_its_peaks_where_people_live() -> None:
    evening = curves.of_day(curves.CONSUMER, 8)
    assert evening.mean() == pytest.approx(1)
    assert 20 <= (int(evening.argmax()) / 60 + 8) % 24 < 22
    work = curves.of_day(curves.WORK, 5.5, 0.5)
    assert (work.argmax() + 5.5 * 60) % 30 == 0
    midnight = curves.with_midnight(evening, 8, 9, 10)
    assert (midnight / evening).argmax() == 16 * 60
    assert (midnight / evening).max() == pytest.approx(9)
