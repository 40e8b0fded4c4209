"""A store in memory, for unit tests and simulation: what `append` got is durable, what `install`
got is visible."""

from __future__ import annotations

from collections.abc import Callable

from storage.keys import check_keys
from storage.memtable import Memtable
from storage.port import Unsynced, Writes

BATCHES_MAX = 1024
"""A checkpoint is due when there are more."""


class MemoryStore:
    """See `storage.port.Store`. `disk` is what a crash leaves: the appended batches. A store that
    is made of it sees all of them."""

    def __init__(self, disk: list[Writes] | None = None) -> None:
        self.disk: list[Writes] = [] if disk is None else disk
        self.installed = len(self.disk)
        self._table = Memtable()
        for writes in self.disk:
            self._table.install(writes)

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._table.rows.get(partition, {}).get(key)

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        return self._table.scan(partition, start, stop, limit, reverse)

    def append(self, writes: Writes) -> None:
        check_keys(writes)
        self.disk.append({partition: dict(rows) for partition, rows in writes.items()})

    def begin(self, writes: Writes) -> Unsynced | None:
        return AppendedBySync(self.append, writes)

    def install(self, writes: Writes) -> None:
        self._table.install(writes)
        self.installed += 1

    def due(self, now_s: float) -> bool:
        return self.installed > BATCHES_MAX

    def begin_checkpoint(self) -> MemoryCheckpoint:
        return MemoryCheckpoint(self, self.installed)

    def fold(self, batches: int) -> None:
        """Make one batch of the oldest ones."""
        folded = Memtable()
        for writes in self.disk[:batches]:
            folded.install(writes)
        alive: Writes = {
            partition: {key: row for key, row in rows.items() if row is not None}
            for partition, rows in folded.rows.items()
        }
        self.disk[:batches] = [alive]
        self.installed += 1 - batches

    def close(self) -> None:
        """There is nothing to release."""


class AppendedBySync:
    """See `storage.port.Unsynced`: nothing is there before."""

    fd = -1

    def __init__(self, append: Callable[[Writes], None], writes: Writes) -> None:
        self._append, self._writes = append, writes

    def sync(self) -> None:
        self._append(self._writes)

    def end(self, error: OSError | None = None) -> None:
        raise AssertionError("nobody else can sync it")


class MemoryCheckpoint:
    """See `storage.port.Checkpoint`: there is nothing to move, but batches to fold together."""

    def __init__(self, store: MemoryStore, batches: int) -> None:
        self._store = store
        self._batches = batches

    def open(self) -> None: ...

    def step(self, rows_max: int) -> bool:
        return False

    def commit(self) -> None: ...

    def abort(self) -> None: ...

    def finish(self) -> None:
        if self._batches:
            self._store.fold(self._batches)
