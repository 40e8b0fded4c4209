"""Workers that are forked from a process which has imported everything: real processes, with a
script of the test's in place of Ray's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from heliograph.server import worker
from heliograph.server.environment import ray_environment
from heliograph.server.handover import FOLDER_VARIABLE, RAYLET_VARIABLE

SCRIPT = """
from heliograph.server import handover, worker, zygote

worker.MODULE = "tests.unit.server.told_worker"
handover.ASK_S_MAX = {ask_s}
zygote.IMPORTED, zygote.OF_SERVE = ({imported}), ()
worker.main()
"""
ROOT = Path(__file__).parents[3]
Launched = subprocess.Popen[str]


class Raylet:
    """A process that stands for one, and starts workers as it does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder_variable = FOLDER_VARIABLE
        self.process = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self.imports()

    def imports(self, *modules: str, ask_s: float = 60.0) -> None:
        """What a zygote that is made from now on imports, and how long workers wait for it."""
        imported = "".join(f"{module!r}, " for module in modules)
        (self.folder / "script.py").write_text(SCRIPT.format(imported=imported, ask_s=ask_s))

    def launch(self, *arguments: str, told: str = "", group: int | None = None) -> Launched:
        """Start a worker."""
        environment = os.environ | {
            self.folder_variable: str(self.folder),
            RAYLET_VARIABLE: str(self.process.pid),
            "PYTHONPATH": str(ROOT),
            "TOLD": told,
        }
        return subprocess.Popen(
            [sys.executable, str(self.folder / "script.py"), *arguments],
            env=environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            process_group=group,
        )

    def start(self, *arguments: str, told: str = "", group: int | None = None) -> dict[str, Any]:
        """Start a worker, see `ended`."""
        return ended(self.launch(*arguments, told=told, group=group))

    def end(self) -> None:
        with self.process:
            self.process.kill()


def ended(launched: Launched) -> dict[str, Any]:
    """What a worker said, with the pid and the exit code of what was started for it."""
    with launched:
        assert launched.stdout is not None
        said: dict[str, Any] = json.loads(launched.stdout.readline())
    return said | {"launched": launched.pid, "code": launched.returncode}


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[Raylet]:
    raylet = Raylet(tmp_path)
    yield raylet
    raylet.end()


def test_each_worker_is_given_what_was_started_and_shares_a_parent(raylet: Raylet) -> None:
    first = raylet.start("--node", "ä", told="one\udcff", group=0)
    second = raylet.start(told="two")
    assert first["pid"] != first["launched"]
    assert (first["arguments"], second["arguments"]) == (["--node", "ä"], [])
    assert (first["told"], second["told"]) == ("one\udcff", "two")
    assert first["folder"] == str(raylet.folder)
    assert (first["leads_group"], second["leads_group"]) == (True, False)
    assert first["parent"] == second["parent"]


def test_all_that_start_at_once_share_one(raylet: Raylet) -> None:
    launched = [raylet.launch() for _ in range(6)]
    assert len({ended(one)["parent"] for one in launched}) == 1


def test_it_ends_with_its_raylet(raylet: Raylet) -> None:
    zygote = psutil.Process(raylet.start()["parent"])
    assert zygote.is_running()
    raylet.end()
    zygote.wait(60)


def test_one_that_was_killed_is_replaced(raylet: Raylet) -> None:
    zygote = psutil.Process(raylet.start()["parent"])
    zygote.kill()
    zygote.wait(60)
    again = raylet.start()
    assert again["pid"] != again["launched"]
    assert again["parent"] != zygote.pid


@pytest.mark.parametrize(
    "module",
    [
        "there_is_no_such_module",
        "tests.unit.server.thread_starter",
        "ray.experimental.channel.cpu_communicator",  # which draws at random
    ],
)
def test_without_one_a_worker_is_started_as_ray_would(raylet: Raylet, module: str) -> None:
    raylet.imports(module)
    said = raylet.start("fail", told="three")
    assert said["pid"] == said["launched"]
    assert (said["arguments"], said["told"], said["code"]) == (["fail"], "three", 7)
    raylet.imports()
    again = raylet.start()
    assert again["pid"] == again["launched"], "it is not tried again"


def test_one_that_stands_still_is_waited_for_and_then_done_without(raylet: Raylet) -> None:
    """And it does not start the worker a second time when it goes on."""
    zygote = psutil.Process(raylet.start()["parent"])
    raylet.imports(ask_s=0.5)
    zygote.suspend()
    said = raylet.start("once", told="four")
    assert (said["pid"] == said["launched"], said["arguments"]) == (True, ["once"])
    zygote.resume()
    assert raylet.start()["parent"] == zygote.pid
    _, going_on = psutil.wait_procs(zygote.children(), timeout=60)
    assert not going_on
    assert (raylet.folder / "ran").read_text().count("\n") == 3


def test_where_nobody_says_where_it_is_too(raylet: Raylet) -> None:
    raylet.folder_variable = "HELIOGRAPH_NOTHING"
    said = raylet.start("plain")
    assert (said["pid"] == said["launched"], said["arguments"]) == (True, ["plain"])


def test_a_worker_finds_the_standard_library_by_its_names() -> None:
    """The folder of its script comes first where it looks, for a moment."""
    folder = Path(worker.__file__).parent
    assert not {path.stem for path in folder.iterdir()} & sys.stdlib_module_names


def test_with_all_that_it_imports_it_can_fork() -> None:
    """Nothing of it starts threads, and Ray has drawn nothing: two forks draw differently."""
    code = "from heliograph.server import zygote as z; z.import_all(); z.check()"
    environment = os.environ | ray_environment()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
