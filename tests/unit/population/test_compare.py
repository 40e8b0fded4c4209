"""Two runs side by side: what chance does is not told as a difference."""

from __future__ import annotations

import random
import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from heliograph.failing import Told
from sim.population import result as results
from sim.population.cli import compare as command
from sim.population.compare import Comparison, compare, headline
from sim.population.report import comparison
from sim.population.result import Hour, Minute, RegionHour, Result
from tests.unit.population.made import a_result

HOURS = 24


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return msgspec.json.encode(a_result(tmp_path_factory.mktemp("run"), minutes=1))


def day(short: bytes, seed: int, times: float = 1.0) -> Result:
    """A day whose hours differ much, and that has some chance in it; `times` as many messages."""
    made = msgspec.json.decode(short, type=Result)
    rng = random.Random(seed)
    made.seed, made.minutes_done = seed, HOURS * 60
    made.users = round(made.users * times)
    made.hours = [
        Hour(hour, {"here": RegionHour(_drawn(rng, 60_000 * (1 + hour % 12) * times), 0, 0, 9)})
        for hour in range(HOURS)
    ]
    made.minutes = [
        Minute(n, _drawn(rng, 1_000 * (1 + n // 60 % 12) * times), 0.1, 0, 0, 9, 40.0)
        for n in range(HOURS * 60)
    ]
    return made


def _drawn(rng: random.Random, mean: float) -> int:
    return round(rng.gauss(mean, mean**0.5))


def sends(found: Comparison) -> str:
    return next(each.told for each in found.figures if each.what == "sends")


def test_a_run_with_itself_is_the_same(short: bytes) -> None:
    found = compare(day(short, 1), day(short, 1))
    assert {each.told for each in found.figures} == {"same"}
    assert headline(found).startswith("Nothing that was said differs")


@pytest.mark.parametrize("seed", range(2, 12))
def test_another_seed_is_chance(short: bytes, seed: int) -> None:
    found = compare(day(short, 1), day(short, seed))
    assert {each.told for each in found.figures} <= {"same", "chance"}
    assert headline(found).startswith("Only the seeds differ")


@pytest.mark.parametrize("times", [1.02, 0.98, 3.0])
def test_more_is_more_whatever_the_seed(short: bytes, times: float) -> None:
    """Though the hours of a day differ twelve-fold."""
    found = compare(day(short, 1), day(short, 2, times))
    assert sends(found) == "different"
    (change,) = (each.change for each in found.figures if each.what == "sends")
    assert change == pytest.approx(times - 1, abs=0.01)


def test_a_day_of_another_shape_is_no_chance(short: bytes) -> None:
    """What is chance in the busiest minute does not grow with it."""
    a, b = day(short, 1), day(short, 2)
    b.minutes = [*b.minutes[600:], *b.minutes[:600]]
    noises = [
        each.noise
        for other in (day(short, 2), b)
        for each in compare(a, other).figures
        if each.what == "host: busiest minute"
    ]
    assert noises[0] == pytest.approx(noises[1], rel=0.5)


def test_what_was_changed_is_said(short: bytes) -> None:
    a, b = day(short, 1), day(short, 1)
    b.inputs["people.sends_per_day"] = 41.0
    b.users *= 2
    found = compare(a, b)
    assert found.inputs == {"people.sends_per_day": (40.0, 41.0)}
    assert [each.partition(":")[0] for each in found.others] == ["people"]


@pytest.mark.parametrize("seed", range(2, 12))
def test_what_chance_does_is_within_its_noise(short: bytes, seed: int) -> None:
    other = day(short, seed)
    other.users += 1  # so that chance is not all that there can be
    assert sends(compare(day(short, 1), other)) == "chance"


def test_of_a_few_minutes_chance_is_not_known(short: bytes) -> None:
    a, b = (msgspec.json.decode(short, type=Result) for _ in range(2))
    b.users += 1
    a.minutes_done = b.minutes_done = HOURS * 60
    a.hours, b.hours = day(short, 1).hours[:2], day(short, 2).hours[:2]
    assert sends(compare(a, b)) == "not known"


def test_nothing_is_compared_with_nothing(short: bytes) -> None:
    a = msgspec.json.decode(short, type=Result)
    a.hours, a.minutes, a.stations, a.nodes, a.ladder, a.latency = [], [], [], [], [], {}
    a.users = a.minutes_done = 0
    found = compare(a, day(short, 1))
    ElementTree.fromstring(comparison.html(found).decode().removeprefix("<!doctype html>\n"))


def test_the_command(short: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, made in (("one", day(short, 1)), ("two", day(short, 2, 1.5))):
        results.write(made, tmp_path / name)
    page = tmp_path / "page.html"
    command(tmp_path / "one", tmp_path / "two", page)
    said = capsys.readouterr().out
    assert "compare runs of one seed" in said
    assert re.search(r"\+(49|50)", said)
    content = page.read_text()
    ElementTree.fromstring(content.removeprefix("<!doctype html>\n"))
    assert "What is different" in content
    with pytest.raises(Told, match="not the result of a run"):
        command(page, tmp_path / "one")
