"""The processes of Ray that this one has started, and that a server cannot be without: the raylet
of each node, and the GCS."""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

import psutil

from heliograph.server.children import how, reap
from shells.names import NODE_RESOURCE

RAYLET, GCS = "raylet", "gcs_server"
_NODE = re.compile(re.escape(NODE_RESOURCE) + r"([A-Za-z0-9._-]+)")


class RayProcess(NamedTuple):
    """`node`: the name of its node, empty if it has none."""

    pid: int
    kind: str
    node: str


class Ended(NamedTuple):
    """`code`: negative for a signal."""

    process: RayProcess
    code: int

    def __str__(self) -> str:
        return f"{self.process.kind} {how(self.code)}"


class RayProcesses:
    """Those that run; `look` finds them, among all children of this process."""

    def __init__(self) -> None:
        self.running: dict[int, RayProcess] = {}
        self.look()

    def look(self) -> None:
        """Find those that were started since."""
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                kind = child.name()
                if kind in (RAYLET, GCS):
                    named = _NODE.search(" ".join(child.cmdline()))
                    node = named.group(1) if named else ""
                    self.running.setdefault(child.pid, RayProcess(child.pid, kind, node))

    def ended(self) -> list[Ended]:
        """Those that have ended since the last look."""
        codes = reap()
        gone = [pid for pid in self.running if pid in codes or not psutil.pid_exists(pid)]
        return [Ended(self.running.pop(pid), codes.get(pid, 0)) for pid in gone]
