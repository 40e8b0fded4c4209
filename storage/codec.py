"""Sealed rows: a format version, a checksum of key and row, the row.

The key is part of the checksum, so that a row in the wrong place is found too.
"""

from __future__ import annotations

from zlib import crc32

VERSION = 1
HEADER_BYTES = 5


def seal(key: bytes, row: bytes) -> bytes:
    """A row as it is stored."""
    return b"%c%b%b" % (VERSION, crc32(row, crc32(key)).to_bytes(4, "big"), row)


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The row, or None if it fails its check."""
    row = sealed[HEADER_BYTES:]
    if len(sealed) < HEADER_BYTES or sealed[0] != VERSION:
        return None
    if crc32(row, crc32(key)) != int.from_bytes(sealed[1:HEADER_BYTES], "big"):
        return None
    return row
