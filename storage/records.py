"""The log as it lies on the disk: reading only.

A log is a folder of segments, named by the number of their first record. A record is length
(4 bytes), checksum (4), number (8), payload; numbers go up by one. The checksum covers number and
payload and begins with the store's salt: what users write stands in payloads, and nobody who does
not know the salt can write something that looks like a record.

A record that fails its check at the end of the last segment is a write that a crash cut short;
before a record that passes, or in another segment, it is damage. Records that are written together
may reach the disk in any order, so those after the first of them are marked as joined: one of them
says nothing about what is missing before it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from storage.port import CorruptLog

HEADER = struct.Struct(">IIQ")
SUFFIX = ".log"
JOINED = 1 << 63
"""Added to the number of a record that was written together with the one before it."""
PART_BYTES = 64 * 1024
_DIGITS = 20


class Segment:
    """One file of the log: `first` is the number of its first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first = int(path.stem)

    @staticmethod
    def path_of(folder: Path, first: int) -> Path:
        return folder / f"{first:0{_DIGITS}d}{SUFFIX}"


def segments_of(folder: Path) -> list[Segment]:
    """Oldest first."""
    names = sorted(folder.glob("[0-9]" * _DIGITS + SUFFIX))
    return [Segment(path) for path in names]


def pack(number: int, payload: bytes, salt: bytes, *, joined: bool = False) -> bytes:
    """A record."""
    if joined:
        number |= JOINED
    return HEADER.pack(len(payload), _checksum(number, payload, salt), number) + payload


class LogReader:
    """Reads the records after number `after`, which are stored elsewhere up to there. When
    `records` is through, `last` is the number of the last one (or `after`), `segment` the last
    segment (None: there is no log yet), `end` the offset after its last record, and `torn` how many
    bytes of a record that was cut short follow it."""

    def __init__(self, folder: Path, salt: bytes, after: int) -> None:
        self._salt = salt
        self._after = after
        self.segments = segments_of(folder)
        self.last = after
        self.segment: Segment | None = None
        self.end = 0
        self.torn = 0

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Number and payload. Raises CorruptLog, and FileNotFoundError if a segment vanishes while
        another process is writing and cutting the log."""
        if not self.segments and self._after:
            raise CorruptLog(f"the log is gone; rows up to record {self._after} are stored")
        needed = self.segments[self._begin() :]
        for index, segment in enumerate(needed):
            data = segment.path.read_bytes()
            number = segment.first - 1
            self.end = 0
            while (payload := record_at(data, self.end, number + 1, self._salt)) is not None:
                number += 1
                self.end += HEADER.size + len(payload)
                if number > self._after:
                    self.last = number
                    yield number, payload
            following = needed[index + 1] if index + 1 < len(needed) else None
            if following is None:
                self._close(segment, data, number)
            elif following.first != number + 1:
                raise CorruptLog(f"{segment.path} is damaged at byte {self.end}")

    def _begin(self) -> int:
        """The segments before this one hold nothing that is needed: a crash left them."""
        begin = 0
        for index, segment in enumerate(self.segments):
            if segment.first <= self._after + 1:
                begin = index
        if self.segments and self.segments[begin].first > self._after + 1:
            raise CorruptLog(
                f"{self.segments[begin].path}: the records from {self._after + 1} on are missing"
            )
        return begin

    def _close(self, segment: Segment, data: bytes, number: int) -> None:
        rest = data[self.end :].rstrip(b"\x00")
        if rest and _holds_record(rest, self.last, self._salt):
            raise CorruptLog(f"{segment.path} is damaged at byte {self.end}")
        if number < self._after:
            raise CorruptLog(
                f"{segment.path} ends with record {number}, but rows up to record {self._after} "
                "are stored: its end is lost"
            )
        self.segment = segment
        self.torn = len(rest)


def records_from(
    path: Path, number: int, offset: int, salt: bytes
) -> Iterator[tuple[int, bytes, int]]:
    """Number, payload and end of the records after record `number`, which ends at this offset;
    nothing more of the file is read than is asked for. They end before what is no record. Raises
    FileNotFoundError."""
    fd = os.open(path, os.O_RDONLY)
    try:
        data, at = b"", 0
        while True:
            for _ in range(2):  # where the header was not whole, neither was the rest
                if len(data) - at < (size := _size_at(data, at)):
                    offset, data, at = (
                        offset + at,
                        os.pread(fd, max(size, PART_BYTES), offset + at),
                        0,
                    )
            payload = record_at(data, at, number + 1, salt)
            if payload is None:
                return
            number += 1
            at += HEADER.size + len(payload)
            yield number, payload, offset + at
    finally:
        os.close(fd)


def _size_at(data: bytes, offset: int) -> int:
    """How long a record is, at least."""
    if len(data) - offset < HEADER.size:
        return HEADER.size
    length: int = HEADER.unpack_from(data, offset)[0]
    return HEADER.size + length


def record_at(data: bytes, offset: int, number: int, salt: bytes) -> bytes | None:
    """The payload of the record `number` at this offset, or None if there is none."""
    room = len(data) - offset - HEADER.size
    if room < 1:
        return None
    length, check, found = HEADER.unpack_from(data, offset)
    if found & ~JOINED != number or not 0 < length <= room:
        return None
    payload = data[offset + HEADER.size : offset + HEADER.size + length]
    return payload if _checksum(found, payload, salt) == check else None


def _holds_record(data: bytes, last: int, salt: bytes) -> bool:
    """Whether a whole record with a number after `last`, not joined, is anywhere in what follows
    the end: then what is there is no torn write. The last of the zeros that were stripped may
    belong to it."""
    data += bytes(HEADER.size)
    newest = last + len(data) // HEADER.size
    for at in range(1, len(data) - HEADER.size):
        number = HEADER.unpack_from(data, at)[2]
        if last < number <= newest and record_at(data, at, number, salt) is not None:
            return True
    return False


def _checksum(number: int, payload: bytes, salt: bytes) -> int:
    return crc32(payload, crc32(salt + number.to_bytes(8, "big")))
