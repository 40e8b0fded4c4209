"""The supervisor: what `heliograph up` is. It never imports ray.

It locks the data folder, starts the server process in a session of its own, starts it again when it
dies by accident, and sees to it that nothing of a server is left behind: children of dead children
come to it (it is their reaper), and the server process ends when the supervisor does.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from heliograph.server.children import adopt_orphans, end_descendants, end_with_parent
from heliograph.server.config import ServerConfig

START_S_MAX = 120.0
STOP_S_MAX = 25.0
BACKOFF_S_MIN, BACKOFF_S_MAX = 0.5, 10.0
STEADY_S = 60.0
READY, FAILED = "ready", "failed"
"""What the server process says on its standard output: `ready`, or `failed: why`."""


class Supervisor:
    """Runs one server until told to stop. `say` prints a line for the user."""

    def __init__(self, config: ServerConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._stops = 0
        self._why = ""
        self._child: subprocess.Popen[str] | None = None

    def run(self, announce: Callable[[ServerConfig], None]) -> int:
        """Run until stopped; returns the exit code. `announce` is called when it is ready."""
        adopt_orphans()
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
                    f"The server could not be started: {self._why or 'it ended'}\n"
                    f"More is in {self._config.data}/logs/server.jsonl and server.out"
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
                    preexec_fn=end_with_parent,  # noqa: PLW1509 - there are no threads
                )
            assert child.stdout is not None
            for line in child.stdout:
                said, _, why = line.strip().partition(": ")
                if said == READY:
                    ready = True
                    announce(config)
                elif said == FAILED:
                    self._why = why
            return self._wait(child), ready
        finally:
            self._child = None
            end_descendants()
            shutil.rmtree(temporary, ignore_errors=True)

    def _wait(self, child: subprocess.Popen[str]) -> int:
        try:
            return child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
