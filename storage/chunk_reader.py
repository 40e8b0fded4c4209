"""Reads chunks that a media actor of this machine has stored, in any process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import lmdb

from api.files import HASH_BYTES
from storage.chunk_codec import CorruptChunk, decode_facts, unpack
from storage.engine import MAP_BYTES

DATABASES = (b"chunks", b"facts", b"holders", b"meta")
READERS_MAX = 512


class Held(NamedTuple):
    """A chunk, and the files that consist of it, by their names."""

    name: bytes
    roots: tuple[bytes, ...]


class ChunkReader:
    """Reads the chunks of a media actor of this machine, which may be at work. Raises lmdb.Error
    where there are none."""

    def __init__(self, folder: Path) -> None:
        self._env = open_chunks(folder, readonly=True)
        self._chunks, self._facts, self._holders = (
            self._env.open_db(name, create=False) for name in DATABASES[:3]
        )

    def get(self, name: bytes) -> bytes | None:
        """A chunk; None where it is not there. May wait for the disk. Raises CorruptChunk."""
        with self.lent(name) as data:
            return None if data is None else bytes(data)

    @contextmanager
    def lent(self, name: bytes, checked: bool = False) -> Iterator[memoryview | None]:
        """As `get`, but where it lies in the file, for as long as this lasts; until then no room
        that others leave is used again. `checked`: it need not be compared with its name, unless it
        was found to be damaged."""
        with self._env.begin(buffers=True) as txn:
            row = txn.get(name, db=self._facts)
            body = txn.get(name, db=self._chunks)
            if row is None and body is None:
                yield None
                return
            facts = None if row is None else decode_facts(name, bytes(row))
            if facts is None or body is None:
                raise CorruptChunk(name)
            yield unpack(name, facts, body, checked and not facts.damaged)

    def has(self, name: bytes) -> bool:
        """Whether a chunk is there and not known to be damaged. Its bytes are not read."""
        with self._env.begin() as txn:
            row = txn.get(name, db=self._facts)
            facts = None if row is None else decode_facts(name, bytes(row))
            return facts is not None and not facts.damaged

    def held(self, after: bytes, count: int) -> list[Held]:
        """Chunks in the order of their names, those after this one."""
        found: list[Held] = []
        with self._env.begin() as txn, txn.cursor(self._facts) as facts:
            there = facts.set_range(after + b"\x00")
            while there and len(found) < count:
                name = bytes(facts.key())
                found.append(Held(name, self._roots(txn, name)))
                there = facts.next()
        return found

    def _roots(self, txn: lmdb.Transaction, name: bytes) -> tuple[bytes, ...]:
        """Also those whose row fails its check: the key names them."""
        found = []
        with txn.cursor(self._holders) as cursor:
            there = cursor.set_range(name)
            while there and (key := bytes(cursor.key())).startswith(name):
                if len(key) == 2 * HASH_BYTES:
                    found.append(key[HASH_BYTES:])
                there = cursor.next()
        return tuple(found)

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
