"""Chunks of media, named by their hash, in an LMDB environment of one media actor.

    chunks    name -> the bytes, perhaps packed (`storage.chunk_codec`)
    facts     name -> sizes and times, so that to touch a chunk does not write it again
    holders   name + root -> nothing: the files that consist of it, by their names
    meta      the format, and totals

Everything is changed by `commit`, many changes in one transaction with a sync, by one thread at a
time. Any thread may read, and so may other processes of the same machine (`ChunkReader`). What is
deleted leaves room in the file for what comes, and none for other files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import lmdb
from blake3 import blake3

from api.files import HASH_BYTES
from storage.chunk_changes import PAGE_BYTES, Change, Checked, Drop, Hold, Put, cost
from storage.chunk_codec import UNKNOWN, CorruptChunk, Facts, decode_facts, encode_facts, pack
from storage.chunk_reader import DATABASES, ChunkReader, open_chunks
from storage.codec import seal, unseal
from storage.engine import translate
from storage.port import DataFolderError
from storage.room import RESERVE_BYTES, STEP_BYTES, Room

FORMAT, TOTALS = b"format", b"totals"
VERSION = 1


class Totals(NamedTuple):
    chunks: int
    raw_bytes: int
    stored_bytes: int


class Stats(NamedTuple):
    """`free_bytes`: within the file."""

    chunks: int
    raw_bytes: int
    stored_bytes: int
    free_bytes: int


class ChunkStore(ChunkReader):
    """See the module. `folder` is this store's alone. Raises DataFolderError for chunks of another
    format."""

    def __init__(
        self, folder: Path, *, reserve_bytes: int = RESERVE_BYTES, step_bytes: int = STEP_BYTES
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._env = open_chunks(folder)
        self._chunks, self._facts, self._holders, self._meta = map(self._env.open_db, DATABASES)
        self._room = Room(folder / "data.mdb", reserve_bytes, step_bytes)
        with self._env.begin(write=True) as txn:
            found = int(txn.get(FORMAT, b"%d" % VERSION, db=self._meta))
            if found != VERSION:
                raise DataFolderError(
                    f"{folder} was written by another Heliograph (format {found}, this one knows "
                    f"{VERSION}); install the newer one"
                )
            txn.put(FORMAT, b"%d" % VERSION, db=self._meta)
            self._totals = self._read_totals(txn)

    # --- reading ------------------------------------------------------------------------------

    def facts(self, names: Sequence[bytes]) -> list[Facts | None]:
        """None for a chunk that is not there. One whose facts failed their check is damaged."""
        with self._env.begin() as txn:
            return [self._facts_of(txn, name) for name in names]

    def holders(self, name: bytes) -> list[bytes]:
        """The files that hold a chunk, in the order of their names. A row that failed its check is
        left out, but holds all the same: it is not known for whom."""
        with self._env.begin() as txn:
            rows = self._holder_rows(txn, name)
            return [key[HASH_BYTES:] for key, row in rows if unseal(key, row) is not None]

    def fingerprint(self, name: bytes) -> bytes:
        """The same for two copies of a chunk if they have the same holders."""
        return blake3(b"".join(self.holders(name))).digest(8)

    def scan(self, after: bytes, count: int) -> list[tuple[bytes, Facts]]:
        """Chunks in the order of their names, those after this one."""
        found: list[tuple[bytes, Facts]] = []
        with self._env.begin() as txn, txn.cursor(self._facts) as cursor:
            if cursor.set_range(after + b"\x00"):
                for name, row in _rows(cursor):
                    if len(found) == count:
                        break
                    found.append((name, decode_facts(name, row) or UNKNOWN))
        return found

    def listed(self, after: bytes, count: int) -> list[tuple[bytes, Facts, bool]]:
        """As `scan`, and whether any file holds the chunk."""
        rows = self.scan(after, count)
        with self._env.begin() as txn:
            return [
                (n, facts, next(self._holder_rows(txn, n), None) is not None) for n, facts in rows
            ]

    def check(self, name: bytes) -> bool:
        """Whether a chunk is whole; also where it is not there any more. Waits for the disk."""
        try:
            self.get(name)
        except CorruptChunk:
            return False
        return True

    def stats(self) -> Stats:
        with self._env.begin() as txn:
            return Stats(*self._totals, free_bytes=self._free(txn)[1])

    # --- writing ------------------------------------------------------------------------------

    def put(self, name: bytes, data: bytes, now_ms: int) -> bool:
        """See `Put`. Raises WrongName, and what `commit` raises."""
        done: bool = self.commit([Put(pack(name, data))], now_ms)[0]
        return done

    def hold(self, root: bytes, names: Sequence[bytes], now_ms: int) -> list[bytes]:
        """See `Hold`."""
        missing: list[bytes] = self.commit([Hold(root, names)], now_ms)[0]
        return missing

    def drop(self, name: bytes, touched_ms: int, roots: Sequence[bytes] = ()) -> bool:
        """See `Drop`."""
        done: bool = self.commit([Drop(name, touched_ms, roots)], 0)[0]
        return done

    def commit(self, changes: Sequence[Change], now_ms: int) -> list[Any]:
        """Carry out changes in one transaction, durable when it comes back with the results. Raises
        StorageFull (nothing was kept; without `Put` and `Hold`, only where others have filled the
        disk), StorageFailed."""
        before = self._totals
        self._env.reader_check()  # a reader that was killed must not keep old pages alive
        try:
            with self._env.begin(write=True) as txn:
                wanted = sum(map(cost, changes))
                if wanted:
                    self._room.make(wanted, *self._free(txn))
                results = [self._do(txn, change, now_ms) for change in changes]
                if self._totals != before:
                    totals = b"%d %d %d" % self._totals
                    txn.put(TOTALS, seal(TOTALS, totals), db=self._meta)
        except BaseException as error:
            self._totals = before
            if isinstance(error, lmdb.Error):
                raise translate(error, Path(self._env.path())) from error
            raise
        return results

    def _do(self, txn: lmdb.Transaction, change: Change, now_ms: int) -> Any:
        match change:
            case Put():
                return self._put(txn, change, now_ms)
            case Hold(root, names, touched_ms):
                moment_ms = now_ms if touched_ms is None else touched_ms
                return [name for name in names if not self._hold(txn, root, name, moment_ms)]
            case Drop():
                return self._drop(txn, change)
            case Checked(name, whole):
                facts = self._facts_of(txn, name)
                if facts is not None:
                    if facts == UNKNOWN:  # it has an age from now on
                        facts = facts._replace(touched_ms=now_ms)
                    verified_ms = now_ms if whole else facts.verified_ms
                    self._note(
                        txn, name, facts._replace(verified_ms=verified_ms, damaged=not whole)
                    )
        return None

    def _put(self, txn: lmdb.Transaction, put: Put, now_ms: int) -> bool:
        chunk = put.chunk
        touched_ms = now_ms if put.touched_ms is None else put.touched_ms
        for root in put.roots:
            self._write_holder(txn, chunk.name, root)
        facts = self._facts_of(txn, chunk.name)
        if facts is not None and not facts.damaged:
            if touched_ms > facts.touched_ms:
                self._note(txn, chunk.name, facts._replace(touched_ms=touched_ms))
            return False
        if facts is None:
            self._count(1, chunk.raw_bytes, len(chunk.body))
        else:
            grown = chunk.raw_bytes - facts.raw_bytes, len(chunk.body) - facts.stored_bytes
            self._count(0, *grown)
            touched_ms = max(touched_ms, facts.touched_ms)
        sizes = chunk.raw_bytes, len(chunk.body)
        new = Facts(*sizes, touched_ms, now_ms, chunk.packed)
        self._note(txn, chunk.name, new)
        txn.put(chunk.name, chunk.body, db=self._chunks)
        return True

    def _hold(self, txn: lmdb.Transaction, root: bytes, name: bytes, moment_ms: int) -> bool:
        facts = self._facts_of(txn, name)
        if facts is None or facts.damaged:
            return False
        self._note(txn, name, facts._replace(touched_ms=max(moment_ms, facts.touched_ms)))
        self._write_holder(txn, name, root)
        return True

    def _drop(self, txn: lmdb.Transaction, drop: Drop) -> bool:
        facts = self._facts_of(txn, drop.name)
        if facts is None or facts.touched_ms != drop.touched_ms:
            return False
        for root in drop.roots:
            txn.delete(drop.name + root, db=self._holders)
        if next(self._holder_rows(txn, drop.name), None) is not None:
            return False
        txn.delete(drop.name, db=self._facts)
        txn.delete(drop.name, db=self._chunks)
        self._count(-1, -facts.raw_bytes, -facts.stored_bytes)
        return True

    # --- rows ---------------------------------------------------------------------------------

    def _facts_of(self, txn: lmdb.Transaction, name: bytes) -> Facts | None:
        row: Any = txn.get(name, db=self._facts)
        return None if row is None else decode_facts(name, row) or UNKNOWN

    def _note(self, txn: lmdb.Transaction, name: bytes, facts: Facts) -> None:
        txn.put(name, encode_facts(name, facts), db=self._facts)

    def _write_holder(self, txn: lmdb.Transaction, name: bytes, root: bytes) -> None:
        assert len(name) == len(root) == HASH_BYTES
        key = name + root
        txn.put(key, seal(key, b""), db=self._holders)

    def _holder_rows(self, txn: lmdb.Transaction, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        with txn.cursor(self._holders) as cursor:
            if cursor.set_range(name):
                for key, row in _rows(cursor):
                    if not key.startswith(name):
                        return
                    yield key, row

    def _count(self, chunks: int, raw_bytes: int, stored_bytes: int) -> None:
        old = self._totals
        self._totals = Totals(
            old.chunks + chunks, old.raw_bytes + raw_bytes, old.stored_bytes + stored_bytes
        )

    def _read_totals(self, txn: lmdb.Transaction) -> Totals:
        sealed: Any = txn.get(TOTALS, b"", db=self._meta)
        known = unseal(TOTALS, sealed)
        if known is not None:
            return Totals(*map(int, known.split()))
        total = Totals(0, 0, 0)
        with txn.cursor(self._facts) as cursor:
            for name, row in _rows(cursor):
                facts = decode_facts(name, row) or UNKNOWN
                total = Totals(
                    total.chunks + 1,
                    total.raw_bytes + facts.raw_bytes,
                    total.stored_bytes + facts.stored_bytes,
                )
        return total

    def _free(self, txn: lmdb.Transaction) -> tuple[int, int]:
        """Up to where the file is used, and how many bytes before that are not."""
        pages = 0
        for database in (self._chunks, self._facts, self._holders, self._meta):
            found = txn.stat(database)
            pages += sum(found[kind] for kind in ("branch_pages", "leaf_pages", "overflow_pages"))
        last = self._env.info()["last_pgno"] + 1
        return last * PAGE_BYTES, max(0, last - pages) * PAGE_BYTES


def _rows(cursor: lmdb.Cursor) -> Iterator[tuple[bytes, bytes]]:
    """From where the cursor is, as bytes: `buffers` is off in the transactions of this module."""
    rows: Any = cursor.iternext()
    return cast(Iterator[tuple[bytes, bytes]], rows)
