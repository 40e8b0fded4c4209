"""What the copies of a shard say to each other, and the configuration that decides between
them. See docs/replication.md for why it is correct."""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec
from msgspec import Struct

HEARTBEAT_S: Final = 0.25
"""A leader that has nothing to say says so after this time."""

SUSPECT_S: Final = 1.0
"""A follower that is silent for so long is taken out of those in sync."""

LEASE_S: Final = 1.2
"""A leader serves for so long after it sent what a follower has confirmed."""

TAKEOVER_S: Final = 1.5
"""A follower that heard nothing for so long may take over. More than `LEASE_S` by what clocks may
differ in while they measure it, so that never two leaders serve."""


class Configuration(Struct, frozen=True, array_like=True):
    """Who has a shard in an epoch. Epochs go up by one; each has one configuration for ever.
    `members`: the hosts that have a copy, the preferred leader first. `in_sync`: those of them that
    have everything that is committed; only they may lead."""

    shard: int
    epoch: int
    leader: str
    members: tuple[str, ...]
    in_sync: tuple[str, ...]


Mark = Literal["", "drained", "leaving"]


class Seat(Struct, frozen=True, array_like=True):
    """A host of the cluster, its node, and the zone of that ("": none is known). An operator can
    mark it: `drained`, it shall lead nothing; `leaving`, it shall have no copies either. `door`:
    how it is called in this life (see `runtime.lines.door.Address`)."""

    host: str
    node: str
    zone: str = ""
    mark: Mark = ""
    door: bytes = b""


class Append(Struct, frozen=True, array_like=True):
    """From the leader: records from number `first` on (none: a heartbeat), and that everything up
    to record `commit` is committed."""

    config: Configuration
    first: int
    records: list[bytes]
    commit: int


class Appended(Struct, frozen=True, array_like=True):
    """The answer. `epoch` is the newest that the copy knows: if it is above that of the question,
    nothing was done. Otherwise the copy has the leader's records up to `matched`, durably; less
    than was sent where something before is missing, or the disk is full. `blank`: it needs a
    snapshot."""

    epoch: int
    matched: int
    full: bool = False
    blank: bool = False


class Known(Struct, frozen=True, array_like=True):
    """What a host says of a copy that it has: its configuration, and whether it leads now."""

    config: Configuration
    leading: bool


class SnapshotPart(Struct, frozen=True, array_like=True):
    """From the leader: part of a snapshot, counted from 0 within its attempt; attempts go up. The
    first part drops what the copy holds; the last one (`end`) says after which record the log goes
    on. `rows` are of a `partition` (-1: of the one that has the number of the shard). `now_ms` is
    the time there (see `runtime.steady`; 0: it is not told)."""

    config: Configuration
    attempt: int
    part: int
    rows: dict[bytes, bytes | None]
    end: int | None
    now_ms: int = 0
    partition: int = -1


class Unavailable(Exception):
    """The configuration store, or a peer, cannot be reached now."""


class NotLeading(Exception):
    """This host does not lead that shard."""


class ConfigStore(Protocol):
    """Configurations by shard and epoch, each written once. Raises Unavailable."""

    async def newest(self, shard: int, known: int = 0) -> Configuration | None:
        """The one of the highest epoch; `known` is an epoch that is known to exist."""

    async def create(self, config: Configuration) -> bool:
        """Write it, unless its epoch has one already: then False. When it raises, it is not known
        whether it was written."""


class Roster(Protocol):
    """The hosts that there are. Raises Unavailable."""

    async def seats(self) -> dict[str, Seat]:
        """By host."""

    async def announce(self, seat: Seat) -> None:
        """A host is there, as it says; its mark stays as it was."""

    async def mark(self, host: str, mark: Mark) -> None: ...

    async def remove(self, host: str) -> None:
        """A host is gone for good, and its mark, too."""


class MemoryConfigStore:
    """A `ConfigStore` in memory, for unit tests and simulation."""

    def __init__(self) -> None:
        self.configs: dict[tuple[int, int], Configuration] = {}
        self.down = False

    async def newest(self, shard: int, known: int = 0) -> Configuration | None:
        self._reach()
        epochs = [epoch for p, epoch in self.configs if p == shard]
        return self.configs[shard, max(epochs)] if epochs else None

    async def create(self, config: Configuration) -> bool:
        self._reach()
        return self.configs.setdefault((config.shard, config.epoch), config) is config

    def _reach(self) -> None:
        if self.down:
            raise Unavailable("the configuration store is down")


class MemoryRoster:
    """A `Roster` in memory, for unit tests and simulation. `down`: it cannot be reached."""

    def __init__(self) -> None:
        self.announced: dict[str, Seat] = {}
        self.marks: dict[str, Mark] = {}
        self.down = False

    async def seats(self) -> dict[str, Seat]:
        self._reach()
        return {
            host: msgspec.structs.replace(seat, mark=self.marks.get(host, ""))
            for host, seat in self.announced.items()
        }

    async def announce(self, seat: Seat) -> None:
        self._reach()
        self.announced[seat.host] = seat

    async def mark(self, host: str, mark: Mark) -> None:
        self._reach()
        self.marks[host] = mark

    async def remove(self, host: str) -> None:
        self._reach()
        self.announced.pop(host, None)
        self.marks.pop(host, None)

    def _reach(self) -> None:
        if self.down:
            raise Unavailable("the roster is down")


def first_configuration(shard: int, members: tuple[str, ...]) -> Configuration:
    """Of a new shard: nothing is committed yet, so all are in sync."""
    return Configuration(shard, 1, members[0], members, members)


encode = msgspec.msgpack.Encoder().encode
decode_configuration = msgspec.msgpack.Decoder(Configuration).decode
decode_append = msgspec.msgpack.Decoder(Append).decode
decode_seat = msgspec.msgpack.Decoder(Seat).decode
decode_configurations = msgspec.msgpack.Decoder(list[Configuration]).decode
decode_rows = msgspec.msgpack.Decoder(SnapshotPart).decode
decode_answer = msgspec.msgpack.Decoder(Appended).decode
decode_known = msgspec.msgpack.Decoder(Known | None).decode
