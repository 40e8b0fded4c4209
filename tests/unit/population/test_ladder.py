"""What fails first: what is used when nobody is there does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.population import calibration
from sim.population.ladder import Machine, Use, ladder
from sim.population.layout import Layout, Node
from tests.unit.population.made import a_result


def test_only_what_is_used_by_people_grows() -> None:
    use = Use("memory", "n", now=3.0, rest=1.0, limit=9.0, unit="GB")
    assert use.factor == 4.0


def test_the_tightest_comes_first(tmp_path: Path) -> None:
    found = a_result(tmp_path)
    machine = Machine(8, 32.0, 2_000.0, 500.0, 10_000.0)
    nodes = tuple(Node(each.name, 0, 2, 1, 1) for each in found.nodes)
    layout = Layout(nodes, 64, 3)
    found.stations[0].peak = 0.5
    found.nodes[1].disk_mb_per_s_peak = 400.0
    rungs = ladder(1_000, found.stations, found.nodes, machine, calibration.read(), layout)
    assert [rung.factor for rung in rungs] == sorted(rung.factor for rung in rungs)
    first, second = rungs[:2]
    assert (first.what, first.where, first.users) == ("disk of a node", nodes[1].name, 1_250)
    assert (second.what, second.where, second.factor) == (
        "CPU of a host",
        found.stations[0].name,
        pytest.approx(2.0),
    )
