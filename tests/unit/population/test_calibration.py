"""What a calibration is made of: nothing is missing, and what is put in comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from heliograph.failing import Told
from sim.population import calibration
from sim.population.calibrating import costs, memory, rows, server, whole
from sim.population.calibrating.figures import combined, line, log_sigma, midmean, typical
from sim.population.calibrating.loads import TOLD, Window
from sim.population.calibrating.processes import KINDS, behind
from sim.population.calibrating.talkers import Counts
from sim.population.calibrating.turns import Rounds
from sim.population.fanout import ROWS, Frame, Turn
from sim.population.layout import Layout, Node
from sim.population.scenario import load
from sim.population.stretch import Stretch
from sim.population.whole import summarised
from tests.unit.population.made import model_of

INTO_US, OUT_US, EDGE_BATCH_US = 12.0, 9.0, 150.0
TIMES, HOST_BATCH_US, BESIDE, BESIDE_BATCH_US = 1.4, 300.0, 0.5, 900.0
COMMIT_US = 250.0
IDLE_S = 0.01
"""Of each process, a second."""


def test_every_turn_has_a_price() -> None:
    found = costs.costs(Rounds(warm=1, measured=2, groups=(3, 6)), pairs=4)
    assert set(found.us) == set(found.rows) == set(Turn)
    assert all(us > 0 for us in found.us.values())
    assert found.sigma > 0
    assert set(found.sends_us) == {2, 3, 6}
    turns = [turn for turn in Turn if turn < Turn.MESSAGE_OUT]
    assert {turn: found.rows[turn] for turn in turns} == {t: ROWS.get(t, 0) for t in turns}


def test_rows_and_actors_take_something() -> None:
    found = rows.costs(sizes=(1, 8), rounds=2, checkpoint_rows=200)
    assert found.commit_us + found.commit_item_us > 0
    assert found.row_us + found.batch_us > 0
    assert found.checkpoint_us > 0
    assert memory.row_bytes(pairs=10, few=1, many=16) > 0


def test_lines_through_made_points() -> None:
    assert line([1, 2, 10], [5, 7, 23]) == pytest.approx((3, 2))
    assert line([1, 2, 10], [9, 8, 1])[1] == 0  # nothing gets cheaper by more of it
    assert combined([[1, 2, 3], [5, 1, 4]], [13, 8, 17]) == pytest.approx([3, 2])
    assert combined([[1, 2, 3], [0, 0, 0]], [2, 4, 6]) == pytest.approx([2, 0])


def test_who_was_put_off_the_core_does_not_count() -> None:
    assert midmean([2.0] * 80 + [9_000.0] * 20) == 2.0
    assert typical([5.0, 1.0, 900.0, 3.0, 2.0]) == 2.0
    drawn = np.random.default_rng(1).lognormal(3.0, 0.8, 20_000)
    assert log_sigma(drawn.tolist()) == pytest.approx(0.8, rel=0.05)


def made_window(name: str, sends: int, acks: int, members: int, batches: int) -> Window:
    """A window of a server in which everything takes what it takes."""
    found = made_found([])
    counts = Counts(sends + acks, sends * members, sends, acks)
    empty = dict.fromkeys(KINDS, 0.0)
    commits, at_once = batches / 2, batches / 8
    told = {
        "turns": sends * (1 + members) + 2 * acks,
        "batches": batches,
        "commits": commits,
        "commits_at_once": at_once,
        "commit_at_once_seconds": COMMIT_US * at_once / 1e6,
    }
    window = Window(name, 10.0, counts, empty, empty, told, members)
    work_us = TIMES * whole.work_us(whole.in_town_us(found), window)
    host_us = work_us + HOST_BATCH_US * batches
    edge_us = INTO_US * counts.into + OUT_US * counts.out + EDGE_BATCH_US * batches
    loop_s = dict.fromkeys(KINDS, 10 * IDLE_S)
    loop_s["host"] += host_us / 1e6
    loop_s["edge"] += edge_us / 1e6
    others_us = work_us * BESIDE + BESIDE_BATCH_US * batches
    cpu_s = loop_s | {"host": 10 * IDLE_S + (host_us + others_us) / 1e6}
    return replace(window, cpu_s=cpu_s, loop_s=loop_s)


def made_found(windows: list[Window]) -> whole.Found:
    idle_s = dict.fromkeys(KINDS, 5 * IDLE_S)
    idle = Window("nothing", 5.0, Counts(), idle_s, idle_s, dict.fromkeys(TOLD, 0.0))
    return whole.Found(
        costs.Costs(
            {turn: 3.0 + turn for turn in Turn}, {t: ROWS.get(t, 0.0) for t in Turn}, 0.7, {}
        ),
        rows.Costs(350.0, 1.5, 40.0, 1.0, 2.0),
        140.0,
        1_400.0,
        server.Found(
            dict.fromkeys(KINDS, 35.0),
            idle,
            windows,
            11_000.0,
            400.0,
            server.Files(900.0, 2_500.0, 300.0, 700.0),
        ),
    )


def test_what_a_server_takes_is_found_in_what_it_used() -> None:
    found = made_found(
        [
            made_window("much", 20_000, 40_000, 2, 400),
            made_window("little", 2_000, 4_000, 2, 1_500),
            made_window("confirmations", 0, 30_000, 2, 2_500),
            made_window("a group", 300, 0, 50, 300),
        ]
    )
    assert whole.frames_of(found.server) == pytest.approx((INTO_US, OUT_US, EDGE_BATCH_US), 1e-3)
    loop = whole.loop_of(found)
    assert (loop.times, loop.batch_us) == pytest.approx((TIMES, HOST_BATCH_US), 1e-3)
    assert loop.commit_us == pytest.approx(COMMIT_US, 1e-3)

    made = whole.put_together(found)
    beside = made.host.beside, made.host.beside_batch_us
    assert beside == pytest.approx((BESIDE, BESIDE_BATCH_US), 1e-2)
    assert made.turns_us["session_ack"] == pytest.approx(TIMES * (3.0 + Turn.SESSION_ACK), 1e-3)
    assert made.rest_cores == pytest.approx(len(KINDS) * IDLE_S)
    assert made.measured.messages_per_s == 2_000


def test_other_threads_count_for_the_machine_and_not_for_the_loop(tmp_path: Path) -> None:
    told, made = load("working-day"), model_of(2_000, Layout((Node("n", 0, 2, 1, 1),), 64, 1))
    found = Stretch(made, 0, 1, tmp_path).run()
    calibrated, threads = calibration.read(), replace(made, beside={"host": 1.0, "edge": 1.0})
    alone, beside = (summarised(told, each, calibrated, 1, 1, found) for each in (made, threads))
    assert [each.peak for each in beside.stations] == [each.peak for each in alone.stations]
    rest = calibrated.rest_cores / beside.nodes[0].cores
    cpu = alone.nodes[0].cpu_peak - rest
    assert cpu > 0
    assert beside.nodes[0].cpu_peak - rest == pytest.approx(2 * cpu, rel=1e-2)  # it is rounded


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = whole.put_together(made_found([made_window("much", 20_000, 40_000, 2, 400)]))
    path = tmp_path / "made.json"
    calibration.write(made, path)
    assert calibration.read(path) == made
    assert not made.stale()
    assert set(made.turns_us) == {turn.name.lower() for turn in Turn}
    assert set(made.frames_us) == {frame.name.lower() for frame in Frame}


@pytest.mark.parametrize("missing", ["turns_us", "host", "row_bytes", "chat_send", "open"])
def test_what_is_incomplete_is_refused(missing: str, tmp_path: Path) -> None:
    told = msgspec.json.decode(calibration.OWN.read_bytes())
    for table in (told, told["turns_us"], told["frames_us"]):
        table.pop(missing, None)
    (tmp_path / "made.json").write_bytes(msgspec.json.encode(told))
    with pytest.raises(Told, match=missing):
        calibration.read(tmp_path / "made.json")


def test_a_server_that_is_not_here() -> None:
    with pytest.raises(Told, match="not on this machine"):
        behind("ws://127.0.0.1:1/ws")
