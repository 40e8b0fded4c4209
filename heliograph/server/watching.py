"""Watching over the processes of Ray that a server on one machine cannot be without. What dies is
noticed within a second, told, and started again if it is a node of several; else the server ends,
and its supervisor starts it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from heliograph.server.keeping import Keeper
from heliograph.server.ray_processes import GCS, Ended
from runtime.troubles import Troubles

log = logging.getLogger("heliograph.server")

STEP_S: Final = 0.5
HTTP_S: Final = 5.0
HTTP = "HTTP"


class Lost(Exception):
    """The server cannot go on like this; the message says why."""


class Processes(Protocol):
    """See `ray_processes.RayProcesses`."""

    def look(self) -> None: ...

    def ended(self) -> list[Ended]: ...


class Watch:
    """See the module. `kept`: the nodes that are started again, by `start(node)`, when what a dead
    raylet has left was ended by `end_workers(pid)`. `http()`: what is wrong with what clients see,
    empty if nothing is."""

    def __init__(
        self,
        processes: Processes,
        kept: Collection[str],
        start: Callable[[str], None],
        end_workers: Callable[[int], None],
        http: Callable[[], str],
    ) -> None:
        self._processes = processes
        self._kept = kept
        self._start = start
        self._end_workers = end_workers
        self._http = http
        self._http_due_s = 0.0
        self._http_wrong: dict[str, str] = {}
        self._keeper = Keeper()
        self._troubles = Troubles()

    def step(self, now_s: float) -> None:
        """Look once. Raises Lost."""
        for ended in self._processes.ended():
            node = ended.process.node
            if ended.process.kind == GCS or node not in self._kept:
                raise Lost(f"Ray's {ended}")
            self._keeper.ended(node, f"is down: its {ended}", now_s)
            self._end_workers(ended.process.pid)
        if now_s >= self._http_due_s:
            self._http_due_s = now_s + HTTP_S
            wrong = self._http()
            self._http_wrong = {HTTP: wrong} if wrong else {}
        for line in self._troubles.look(self._keeper.wrong() | self._http_wrong, now_s):
            log.warning("%s", line)
        for node in self._keeper.due(now_s):
            try:
                self._start(node)
            except Exception as error:
                self._keeper.ended(node, f"cannot be started: {error}", now_s)
            else:
                self._processes.look()
                self._keeper.up(node, now_s)
