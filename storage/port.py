"""What a host needs of its storage, and the errors that storage raises.

    StorageError
    ├── StorageFull      no room: nothing of the batch was kept, the store goes on working
    ├── StorageFailed    anything else at a write: the process must stop, and recover by restarting
    ├── CorruptRow       a row failed its check (partition, key)
    ├── CorruptLog       the log is damaged before its end
    ├── BadKey           a key that cannot be stored (also a ValueError)
    └── DataFolderError  the data folder is in use, too new, or not one

A batch of rows is first appended to a log with a sync (`append`, or `begin`), then made
visible to reads (`install`, on the loop), and from time to time moved to its final place by a
`Checkpoint`.
"""

from __future__ import annotations

import errno
from typing import Protocol

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where there is no room: on the disk, in the quota, in one file. A disk that
can only be read (EROFS) is none that is full: it failed."""

Writes = dict[int, dict[bytes, bytes | None]]
"""Partition -> key -> row; None deletes."""


class StorageError(Exception):
    """Base of all errors of the storage."""


class StorageFull(StorageError):
    """There is no room on the disk (or in the quota). Nothing of the batch was kept."""


class StorageFailed(StorageError):
    """The disk failed at a write or a sync; what it holds is known only after a restart."""


def disk_error(error: OSError, what: str) -> StorageFull | StorageFailed:
    """What a write to the disk failed with."""
    kind = StorageFull if error.errno in NO_ROOM else StorageFailed
    return kind(f"{what}: {error.strerror or error}")


class CorruptRow(StorageError):
    """A stored row failed its check."""

    def __init__(self, partition: int, key: bytes) -> None:
        super().__init__(partition, key)
        self.partition = partition
        self.key = key

    def __str__(self) -> str:
        return f"row {self.key.hex()} of partition {self.partition} failed its check"


class CorruptLog(StorageError):
    """A record before the end of the log failed its check."""


class BadKey(StorageError, ValueError):
    """A key is empty, too long, or of something that has no key."""


class DataFolderError(StorageError):
    """The data folder cannot be used; the message says what to do."""


class Checkpoint(Protocol):
    """Moves what was installed so far from the log to its final place, without holding up the
    loop: `open` and `commit` (or `abort`) run in one and the same thread, `step` and `finish` on
    the loop, strictly one after the other."""

    def open(self) -> None:
        """Begin the transaction. Raises StorageFull, StorageFailed."""

    def step(self, rows_max: int) -> bool:
        """Put up to `rows_max` rows; True while there are more. Raises StorageFull."""

    def commit(self) -> None:
        """Commit with fsync. Raises StorageFull, StorageFailed."""

    def abort(self) -> None:
        """Give up, also after an error of `open`, `step` or `commit`; the rows stay where they are,
        and the next checkpoint takes them along."""

    def finish(self) -> None:
        """After commit: reads see the new state, and the log is cut."""


class Unsynced(Protocol):
    """A batch that is written, and durable when `fd` (-1: none that has to do with it) was synced
    next. The store takes no other one until then."""

    @property
    def fd(self) -> int: ...

    def sync(self) -> None:
        """Sync it; blocks. Raises StorageFull (nothing was kept), StorageFailed."""

    def end(self, error: OSError | None = None) -> None:
        """`fd` was synced by others, or that failed. Raises as `sync` does."""


class Store(Protocol):
    """Ordered rows by partition. `get` and `scan` show what is installed."""

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The row, or None. Loop thread. Raises CorruptRow."""

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """Up to `limit` rows with start <= key < stop, in order, or from the end. Loop thread.
        Raises CorruptRow if one of them fails its check."""

    def append(self, writes: Writes) -> None:
        """Make a batch durable; blocks until it is synced. Any thread, one batch at a time. Raises
        BadKey and StorageFull (nothing was kept, the store goes on working) and
        StorageFailed (the process must stop)."""

    def begin(self, writes: Writes) -> Unsynced | None:
        """Write a batch, without waiting for the disk; None: it has to be appended, for there is
        more to do. Raises as `append` does."""

    def install(self, writes: Writes) -> None:
        """Show an appended batch to reads; loop thread, in the order of the appends."""

    def due(self, now_s: float) -> bool:
        """Whether it is time for a checkpoint (`now_s`: a monotonic clock, in seconds). To be asked
        every now and then: the age of what waits is counted from the first time it is asked."""

    def begin_checkpoint(self) -> Checkpoint:
        """Freeze what is installed and begin to move it; loop thread, at most one at a time."""

    def close(self) -> None:
        """Release files. What was appended is durable already."""
