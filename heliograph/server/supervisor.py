"""The supervisor: what `heliograph up` is. It never imports ray.

It locks the data folder, starts the server process in a session of its own, starts it again when it
dies by accident, and sees to it that nothing of a server is left behind: children of dead children
come to it (it is their reaper), and the server process ends when the supervisor does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from msgspec.structs import replace

from heliograph.server.config import ServerConfig

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
START_S_MAX = 120.0
STOP_S_MAX = 25.0
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.5, 10.0
STEADY_S = 60.0

_libc = ctypes.CDLL(None, use_errno=True)


class Supervisor:
    """Runs one server until told to stop. `say` prints a line for the user."""

    def __init__(self, config: ServerConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._stops = 0
        self._child: subprocess.Popen[str] | None = None

    def run(self, announce: Callable[[ServerConfig], None]) -> int:
        """Run until stopped; returns the exit code. `announce` is called when it is ready."""
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_stop)
        backoff_s = BACKOFF_S_MIN
        while True:
            begun_s = time.monotonic()
            code, ready = self._run_once(announce)
            if self._stops:
                return 0 if code == 0 else 1
            if not ready:
                self._say(
                    "The server could not be started; see "
                    f"{self._config.data}/logs/server.jsonl and server.out"
                )
                return 1
            if time.monotonic() - begun_s > STEADY_S:
                backoff_s = BACKOFF_S_MIN
            self._say(f"The server ended unexpectedly; starting it again in {backoff_s:.1f} s")
            time.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_S_MAX)

    def _on_stop(self, number: int, frame: object) -> None:
        self._stops += 1
        child = self._child
        if child is not None and child.poll() is None:
            if self._stops == 1:
                self._say("Stopping ...")
                child.send_signal(signal.SIGTERM)
            else:
                child.kill()

    def _run_once(self, announce: Callable[[ServerConfig], None]) -> tuple[int, bool]:
        temporary = tempfile.mkdtemp(prefix="hg-", dir="/tmp")
        config = replace(self._config, temporary=temporary)
        ready = False
        (Path(config.data) / "run.json").unlink(missing_ok=True)
        try:
            with open(Path(config.data) / "logs" / "server.out", "ab") as output:
                self._child = child = subprocess.Popen(
                    [sys.executable, "-m", "heliograph.server.main", config.encode()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=output,
                    text=True,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - there are no threads
                )
            assert child.stdout is not None
            for line in child.stdout:
                if line.strip() == "ready":
                    ready = True
                    announce(config)
            return self._wait(child), ready
        finally:
            self._child = None
            _end_descendants()
            shutil.rmtree(temporary, ignore_errors=True)

    def _wait(self, child: subprocess.Popen[str]) -> int:
        try:
            return child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


def _end_with_parent() -> None:
    """In the child: get SIGTERM when the supervisor dies, however it dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _end_descendants() -> None:
    """End what the server process left behind; all of it was started by it, and came to us."""
    for _ in range(5):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=3)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
