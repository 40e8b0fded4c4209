"""How the Ray of a machine is kept running; no Ray."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from heliograph.server.keeping import PAUSE_S_MAX
from heliograph.server.node_supervisor import (
    GIVE_UP_S,
    STARTS_MAX,
    STEP_S,
    TOLD_TO_END,
    CannotStart,
    Keeping,
    locked,
)
from heliograph.server.ray_processes import GCS, RAYLET, Ended, RayProcess


class Ray:
    """The Ray of a machine, of which something dies."""

    def __init__(self) -> None:
        self.dead: list[Ended] = []
        self.did: list[str] = []
        self.why = ""

    def start(self) -> None:
        self.did.append("start")
        if self.why:
            raise CannotStart(self.why)

    def ended(self) -> list[Ended]:
        found, self.dead = self.dead, []
        return found

    def end(self) -> None:
        self.did.append("end")

    def kill(self, *kinds: str, code: int = -9) -> None:
        self.dead += [Ended(RayProcess(pid, kind, "a"), code) for pid, kind in enumerate(kinds)]


def begun(patient: bool = True) -> tuple[Ray, Keeping]:
    ray = Ray()
    keeping = Keeping("a", ray, patient)
    keeping.begin(0.0)
    return ray, keeping


@pytest.mark.parametrize("kinds", [[RAYLET], [GCS], [GCS, RAYLET]])
def test_what_dies_is_started_again_when_the_rest_has_ended(kinds: list[str]) -> None:
    ray, keeping = begun()
    assert keeping.step(1.0) == ([], True)
    ray.kill(*kinds)
    lines, on = keeping.step(2.0)
    assert lines[0] == f"node a is down: its {kinds[0]} was killed by SIGKILL"
    assert on
    assert ray.did == ["start", "end", "start"]
    assert keeping.step(3.0) == (["node a is well again, after 1 s"], True)
    assert keeping.step(4.0) == ([], True)


@pytest.mark.parametrize("code", TOLD_TO_END)
def test_what_somebody_has_stopped_stays_stopped(code: int) -> None:
    ray, keeping = begun()
    ray.kill(GCS, RAYLET, code=code)
    lines, on = keeping.step(1.0)
    assert "Ray was stopped" in lines[0]
    assert not on
    assert ray.did == ["start"]


def down(patient: bool, seconds: float) -> tuple[Ray, list[str], bool]:
    """The head is gone for so long, and then back."""
    ray, keeping = begun(patient)
    ray.kill(RAYLET, code=1)
    ray.why = "nobody answers at 10.0.0.1:6379"
    told: list[str] = []
    on, now_s = True, 0.0
    while on and now_s < seconds:
        now_s += STEP_S
        lines, on = keeping.step(now_s)
        told += lines
    ray.why = ""
    while on and now_s < seconds + 2 * PAUSE_S_MAX:
        now_s += STEP_S
        lines, on = keeping.step(now_s)
        told += lines
    return ray, told, on


def test_a_node_whose_head_is_gone_waits_for_it() -> None:
    hour_s = 3600.0
    ray, told, on = down(True, hour_s)
    assert on
    assert hour_s / PAUSE_S_MAX < len(ray.did) < 2 * hour_s / PAUSE_S_MAX
    assert told[:2] == [
        "node a is down: its raylet ended with exit code 1",
        "node a cannot be started: nobody answers at 10.0.0.1:6379",
    ]
    assert told[-1].startswith("node a is well again")
    assert len(told) < 12


def test_a_node_of_the_launcher_is_given_up() -> None:
    ray, told, on = down(False, 10 * GIVE_UP_S)
    assert not on
    assert told[-1] == "node a is given up"
    assert len(ray.did) < 12
    _, told, on = down(False, GIVE_UP_S / 2)
    assert on
    assert told[-1].startswith("node a is well again")


START = """
import sys
from pathlib import Path
from heliograph.server.node_supervisor import CannotStart, RayNode

script, unreachable, output = sys.argv[1:]
try:
    RayNode(["sh", "-c", script], {}, Path(output), lambda: unreachable).start()
except CannotStart as error:
    print(error)
"""
"""In a process of its own, for it ends all its descendants."""


@pytest.mark.parametrize(
    ("script", "unreachable", "why"),
    [
        ("echo first; echo Port 6379 is taken.; exit 1", "", "Port 6379 is taken. (more in"),
        ("exit 1", "", "ray start ended without a word"),
        ("exit 0", "", "Ray ended as soon as it was started (more in"),
        ("exit 0", "no head", "no head"),
    ],
)
def test_a_first_start_that_fails_says_why(
    tmp_path: Path, script: str, unreachable: str, why: str
) -> None:
    """With the last line that `ray start` has said."""
    command = [sys.executable, "-c", START, script, unreachable, str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith(
        why
    )


def test_a_folder_has_one_node(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with locked(tmp_path), pytest.raises(CannotStart, match="already"), locked(tmp_path, 0.0):
        pass
    with locked(tmp_path):
        pass


def test_a_ray_that_ends_at_once_is_started_again(tmp_path: Path) -> None:
    """Three times, as it is on a machine that is very busy."""
    count = tmp_path / "count"
    script = f"echo started >> {count}; exit 0"
    command = [sys.executable, "-c", START, script, "", str(tmp_path / "out")]
    subprocess.run(command, capture_output=True, check=True)
    assert count.read_text().count("started") == STARTS_MAX
    count.unlink()
    command[3] = f"echo started >> {count}; exit 1"
    subprocess.run(command, capture_output=True, check=True)
    assert count.read_text().count("started") == 1, "what Ray refuses, it refuses again"
