"""A small value on the disk that can be written on a full one, and that no crash tears.

The file has its full size from the start, and two slots that are written in turn: number (8 bytes),
length (4), checksum (4), value.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from zlib import crc32

from storage.log import sync_folder
from storage.port import StorageFailed, disk_error

SLOT_BYTES = 4096
_HEADER = struct.Struct(">QII")


class Slots:
    """The value in a file. Raises StorageFull if there is no room to make it, StorageFailed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._make()
        path.with_suffix(".new").unlink(missing_ok=True)  # a crash kept it from being made
        self._number, self._value = 0, b""
        data = path.read_bytes()
        for at in (0, SLOT_BYTES):
            number, length, check = _HEADER.unpack_from(data, at)
            value = data[at + _HEADER.size : at + _HEADER.size + length]
            if number > self._number and _checksum(number, value) == check:
                self._number, self._value = number, value

    def _make(self) -> None:
        draft = self._path.with_suffix(".new")
        try:
            with open(draft, "wb") as file:
                file.write(bytes(2 * SLOT_BYTES))
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise disk_error(error, f"cannot make {self._path}") from error

    def read(self) -> bytes:
        return self._value

    def write(self, value: bytes) -> None:
        """Durable when it comes back. Raises StorageFailed."""
        assert len(value) <= SLOT_BYTES - _HEADER.size
        number = self._number + 1
        record = _HEADER.pack(number, len(value), _checksum(number, value)) + value
        try:
            with open(self._path, "r+b") as file:
                file.seek(number % 2 * SLOT_BYTES)
                file.write(record)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageFailed(f"{self._path} cannot be written: {error}") from error
        self._number, self._value = number, value


def _checksum(number: int, value: bytes) -> int:
    return crc32(value, crc32(number.to_bytes(8, "big")))
