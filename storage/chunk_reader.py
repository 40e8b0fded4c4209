"""Reads chunks that a media actor of this machine has stored, in any process."""

from __future__ import annotations

from pathlib import Path

import lmdb

from storage.chunk_codec import CorruptChunk, decode_facts, unpack
from storage.engine import MAP_BYTES

DATABASES = (b"chunks", b"facts", b"holders", b"meta")
READERS_MAX = 512


class ChunkReader:
    """Reads the chunks of a media actor of this machine, which may be at work. Raises lmdb.Error
    where there are none."""

    def __init__(self, folder: Path) -> None:
        self._env = open_chunks(folder, readonly=True)
        self._chunks, self._facts = (self._env.open_db(n, create=False) for n in DATABASES[:2])

    def get(self, name: bytes) -> bytes | None:
        """A chunk; None where it is not there. May wait for the disk. Raises CorruptChunk."""
        with self._env.begin(buffers=True) as txn:
            row = txn.get(name, db=self._facts)
            body = txn.get(name, db=self._chunks)
            if row is None and body is None:
                return None
            facts = None if row is None else decode_facts(name, bytes(row))
            if facts is None or body is None:
                raise CorruptChunk(name)
            return unpack(name, facts, body)

    def close(self) -> None:
        self._env.close()


def open_chunks(folder: Path, readonly: bool = False) -> lmdb.Environment:
    return lmdb.open(
        str(folder),
        map_size=MAP_BYTES,
        max_dbs=len(DATABASES),
        max_readers=READERS_MAX,
        max_spare_txns=8,
        readonly=readonly,
        create=not readonly,
        meminit=False,
    )
