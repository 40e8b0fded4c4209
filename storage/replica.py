"""A copy of a shard: a store whose log is compared with the logs of the other copies.

Records are durable (`append_records`) before they are known to be committed, that is, to be in
every copy that counts; only then their rows are shown (`install`, `settle`). What a copy holds
beyond, its *tail*, it may have to take back (`truncate`). A record begins with its epoch: two
records with the same number and epoch are the same record, and so is all that is before them.
See docs/replication.md.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import lmdb

from storage.codec import seal
from storage.engine import LmdbStore, translate
from storage.keys import check_keys
from storage.layout import APPLIED, EPOCH_BYTES, LOADING, encode_writes, rows_of
from storage.log import SEGMENT_BYTES, Written
from storage.memtable import Memtable
from storage.port import StorageFull, Store, Unsynced, Writes
from storage.slots import Slots

KEPT_BYTES = 8 * 1024 * 1024
"""Of the records that are shown, so many are kept in memory for copies that are a little behind."""
KEPT_SEGMENTS = 4
HELD_BYTES = 2 * 1024 * 1024 * 1024
"""Of the log, so much is held at most for copies that are being brought up."""
CONFIG = "config"
NAME, OLD_NAME = "shard-", "partition-"
"""How the folders of copies are called, and were as long as a shard was one partition."""


def encode_record(epoch: int, writes: Writes) -> bytes:
    """A record. Raises BadKey for rows that cannot be stored."""
    check_keys(writes)
    return epoch.to_bytes(EPOCH_BYTES, "big") + encode_writes(writes)


def epoch_of(record: bytes) -> int:
    return int.from_bytes(record[:EPOCH_BYTES], "big")


class Replica(Store, Protocol):
    """See the module. Numbers of records begin at 1."""

    installed: int
    """The number of the last record whose rows are shown."""

    @property
    def last(self) -> int:
        """The number of the last durable record."""

    @property
    def loading(self) -> bool:
        """Whether a snapshot was begun and is not whole: what is here is nothing to go by."""

    def append_records(self, records: Sequence[bytes]) -> None:
        """Make the records after `last` durable; blocks. Raises StorageFull (none was kept),
        StorageFailed. A writer thread, one call of this and `truncate` at a time."""

    def begin_records(self, records: Sequence[bytes]) -> Unsynced | None:
        """Write them without waiting for the disk; None: they have to be appended, for there is
        more to do. Raises as `append_records` does."""

    def truncate(self, after: int) -> None:
        """Take back the records after `after`, which must not be shown; blocks. Raises
        StorageFailed."""

    def settle(self, upto: int) -> None:
        """Show the records up to `upto`; loop thread."""

    def epoch_at(self, number: int) -> int:
        """The epoch of a record of the tail."""

    def recent(self, after: int, bytes_max: int) -> list[bytes] | None:
        """Durable records after `after`, as many as `bytes_max` holds but at least one; None where
        they are not in memory."""

    def records(self, after: int, bytes_max: int) -> list[bytes] | None:
        """The same also where the disk must be read, which blocks; None where they are not kept any
        more. Any thread."""

    def hold(self, copy: str, after: int | None) -> None:
        """Keep the records after `after` for a copy that will need them, in place of what was held
        for it before (None: nothing any more). Only so many are kept (`HELD_BYTES`), and none where
        there is no room."""

    def recall(self) -> bytes:
        """What was remembered last; empty at first."""

    def remember(self, config: bytes) -> None:
        """Make a small value durable; blocks for a sync. Needs no room. Raises StorageFailed."""

    def begin_load(self) -> None:
        """Drop everything: a snapshot follows. Raises StorageFull, StorageFailed."""

    def load(self, writes: Writes) -> None:
        """Rows of the snapshot. Raises StorageFull, StorageFailed."""

    def end_load(self, number: int) -> None:
        """The snapshot is whole once the records after `number` are applied to it, up to where the
        sender was when it ended; the next record here is the one after `number`. Raises StorageFull
        (it has to begin again), StorageFailed."""


class Kept:
    """The tail, and some records before it, in memory. Any thread."""

    def __init__(self) -> None:
        self._records: dict[int, bytes] = {}
        self._first = 1
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, number: int, record: bytes) -> None:
        with self._lock:
            if not self._records:
                self._first = number
            self._records[number] = record
            self._bytes += len(record)

    def drop_after(self, number: int) -> None:
        with self._lock:
            for later in [n for n in self._records if n > number]:
                self._bytes -= len(self._records.pop(later))

    def trim(self, shown: int) -> None:
        """Forget the oldest that are shown, beyond what is worth keeping."""
        with self._lock:
            while self._bytes > KEPT_BYTES and self._first <= shown:
                self._bytes -= len(self._records.pop(self._first))
                self._first += 1

    def get(self, number: int) -> bytes:
        return self._records[number]

    def after(self, number: int, bytes_max: int) -> list[bytes]:
        """Empty where they are not kept, or there are none."""
        found: list[bytes] = []
        while (record := self._records.get(number + 1)) is not None:
            bytes_max -= len(record)
            if found and bytes_max < 0:
                break
            found.append(record)
            number += 1
        return found


class LmdbReplica(LmdbStore):
    """A `Replica` in a folder."""

    _keep_segments = KEPT_SEGMENTS

    def __init__(
        self, folder: Path, partitions: Iterable[int], *, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._kept = Kept()
        self._replayed = 0
        self._held: dict[str, int] = {}
        self._held_segments = HELD_BYTES // segment_bytes
        super().__init__(folder, partitions, segment_bytes=segment_bytes)
        self._slots = Slots(folder / CONFIG)

    def _recover(self) -> None:
        self.loading = bool(self._reader.get(LOADING, b"", db=self._meta))
        if self.loading:  # what a crash left of the log belongs to nothing
            self.log.restart(0)
        else:
            super()._recover()

    def _replay(self, payload: bytes) -> None:
        self._replayed = max(self._replayed, self.installed) + 1
        self._kept.add(self._replayed, payload)

    @property
    def last(self) -> int:
        return self.log.last

    # --- the log ------------------------------------------------------------------------------

    def append(self, writes: Writes) -> None:
        raise NotImplementedError("records of a copy carry an epoch: append_records")

    def begin(self, writes: Writes) -> Written | None:
        raise NotImplementedError("records of a copy carry an epoch: append_records")

    def append_records(self, records: Sequence[bytes]) -> None:
        self.keep(records, lambda: self.log.append(*records))

    def begin_records(self, records: Sequence[bytes]) -> UnsyncedRecords | None:
        try:
            written = self.log.begin(*records)
        except StorageFull:
            self._give_way()
            raise
        return None if written is None else UnsyncedRecords(self, records, written)

    def keep(self, records: Sequence[bytes], append: Callable[[], object]) -> None:
        """Keep the records after `last` in memory, if they become durable."""
        first = self.log.last + 1
        try:
            append()
        except StorageFull:
            self._give_way()
            raise
        for number, record in enumerate(records, first):
            self._kept.add(number, record)

    def _give_way(self) -> None:
        """There is no room: what is held for others is given up."""
        self._held.clear()
        self._kept_after = None
        self._cut(self.applied, KEPT_SEGMENTS)

    def truncate(self, after: int) -> None:
        assert after >= self.installed, "what is shown is committed"
        self.log.truncate(after)
        self._kept.drop_after(after)

    def install(self, writes: Writes) -> None:
        super().install(writes)
        self._kept.trim(self.installed)

    def settle(self, upto: int) -> None:
        while self.installed < upto:
            self.install(rows_of(self._kept.get(self.installed + 1)))

    def epoch_at(self, number: int) -> int:
        return epoch_of(self._kept.get(number))

    def recent(self, after: int, bytes_max: int) -> list[bytes] | None:
        found = self._kept.after(after, bytes_max)
        return found if found or after >= self.last else None

    def records(self, after: int, bytes_max: int) -> list[bytes] | None:
        return self._kept.after(after, bytes_max) or self.log.read(after, bytes_max)

    def hold(self, copy: str, after: int | None) -> None:
        if after is None:
            self._held.pop(copy, None)
        else:
            self._held[copy] = after

    def finish_checkpoint(self, applied: int) -> None:
        super().finish_checkpoint(applied)
        self._cut(applied, self._held_segments)

    def _cut(self, upto: int, keep: int) -> None:
        if keep < self._held_segments:
            upto = min([upto, *self._held.values()])
        super()._cut(upto, keep)

    # --- the configuration --------------------------------------------------------------------

    def recall(self) -> bytes:
        return self._slots.read()

    def remember(self, config: bytes) -> None:
        self._slots.write(config)

    # --- snapshots ----------------------------------------------------------------------------

    def begin_load(self) -> None:
        self._reader.abort()
        try:
            with self._env.begin(write=True) as txn:
                txn.put(LOADING, b"1", db=self._meta)
                for database in self._databases.values():
                    txn.drop(database, delete=False)
                txn.put(APPLIED, b"0", db=self._meta)
        except lmdb.Error as error:
            raise translate(error, self.folder) from error
        finally:
            self._reader = self._env.begin(buffers=False)
        self.loading = True
        self.log.restart(0)
        self._kept = Kept()
        self._active, self._frozen = Memtable(), None
        self.installed = self.applied = 0
        self.loads += 1

    def load(self, writes: Writes) -> None:
        try:
            with self._env.begin(write=True) as txn:
                for partition, rows in writes.items():
                    for key, row in rows.items():
                        assert row is not None
                        txn.put(key, seal(key, row), db=self._databases[partition])
        except lmdb.Error as error:
            raise translate(error, self.folder) from error

    def end_load(self, number: int) -> None:
        self.log.restart(number)
        self._reader.abort()
        try:
            with self._env.begin(write=True) as txn:
                txn.put(APPLIED, b"%d" % number, db=self._meta)
                txn.delete(LOADING, db=self._meta)
        except lmdb.Error as error:
            raise translate(error, self.folder) from error
        finally:
            self._reader = self._env.begin(buffers=False)
        self.loading = False
        self.loads += 1
        self.installed = self.applied = number


class UnsyncedRecords:
    """See `storage.port.Unsynced`."""

    def __init__(self, replica: LmdbReplica, records: Sequence[bytes], written: Written) -> None:
        self._replica, self._records, self._written = replica, records, written
        self.fd = written.fd

    def sync(self) -> None:
        self._replica.keep(self._records, self._written.sync)

    def end(self, error: OSError | None = None) -> None:
        self._replica.keep(self._records, lambda: self._written.end(error))


def folders_in(host: Path) -> dict[int, Path]:
    """The folders in the folder of a host that are of copies which it has, or had, by shard."""
    paths = (path for name in (NAME, OLD_NAME) for path in host.glob(f"{name}*"))
    return {int(path.name.rpartition("-")[2]): path for path in paths}


def folder_of(host: Path, shard: int) -> Path:
    """Where in the folder of a host its copy of a shard is, or shall be."""
    old = host / f"{OLD_NAME}{shard}"
    return old if old.exists() else host / f"{NAME}{shard}"


def remembered(folder: Path) -> bytes:
    """What a copy in this folder remembered last; empty where there was none."""
    path = folder / CONFIG
    return Slots(path).read() if path.exists() else b""


def clear(folder: Path) -> None:
    """Remove a closed copy, all but what it remembered. Raises OSError."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != CONFIG:
            path.unlink()
