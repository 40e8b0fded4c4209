"""A store that fails as it is told, around another one."""

from __future__ import annotations

from collections.abc import Iterable

from storage.memory import AppendedBySync
from storage.port import (
    Checkpoint,
    CorruptRow,
    StorageFailed,
    StorageFull,
    Store,
    Unsynced,
    Writes,
)


class FaultyStore:
    """See `storage.port.Store`. `full` and `failing` hold the numbers (from 1) of the appends that
    find the disk full, or fail; `corrupt` the (partition, key) of rows that fail their check."""

    def __init__(
        self,
        inner: Store,
        *,
        full: Iterable[int] = (),
        failing: Iterable[int] = (),
        corrupt: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        self.inner = inner
        self.appends = 0
        self.full = set(full)
        self.failing = set(failing)
        self.corrupt = set(corrupt)

    def get(self, partition: int, key: bytes) -> bytes | None:
        if (partition, key) in self.corrupt:
            raise CorruptRow(partition, key)
        return self.inner.get(partition, key)

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        found = self.inner.scan(partition, start, stop, limit=limit, reverse=reverse)
        for key, _ in found:
            if (partition, key) in self.corrupt:
                raise CorruptRow(partition, key)
        return found

    def append(self, writes: Writes) -> None:
        self.appends += 1
        if self.appends in self.full:
            raise StorageFull("no room, as told")
        if self.appends in self.failing:
            raise StorageFailed("failed, as told")
        self.inner.append(writes)

    def begin(self, writes: Writes) -> Unsynced | None:
        return AppendedBySync(self.append, writes)

    def install(self, writes: Writes) -> None:
        self.inner.install(writes)

    def due(self, now_s: float) -> bool:
        return self.inner.due(now_s)

    def begin_checkpoint(self) -> Checkpoint:
        return self.inner.begin_checkpoint()

    def close(self) -> None:
        self.inner.close()
