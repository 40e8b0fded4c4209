"""The log: batches in the order of their commits, each durable when `append` returns.

A log is a folder of segments, each preallocated so that a sync writes no metadata. A record is
length (4 bytes), checksum (4), number (8), payload; the checksum covers number and payload.
Numbers go up by one. A record that fails its check at the end of the last segment is a write that
a crash cut short, and is cut off; anywhere else it is damage, and is refused.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from storage.port import CorruptLog, StorageFailed, StorageFull

SEGMENT_BYTES = 16 * 1024 * 1024
_HEADER = struct.Struct(">IIQ")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Segment:
    """One file of the log: `first` is the number of its first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first = int(path.stem)

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """(offset, number, payload) of the records that pass their check, up to the first that
        does not."""
        data = self.path.read_bytes()
        offset = 0
        while (record := _record_at(data, offset)) is not None:
            number, payload = record
            yield offset, number, payload
            offset += _HEADER.size + len(payload)

    def damage_after(self, offset: int, number: int) -> bool:
        """Whether a whole record with a later number follows somewhere after `offset`: then what
        is at `offset` is no torn end."""
        data = self.path.read_bytes().rstrip(b"\x00")
        return any(
            record is not None and record[0] > number
            for at in range(offset + 1, len(data))
            if (record := _record_at(data, at)) is not None
        )


def _record_at(data: bytes, offset: int) -> tuple[int, bytes] | None:
    if offset + _HEADER.size > len(data):
        return None
    length, check, number = _HEADER.unpack_from(data, offset)
    payload = data[offset + _HEADER.size : offset + _HEADER.size + length]
    if not length or len(payload) != length or _checksum(number, payload) != check:
        return None
    return number, payload


def _checksum(number: int, payload: bytes) -> int:
    return crc32(payload, crc32(number.to_bytes(8, "big")))


class Log:
    """See the module. One thread appends; `rotate` and `cut` are called between appends."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._fd = -1
        self._offset = 0
        self._size = 0
        self.last = 0
        folder.mkdir(parents=True, exist_ok=True)

    def segments(self) -> list[Segment]:
        return [Segment(path) for path in sorted(self._folder.glob("*.log"))]

    def replay(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Number and payload of every record after `after`; then the log is ready to append.
        Raises CorruptLog."""
        self.last = after
        segments = self.segments()
        expected: int | None = None
        for index, segment in enumerate(segments):
            end = 0
            for offset, number, payload in segment.records():
                if expected is not None and number != expected:
                    raise CorruptLog(f"{segment.path}: record {number} follows {expected - 1}")
                expected = number + 1
                end = offset + _HEADER.size + len(payload)
                if number > after:
                    if number != self.last + 1:
                        raise CorruptLog(f"{segment.path}: records before {number} are missing")
                    self.last = number
                    yield number, payload
            last = index == len(segments) - 1
            if not last and segments[index + 1].first != (expected or segment.first):
                raise CorruptLog(f"{segment.path} is damaged at byte {end}")
            if last:
                self._resume(segment, end)

    def _resume(self, segment: Segment, end: int) -> None:
        """Cut a torn record off, and go on appending there."""
        if segment.damage_after(end, self.last):
            raise CorruptLog(f"{segment.path} is damaged at byte {end}")
        self._fd = os.open(segment.path, os.O_RDWR)
        self._offset = end
        self._size = segment.path.stat().st_size
        rest = segment.path.read_bytes()[end:].rstrip(b"\x00")
        if rest:
            os.pwrite(self._fd, bytes(len(rest)), end)
            os.fsync(self._fd)

    def append(self, payload: bytes) -> int:
        """Write a record and sync it; returns its number. Raises StorageFull (nothing of it is
        kept) or StorageFailed."""
        number = self.last + 1
        record = _HEADER.pack(len(payload), _checksum(number, payload), number) + payload
        try:
            if self._fd < 0 or self._offset + len(record) > self._size:
                self._new_segment(number, len(record))
            self._write(record)
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._undo(len(record))
                raise StorageFull(f"no room for the log: {error}") from error
            raise StorageFailed(f"the log failed: {error}") from error
        self._offset += len(record)
        self.last = number
        return number

    def _write(self, record: bytes) -> None:
        """Write and sync in one call: each call that gives the interpreter lock away has to wait
        for it again beside a busy loop."""
        view, offset = memoryview(record), self._offset
        while view:
            written = os.pwritev(self._fd, [view], offset, os.RWF_DSYNC)
            view, offset = view[written:], offset + written

    def _undo(self, length: int) -> None:
        """Take back what a failed append may have written."""
        if self._fd >= 0:
            try:
                size = os.fstat(self._fd).st_size
                os.pwrite(self._fd, bytes(max(0, min(length, size - self._offset))), self._offset)
                os.fdatasync(self._fd)
            except OSError as error:
                raise StorageFailed(f"the log failed: {error}") from error

    def _new_segment(self, first: int, record_bytes: int) -> None:
        path = self._folder / f"{first:020d}.log"
        size = max(self._segment_bytes, record_bytes)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            os.fsync(fd)
            _sync_folder(self._folder)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset, self._size = fd, 0, size

    def cut(self, upto: int) -> None:
        """Delete segments that hold nothing after record `upto`. The one being appended to stays
        unless all of it is covered; then the next append begins a new one."""
        segments = self.segments()
        for segment, following in itertools.pairwise(segments):
            if following.first <= upto + 1:
                segment.path.unlink()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
