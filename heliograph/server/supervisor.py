"""The supervisor: what `heliograph up` is. It never imports ray.

It locks the data folder, starts the server process in a session of its own, starts it again when it
dies by accident, as often as it takes, and sees to it that nothing of a server is left behind:
children of dead children come to it (it is their reaper), and the server process ends when the
supervisor does. What it could not see to, because it was killed, the next one does.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from heliograph.server import run_folder
from heliograph.server.children import adopt_orphans, end_descendants, end_with_parent, how
from heliograph.server.config import ServerConfig
from heliograph.server.keeping import Pauses
from shells.process import log_to

log = logging.getLogger("heliograph.supervisor")

STOP_S_MAX = 25.0
TOO_SLOW = "timed out during startup"
"""What Ray says when a node is not there after half a minute, which no option changes; a machine
that boots, or does much else, needs longer now and then."""
SLOW_STARTS_MAX = 3
SERVER = (sys.executable, "-m", "heliograph.server.main")
ASKED_TO_STOP = signal.SIGINT
"""What tells the server process to stop, and not SIGTERM: while it starts a node, Ray has a handler
of its own for that, which ends the process there and then."""
READY, FAILED = "ready", "failed"
"""What the server process says on its standard output: `ready`, or `failed: why`."""


class Supervisor:
    """Runs one server until told to stop. `say` prints a line for the user."""

    def __init__(self, config: ServerConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._stopping = threading.Event()
        self._ready = False
        self._why = ""
        self._child: subprocess.Popen[str] | None = None

    def run(self, announce: Callable[[ServerConfig], None]) -> int:
        """Run until stopped; returns the exit code. `announce` is called when it is ready."""
        adopt_orphans()
        log_to(Path(self._config.data), "up")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_stop)
        run_folder.sweep()
        pauses = Pauses()
        was_ready = False
        slow_starts = 0
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            code = self._run_once(announce)
            if self._stopping.is_set():
                return 0 if code == 0 or not self._ready else 1
            was_ready = was_ready or self._ready
            why = self._why or f"it {how(code)}"
            if not was_ready and TOO_SLOW in why and slow_starts < SLOW_STARTS_MAX:
                slow_starts += 1
                self._say("Ray was not up in time on this busy machine; starting again")
                continue
            if not was_ready:
                self._say(
                    f"The server could not be started: {why}\n"
                    f"More is in {self._config.data}/logs/server.jsonl and server.out"
                )
                return 1
            pause_s = pauses.ended(time.monotonic() - begun_s)
            line = f"The server ended unexpectedly ({why}); starting it again in {pause_s:.1f} s"
            log.warning("%s", line)
            self._say(line)
            self._stopping.wait(pause_s)
        return 0

    def _on_stop(self, number: int, frame: object) -> None:
        """Asked once, a server that is ready stops cleanly. One that is not has nobody to part from
        and nothing that is not durable: it is ended, as is one that was asked before."""
        clean = self._ready and not self._stopping.is_set()
        self._stopping.set()
        child = self._child
        if child is None or child.poll() is not None:
            return
        if clean:
            self._say("Stopping ...")
            child.send_signal(ASKED_TO_STOP)
        else:
            child.kill()
            end_descendants()

    def _run_once(self, announce: Callable[[ServerConfig], None]) -> int:
        """Start a server, and come back with its exit code when it has ended."""
        run = run_folder.make()
        config = replace(self._config, temporary=str(run.path))
        self._ready = False
        self._why = ""
        (Path(config.data) / "run.json").unlink(missing_ok=True)
        try:
            with open(Path(config.data) / "logs" / "server.out", "ab") as output:
                self._child = child = subprocess.Popen(
                    [*SERVER, config.encode()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=output,
                    text=True,
                    start_new_session=True,
                    pass_fds=[run.lock],
                    preexec_fn=end_with_parent,  # noqa: PLW1509 - there are no threads
                )
            if self._stopping.is_set():  # since there was no child to tell it
                child.kill()
            assert child.stdout is not None
            for line in child.stdout:
                said, _, why = line.strip().partition(": ")
                if said == READY:
                    self._ready = True
                    announce(config)
                elif said == FAILED:
                    self._why = why
            return self._wait(child)
        finally:
            if self._child is not None and self._child.stdout is not None:
                self._child.stdout.close()
            self._child = None
            end_descendants()
            run.remove()

    def _wait(self, child: subprocess.Popen[str]) -> int:
        try:
            return child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
