"""A store in use, followed: what LMDB holds at one moment, and every record of the log since.

A snapshot shows a store as it is when it is opened. Stores that send each other messages have to be
seen at moments that fit together, so this one can be had as it was after any record from the one
that LMDB held on: `catch_up` reads on in the log, which takes microseconds when little is new, and
`settle` decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import lmdb

from storage.codec import unseal
from storage.layout import APPLIED, EPOCH_BYTES, rows_of
from storage.memtable import Memtable
from storage.port import CorruptLog, StorageFailed, Writes
from storage.records import HEADER, JOINED, LogReader, Segment, record_at, segments_of
from storage.snapshot import Snapshot


class Follower(Snapshot):
    """Use as a context manager. Until `settle`, rows are shown as LMDB held them, after record
    `begin`; `records` is the last one that was read. Raises CorruptLog, StorageFailed."""

    def __init__(self, folder: Path) -> None:
        self._fd = -1
        self._first = 0
        self._offset = 0
        self._payloads: list[bytes] = []
        self._log = folder / "log"
        super().__init__(folder)

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *details: object) -> None:
        self._close()
        super().__exit__(*details)

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _replay(self, log: Path) -> None:
        self._close()
        self._newer = Memtable()
        reader = LogReader(log, self._salt, self._applied)
        self._payloads = [payload for _, payload in reader.records()]
        self.begin = self._applied
        self.records = reader.last
        if reader.segment is not None:
            self._fd = os.open(reader.segment.path, os.O_RDONLY)
            self._first, self._offset = reader.segment.first, reader.end

    def catch_up(self) -> int:
        """Read what was appended since; returns the number of the last record. Raises CorruptLog
        if the log was cut before it could be read: then a new one has to be opened."""
        while (payload := self._next()) is not None or self._go_over():
            if payload is not None:
                self._payloads.append(payload)
                self._offset += HEADER.size + len(payload)
                self.records += 1
        return self.records

    def _next(self) -> bytes | None:
        if self._fd < 0:
            return None
        header = os.pread(self._fd, HEADER.size, self._offset)
        if len(header) < HEADER.size:
            return None
        length, _, number = HEADER.unpack(header)
        if number & ~JOINED != self.records + 1 or not length:
            return None
        data = os.pread(self._fd, HEADER.size + length, self._offset)
        return record_at(data, 0, self.records + 1, self._salt)

    def _go_over(self) -> bool:
        """To the next segment, if there is one."""
        first = self.records + 1
        if self._fd >= 0 and self._first == first:
            return False
        try:
            fd = os.open(Segment.path_of(self._log, first), os.O_RDONLY)
        except FileNotFoundError:
            if any(segment.first > first for segment in segments_of(self._log)):
                raise CorruptLog(f"{self._log} was cut while it was read") from None
            return False
        self._close()
        self._fd, self._first, self._offset = fd, first, 0
        return True

    def writes(self) -> Iterator[tuple[int, Writes]]:
        """All records that were read, with their numbers."""
        for number, payload in enumerate(self._payloads, self.begin + 1):
            yield number, rows_of(payload)

    def epoch_at(self, record: int) -> int:
        """The epoch of a copy's record from `begin` on, that one not included."""
        return int.from_bytes(self._payloads[record - self.begin - 1][:EPOCH_BYTES], "big")

    def last_with_rows(self, upto: int) -> int:
        """The last record up to this one that changed a row; what follows changes nothing."""
        while upto > self.begin and not rows_of(self._payloads[upto - self.begin - 1]):
            upto -= 1
        return upto

    def stored(self) -> int:
        """Up to which record LMDB holds rows *now*: for a copy, that much is committed."""
        try:
            with self._env.begin() as txn:
                return int(txn.get(APPLIED, b"0", db=self._meta))
        except lmdb.Error as error:
            raise StorageFailed(f"the row store beside {self._log} is damaged: {error}") from error

    def is_still(self, record: int) -> bool:
        """Whether the log still says what was read of it, up to this record. A copy takes back
        records that are not committed; and where the log was cut, nobody can tell."""
        number = self.begin
        try:
            for number, payload in LogReader(self._log, self._salt, self.begin).records():
                if number > record or payload != self._payloads[number - self.begin - 1]:
                    break
                if number == record:
                    return True
        except (FileNotFoundError, CorruptLog):
            return False
        return record == self.begin

    def settle(self, record: int) -> None:
        """From here on rows are shown as they were after this record."""
        assert self.begin <= record <= self.records
        for number, writes in self.writes():
            if number > record:
                break
            self._newer.install(writes)
        self.records = record
        self._payloads = []

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes | None]]:
        try:
            yield from super().rows(partition)
        except lmdb.Error as error:
            raise StorageFailed(f"the row store beside {self._log} is damaged: {error}") from error

    def between(self, partition: int, start: bytes, stop: bytes) -> dict[bytes, bytes | None]:
        """The rows with start <= key < stop; None for one that fails its check."""
        found: dict[bytes, bytes | None] = {}
        cursor = self._txn.cursor(db=self._databases[partition])
        if cursor.set_range(start):
            for raw_key, sealed in cursor:
                key = bytes(raw_key)
                if key >= stop:
                    break
                found[key] = unseal(key, bytes(sealed))
        for key, row in self._newer.rows.get(partition, {}).items():
            if start <= key < stop:
                found.pop(key, None)
                if row is not None:
                    found[key] = row
        return dict(sorted(found.items()))
