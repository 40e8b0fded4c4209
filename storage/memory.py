"""A store in memory, for unit tests and simulation: what `append` got is durable, what `install`
got is visible."""

from __future__ import annotations

from storage.memtable import Memtable
from storage.port import Writes


class MemoryStore:
    """See `storage.port.Store`. `disk` is what a crash leaves: the appended batches."""

    def __init__(self, disk: list[Writes] | None = None) -> None:
        self.disk: list[Writes] = [] if disk is None else disk
        self._table = Memtable()
        for writes in self.disk:
            self._table.install(writes)

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._table.rows.get(partition, {}).get(key)

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        found = self._table.scan(partition, start, stop)
        alive = [(key, row) for key, row in found.items() if row is not None]
        return (alive[::-1] if reverse else alive)[:limit]

    def append(self, writes: Writes) -> None:
        self.disk.append({partition: dict(rows) for partition, rows in writes.items()})

    def install(self, writes: Writes) -> None:
        self._table.install(writes)

    def due(self, now_s: float) -> bool:
        return False

    def begin_checkpoint(self) -> MemoryCheckpoint:
        return MemoryCheckpoint()

    def close(self) -> None:
        """There is nothing to release."""


class MemoryCheckpoint:
    """There is nothing to move."""

    def open(self) -> None: ...

    def step(self, rows_max: int) -> bool:
        return False

    def commit(self) -> None: ...

    def abort(self) -> None: ...

    def finish(self) -> None: ...
