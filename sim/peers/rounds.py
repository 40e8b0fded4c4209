"""All peers in turns: each is started, gets every load, and is stopped, so that none takes time
from another; and all of it again, round after round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Protocol

import httpx2
import uvloop

from api.errors import ApiError
from sim.peers.ejabberd import Ejabberd
from sim.peers.heliograph import Heliograph
from sim.peers.program import Failed, memory_mb
from sim.peers.prosody import Prosody
from sim.peers.synapse import Synapse
from sim.peers.workload import Figures, Load, Running, drive

Say = Callable[[str], None]


class Peer(Protocol):
    """`keeps`: how it has stored a message when the other receives it. `pairs_max`: more of them
    take it longer to prepare than to measure. `home`: where what PyPI brings is installed."""

    name: str
    keeps: str
    pairs_max: int

    def version(self, home: Path) -> str: ...

    def missing(self, home: Path) -> str:
        """Which packages are not installed; empty where all are."""
        ...

    def install(self, home: Path) -> None: ...

    def running(self, folder: Path, home: Path) -> AbstractContextManager[Running]:
        """Run it on a folder, in which it finds again what an earlier turn left."""
        ...


def everybody() -> tuple[Peer, ...]:
    return (
        Heliograph(),
        Ejabberd(archive=True),
        Ejabberd(archive=False),
        Prosody(archive=True),
        Prosody(archive=False),
        Synapse(),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    loads: Sequence[Load]
    rounds: int
    seconds: float


@dataclass(slots=True)
class Turns:
    """What came of one peer, one of each for each round: figures per load, the time until it was
    ready, and its memory after the loads. `failed`: why it was given up, empty where it was not."""

    peer: Peer
    version: str
    figures: dict[Load, list[Figures]] = field(default_factory=dict)
    start_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    failed: str = ""


def measure(peers: Sequence[Peer], plan: Plan, folder: Path, home: Path, say: Say) -> list[Turns]:
    """All rounds; a peer that has failed gets no other turn."""
    found = [Turns(peer, peer.version(home)) for peer in peers]
    for number in range(plan.rounds):
        for turns in found:
            if turns.failed:
                continue
            try:
                say(f"round {number + 1} of {plan.rounds}: {turns.peer.name}")
                _turn(turns, plan, folder, home)
            except (Failed, ApiError, httpx2.HTTPError, OSError) as problem:
                turns.failed = " ".join(str(problem).split()) or type(problem).__name__
    return found


def _turn(turns: Turns, plan: Plan, folder: Path, home: Path) -> None:
    peer = turns.peer
    began = monotonic()
    with peer.running(folder / peer.name, home) as running:
        turns.start_s.append(monotonic() - began)
        fitting = {load: load.at_most(peer.pairs_max) for load in plan.loads}
        uvloop.run(running.register(2 * max(load.pairs for load in fitting.values())))
        for load, fits in fitting.items():
            figures = uvloop.run(drive(running, fits, plan.seconds))
            turns.figures.setdefault(load, []).append(figures)
        turns.memory_mb.append(memory_mb(running.pids))
