"""A copy of a shard in memory, for unit tests and simulation (see `storage.replica`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage.layout import rows_of
from storage.memtable import Memtable
from storage.port import Checkpoint, StorageFull, Unsynced, Writes
from storage.replica import epoch_of


class MemoryDisk:
    """What a crash leaves of a `MemoryReplica`: rows up to record `applied`, the records after it,
    and the configuration."""

    def __init__(self) -> None:
        self.rows: Writes = {}
        self.applied = 0
        self.records: dict[int, bytes] = {}
        self.config = b""
        self.loading = False
        self.full = False

    @property
    def last(self) -> int:
        return max(self.records, default=self.applied)


class MemoryReplica:
    """A `Replica` in memory, for unit tests and simulation."""

    KEPT_RECORDS = 50
    HELD_RECORDS = 1_000
    RECENT_RECORDS = 10

    def __init__(self, disk: MemoryDisk) -> None:
        self.disk = disk
        self._held: dict[str, int] = {}
        self._table = Memtable()
        self._table.install(disk.rows)
        self.installed = disk.applied

    @property
    def last(self) -> int:
        return max(self.disk.last, self.installed)

    @property
    def loading(self) -> bool:
        return self.disk.loading

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._table.rows.get(partition, {}).get(key)

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        return self._table.scan(partition, start, stop, limit, reverse)

    def append(self, writes: Writes) -> None:
        raise NotImplementedError("records of a copy carry an epoch: append_records")

    def begin(self, writes: Writes) -> Unsynced | None:
        raise NotImplementedError("records of a copy carry an epoch: append_records")

    def _need_room(self) -> None:
        if self.disk.full:
            raise StorageFull("no room, as told")

    def begin_records(self, records: Sequence[bytes]) -> Unsynced | None:
        return None

    def append_records(self, records: Sequence[bytes]) -> None:
        self._need_room()
        for number, record in enumerate(records, self.last + 1):
            self.disk.records[number] = record

    def truncate(self, after: int) -> None:
        assert after >= self.installed, "what is shown is committed"
        for number in [n for n in self.disk.records if n > after]:
            del self.disk.records[number]

    def install(self, writes: Writes) -> None:
        self._table.install(writes)
        self.installed += 1

    def settle(self, upto: int) -> None:
        while self.installed < upto:
            self.install(rows_of(self.disk.records[self.installed + 1]))

    def epoch_at(self, number: int) -> int:
        return epoch_of(self.disk.records[number])

    def recent(self, after: int, bytes_max: int) -> list[bytes] | None:
        if after < self.installed - self.RECENT_RECORDS:
            return None
        return self.records(after, bytes_max)

    def records(self, after: int, bytes_max: int) -> list[bytes] | None:
        if after < self.last and after + 1 not in self.disk.records:
            return None
        found: list[bytes] = []
        while (record := self.disk.records.get(after + 1)) is not None:
            bytes_max -= len(record)
            if found and bytes_max < 0:
                break
            found.append(record)
            after += 1
        return found

    def hold(self, copy: str, after: int | None) -> None:
        if after is None:
            self._held.pop(copy, None)
        else:
            self._held[copy] = after

    def recall(self) -> bytes:
        return self.disk.config

    def remember(self, config: bytes) -> None:
        self.disk.config = config

    def begin_load(self) -> None:
        self.disk.rows, self.disk.records, self.disk.applied = {}, {}, 0
        self.disk.loading = True
        self._table, self.installed = Memtable(), 0

    def load(self, writes: Writes) -> None:
        self._need_room()
        for partition, rows in writes.items():
            self.disk.rows.setdefault(partition, {}).update(rows)

    def end_load(self, number: int) -> None:
        self._table.install(self.disk.rows)
        self.disk.applied = self.installed = number
        self.disk.loading = False

    def due(self, now_s: float) -> bool:
        return self.installed - self.disk.applied > self.KEPT_RECORDS

    def begin_checkpoint(self) -> Checkpoint:
        return _MemoryCheckpoint(self)

    def close(self) -> None:
        """There is nothing to release."""


class _MemoryCheckpoint:
    """See `storage.port.Checkpoint`."""

    def __init__(self, store: MemoryReplica) -> None:
        self._store = store
        self._rows: Any = {p: dict(rows) for p, rows in store._table.rows.items()}
        self._applied = store.installed

    def open(self) -> None: ...

    def step(self, rows_max: int) -> bool:
        return False

    def commit(self) -> None:
        disk = self._store.disk
        disk.rows, disk.applied = self._rows, self._applied
        held = min([self._applied - self._store.KEPT_RECORDS, *self._store._held.values()])
        cut = max(held, self._applied - self._store.HELD_RECORDS)
        for number in [n for n in disk.records if n <= cut]:
            del disk.records[number]

    def abort(self) -> None: ...

    def finish(self) -> None: ...
