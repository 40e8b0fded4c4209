"""Chunks: runs of rows, cut where the keys say, so that equal rows make equal chunks.

Whether a chunk ends before a key is told by a hash of that key alone, so a row that is added,
changed or deleted changes the chunk it lies in, and at most the next one. A chunk has a least
number of rows, because users choose some of what keys are made of and could make every key a
border; and a most number of bytes, so that one fits into memory many times over.

A row of None is one that failed its check when it was read: it is kept as damaged, so that a
restored server refuses what needs it, instead of believing that it never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

import msgspec
import zstandard
from blake3 import blake3

Row = tuple[bytes, bytes | None]

LEVEL = 3
BORDER_MASK = 2048 - 1
"""One key of so many is a border."""
ROWS_MIN = 256
BYTES_MAX = 1024 * 1024
_CHUNK_BYTES_MAX = 2 * BYTES_MAX
"""With what surrounds the rows; one row alone may be larger than `BYTES_MAX`, never than this."""
_ROW_BYTES = 8

encode_rows = msgspec.msgpack.Encoder().encode
decode_rows = msgspec.msgpack.Decoder(list[Row]).decode


class Cut(NamedTuple):
    """A chunk that was cut from rows. `first`: the key of its first row, and `damaged`: those of
    rows that failed their check, in hexadecimal."""

    hash: str
    rows: int
    first: str
    damaged: tuple[str, ...] = ()


def hash_of(raw: bytes) -> str:
    """The name of a chunk."""
    return blake3(raw).hexdigest()


def pack(raw: bytes) -> bytes:
    """A chunk as it is kept."""
    return zstandard.ZstdCompressor(level=LEVEL).compress(raw)


def describe(rows: list[Row], raw: bytes) -> Cut:
    """What is to be known of rows that encode to this chunk."""
    damaged = tuple(key.hex() for key, row in rows if row is None)
    return Cut(hash_of(raw), len(rows), rows[0][0].hex(), damaged)


def cut_rows(rows: Iterable[Row], salt: int) -> Iterator[list[Row]]:
    """Cut the sorted rows of a partition. `salt` makes borders different in each repository; the
    same repository has to use the same."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        key, value = row
        row_bytes = len(key) + (0 if value is None else len(value)) + _ROW_BYTES
        border = len(chunk) >= ROWS_MIN and crc32(key, salt) & BORDER_MASK == 0
        if chunk and (border or size + row_bytes > BYTES_MAX):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += row_bytes
    if chunk:
        yield chunk
