"""Stretches: the same numbers whoever does them; nothing appears or vanishes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heliograph.failing import Told
from sim.population import model as models
from sim.population.fanout import Turn
from sim.population.histogram import mean_s
from sim.population.layout import Layout, Node
from sim.population.load import COUNTS, ITEM, ITEM_BITS, Load
from sim.population.model import Channel, Cold, File, Loss, Model, Prices, Region, Restart
from sim.population.slot import MINUTE_BINS, Slot
from sim.population.stretch import Found, Stretch
from tests.unit.population.made import EVEN, model_of

NODES = (Node("a-0", 0, 2, 1, 1), Node("b-0", 1, 2, 1, 1))
REGIONS = (Region("a", 0.6, ((1.0, EVEN),), 20.0), Region("b", 0.4, ((1.0, EVEN),), 20.0))
PEOPLE = 20_000


def model(homes: bool = False) -> Model:
    layout = Layout(NODES, 64, 1, homes)
    files = (File("photo", 0.2, 100_000, 1.0, 0.5),)
    return model_of(PEOPLE, layout, regions=REGIONS, files=files)


def passed(made: Model, folder: Path, first: int = 600, minutes: int = 2) -> Found:
    return Stretch(made, first, minutes, folder).run()


def count(found: Found, name: str) -> int:
    return int(found.counts[:, :, COUNTS.index(name)].sum())


def test_it_is_the_same_each_time_and_other_from_another_seed(tmp_path: Path) -> None:
    first, again = passed(model(), tmp_path), passed(model(), tmp_path)
    assert pickle.dumps(first) == pickle.dumps(again)
    other = passed(replace(model(), seed=2), tmp_path)
    assert count(other, "sends") != count(first, "sends")
    assert np.isclose(count(other, "sends"), count(first, "sends"), rtol=0.15)


@pytest.mark.parametrize("slots", [1, 12])
def test_nothing_appears_or_vanishes(
    slots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "CELLS_MAX", 8 * MINUTE_BINS // slots)
    assert model().slots == slots
    found = passed(model(), tmp_path)
    turns = found.turns.sum(0)
    sends, deliveries = count(found, "sends"), count(found, "deliveries")
    assert np.isclose(sends, PEOPLE * 40 / 1440 * 2, rtol=0.1)
    assert count(found, "private_sends") + count(found, "group_sends") == sends
    assert turns[Turn.CHAT_SEND] == sends
    assert turns[Turn.USER_MESSAGE] == sends + deliveries
    assert turns[Turn.CHAT_DELIVERED] == count(found, "pushes")
    assert turns[Turn.MESSAGE_OUT] == turns[Turn.MESSAGE_IN] == count(found, "messages_between")
    assert turns[Turn.SESSION_ATTACH] == count(found, "opens")
    here = int(turns[: Turn.MESSAGE_OUT].sum())
    assert here - turns[Turn.USER_SHOW] < found.by_partition.sum() < here
    together = (Turn.USER_RECEIVED, Turn.USER_ONLINE, Turn.USER_OFFLINE)  # with what came first
    hosts = len(NODES) * 2
    assert found.items[:, :hosts].sum() == here - turns[list(together)].sum()
    assert not found.refused.any()


def test_a_minute_in_slots_is_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much is done by each, as long is waited, and as much is left to the next minute, as if it
    were done at once."""
    storm = replace(model(), users=20 * PEOPLE, restarts=(Restart(601, 0),))
    whole = passed(storm, tmp_path, minutes=3)
    monkeypatch.setattr(models, "CELLS_MAX", 1)
    found = passed(replace(storm), tmp_path, minutes=3)
    assert np.allclose(found.counts.sum(1)[:, 0], whole.counts.sum(1)[:, 0], rtol=0.1)
    assert np.allclose(found.items, whole.items, rtol=0.15)
    steady = slice(0, -len(NODES))  # without media actors, for files are few and of any size
    assert np.allclose(found.busy_ns[:, steady], whole.busy_ns[:, steady], rtol=0.1)
    assert np.isclose(found.latency.sum(), whole.latency.sum(), rtol=0.15)
    assert np.isclose(mean_s(found.latency[:, 1].sum(0)), mean_s(whole.latency[:, 1].sum(0)), 0.15)
    assert (found.delays.sum(1) > 0).all()
    assert found.peak.max() < 2 * whole.peak.max()


def test_nobody_may_write_for_a_minute(tmp_path: Path) -> None:
    found = passed(model_of(1, Layout(NODES, 64, 1)), tmp_path, minutes=1)
    assert count(found, "sends") == 0


def test_more_than_can_be_counted_is_told() -> None:
    load = Load(model(), Slot(0))
    many = np.array([ITEM << (62 - ITEM_BITS)])
    np.add.at(load.cells[1], [7], many)
    load.check()
    np.add.at(load.cells[1], [7], many)
    with pytest.raises(Told, match=r"a-0/host-1 .* 8,388,608 things within 5 ms"):
        load.check()


def test_a_region_is_lost(tmp_path: Path) -> None:
    """Its stations have nothing to do any more, and its people come back elsewhere."""
    found = passed(replace(model(), losses=(Loss(601, 1),)), tmp_path)
    layout = model().layout
    gone = [n for n, station in enumerate(layout.stations) if station.region == 1]
    assert found.items[0, gone].all()
    assert not found.items[1, gone].any()
    opens = found.counts[:, 1, COUNTS.index("opens")]
    assert opens[1] > opens[0] + PEOPLE * 0.4 * 0.28 * 0.8


def test_connections_come_back(tmp_path: Path) -> None:
    quiet = passed(model(), tmp_path)
    found = passed(replace(model(), restarts=(Restart(601, 0, 0.5),)), tmp_path)
    more = found.counts[1, :, COUNTS.index("opens")] - quiet.counts[1, :, COUNTS.index("opens")]
    assert np.isclose(more[0], PEOPLE * 0.6 * 0.28 * 0.5, rtol=0.15)
    assert more[1] == 0


@pytest.mark.parametrize("cells", [models.CELLS_MAX, 1])
def test_who_waits_for_minutes_comes_back_minutes_later(
    cells: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one and a half to three minutes: a third within two, two thirds within three."""
    monkeypatch.setattr(models, "CELLS_MAX", cells)
    waits = replace(model(), reconnect_s=180.0)
    quiet = passed(waits, tmp_path, 601, 4).counts[:, 0, COUNTS.index("opens")]
    found = passed(replace(waits, restarts=(Restart(601, 0),)), tmp_path, 601, 4)
    more = found.counts[:, 0, COUNTS.index("opens")] - quiet
    lost = PEOPLE * 0.6 * 0.28
    assert more[[0, 3]].tolist() == [0, 0]
    assert np.allclose(more[[1, 2]] / lost, [1 / 3, 2 / 3], atol=0.05)


def test_cold_reads_cost_more(tmp_path: Path) -> None:
    quiet = passed(model(), tmp_path, 601, 1)
    cold = passed(replace(model(), cold=Cold(601, 5.0, 10.0)), tmp_path, 601, 1)
    reads = int(quiet.turns[:, [Turn.READ_DIFFERENCE, Turn.READ_HISTORY]].sum())
    more_ns = int(cold.busy_ns.sum() - quiet.busy_ns.sum())
    assert np.isclose(more_ns, 4 * reads * 1_000, rtol=0.01)
    assert cold.items.tolist() == quiet.items.tolist()
    later = replace(model(), cold=Cold(602, 5.0, 10.0))
    assert pickle.dumps(passed(later, tmp_path, 601, 1)) == pickle.dumps(quiet)


def test_a_post_in_a_channel_is_for_all_who_are_there(tmp_path: Path) -> None:
    quiet = passed(model(), tmp_path)
    found = passed(replace(model(), channel=Channel(0.5, 600.0)), tmp_path)
    pushes = count(found, "pushes") - count(quiet, "pushes")
    each = round(PEOPLE * 0.5 * 0.28)
    assert pushes > 0
    assert pushes % each == 0
    assert (found.items.sum() - quiet.items.sum()) == pushes


def test_people_live_in_their_regions(tmp_path: Path) -> None:
    """Then fewer messages go from one host to another of another region, and all are faster."""
    near = passed(model(homes=True), tmp_path)
    anywhere = passed(model(), tmp_path)
    assert count(near, "sends") == count(anywhere, "sends")
    assert count(near, "messages_between") < count(anywhere, "messages_between")


def test_cores_that_are_too_few_make_all_late(tmp_path: Path) -> None:
    """No process is busy all the time, but the machine is: what it can't do is done later."""
    turns = (*(5_000_000,) * 15, 0, 0)  # messages between hosts cost nothing
    made = replace(model(), prices=Prices(turns, (5_000_000,) * 3, 0, 1_000, 0, 500))
    enough, few = (passed(replace(made, cores=cores), tmp_path) for cores in (8, 1))
    assert not enough.end.is_much()
    assert few.end.is_much()
    assert few.waited_s[1] > few.waited_s[0] > 10 * enough.waited_s[0]
    assert mean_s(few.latency[0, 1]) > 10 * mean_s(enough.latency[0, 1])
