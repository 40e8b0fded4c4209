"""Faults: what goes wrong when, drawn from the seed before the run begins.

A fault acts on processes, machines and ways by their names, lasts for a while and is healed.
Another one is added by a function that begins it and returns what heals it, and a line in `KINDS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from sim.world.cluster import Cluster
from sim.world.pipe import Pipe

FAULTS_MAX = 12
LASTS_S_MIN, LASTS_S_MAX = 0.05, 6.0
JUMP_MS_MAX = 3_600_000

Heal = Callable[[], None]


class Target(NamedTuple):
    """Where a fault strikes: a process `name`, and between it and an `other`."""

    name: str
    other: str
    amount: float
    """From 0 to 1: how bad it is."""


class Fault(NamedTuple):
    """`kind` strikes `target` at `at_s` for `for_s`."""

    at_s: float
    for_s: float
    kind: str
    target: Target

    def __str__(self) -> str:
        return f"{self.kind} at {self.target.name} (and {self.target.other}) for {self.for_s:.3f} s"


def _nothing() -> None:
    """It healed by itself."""


def down(cluster: Cluster, target: Target) -> Heal:
    """kill -9, and a start later."""
    cluster.keep_down(target.name)
    return lambda: cluster.let_up(target.name)


def crash(cluster: Cluster, target: Target) -> Heal:
    """kill -9, and a start at once, as Ray does it."""
    cluster.kill(target.name)
    cluster.restart_soon(target.name)
    return _nothing


def drain(cluster: Cluster, target: Target) -> Heal:
    """An orderly restart."""
    if target.name.startswith("host"):
        cluster.loop.create_task(cluster.drain(target.name))
    return _nothing


def pause(cluster: Cluster, target: Target) -> Heal:
    """Nothing of the process runs for a while, and then all at once."""
    process = cluster.find(target.name)
    if process is None or process.frozen:
        return _nothing
    process.frozen = True
    return lambda: cluster.loop.thaw(process)


def cut(cluster: Cluster, target: Target) -> Heal:
    """Neither hears the other."""
    ways = (target.name, target.other), (target.other, target.name)
    for way in ways:
        cluster.network.cut(way)

    def heal() -> None:
        for way in ways:
            cluster.network.mend(way)

    return heal


def cut_one_way(cluster: Cluster, target: Target) -> Heal:
    """One hears the other, but is not heard."""
    way = (target.name, target.other) if target.amount < 0.5 else (target.other, target.name)
    cluster.network.cut(way)
    return lambda: cluster.network.mend(way)


def alone(cluster: Cluster, target: Target) -> Heal:
    """A process is cut off from all others."""
    ways = [
        way
        for other in [*cluster.names, *cluster.processes]
        for way in ((target.name, other), (other, target.name))
    ]
    for way in ways:
        cluster.network.cut(way)

    def heal() -> None:
        for way in ways:
            cluster.network.mend(way)

    return heal


def lossy(cluster: Cluster, target: Target) -> Heal:
    """Much of what goes either way is lost."""
    ways = (target.name, target.other), (target.other, target.name)
    for way in ways:
        cluster.network.loss[way] = 0.05 + target.amount * 0.6

    def heal() -> None:
        for way in ways:
            cluster.network.loss.pop(way, None)

    return heal


def slow_way(cluster: Cluster, target: Target) -> Heal:
    """Messages take long, and overtake one another."""
    way = target.name, target.other
    cluster.network.slow[way] = 1.0 + target.amount * 300.0

    def heal() -> None:
        cluster.network.slow.pop(way, None)

    return heal


def slow_disk(cluster: Cluster, target: Target) -> Heal:
    disk = cluster.machine(target.name).disk
    disk.slow = 1.0 + target.amount * 300.0

    def heal() -> None:
        disk.slow = 1.0

    return heal


def full_disk(cluster: Cluster, target: Target) -> Heal:
    disk = cluster.machine(target.name).disk
    disk.full = True

    def heal() -> None:
        disk.full = False

    return heal


def failing_disk(cluster: Cluster, target: Target) -> Heal:
    """Every sync fails: the process must stop, and be started again."""
    disk = cluster.machine(target.name).disk
    disk.failing = True

    def heal() -> None:
        disk.failing = False

    return heal


def wrong_clock(cluster: Cluster, target: Target) -> Heal:
    """The wall clock jumps, and back."""
    machine = cluster.machine(target.name)
    jump_ms = int((2 * target.amount - 1) * JUMP_MS_MAX)
    machine.ahead_ms += jump_ms

    def heal() -> None:
        machine.ahead_ms -= jump_ms

    return heal


def hang_up(cluster: Cluster, target: Target) -> Heal:
    """The live connections of a process break."""
    process = cluster.find(target.name)
    for ending in list(process.endings) if process is not None else []:
        if isinstance(ending, Pipe):
            ending.break_()
    return _nothing


KINDS: dict[str, tuple[Callable[[Cluster, Target], Heal], int]] = {
    "down": (down, 3),
    "crash": (crash, 6),
    "drain": (drain, 1),
    "pause": (pause, 3),
    "cut": (cut, 3),
    "cut one way": (cut_one_way, 3),
    "alone": (alone, 2),
    "lossy": (lossy, 3),
    "slow way": (slow_way, 2),
    "slow disk": (slow_disk, 2),
    "full disk": (full_disk, 2),
    "failing disk": (failing_disk, 1),
    "wrong clock": (wrong_clock, 1),
    "hang up": (hang_up, 2),
}
"""By name: what it does, and how often it is drawn."""

OF_CLIENTS = ("crash", "pause", "hang up")
CLIENT_P = 0.3
"""What strikes devices, too, and how often."""


def schedule(
    rng: random.Random, servers: list[str], clients: list[str], active_s: float
) -> list[Fault]:
    """Up to `FAULTS_MAX` faults, all of them healed by `active_s`, in the order of their times."""
    names = list(KINDS)
    weights = [weight for _, weight in KINDS.values()]
    faults = []
    for _ in range(rng.randint(0, FAULTS_MAX)):
        at_s = rng.random() * active_s
        for_s = min(rng.uniform(LASTS_S_MIN, LASTS_S_MAX), active_s - at_s)
        (kind,) = rng.choices(names, weights)
        among = servers
        if "disk" in kind:
            among = [server for server in servers if server.startswith("host")]
        elif kind in OF_CLIENTS and rng.random() < CLIENT_P:
            among = clients
        name = rng.choice(among)
        other = rng.choice([each for each in servers + clients if each != name])
        faults.append(Fault(at_s, for_s, kind, Target(name, other, rng.random())))
    return sorted(faults)
