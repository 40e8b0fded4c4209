"""A store as it was at one moment, read by another process than its own: for verification.

LMDB lets other processes read while the store's own writes; the log's records after what LMDB held
at that moment complete it. Reading never writes, so it is safe beside a running server.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lmdb

from storage.codec import unseal
from storage.keys import prefix_end, prefix_of
from storage.layout import APPLIED, LOADING, META, SALT, partition_of_database, rows_of
from storage.memtable import Memtable
from storage.port import CorruptLog, StorageFailed
from storage.records import LogReader

ATTEMPTS_MAX = 20
_DATABASES_MAX = 65_536

Rows = Iterator[tuple[bytes, bytes | None]]


class Snapshot:
    """Use as a context manager. `partitions` has their numbers, `records` is the number of the last
    record of the log; `loading`: it is a copy that has half a snapshot. Raises CorruptLog,
    StorageFailed."""

    def __init__(self, folder: Path) -> None:
        rows = folder / "rows"
        if not (rows / "data.mdb").exists():
            raise StorageFailed(f"{folder} holds no store")
        try:
            self._env = lmdb.open(str(rows), readonly=True, create=False, max_dbs=_DATABASES_MAX)
        except lmdb.Error as error:
            raise StorageFailed(f"{rows} cannot be read: {error}") from error
        self._newer = Memtable()
        self._databases: dict[int, Any] = {}
        self.records = 0
        try:
            self._read(folder / "log")
        except BaseException:
            self._env.close()
            raise
        self.partitions = sorted(self._databases)

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self._txn.abort()
        self._env.close()

    def _read(self, log: Path) -> None:
        """A running store cuts its log after a checkpoint and writes to its end: what was missed,
        or seen half, is there on another look."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            self._begin()
            try:
                self._replay(log)
                return
            except (FileNotFoundError, CorruptLog):
                self._txn.abort()
                if attempt == ATTEMPTS_MAX:
                    raise
                time.sleep(0.05)

    def _begin(self) -> None:
        with self._env.begin() as txn:
            names = [bytes(name) for name, _ in txn.cursor()]
        try:
            self._meta = self._env.open_db(META, create=False)
            self._databases = {
                partition: self._env.open_db(name, create=False)
                for name in names
                if (partition := partition_of_database(name)) is not None
            }
            self._txn = self._env.begin()
            self._applied = int(self._txn.get(APPLIED, b"0", db=self._meta))
            self._salt = bytes(self._txn.get(SALT, b"", db=self._meta))
            self.loading = bool(self._txn.get(LOADING, b"", db=self._meta))
        except lmdb.Error as error:
            raise StorageFailed(f"the row store is damaged: {error}") from error

    def _replay(self, log: Path) -> None:
        self._newer = Memtable()
        reader = LogReader(log, self._salt, self._applied)
        for _, payload in reader.records():
            self._newer.install(rows_of(payload))
        self.records = reader.last

    def rows(self, partition: int) -> Rows:
        """All rows of a partition in the order of their keys; None for one that fails its check."""
        stored = self._txn.cursor(db=self._databases[partition])
        pairs = ((bytes(key), bytes(sealed)) for key, sealed in stored)
        return _merged(pairs, self._newer.rows.get(partition, {}))

    def heads(self, partition: int, kind: int) -> Rows:
        """The heads (the rows of table 0) of a kind's actors in the order of their keys, without a
        look at their other rows; None for one that fails its check."""
        newer = self._newer.rows.get(partition, {})
        mine = {key: row for key, row in newer.items() if key[0] == kind and _is_head(key)}
        return _merged(self._stored_heads(partition, kind), mine)

    def _stored_heads(self, partition: int, kind: int) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._txn.cursor(db=self._databases[partition])
        found = cursor.set_range(bytes([kind]))
        while found and (key := bytes(cursor.key()))[0] == kind:
            if _is_head(key):
                yield key, bytes(cursor.value())
            found = cursor.set_range(prefix_end(prefix_of(key)))

    def get(self, partition: int, key: bytes) -> bytes | None:
        """A row; None for one that is not there, or fails its check."""
        newer = self._newer.rows.get(partition, {})
        if key in newer:
            return newer[key]
        sealed = self._txn.get(key, db=self._databases[partition])
        return None if sealed is None else unseal(key, bytes(sealed))


def _is_head(key: bytes) -> bool:
    return key == prefix_of(key) + b"\x00"


def _merged(stored: Iterator[tuple[bytes, bytes]], newer: Mapping[bytes, bytes | None]) -> Rows:
    """Rows as LMDB has them, sealed and sorted, with what the log says of them."""
    waiting = iter(sorted(newer))
    fresh = next(waiting, None)
    for key, sealed in stored:
        while fresh is not None and fresh <= key:
            row = newer[fresh]
            if row is not None:
                yield fresh, row
            fresh = next(waiting, None)
        if key not in newer:
            yield key, unseal(key, sealed)
    while fresh is not None:
        row = newer[fresh]
        if row is not None:
            yield fresh, row
        fresh = next(waiting, None)
