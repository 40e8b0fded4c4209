"""The store of a host: a log for what is new, LMDB for what is settled.

A batch is durable when its record in the log is synced. Its rows are then shown from a memtable,
and moved to LMDB by a checkpoint, in one transaction for some seconds of batches: LMDB writes whole
pages along the path to each row, and a row that changes with every message (a head, a counter) is
written once instead of a hundred times. See docs/adr/0002-log-first.md for the measurement.

py-lmdb releases the interpreter lock around every put, so a thread that puts beside a busy loop
loses it to the loop at each row. LMDB's write lock, though, belongs to the thread that begins and
ends the transaction; the puts in between may be made by another, if it is strictly one at a time.
So a checkpoint is begun and committed (with its sync) in a thread, and filled on the loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from api.ambient import monotonic_s, now_ms, random_bytes
from storage.codec import seal, unseal
from storage.keys import check_keys
from storage.layout import (
    APPLIED,
    META,
    REWRITTEN,
    ROWS,
    SALT,
    database_name,
    decode_writes,
    encode_writes,
    remove_new_rows,
)
from storage.log import SEGMENT_BYTES, Log, Written
from storage.memtable import Memtable
from storage.port import NO_ROOM, CorruptRow, StorageFailed, StorageFull, Writes

MAP_BYTES = 1 << 40
CHECKPOINT_BYTES = 24 * 1024 * 1024
CHECKPOINT_S = 2.0
_MISSING = object()


class LmdbStore:
    """See the module, and `storage.port.Store`. `folder` is this store's alone."""

    _keep_segments = 0

    def __init__(
        self,
        folder: Path,
        partitions: Iterable[int],
        *,
        map_bytes: int = MAP_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        partitions = sorted(partitions)
        folder.mkdir(parents=True, exist_ok=True)
        remove_new_rows(folder)
        self.folder = folder
        self._map_bytes = map_bytes
        self._partitions = partitions
        self._env = self.open_rows()
        self._meta, self._databases = self.databases_in(self._env)
        self.log = Log(folder / "log", self._salt(), segment_bytes)
        self._active = Memtable()
        self._frozen: Memtable | None = None
        self._since_s = 0.0
        self._reader = self._env.begin(buffers=False)
        self.installed = int(self._reader.get(APPLIED, b"0", db=self._meta))
        """The number of the last record whose rows reads see: what a checkpoint may claim to hold.
        The log itself may be one ahead, while its writer waits to be heard."""
        self.applied = self.installed
        """The number of the last record whose rows are in LMDB."""
        self._kept_after: int | None = None
        self.loading = False
        self.loads = 0
        """How often all rows were replaced."""
        self._recover()

    def _recover(self) -> None:
        """Take over what is in the log."""
        for payload in self.log.replay(self.installed):
            self._replay(payload)

    def _replay(self, payload: bytes) -> None:
        """A record that was durable when the last life of this store ended."""
        self.install(decode_writes(payload))

    def _salt(self) -> bytes:
        """See `storage.records`; made with the store. That the rows are new is noted, too."""
        with self._env.begin(write=True) as txn:
            salt: bytes | None = txn.get(SALT, db=self._meta)
            if salt is None:
                salt = random_bytes(16)
                txn.put(SALT, salt, db=self._meta)
            if txn.get(REWRITTEN, db=self._meta) is None:
                txn.put(REWRITTEN, b"%d" % now_ms(), db=self._meta)
            return salt

    def open_rows(self, name: str = ROWS) -> lmdb.Environment:
        """The rows in a folder of this store."""
        return lmdb.open(
            str(self.folder / name),
            map_size=self._map_bytes,
            max_dbs=len(self._partitions) + 4,
            max_spare_txns=4,
        )

    def databases_in(self, env: lmdb.Environment) -> tuple[Any, dict[int, Any]]:
        """What is known of the rows, and the rows by partition."""
        partitions = {p: env.open_db(database_name(p)) for p in self._partitions}
        return env.open_db(META), partitions

    # --- reading ------------------------------------------------------------------------------

    def get(self, partition: int, key: bytes) -> bytes | None:
        value: object
        for table in (self._active, self._frozen):
            if table is not None:
                rows = table.rows.get(partition)
                if rows is not None:
                    value = rows.get(key, _MISSING)
                    if value is not _MISSING:
                        return value  # type: ignore[return-value]
        sealed = self._reader.get(key, db=self._databases[partition])
        if sealed is None:
            return None
        row = unseal(key, sealed)
        if row is None:
            raise CorruptRow(partition, key)
        return row

    def scan(
        self, partition: int, start: bytes, stop: bytes, *, limit: int, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        newer: list[dict[bytes, bytes | None]] = []
        for table in (self._active, self._frozen):
            if table is not None and (rows := table.rows.get(partition)):
                found += table.scan(partition, start, stop, limit, reverse, *newer)
                newer.append(rows)
        stored = self._stored(partition, start, stop, reverse)
        if not newer:
            return list(islice(stored, limit))
        found += islice((row for row in stored if not any(row[0] in n for n in newer)), limit)
        found.sort(reverse=reverse)
        return found[:limit]

    def _stored(
        self, partition: int, start: bytes, stop: bytes, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._reader.cursor(db=self._databases[partition])
        if reverse:
            positioned = cursor.prev() if cursor.set_range(stop) else cursor.last()
            entries = cursor.iterprev()
        else:
            positioned = cursor.set_range(start)
            entries = cursor.iternext()
        if not positioned:
            return
        for key, sealed in entries:
            if not start <= key < stop:
                return
            row = unseal(key, sealed)
            if row is None:
                raise CorruptRow(partition, key)
            yield key, row

    # --- writing ------------------------------------------------------------------------------

    def append(self, writes: Writes) -> None:
        check_keys(writes)
        self.log.append(encode_writes(writes))

    def begin(self, writes: Writes) -> Written | None:
        check_keys(writes)
        return self.log.begin(encode_writes(writes))

    def install(self, writes: Writes) -> None:
        if not self._active.rows:
            self._since_s = monotonic_s()
        self._active.install(writes)
        self.installed += 1

    def due(self, now_s: float) -> bool:
        active = self._active
        return bool(active.rows) and (
            active.bytes >= CHECKPOINT_BYTES or now_s - self._since_s >= CHECKPOINT_S
        )

    def begin_checkpoint(self) -> LmdbCheckpoint:
        """Freeze what is installed. After a checkpoint that was given up, what it held is part of
        the next one."""
        if self._frozen is None:
            self._frozen, self._active = self._active, Memtable()
        else:
            self._frozen.install(self._active.rows)
            self._active = Memtable()
        return LmdbCheckpoint(self, self._frozen, self._env, self._meta, self._databases)

    def finish_checkpoint(self, applied: int) -> None:
        """What was frozen is in LMDB: read it there, and cut the log."""
        self._reader.abort()
        self._reader = self._env.begin(buffers=False)
        self._frozen = None
        self.applied = applied
        self._cut(applied, self._keep_segments)

    def _cut(self, upto: int, keep: int) -> None:
        """Cut the log, but not what is kept of it."""
        self.log.cut(upto if self._kept_after is None else min(upto, self._kept_after), keep)

    def close(self) -> None:
        self._reader.abort()
        self.log.close()
        self._env.close()

    # --- writing the rows anew, see `storage.rewrite` -------------------------------------------

    @property
    def rewritten_ms(self) -> int:
        """When that was done last; 0: never."""
        return int(self._reader.get(REWRITTEN, b"0", db=self._meta))

    def keep_log(self, keep: bool = True) -> None:
        """Keep what comes after the rows, and nothing of what is in them."""
        self._kept_after = None
        if keep:
            self._cut(self.applied, 0)
            self._kept_after = self.applied

    def use(self, env: lmdb.Environment, meta: Any, databases: dict[int, Any]) -> None:
        """Go on with these rows, which are the same."""
        self._reader.abort()
        self._env.close()
        self._env, self._meta, self._databases = env, meta, databases
        self._reader = env.begin(buffers=False)


class LmdbCheckpoint:
    """See `storage.port.Checkpoint`."""

    def __init__(
        self,
        store: LmdbStore,
        frozen: Memtable,
        env: lmdb.Environment,
        meta: Any,
        databases: dict[int, Any],
    ) -> None:
        self._store = store
        self._env = env
        self._meta = meta
        self._databases = databases
        self._applied = store.installed
        self._txn: lmdb.Transaction | None = None
        self._rows = (
            (partition, iter(sorted(rows.items()))) for partition, rows in frozen.rows.items()
        )
        self._partition: tuple[int, Iterator[tuple[bytes, bytes | None]]] | None = next(
            self._rows, None
        )

    def open(self) -> None:
        self._env.reader_check()  # a reader that was killed must not keep old pages alive
        self._txn = self._env.begin(write=True)

    def step(self, rows_max: int) -> bool:
        if self._partition is None:
            return False
        assert self._txn is not None
        partition, rows = self._partition
        batch = list(islice(rows, rows_max))
        database = self._databases[partition]
        try:
            with self._txn.cursor(database) as cursor:
                cursor.putmulti([(key, seal(key, row)) for key, row in batch if row is not None])
            for key, row in batch:
                if row is None:
                    self._txn.delete(key, db=database)
        except lmdb.Error as error:
            raise translate(error, self._store.folder) from error
        if len(batch) < rows_max:
            self._partition = next(self._rows, None)
        return self._partition is not None

    def commit(self) -> None:
        assert self._txn is not None
        try:
            self._txn.put(APPLIED, b"%d" % self._applied, db=self._meta)
            self._txn.commit()
        except lmdb.Error as error:
            raise translate(error, self._store.folder) from error

    def abort(self) -> None:
        if self._txn is not None:
            self._txn.abort()

    def finish(self) -> None:
        self._store.finish_checkpoint(self._applied)


def translate(error: lmdb.Error, folder: Path) -> StorageFull | StorageFailed:
    """LMDB tells a write that the file system cut short as an input/output error."""
    disk = os.statvfs(folder)
    full = (
        isinstance(error, (lmdb.MapFullError, lmdb.DiskError))
        or any(os.strerror(number) in str(error) for number in NO_ROOM)
        or disk.f_bavail * disk.f_frsize < CHECKPOINT_BYTES
    )
    if full:
        return StorageFull(f"no room for rows: {error}")
    return StorageFailed(f"the row store failed: {error}")
