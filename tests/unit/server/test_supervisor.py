"""The supervisor is stopped at any moment, with a server that does not listen. No Ray."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from heliograph.server.supervisor import SLOW_STARTS_MAX
from tests.unit.server.test_up import CONFIG

WAIT_S_MAX = 60.0

SUPERVISE = """
import sys
from heliograph.server import supervisor
from heliograph.server.config import decode_config

config, supervisor.SERVER = sys.argv[1], (sys.executable, "-c", sys.argv[2])
run = supervisor.Supervisor(decode_config(config), lambda line: print(line, flush=True)).run
raise SystemExit(run(lambda ready: print("announced", flush=True)))
"""

SERVER = """
import json, signal, subprocess, sys
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL, start_new_session=True)
config = json.loads(sys.argv[1])
print(json.dumps([child.pid, config["temporary"]]), file=sys.stderr, flush=True)
"""
"""Has children, and starts for ever."""
STARTING = SERVER + "signal.pause()"
DYING = SERVER + "print('ready', flush=True); sys.exit(3)"
STOPPING = SERVER + (
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1));"  # as Ray has it while it starts a node
    "signal.signal(signal.SIGINT, lambda *_: sys.exit(0)); print('ready', flush=True);"
    "signal.pause()"
)


@contextmanager
def supervised(data: Path, server: str) -> Iterator[subprocess.Popen[str]]:
    (data / "logs").mkdir(parents=True)
    config = msgspec.structs.replace(CONFIG, data=str(data))
    command = [sys.executable, "-c", SUPERVISE, config.encode(), server]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def started(data: Path, process: subprocess.Popen[str]) -> tuple[psutil.Process, Path]:
    """The server's child, and the folder of the run, as soon as they are known."""
    assert process.stdout is not None
    output = data / "logs" / "server.out"
    while not (output.exists() and output.read_text().endswith("\n")):
        assert process.poll() is None
    pid, folder = json.loads(output.read_text().splitlines()[0])
    return psutil.Process(pid), Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_is_broken_off_at_once(tmp_path: Path, number: int) -> None:
    with supervised(tmp_path, STARTING) as process:
        child, folder = started(tmp_path, process)
        assert folder.is_dir()
        process.send_signal(number)
        assert process.wait(WAIT_S_MAX) == 0
        assert not child.is_running()
        assert not folder.exists()


def test_a_server_that_is_ready_stops_cleanly(tmp_path: Path) -> None:
    with supervised(tmp_path, STOPPING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "announced\n"
        child, folder = started(tmp_path, process)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "Stopping ...\n"
        assert process.wait(WAIT_S_MAX) == 0
        assert not child.is_running()
        assert not folder.exists()


def test_stopped_between_two_lives_of_a_server_it_ends(tmp_path: Path) -> None:
    with supervised(tmp_path, DYING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "announced\n"
        assert process.stdout.readline().startswith("The server ended unexpectedly")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S_MAX) == 0
        assert process.stdout.read() == ""


def test_a_server_that_was_ready_once_is_started_again_until_it_is(tmp_path: Path) -> None:
    """Also where a start fails: whatever it lacks may come back."""
    server = f"""
import pathlib, sys
lives = pathlib.Path({str(tmp_path)!r}, "lives")
lives.open("a").write("x")
if len(lives.read_text()) in (1, 3):
    print("ready", flush=True)
else:
    print("failed: no luck", flush=True)
    sys.exit(1)
if len(lives.read_text()) == 3:
    import signal
    signal.pause()
"""
    with supervised(tmp_path, server) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(4)]
        assert said[0] == said[3] == "announced\n"
        assert said[1].startswith("The server ended unexpectedly (it ended with exit code 0)")
        assert said[2].startswith("The server ended unexpectedly (no luck)")
    told = (tmp_path / "logs" / "up.jsonl").read_text().splitlines()
    assert [json.loads(line)["level"] for line in told] == ["WARNING"] * 2


def test_what_a_killed_supervisor_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with supervised(tmp_path / "one", STARTING) as process:
        child, folder = started(tmp_path / "one", process)
        server = psutil.Process(process.pid).children()[0]
        process.kill()
        process.wait()
        with supervised(tmp_path / "two", STARTING) as other:
            started(tmp_path / "two", other)
            assert folder.is_dir()  # its server lives
        server.kill()
        child.kill()
        psutil.wait_procs([server, child])
        with supervised(tmp_path / "three", STARTING) as other:
            started(tmp_path / "three", other)
            assert not folder.exists()


def test_a_machine_that_is_too_busy_at_first_is_tried_again(tmp_path: Path) -> None:
    """But not for ever."""
    slow = SERVER + "print('failed: The current node timed out during startup. Or so.', flush=True)"
    with supervised(tmp_path, slow) as process:
        assert process.stdout is not None
        said = process.stdout.read().splitlines()
        assert process.wait(WAIT_S_MAX) == 1
    again = [line for line in said if line.endswith("starting again")]
    assert len(again) == SLOW_STARTS_MAX
    assert said[len(again)].startswith("The server could not be started: The current node")
