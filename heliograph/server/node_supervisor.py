"""What `heliograph cluster node` is: it keeps Ray running on this machine until it is told to stop.
It never imports ray.

Ray's processes are its children: it is their reaper. When the raylet or, on the head, the GCS dies,
what is left of the node is ended and all of it started again: hosts and edges come back with it,
for they are pinned to the node's name. Where Ray was stopped by somebody (`ray stop`, `ray down`),
it ends, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from heliograph.server.children import adopt_orphans, end_descendants
from heliograph.server.keeping import Keeper
from heliograph.server.ray_processes import GCS, RAYLET, Ended, RayProcesses
from runtime.troubles import Troubles

log = logging.getLogger("heliograph.node")

STEP_S: Final = 0.5
STOP_S_MAX: Final = 10.0
LOCK_S_MAX: Final = 30.0
GIVE_UP_S: Final = 30.0
STARTS_MAX: Final = 3
TOLD_TO_END: Final = (0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM)
"""How Ray's processes end when somebody has stopped them."""


class CannotStart(Exception):
    """Ray cannot be started on this machine; the message says why."""


class Node(Protocol):
    """The Ray of this machine."""

    def start(self) -> None:
        """Start it. Raises CannotStart."""

    def ended(self) -> list[Ended]:
        """What of it has ended since the last look."""

    def end(self) -> None:
        """End what is left of it."""


class Keeping:
    """Keeps the node of that name running. `patient`: it is tried again for ever; else it is given
    up when it could not be started for `GIVE_UP_S`: whoever started it does so again."""

    def __init__(self, name: str, node: Node, patient: bool) -> None:
        self._name = f"node {name}"
        self._node = node
        self._patient = patient
        self._keeper = Keeper()
        self._troubles = Troubles()
        self._down_s: float | None = None

    def begin(self, now_s: float) -> None:
        """Start it for the first time. Raises CannotStart."""
        self._node.start()
        self._keeper.up(self._name, now_s)

    def step(self, now_s: float) -> tuple[list[str], bool]:
        """Look once. What is to be told, and whether to go on."""
        lines: list[str] = []
        for ended in self._node.ended():
            if ended.code in TOLD_TO_END:
                return [*lines, f"Ray was stopped: its {ended}"], False
            if self._name not in self._keeper.wrong():
                self._keeper.ended(self._name, f"is down: its {ended}", now_s)
        lines += self._troubles.look(self._keeper.wrong(), now_s)
        if self._keeper.wrong() and self._down_s is None:
            self._down_s = now_s
            self._node.end()
        for name in self._keeper.due(now_s):
            try:
                self._node.start()
            except CannotStart as error:
                self._keeper.ended(name, f"cannot be started: {error}", now_s)
            else:
                self._keeper.up(name, now_s)
                self._down_s = None
        if not self._patient and self._down_s is not None and now_s - self._down_s > GIVE_UP_S:
            return [*lines, f"{self._name} is given up"], False
        return lines, True


class RayNode:
    """See `Node`. `command` is a `ray start`, whose output goes to the file `output`; `reachable()`
    says why it need not be tried, empty if it may be."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        output: Path,
        reachable: Callable[[], str],
    ) -> None:
        self._command = command
        self._environment = environment
        self._output = output
        self._reachable = reachable
        self._starting: subprocess.Popen[bytes] | None = None
        self._processes = RayProcesses()

    def start(self) -> None:
        """(On a machine that is very busy, a raylet that was started ends at once now and then.)"""
        for _ in range(STARTS_MAX):
            if why := self._reachable():
                raise CannotStart(why)
            code = self._start()
            if code == 0 and self._processes.running:
                return
            self.end()
            if code:
                raise CannotStart(f"{_last_line(self._output)} (more in {self._output})")
        raise CannotStart(f"Ray ended as soon as it was started (more in {self._output})")

    def _start(self) -> int:
        with open(self._output, "wb") as output:
            self._starting = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        code = self._starting.wait()
        self._starting = None
        self._processes.look()
        return code

    def ended(self) -> list[Ended]:
        return self._processes.ended()

    def end(self) -> None:
        end_descendants()
        self._processes.running.clear()

    def interrupt(self) -> None:
        """Start it no further."""
        if self._starting is not None:
            self._starting.kill()

    def stop(self) -> None:
        """End it in order: the raylet tells the cluster that its node is gone."""
        end_s = time.monotonic() + STOP_S_MAX
        for kind in (RAYLET, GCS):
            left = {pid for pid, process in self._processes.running.items() if process.kind == kind}
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            while left & self._processes.running.keys() and time.monotonic() < end_s:
                self._processes.ended()
                time.sleep(0.05)
        self.end()


def _last_line(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else "ray start ended without a word"


@contextlib.contextmanager
def locked(folder: Path, wait_s: float = LOCK_S_MAX) -> Iterator[None]:
    """Be the only one who runs a node with this data folder; another one that is about to end is
    waited for. Raises CannotStart."""
    end_s = time.monotonic() + wait_s
    with open(folder / "logs" / "node.lock", "ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end_s:
                    raise CannotStart(f"a node runs with {folder} already") from None
                time.sleep(STEP_S)
        yield


def supervise(
    name: str, node: RayNode, patient: bool, ready: Callable[[], None], say: Callable[[str], None]
) -> int:
    """Run the node until told to stop; returns the exit code. `ready` is called when it runs.
    Raises CannotStart, if not even the first start succeeds."""
    stops: list[int] = []

    def on_stop(number: int, frame: object) -> None:
        stops.append(number)
        node.interrupt()

    adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_stop)
    keeping = Keeping(name, node, patient)
    try:
        keeping.begin(time.monotonic())
        ready()
        going = True
        while going and not stops:
            time.sleep(STEP_S)
            lines, going = keeping.step(time.monotonic())
            for line in lines:
                log.warning("%s", line)
                say(line)
        say(f"Stopping node {name} ...")
        return 0
    except CannotStart:
        if stops:
            return 0
        raise
    finally:
        node.stop()
