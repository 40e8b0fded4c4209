"""Which partition an actor is in, and which host leads a partition.

Pooled (the default): a fixed number of partitions, dealt out over the hosts of this server.
Dedicated, by kind (or by kind and key): each such actor is a partition of one, in a Ray actor of
its own. Everything else is the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from actors.runtime.refs import ActorRef, partition_of

DEDICATED_BASE = 1 << 40
"""Partitions of dedicated actors are numbered from here, by a 40-bit hash of the address."""


class Placement:
    """Where actors live. `dedicated` names kinds ("chat") or single actors ("chat/g7")."""

    def __init__(self, partitions: int, hosts: int, dedicated: Iterable[str] = ()) -> None:
        assert 0 < hosts <= partitions
        self.partitions = partitions
        self.hosts = hosts
        self.dedicated = frozenset(dedicated)

    def partition(self, ref: ActorRef) -> int:
        """The partition of an actor."""
        if self.dedicated and (ref.kind in self.dedicated or str(ref) in self.dedicated):
            digest = blake2b(str(ref).encode(), digest_size=5).digest()
            return DEDICATED_BASE + int.from_bytes(digest, "big")
        return partition_of(ref, self.partitions)

    def home(self, ref: ActorRef) -> str:
        """The name of the host that leads an actor's partition."""
        if self.hosts == 1 and not self.dedicated:
            return "host-0"
        return self.host(self.partition(ref))

    def host(self, partition: int) -> str:
        """The name of the host that leads a partition."""
        if partition >= DEDICATED_BASE:
            return f"dedicated-{partition:x}"
        return f"host-{partition % self.hosts}"

    def led_by(self, host: str) -> list[int]:
        """The partitions that a host leads."""
        if host.startswith("dedicated-"):
            return [int(host.removeprefix("dedicated-"), 16)]
        return [p for p in range(self.partitions) if self.host(p) == host]

    def is_alone(self, led: frozenset[int]) -> bool:
        """Whether a host that leads these partitions leads all there can be."""
        return not self.dedicated and len(led) == self.partitions

    def pooled_hosts(self) -> list[str]:
        return [f"host-{number}" for number in range(self.hosts)]


class Replicated(Placement):
    """Each partition is led by whoever its copies agree upon, so that its place has a name of its
    own, which `actors.runtime.replication.directory` finds a host for."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions, partitions)

    def home(self, ref: ActorRef) -> str:
        return place_of(self.partition(ref))

    def host(self, partition: int) -> str:
        return place_of(partition)

    def pooled_hosts(self) -> list[str]:
        return [place_of(partition) for partition in range(self.partitions)]


def place_of(partition: int) -> str:
    """The name of the place where a replicated partition is led."""
    return f"partition-{partition}"


def partition_at(place: str) -> int:
    """The partition that is led at the place of this name."""
    return int(place.removeprefix("partition-"))
