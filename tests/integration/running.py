"""A real server for tests: started as a user starts it, watched, and stopped or killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import httpx2
import psutil

from api.urls import bracketed
from fronts.secrets import metrics_token, read_token
from heliograph.server.config import TOKEN_FILE
from heliograph.server.ports import free_ports

START_S_MAX = 300
HANGS_S = 240
"""What has not happened by then, on however slow a machine, will not happen."""
LOAD_S_MAX = 1_800
"""A load that is ended when what it is for has happened."""
LOOK_S = 0.05
ROOT = Path(__file__).parents[2]
HELIOGRAPH = Path(sys.executable).with_name("heliograph")


UNLIMITED = ("--flood", "off")
"""Tests register, write and invite more than people do."""


MADE: WeakSet[RunningServer] = WeakSet()
"""So that a test that fails leaves none running (`kill_all_in`)."""


class RunningServer:
    """`heliograph up` on a data folder and ports of its own, without flood limits if the options do
    not say otherwise."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.options = options
        self.port, self.ws_port, self.files_port = free_ports(3)
        host = bracketed(reachable_at(options))
        self.url = f"http://{host}:{self.port}"
        self.ws_url = f"ws://{host}:{self.ws_port}/ws"
        self.files_url = f"http://{host}:{self.files_port}"
        self.process: subprocess.Popen[bytes] | None = None
        MADE.add(self)

    def start(self) -> RunningServer:
        """Start it and wait until it is ready."""
        command = [str(HELIOGRAPH), "up", "--data", str(self.data)]
        command += ["--port", str(self.port), "--ws-port", str(self.ws_port)]
        command += ["--files-port", str(self.files_port), *UNLIMITED, *self.options]
        self.output = self.data.parent / f"{self.data.name}.out"
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, cwd=self.data.parent
            )
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Wait until `run.json` says that the server can be used, and it answers."""
        assert self.process is not None
        end_s = time.monotonic() + START_S_MAX
        while time.monotonic() < end_s:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended:\n{self.logs()}")
            if (self.data / "run.json").exists() and self.answers():
                return
            time.sleep(0.1)
        raise AssertionError(f"the server did not become ready:\n{self.logs()}")

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def answers(self) -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        return False

    def logs(self) -> str:
        """The ends of what it printed and logged."""
        parts = [self.output, *sorted(self.data.glob("**/logs/*"))]
        return "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in parts)

    def stop(self) -> None:
        """Stop it as Ctrl-C does; it must end cleanly and leave no process behind."""
        assert self.process is not None
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(HANGS_S)
        self.process = None
        assert code == 0, f"exit code {code}\n{self.logs()}"
        left = [process for process in family if process.is_running()]
        _, alive = psutil.wait_procs(left, timeout=HANGS_S)
        assert not alive, f"left behind: {alive}"

    def kill(self) -> None:
        """kill -9 of everything at once, as a power cut would."""
        assert self.process is not None
        for process in [psutil.Process(self.process.pid), *self.family()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self.process = None

    def family(self) -> list[psutil.Process]:
        """All processes of this server but the supervisor."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def pids(self, title: str) -> list[int]:
        """The processes of this server whose title begins so, as `ray::Host`."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if " ".join(process.cmdline()).startswith(title):
                    found.append(process.pid)
        return sorted(found)

    def kill_one(self, title: str) -> int:
        """kill -9 of one process; returns its pid."""
        pid = self.pids(title)[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def metrics(self) -> str:
        """What `/metrics` says."""
        token = metrics_token(read_token(self.data / TOKEN_FILE))
        headers = {"authorization": f"Bearer {token}"}
        return httpx2.get(f"{self.url}/metrics", headers=headers, trust_env=False).text

    def run(
        self, *arguments: str, stdin: str = "", timeout_s: float = HANGS_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a `heliograph` command beside it."""
        return subprocess.run(
            [str(HELIOGRAPH), *arguments],
            capture_output=True,
            input=stdin,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=self.data.parent,
        )

    def load(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a load on it; `result_of` waits for its figures."""
        command = [str(HELIOGRAPH), "load", "--url", self.url, "--data", str(self.data)]
        command += ["--no-floor", "--json", *arguments]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.data.parent,
        )


def reachable_at(options: tuple[str, ...]) -> str:
    """Where a server with these options can be reached."""
    if "--host" not in options:
        return "127.0.0.1"
    host = options[options.index("--host") + 1]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def kill_all_in(folder: Path) -> None:
    """Kill the servers that still run with data in there."""
    for server in list(MADE):
        if server.is_running and server.data.is_relative_to(folder):
            server.kill()


def enough(load: subprocess.Popen[str]) -> dict[str, Any]:
    """End a load as Ctrl-C does; its figures."""
    process = psutil.Process(load.pid)
    while child := process.children():  # on a machine of its own
        (process,) = child
    process.send_signal(signal.SIGINT)
    return result_of(load)


def result_of(load: subprocess.Popen[str]) -> dict[str, Any]:
    """The figures of a load that was begun with `RunningServer.load`."""
    output, _ = load.communicate(timeout=HANGS_S)
    lines = output.strip().splitlines()
    assert lines, "the load printed nothing"
    try:
        figures: dict[str, Any] = json.loads(lines[-1])
    except ValueError:
        raise AssertionError(f"the load failed:\n{output[-3000:]}") from None
    return figures


def check(figures: dict[str, Any], sent_at_least: int = 100) -> None:
    """Nothing lost, nothing doubled, nothing out of order, and all of it looked at."""
    faults = {name: figures[name] for name in ("lost", "duplicated", "reordered", "corrupted")}
    assert faults == dict.fromkeys(faults, 0), figures
    assert figures["verified"], figures
    assert figures["sent"] >= sent_at_least, figures


def wait_for(what: Callable[[], bool], seconds: float = HANGS_S) -> None:
    """Wait until something is so; what takes longer than `seconds` hangs. Between looks there is at
    least as much time as one takes, for what is waited for."""
    end_s = time.monotonic() + seconds
    while True:
        begun_s = time.monotonic()
        if what():
            return
        now_s = time.monotonic()
        assert now_s < end_s, "it did not happen"
        time.sleep(max(LOOK_S, now_s - begun_s))


def verify(server: RunningServer) -> None:
    """What is stored is sound, whether the server runs or not."""
    done = server.run("admin", "verify", "--data", str(server.data), "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def flows(count: Callable[[], int], turns_min: int = 1_000) -> None:
    """Wait until a load gets on: until so many turns more have been counted (0: that was not to be
    had). A host that dies takes its count with it."""
    least = 0

    def grown() -> bool:
        nonlocal least
        now = count()
        least = min(least or now, now or least)
        return now > least + turns_min

    wait_for(grown)


def turns(server: RunningServer) -> int:
    """How many turns the hosts have executed; 0 where that cannot be told."""
    try:
        text = server.metrics()
    except httpx2.HTTPError:
        return 0
    return sum(
        int(float(line.split()[-1]))
        for line in text.splitlines()
        if line.startswith("heliograph_turns_total{")
    )
