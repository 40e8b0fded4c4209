"""Faults while messages flow: one load for all faults of a module, and one look at the end at
everything that was acknowledged.

The load sends at a fixed rate: what is read back grows with the time that faults take, not with the
speed of the machine. `make soak` sends as fast as the server takes it, and looks after every fault.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from tests.integration.running import (
    LOAD_S_MAX,
    RunningServer,
    check,
    enough,
    flows,
    turns,
    verify,
)
from tests.profile import SOAK

TURNS_MIN = 300
"""That many turns, and messages flow again."""
Begin = Callable[[], subprocess.Popen[str]]


def load_options(pairs: int, per_s: int) -> list[str]:
    """Of a load of so many pairs, and messages a second over all of them."""
    pace = ["--window", "4"] if SOAK else ["--rate", str(per_s)]
    return ["--pairs", str(pairs), *pace, "--seconds", str(LOAD_S_MAX)]


class UnderLoad:
    """Calls are faults: each happens while messages flow, and they flow again afterwards. `begin`
    begins the load, `turns` counts what the server does, `sound` checks what it has stored."""

    def __init__(self, begin: Begin, turns: Callable[[], int], sound: Callable[[], None]) -> None:
        self._begin, self._turns, self._sound = begin, turns, sound
        self._load: subprocess.Popen[str] | None = None
        self._felt: list[str] = []

    def __call__(self, fault: Callable[[], None]) -> None:
        self.flows()
        fault()
        self.flows()
        self._felt.append(getattr(fault, "__qualname__", repr(fault)).split(".")[0])
        if SOAK:
            self.end()

    def flows(self) -> None:
        """Begin the load if there is none, and wait until messages flow."""
        if self._load is None:
            self._load = self._begin()
        assert self._load.poll() is None, self._load.communicate()[0][-3000:]
        flows(self._turns, TURNS_MIN)

    def end(self) -> dict[str, Any]:
        """No more of it: nothing was lost, doubled or reordered, and what is stored is sound.
        Returns the load's figures, none if there was no load."""
        if self._load is None:
            return {}
        load, self._load = self._load, None
        figures = enough(load)
        felt, self._felt = self._felt, []
        try:
            check(figures)
            self._sound()
        except AssertionError as error:
            raise AssertionError(f"after {', '.join(felt)}: {error}") from error
        return figures


def erase(server: RunningServer) -> None:
    """A fault that is none: all rows are written anew."""
    done = server.run("admin", "erase", "--data", str(server.data))
    assert done.returncode == 0, done


def on_server(server: RunningServer, pairs: int = 10, per_s: int = 40) -> UnderLoad:
    """Faults of a server on this machine."""
    return UnderLoad(
        lambda: server.load(*load_options(pairs, per_s)),
        lambda: turns(server),
        lambda: verify(server),
    )
