"""The log: batches in the order of their commits, each durable when `append` returns.

See `storage.records` for what it looks like on the disk. Each segment is preallocated, so that a
sync writes no metadata.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from storage.port import NO_ROOM, CorruptLog, StorageFailed, disk_error
from storage.records import LogReader, Segment, pack, records_from, segments_of
from storage.reread import Rereader

SEGMENT_BYTES = 16 * 1024 * 1024


class Written:
    """Records of a log that are written, and durable with the next sync of `fd`. Nobody else writes
    to the log until this is ended."""

    def __init__(self, log: Log, fd: int, count: int, length: int) -> None:
        self._log = log
        self.fd = fd
        self._count, self._length = count, length

    def sync(self) -> None:
        """Sync and end it; blocks. Raises as `end` does."""
        try:
            os.fdatasync(self.fd)
        except OSError as error:
            self.end(error)
        else:
            self.end()

    def end(self, error: OSError | None = None) -> None:
        """Somebody synced `fd`, which may have failed. Raises StorageFull (nothing of them is kept)
        or StorageFailed."""
        try:
            self._log.synced(self._count, self._length, error)
        finally:
            self._log.writing.release()


class Log:
    """One at a time writes: `append`, or `begin`; others may `cut` and `roll` at the same time.
    `last` is the number of the last record."""

    def __init__(self, folder: Path, salt: bytes, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._salt = salt
        self._segment_bytes = segment_bytes
        self._fd = -1
        self._offset = 0
        self._size = 0
        self._rereader = Rereader(folder, salt)
        self.last = 0
        self.writing = threading.Lock()
        """Whoever has it may write."""
        folder.mkdir(parents=True, exist_ok=True)
        for draft in folder.glob("*.new"):
            draft.unlink()  # of a segment that a crash kept from being made

    def replay(self, after: int) -> Iterator[bytes]:
        """The payload of every record after `after`; then the log is ready to append. Raises
        CorruptLog."""
        reader = LogReader(self._folder, self._salt, after)
        for _, payload in reader.records():
            yield payload
        self.last = reader.last
        if reader.segment is not None:
            self._resume(reader.segment, reader.end, reader.torn)

    def _resume(self, segment: Segment, end: int, torn: int) -> None:
        """Go on appending after the last record; what a crash left there is cleared, and all that
        was read is durable."""
        self._fd = os.open(segment.path, os.O_RDWR)
        self._offset = end
        self._size = os.fstat(self._fd).st_size
        if torn:
            os.pwrite(self._fd, bytes(torn), end)
        os.fdatasync(self._fd)  # who wrote the last of it may have died before it was synced

    def append(self, *payloads: bytes) -> int:
        """Write records and sync them at once; returns the number of the last one. Raises
        StorageFull (nothing of them is kept) or StorageFailed."""
        with self.writing:
            records = self._pack(payloads)
            error = None
            try:
                if not self._has_room(len(records)):
                    self._new_segment(self.last + 1, len(records))
                # In one call: each that gives the interpreter lock away has to wait for it again.
                self._write(records, os.RWF_DSYNC)
            except OSError as failed:
                error = failed
            self.synced(len(payloads), len(records), error)
            return self.last

    def begin(self, *payloads: bytes) -> Written | None:
        """Write records that whoever gets them syncs; None where that would take its time, for
        another segment is needed, or one is being made. Raises StorageFull (nothing of them is
        kept) or StorageFailed."""
        if not self.writing.acquire(blocking=False):
            return None
        written = False
        try:
            records = self._pack(payloads)
            if not self._has_room(len(records)):
                return None
            try:
                self._write(records)
            except OSError as error:
                self.synced(len(payloads), len(records), error)
            written = True
            return Written(self, self._fd, len(payloads), len(records))
        finally:
            if not written:
                self.writing.release()

    def _pack(self, payloads: tuple[bytes, ...]) -> bytes:
        first = self.last + 1
        return b"".join(
            pack(number, payload, self._salt, joined=number > first)
            for number, payload in enumerate(payloads, first)
        )

    def _has_room(self, length: int) -> bool:
        return self._fd >= 0 and self._offset + length <= self._size

    def _write(self, records: bytes, flags: int = 0) -> None:
        view, offset = memoryview(records), self._offset
        while view:
            written = os.pwritev(self._fd, [view], offset, flags)
            view, offset = view[written:], offset + written

    def synced(self, count: int, length: int, error: OSError | None) -> None:
        """So many records of this length are durable, or failed. Raises StorageFull (nothing of
        them is kept) or StorageFailed."""
        if error is not None:
            if error.errno in NO_ROOM:
                self._undo(length)
            raise disk_error(error, "cannot write the log") from error
        self._offset += length
        self.last += count

    def _undo(self, length: int) -> None:
        """Take back what a failed append may have written."""
        if self._fd < 0:
            return
        try:
            there = max(0, min(length, self._size - self._offset))
            os.pwrite(self._fd, bytes(there), self._offset)
            os.fdatasync(self._fd)
        except OSError as error:
            raise StorageFailed(f"the log failed: {error}") from error

    def _new_segment(self, first: int, record_bytes: int) -> None:
        """Make a segment and go over to it. It gets its name when it is whole: from then on `cut`
        may delete the one before."""
        path = Segment.path_of(self._folder, first)
        unnamed = path.with_suffix(".new")
        size = max(self._segment_bytes, record_bytes)
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
            os.fsync(fd)
            os.rename(unnamed, path)
        except OSError:
            os.close(fd)
            with contextlib.suppress(OSError):
                unnamed.unlink()
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset, self._size = fd, 0, size
        try:
            sync_folder(self._folder)
        except OSError as error:
            raise StorageFailed(f"the log failed: {error}") from error

    def roll(self) -> int:
        """Begin another segment, if there is anything in this one; returns the number of the last
        record before it. Any thread. Raises StorageFull, StorageFailed."""
        with self.writing:
            try:
                if self._fd < 0 or self._offset:
                    self._new_segment(self.last + 1, 0)
            except OSError as error:
                raise disk_error(error, "cannot write the log") from error
            return self.last

    def cut(self, upto: int, keep: int = 0) -> None:
        """Delete segments that hold nothing after record `upto`, but never the last one, nor the
        last `keep` of those."""
        segments = segments_of(self._folder)
        old = [s for s, following in itertools.pairwise(segments) if following.first <= upto + 1]
        for segment in old[: max(0, len(old) - keep)]:
            segment.path.unlink(missing_ok=True)

    def read(self, after: int, bytes_max: int) -> list[bytes] | None:
        """The payloads of the records after `after`, as many as have `bytes_max` together, but at
        least one if there is one; None if they were cut off. Any thread."""
        last = self.last  # what is being written after it is not durable yet
        return self._rereader.read(after, last, bytes_max) if after < last else []

    def truncate(self, after: int) -> None:
        """Take back the records after `after`. A crash meanwhile leaves some of them. Raises
        StorageFailed, CorruptLog."""
        with self.writing:
            self._truncate(after)

    def _truncate(self, after: int) -> None:
        if after >= self.last:
            return
        segments = segments_of(self._folder)
        index = max(i for i, segment in enumerate(segments) if segment.first <= after + 1)
        path = segments[index].path
        try:
            end = _end_of(segments[index], after, self._salt)
            self._close()
            for later in reversed(segments[index + 1 :]):
                later.path.unlink()
            sync_folder(self._folder)
            self._fd = os.open(path, os.O_RDWR)
            size = os.fstat(self._fd).st_size
            # A shorter file is one change to the file system: zeros might arrive in part.
            os.ftruncate(self._fd, end)
            os.fsync(self._fd)
            self._regain(size)
            self._offset, self._size = end, os.fstat(self._fd).st_size
        except OSError as error:
            raise StorageFailed(f"the log failed: {error}") from error
        self.last = after
        self._rereader.forget()

    def _regain(self, size: int) -> None:
        """Give the segment its size again. Where others took the room meanwhile it stays short, and
        the next record goes to a new one."""
        try:
            os.posix_fallocate(self._fd, 0, size)
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise

    def restart(self, after: int) -> None:
        """Forget all records; the next one has the number after `after`, which an empty segment
        tells from now on. A crash meanwhile leaves a log that fits nothing. Raises StorageFull,
        StorageFailed."""
        with self.writing:
            self._close()
            self._rereader.forget()
            self.last = 0
            try:
                for segment in reversed(segments_of(self._folder)):
                    segment.path.unlink()
                sync_folder(self._folder)
                if after:
                    self._new_segment(after + 1, 0)
            except OSError as error:
                raise disk_error(error, "cannot write the log") from error
            self.last = after

    def close(self) -> None:
        """Release the file."""
        with self.writing:
            self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _end_of(segment: Segment, last: int, salt: bytes) -> int:
    """The offset after record `last` of a segment."""
    if last < segment.first:
        return 0
    end = 0
    for number, _, end in records_from(segment.path, segment.first - 1, 0, salt):
        if number == last:
            return end
    raise CorruptLog(f"{segment.path} is damaged at byte {end}")


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
