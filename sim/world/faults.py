"""Faults: what goes wrong when, drawn from the seed before the run begins.

A fault acts on processes, machines and ways by their names, lasts for a while and is healed.
Another one is added by a function that begins it and returns what heals it, and a line in `KINDS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from runtime.placement import OWN
from sim.world.cluster import Cluster
from sim.world.network import Way
from sim.world.pipe import Pipe

FAULTS_MAX = 12
LASTS_S_MIN, LASTS_S_MAX = 0.05, 6.0
SPLIT_S_MAX = OWN_S_MAX = 12.0
JUMP_MS_MAX = 30 * 365 * 86_400_000

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


def blackout(cluster: Cluster, target: Target) -> Heal:
    """The power fails: every server at once, so that nothing is left but what disks have."""
    names = cluster.names
    for name in names:
        cluster.keep_down(name)

    def heal() -> None:
        for name in names:
            cluster.let_up(name)

    return heal


def drain(cluster: Cluster, target: Target) -> Heal:
    """An orderly restart."""
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
    return _cut(cluster, _between([target.name], [target.other]))


def cut_one_way(cluster: Cluster, target: Target) -> Heal:
    """One hears the other, but is not heard."""
    there, back = _between([target.name], [target.other])
    return _cut(cluster, [there if target.amount < 0.5 else back])


def alone(cluster: Cluster, target: Target) -> Heal:
    """A process is cut off from all others."""
    others = dict.fromkeys([*cluster.names, *cluster.processes])
    return _cut(cluster, _between([target.name], others))


def split(cluster: Cluster, target: Target) -> Heal:
    """The servers fall into two parts that do not hear each other, and clients reach both: some
    come to a leader that the others have given up."""
    rng = random.Random(target.amount)
    near = [name for name in cluster.names if name == target.name or rng.random() < 0.5]
    return _cut(cluster, _between(near, [name for name in cluster.names if name not in near]))


def _between(some: Iterable[str], others: Iterable[str]) -> list[Way]:
    """The ways between the ones and the others, in both directions."""
    pairs = [(one, other) for one in some for other in others if one != other]
    return [way for one, other in pairs for way in ((one, other), (other, one))]


def _cut(cluster: Cluster, ways: list[Way]) -> Heal:
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
    """The wall clock jumps by up to thirty years, either way, and back."""
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


def empty_store(cluster: Cluster, target: Target) -> Heal:
    """The configuration store is started anew, and knows nothing any more."""
    process = cluster.find(target.name)
    if process is not None and process.service is not None:
        process.service.lose_everything()
    return crash(cluster, target)


def leave(cluster: Cluster, target: Target) -> Heal:
    """An operator wants a host to lead nothing for a while, or to have nothing."""
    process = cluster.find("config")
    if process is None or process.service is None:
        return lambda: None
    marks = process.service.roster.marks
    marks[target.name] = "drained" if target.amount < 0.5 else "leaving"
    return lambda: marks.pop(target.name, None)


def dedicate(cluster: Cluster, target: Target) -> Heal:
    """An operator wants a chat to have a host for itself."""
    process = cluster.find("operator")
    if process is not None and process.service is not None:
        process.service.want(target.amount)
    return _nothing


def own_host_down(cluster: Cluster, target: Target) -> Heal:
    """The same as `down`, of a host that has one partition for itself."""
    own = [name for name in cluster.names if name.startswith(OWN)]
    if not own:
        return _nothing
    name = own[int(target.amount * len(own))]
    return down(cluster, target._replace(name=name))


class Kind(NamedTuple):
    """A sort of fault: what begins it, how often it is drawn, and on which servers: those whose
    names begin with `on`. `of_clients`: it strikes devices, too."""

    begin: Callable[[Cluster, Target], Heal]
    weight: int
    on: str = ""
    of_clients: bool = False
    lasts_s_max: float = LASTS_S_MAX


KINDS: dict[str, Kind] = {
    "down": Kind(down, 3),
    "crash": Kind(crash, 6, of_clients=True),
    "blackout": Kind(blackout, 2, "host"),
    "drain": Kind(drain, 1, "host"),
    "pause": Kind(pause, 3, of_clients=True),
    "cut": Kind(cut, 3),
    "cut one way": Kind(cut_one_way, 3),
    "alone": Kind(alone, 2),
    "split": Kind(split, 3, "host", lasts_s_max=SPLIT_S_MAX),
    "lossy": Kind(lossy, 3),
    "slow way": Kind(slow_way, 2),
    "slow disk": Kind(slow_disk, 2, "host"),
    "full disk": Kind(full_disk, 2, "host"),
    "failing disk": Kind(failing_disk, 1, "host"),
    "wrong clock": Kind(wrong_clock, 1),
    "hang up": Kind(hang_up, 2, of_clients=True),
    "leave": Kind(leave, 2, "host"),
    "empty store": Kind(empty_store, 1, "config"),
    "dedicate": Kind(dedicate, 6, "operator"),
    "own host down": Kind(own_host_down, 6, "operator", lasts_s_max=OWN_S_MAX),
}

CLIENT_P = 0.3
"""How often what can strike devices does."""


def schedule(
    rng: random.Random,
    servers: list[str],
    clients: list[str],
    active_s: float,
    only: Collection[str] = KINDS,
) -> list[Fault]:
    """Up to `FAULTS_MAX` faults, all of them healed by `active_s`, in the order of their times.
    `only` names the kinds to draw from."""
    on = {kind: [n for n in servers if n.startswith(KINDS[kind].on)] for kind in KINDS}
    names = [kind for kind in KINDS if on[kind] and kind in only]
    weights = [KINDS[kind].weight for kind in names]
    faults = []
    for _ in range(rng.randint(0, FAULTS_MAX)):
        at_s = rng.random() * active_s
        (kind,) = rng.choices(names, weights)
        lasts_s = rng.uniform(LASTS_S_MIN, KINDS[kind].lasts_s_max)
        for_s = min(lasts_s, active_s - at_s)
        among = clients if KINDS[kind].of_clients and rng.random() < CLIENT_P else on[kind]
        name = rng.choice(among)
        other = rng.choice([each for each in servers + clients if each != name])
        faults.append(Fault(at_s, for_s, kind, Target(name, other, rng.random())))
    return sorted(faults)
