"""A report is one file that needs nothing else, says what it cannot vouch for, and shows each plot
as a table, too."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from sim.population import result as results
from sim.population.report import html, write
from sim.population.report.numbers import change, clock, figure, gigabytes, short
from sim.population.report.svg import Scale, spanned
from sim.population.report.times import tail, worst_storm
from sim.population.result import Capacity, Held, Lever, Minute, Quantiles, Result
from tests.unit.population.made import a_result

ODD = "<script>alert('1')</script> & \"x\" \x1b[31m\u202e"


@cache
def short_run(folder: Path) -> bytes:
    return msgspec.json.encode(a_result(folder, minutes=1))


@pytest.fixture
def made(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """With all of its parts, as a run of a day has them."""
    made = msgspec.json.decode(short_run(tmp_path_factory.getbasetemp()), type=Result)
    made.capacity = [Capacity(n, n / 4, 40.0 + n, 38.0, 60.0, n > 3) for n in (0.5, 1.0, 2.0, 4.0)]
    made.levers = [Lever("people.sends_per_day", 15, 65, "1/day", 2.5, 9.0)]
    figures = {"p50 ms": 2.0, "p99 ms": 9.0}
    made.validation = [
        Held("20 %", False, figures, {"p50 ms": 2.1, "p99 ms": 8.0}, {"p50 ms": 0.1}),
        Held("35 %", True, figures, {"p50 ms": 1.9, "p99 ms": 0.0}),
    ]
    made.queue_error = {"60% mean": 0.01, "60% p99": -0.02}
    made.minutes = [storm_at(minute) for minute in range(60)]
    made.changed = ["people.sends_per_day"]
    return made


def storm_at(minute: int) -> Minute:
    waits = 4.0 if 20 <= minute < 23 else 0.05
    return Minute(minute, 100, waits, 7 if minute == 21 else 0, 0, 1_000, 50.0)


def parsed(content: bytes) -> ElementTree.Element:
    """Raises for what is not well-formed."""
    return ElementTree.fromstring(content.decode().removeprefix("<!doctype html>\n"))


def bare(made: Result) -> Result:
    """With nothing in it."""
    empty = msgspec.to_builtins(made)
    for name in ("minutes", "stations", "nodes", "ladder", "hours", "extrapolated", "capacity"):
        empty[name] = []
    for name in ("levers", "validation", "changed"):
        empty[name] = []
    empty["partitions"]["hottest"], empty["latency"], empty["queue_error"] = [], {}, {}
    empty["stored"] = {"text_gb_per_day": 0, "media_gb_per_day": 0, "rows_per_day": 0}
    return msgspec.convert(empty, Result)


def test_one_file_that_loads_nothing(made: Result, tmp_path: Path) -> None:
    write(made, tmp_path / "report.html")
    content = (tmp_path / "report.html").read_bytes()
    assert len(content) < 5_000_000
    found = parsed(content)
    assert not {"script", "link", "img", "iframe", "object"} & {each.tag for each in found.iter()}
    assert not re.search(rb"https?:|url\((?!#)|@import|src=|href=", content)


def test_each_plot_has_a_title_a_description_and_a_table(made: Result) -> None:
    plots = [each for each in parsed(html(made)).iter("figure") if each.find("svg") is not None]
    assert len(plots) >= 10
    for plot in plots:
        svg = plot.find("svg")
        assert svg is not None
        named = [svg.find(tag) for tag in ("title", "desc")]
        assert all(each is not None and each.text for each in named)
        ids = [each.get("id") for each in named if each is not None]
        assert svg.get("aria-labelledby", "").split() == ids
        assert plot.find("details//table//tbody/tr") is not None
    ids = [each.get("id") for each in parsed(html(made)).iter() if each.get("id")]
    assert len(ids) == len(set(ids))


def test_without_data_parts_are_left_out(made: Result) -> None:
    found = html(bare(made)).decode()
    parsed(found.encode())
    for words in ("Capacity with more", "No storm", "nothing was measured"):
        assert words in found


def test_texts_are_escaped(made: Result) -> None:
    made.scenario = made.text = made.extrapolated[0] = made.calibration.why = ODD
    made.ladder[0].what = made.levers[0].input = made.validation[0].what = ODD
    region = made.regions[0]
    made.regions[0] = ODD
    made.latency[ODD] = made.latency.pop(region)
    for hour in made.hours:
        hour.regions[ODD] = hour.regions.pop(region)
    made.changed = [ODD]
    content = html(made)
    assert not {"script"} & {each.tag for each in parsed(content).iter()}
    assert b"\x1b" not in content
    assert "\u202e" not in content.decode()


def test_what_it_cannot_vouch_for_stands_at_the_top(made: Result) -> None:
    made.calibration.why = "calibrated with version 0"
    made.minutes_done = 90
    head = html(made).decode().partition("<main>")[0]
    assert "NOT CALIBRATED for this version: calibrated with version 0." in head
    assert "Ended early, after 1.5 of 24 hours" in head
    made.calibration.why, made.minutes_done = "", 1440
    assert "warning" not in html(made).decode().partition("<header>")[2].partition("<main>")[0]


def test_what_was_not_measured_is_hatched(made: Result) -> None:
    def capacity() -> str:
        return html(made).decode().partition("<h3>Capacity")[2].partition("</figure>")[0]

    assert "capacity-hatch" in capacity()
    assert ">extrapolation<" in capacity()
    made.capacity = made.capacity[:-1]
    assert "capacity-hatch" not in capacity()


def test_a_storm_is_found(made: Result) -> None:
    storm = worst_storm(made.minutes)
    assert storm is not None
    assert (storm.first, storm.last, storm.worst_s) == (20, 22, 4.0)
    assert "is over after 3 minutes" in html(made).decode()
    assert worst_storm([storm_at(0), storm_at(1)]) is None


def test_a_tail_ends_where_nothing_takes_longer() -> None:
    found = tail(Quantiles(bounds_ms=[1.0, 2.0, 4.0], counts=[50, 49, 1]))
    assert found == [(1.0, 1.0), (1.0, 0.5), (2.0, pytest.approx(0.01)), (4.0, 1e-6)]


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 10, False, [0, 2, 4, 6, 8, 10]),
        (0, 0.3, False, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
        (1, 1000, True, [1, 10, 100, 1000]),
        (30, 60, True, [30, 35, 40, 45, 50, 55, 60]),
        (1e-6, 1, True, [1e-6, 1e-4, 1e-2, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, log: bool, ticks: list[float]) -> None:
    found = Scale(low, high, 0, 100, log).ticks()
    assert found == pytest.approx(ticks)


@pytest.mark.parametrize("values", [(), (0,), (1e-9,), (7, 7), (1e12, 1e-3)])
@pytest.mark.parametrize("log", [False, True])
def test_any_values_have_a_scale(values: tuple[float, ...], log: bool) -> None:
    low, high = spanned(values, log)
    assert low < high
    assert all(low <= each <= high * 1.000001 for each in values if each > 0)
    assert Scale(low, high, 0, 100, log).ticks()


def test_figures_are_written_alike() -> None:
    assert [figure(each) for each in (0, 0.0772, 1.004, 12.95, 1345.6)] == [
        "0",
        "0.0772",
        "1",
        "12.9",
        "1,346",
    ]
    assert [short(each) for each in (7, 1234, 999_999, 2.5e9)] == ["7", "1.23 k", "1 M", "2.5 G"]
    assert [gigabytes(each) for each in (0, 0.5, 3460)] == ["0 B", "500 MB", "3.46 TB"]
    assert [change(each) for each in (0.0423, -0.5, 0.0001)] == ["+4.2%", "−50%", "0%"]
    assert [clock(each) for each in (75, 1440)] == ["01:15", "day 2, 00:00"]


def test_a_result_that_was_read_is_the_same_page(made: Result, tmp_path: Path) -> None:
    results.write(made, tmp_path / "run.json")
    assert html(results.read(tmp_path / "run.json")) == html(made)
