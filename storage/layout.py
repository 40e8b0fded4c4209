"""How rows lie in LMDB, records in the log beside them, and where in a store's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from storage.port import Writes

ROWS, NEW_ROWS = "rows", "rows.new-"
"""The folder of the rows; and, of those that are about to take their place (`storage.rewrite`), the
beginning of the name, which is another one each time: a process remembers of an environment under
which name it was opened."""
META = b"meta"
"""The database of what is known of the others."""
APPLIED = b"applied"
"""The number of the last record whose rows are there."""
SALT = b"salt"
LOADING = b"loading"
"""Set in a copy while it takes a snapshot (`storage.replica`)."""
REWRITTEN = b"rewritten"
"""When all rows were written anew last (`storage.rewrite`), in Unix ms."""
EPOCH_BYTES = 8

encode_writes = msgspec.msgpack.Encoder().encode
decode_writes = msgspec.msgpack.Decoder(dict[int, dict[bytes, bytes | None]]).decode


def rows_of(payload: bytes) -> Writes:
    """The rows in a record: one of a copy begins with its epoch (`storage.replica`), whose first
    byte is 0, which no encoded mapping begins with."""
    return decode_writes(payload[EPOCH_BYTES:] if payload[:1] == b"\x00" else payload)


def remove_new_rows(folder: Path) -> None:
    """Remove what a rewriting that was broken off has left. Before the store is opened."""
    for left in folder.glob(NEW_ROWS + "*"):
        shutil.rmtree(left, ignore_errors=True)


def database_name(partition: int) -> bytes:
    """The named database of a partition."""
    return b"p%x" % partition


def partition_of_database(name: bytes) -> int | None:
    """The partition whose named database this is; None for another one."""
    return int(name[1:], 16) if name.startswith(b"p") else None
