"""Runs that are saved: added to, read by other tools, merged, and refused where damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from sim.load.figures import figures
from sim.load.histogram import histogram_of
from sim.load.measurement import Measured
from sim.load.meter import packed
from sim.load.outcome import Latencies, Outcome
from sim.load.plan import Chats, Plan
from sim.load.saved import SavedError, SavedRun, new_run, read_run, save_run, to_be_saved
from sim.load.side_by_side import beside, followed, notes

URL = "http://127.0.0.1:8000"
PLAN = Plan((Chats(3),), seconds=2.0, rate=50.0)


def measured(began_s: float = 100.0, sent: int = 100, latency_s: float = 0.01) -> Measured:
    outcome = Outcome(2.0, sent, sent, due=sent, left=sent, cpu_s=[0.5], succeeded=9, tried=10)
    of = histogram_of([latency_s] * sent)
    outcome.latencies = {"answer": Latencies(of, of), "delivery": Latencies(of, of)}
    outcome.ack_line = packed(b"\x01" * 1_500 + bytes(501))
    outcome.errors = {"overloaded": 1}
    return Measured(began_s, outcome)


def run(*repetitions: Measured, plan: Plan = PLAN) -> SavedRun:
    found = new_run(URL, plan)
    found.repetitions = list(repetitions)
    return found


def test_what_is_saved_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    first = to_be_saved(path, run())
    first.repetitions.append(measured(100.0))
    save_run(path, first)
    again = to_be_saved(path, run())
    again.repetitions.append(measured(200.0))
    save_run(path, again)
    assert read_run(path) == run(measured(100.0), measured(200.0))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.hlog", "a.json"]


def test_another_run_is_not_added(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_run(path, run(measured()))
    with pytest.raises(SavedError, match="another run"):
        to_be_saved(path, run(plan=Plan((Chats(4),), seconds=2.0)))


@pytest.mark.parametrize("name", ["a", "a.txt", "nowhere/a.json", "folder.json"])
def test_where_nothing_can_be_saved_is_said_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SavedError) as error:
        to_be_saved(tmp_path / name, run())
    assert str(error.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("change", ["", "{}", "[]", "HISTF", '"seconds":2.0', '"repetitions":['])
def test_what_is_damaged_is_refused(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.json"
    save_run(path, run(measured()))
    whole = path.read_text()
    assert change in whole or change in "{}[]"
    damages = {
        "HISTF": "HISTX",
        '"seconds":2.0': '"seconds":0',
        '"repetitions":[': '"repetitions":[1',
    }
    path.write_text(whole.replace(change, damages[change]) if change in damages else change)
    with pytest.raises(SavedError, match=r"a\.json: "):
        read_run(path)


def test_other_tools_read_the_log(tmp_path: Path) -> None:
    save_run(tmp_path / "a.json", run(measured(100.0), measured(250.0, latency_s=0.03)))
    reader = HistogramLogReader(str(tmp_path / "a.hlog"), HdrHistogram(1, 3_600_000_000_000, 3))
    found = []
    while histogram := reader.get_next_interval_histogram():
        found.append((histogram.get_tag(), histogram.get_start_time_stamp(), histogram))
    reader.close()
    assert [tag for tag, _, _ in found] == [
        *("answer.intended", "answer.service", "delivery.intended", "delivery.service"),
    ] * 2
    assert found[4][1] - found[0][1] == 150_000
    assert found[4][2].get_total_count() == 100
    assert found[4][2].get_max_value() == pytest.approx(30_000_000, rel=1e-3), "nanoseconds"


def test_repetitions_follow_one_another() -> None:
    total = followed([measured(sent=100), measured(sent=300, latency_s=0.05)])
    found = figures(PLAN, total.outcome)
    assert (found["seconds"], found["sent_per_s"], found["sent"]) == (4.0, 100.0, 400)
    assert found["ack_p50_ms"] == pytest.approx(50, rel=1e-3)
    assert found["client_cpu_s"] == 1.0
    assert found["errors"] == {"overloaded": 2}
    assert found["success_percent"] == 90.0
    assert found["unavailable_s"] == pytest.approx(0.501, abs=0.002)


def test_machines_beside_one_another_add_up() -> None:
    total = beside([run(measured(sent=100)), run(measured(sent=300, latency_s=0.05), measured())])
    assert total.plan.rate == 100.0
    assert [kind.share for kind in total.plan.chats] == [0.5, 0.5]
    (only,) = total.repetitions
    found = figures(total.plan, only.outcome)
    assert (found["seconds"], found["sent_per_s"], found["client_cpu_s"]) == (2.0, 200.0, 1.0)
    assert found["client_cpu_percent"] == [25.0, 25.0]


def test_what_makes_a_comparison_weak_is_said() -> None:
    a = run(*(measured(float(n)) for n in range(0, 10, 2)))
    in_turns = run(*(measured(float(n)) for n in range(1, 11, 2)))
    assert notes(a, in_turns) == []
    after = run(*(measured(float(n)) for n in range(50, 55)))
    assert [note[:26] for note in notes(a, after)] == ["They were not made in turn"]
    few = run(measured(1.0), plan=Plan((Chats(3),), seconds=2.0, rate=60.0))
    few.machine = "another"
    assert [note[:26] for note in notes(a, few)] == [
        "One run has 1 of the 5 rep",
        "They did not do the same: ",
        "They were made by other ma",
    ]
