"""`heliograph sim world`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from heliograph.cli import app
from tests.unit.world.mutations import forgets_random_ids


def _run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sim", "world", *options])
    return result.exit_code, result.stdout


def test_it_says_what_it_ran() -> None:
    code, output = _run("--seeds", "2", "--first", "1")
    assert code == 0
    assert "seeds 1 to 2" in output
    assert "2 runs, 0 failed" in output


def test_json_is_the_last_line() -> None:
    code, output = _run("--seeds", "2", "--first", "1", "--json")
    summary = json.loads(output.splitlines()[-1])
    assert code == 0
    assert set(summary) == {"runs", "failures", "simulated_s", "events", "runs_with"}
    assert (summary["runs"], summary["failures"]) == (2, [])
    assert summary["events"] > summary["simulated_s"] > 0


def test_a_failure_tells_its_seed_its_reason_and_what_happened() -> None:
    with forgets_random_ids():
        code, output = _run("--seeds", "1", "--first", "1")
        _, data = _run("--seeds", "1", "--first", "1", "--json")
    assert code == 1
    assert "seed 1 failed" in output
    assert "SendMessage" in output
    assert "heliograph sim world --first 1 --seeds 1" in output
    (failure,) = json.loads(data.splitlines()[-1])["failures"]
    assert failure["seed"] == 1
    assert failure["reason"] in output


def test_faults_are_chosen_and_counted() -> None:
    chosen = ("--fault", "crash", "--fault", "slow disk")
    code, output = _run("--seeds", "4", "--first", "1", "--json", *chosen)
    summary = json.loads(output.splitlines()[-1])
    faults = {name for name in summary["runs_with"] if name.startswith("fault: ")}
    assert code == 0
    assert faults == {"fault: crash", "fault: slow disk"}
    assert summary["runs_with"]["fault: crash"] <= 4
    assert _run("--fault", "bad luck")[0] == 2


@pytest.mark.parametrize("seed", [5, 6])
def test_seeds_follow_the_first_one(seed: int) -> None:
    _, alone = _run("--first", str(seed), "--seeds", "1", "--json")
    assert json.loads(alone.splitlines()[-1])["runs"] == 1
