"""What runs came to: faults that struck, and what happened seldom enough to ask whether it does.

What the server says of itself in its log is counted by the message, before anything is filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.world.cluster import Cluster

SAID = {
    "partition %d: %s gets a copy": "copy taken in",
    "partition %d: %s has no copy any more": "copy given away",
    "partition %d: %s leads epoch %d": "takeover",
    "partition %d: %s steps down": "leader steps down",
    "partition %d: %s hands over to %s": "hand-over",
    "partition %d: %d records are taken back": "truncation",
    "partition %d: a snapshot for %s": "snapshot",
    "partition %d: epoch %d, in sync %s": "others in sync",
    "partition %d: epoch %d is written": "configuration written anew",
    "%s has left for %s": "chat leaves its host",
    "%s has arrived": "chat arrives at its own host",
    "%s does not move now: %s": "move put off",
    "front %s went silent": "front forgotten",
    "the disk is full, only reading for %s s: %s": "only reading",
}
"""By what is logged."""


def seen(cluster: Cluster, said: Counter[str], faults: Iterable[str]) -> Counter[str]:
    """How often each thing happened in a run. `said` counts the messages that were logged."""
    found = Counter(f"fault: {kind}" for kind in faults)
    found.update(cluster.network.happened)
    for machine in cluster.machines.values():
        found.update(machine.disk.happened)
    for message, count in said.items():
        if message in SAID:
            found[SAID[message]] += count
    return found


def runs_with(each: Iterable[Counter[str]]) -> dict[str, int]:
    """In how many runs each thing happened."""
    return dict(sorted(Counter(name for found in each for name in found).items()))
