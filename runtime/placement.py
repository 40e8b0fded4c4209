"""Which partition an actor is in, and which host leads a partition.

Pooled (the default): a fixed number of partitions, dealt out over the hosts of this server.
Dedicated, by kind (or by kind and key): each such actor is a partition of one, in a Ray actor of
its own. Everything else is the same code. A pooled actor can also be given a partition of its own
while the server runs (`runtime.moves`).

Where there are copies, partitions are dealt out over *shards*: the partitions of a shard share a
log, a store and a leader, so that what their actors tell each other is durable with one commit. A
partition with a host for itself is a shard of the same number.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from runtime.refs import ActorRef, partition_of

DEDICATED_BASE = 1 << 40
"""Partitions of dedicated actors are numbered from here, by a 40-bit hash of the address."""

MOVED_BASE = 1 << 41
"""The same for actors that got a partition of their own while the server ran: such a one is closed
until its actor has arrived, while a dedicated one is where its actor has always been."""

OWN = "dedicated-"
"""How the names of hosts begin that have one partition each."""

LEARNED_MAX = 100_000


class Placement:
    """Where actors live. `dedicated` names kinds ("chat") or single actors ("chat/g7")."""

    def __init__(self, partitions: int, hosts: int, dedicated: Iterable[str] = ()) -> None:
        assert 0 < hosts <= partitions
        self.partitions = partitions
        self.hosts = hosts
        self.dedicated = frozenset(dedicated)
        self.learned: dict[ActorRef, int] = {}

    def learn(self, ref: ActorRef, partition: int) -> bool:
        """An actor has moved to a partition of its own; returns whether that is news. Fronts and
        tools learn. Hosts do not: what actors send it goes by its old partition for ever, so that
        nothing overtakes. Of too many, those learned first are forgotten, and learned again."""
        if self.learned.get(ref) == partition:
            return False
        self.learned[ref] = partition
        if len(self.learned) > LEARNED_MAX:
            del self.learned[next(iter(self.learned))]
        return True

    def partition(self, ref: ActorRef) -> int:
        """The partition of an actor."""
        if self.learned and (own := self.learned.get(ref)) is not None:
            return own
        if self.dedicated and (ref.kind in self.dedicated or str(ref) in self.dedicated):
            return DEDICATED_BASE + _hash(ref)
        return partition_of(ref, self.partitions)

    def home(self, ref: ActorRef) -> str:
        """The name of the host that leads an actor's partition."""
        if self.hosts == 1 and not self.dedicated and not self.learned:
            return "host-0"
        return self.host(self.partition(ref))

    def host(self, partition: int) -> str:
        """The name of the host that leads a partition."""
        if partition >= DEDICATED_BASE:
            return own_host(partition)
        return f"host-{partition % self.hosts}"

    def led_by(self, host: str) -> list[int]:
        """The partitions that a host leads."""
        own = partition_of_own(host)
        if own is not None:
            return [own]
        return [p for p in range(self.partitions) if self.host(p) == host]

    def is_alone(self, led: frozenset[int]) -> bool:
        """Whether a host that leads these partitions leads all there can be."""
        return not self.dedicated and len(led) == self.partitions

    def pooled_hosts(self) -> list[str]:
        return [f"host-{number}" for number in range(self.hosts)]


class Replicated(Placement):
    """Each shard is led by whoever its copies agree upon, so that its place has a name of its own,
    which `runtime.replication.directory` finds a host for."""

    def __init__(self, partitions: int, shards: int) -> None:
        super().__init__(partitions, shards)
        self.shards = shards

    def shard(self, partition: int) -> int:
        """The shard of a partition."""
        return partition if partition >= DEDICATED_BASE else partition % self.shards

    def partitions_of(self, shard: int) -> list[int]:
        """The partitions of a shard."""
        if shard >= DEDICATED_BASE:
            return [shard]
        return list(range(shard, self.partitions, self.shards))

    def home(self, ref: ActorRef) -> str:
        return self.host(self.partition(ref))

    def host(self, partition: int) -> str:
        return place_of(self.shard(partition))

    def pooled_hosts(self) -> list[str]:
        return [place_of(shard) for shard in range(self.shards)]


def first_members(shard: int, hosts: int, copies: int) -> tuple[str, ...]:
    """The hosts that get a copy of a new shard, the one that shall lead it first."""
    return tuple(f"host-{(shard + n) % hosts}" for n in range(copies))


def own_partition(ref: ActorRef) -> int:
    """The partition that an actor gets when it moves out of the pool."""
    return MOVED_BASE + _hash(ref)


def own_host(partition: int, number: int = 1) -> str:
    """The name of the host that a partition has for itself. With copies, a name is given once: if
    the machine of the first one is lost for good, the next one is number 2."""
    return f"{OWN}{partition:x}" if number == 1 else f"{OWN}{partition:x}-{number}"


def partition_of_own(host: str) -> int | None:
    """The partition that has this host for itself; None for a pooled one."""
    if not host.startswith(OWN):
        return None
    return int(host.removeprefix(OWN).partition("-")[0], 16)


def _hash(ref: ActorRef) -> int:
    return int.from_bytes(blake2b(str(ref).encode(), digest_size=5).digest(), "big")


def place_of(shard: int) -> str:
    """The name of the place where a shard is led."""
    return f"shard-{shard}"


def shard_at(place: str) -> int:
    """The shard that is led at the place of this name."""
    return int(place.removeprefix("shard-"))
