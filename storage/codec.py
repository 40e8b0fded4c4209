"""Sealed rows: a format version, a checksum of key and row, the row.

The key is part of the checksum, so that a row in the wrong place is found too.
"""

from __future__ import annotations

import struct
from zlib import crc32

VERSION = 1
HEADER_BYTES = 5
_header = struct.Struct(">BI").pack


def seal(key: bytes, row: bytes) -> bytes:
    """A row as it is stored."""
    return _header(VERSION, crc32(key + row)) + row


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The row, or None if it fails its check."""
    row = sealed[HEADER_BYTES:]
    if len(sealed) < HEADER_BYTES or sealed[0] != VERSION:
        return None
    if crc32(key + row) != int.from_bytes(sealed[1:HEADER_BYTES], "big"):
        return None
    return row
