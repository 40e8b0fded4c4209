"""What only the store on a real disk can get wrong: damage, a full file system, another process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from storage.codec import seal, unseal
from storage.engine import LmdbStore
from storage.layout import database_name
from storage.port import CorruptRow, StorageFull
from tests.unit.storage.stores import LmdbDisk, checkpoint, commit, everything


def damage(folder: Path, partition: int, key: bytes, sealed: bytes) -> None:
    """Write something into LMDB behind the store's back."""
    with lmdb.open(str(folder / "rows"), max_dbs=8, map_size=1 << 26) as env:
        database = env.open_db(database_name(partition))
        with env.begin(write=True) as txn:
            txn.put(key, sealed, db=database)


def seen_from_outside(folder: Path) -> dict[bytes, bytes | None]:
    """The rows of partition 0 as another process sees them: LMDB allows one environment each."""
    code = (
        "import sys, pathlib, pickle\n"
        "from storage.snapshot import Snapshot\n"
        "with Snapshot(pathlib.Path(sys.argv[1])) as snapshot:\n"
        "    assert snapshot.partitions == [0, 5]\n"
        "    rows = list(snapshot.rows(0))\n"
        "assert sorted(rows) == rows\n"
        "sys.stdout.buffer.write(pickle.dumps(dict(rows)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, check=True
    )
    rows: dict[bytes, bytes | None] = pickle.loads(done.stdout)
    return rows


def test_a_row_is_sealed_with_its_key_and_version() -> None:
    sealed = seal(b"key", b"row")
    assert unseal(b"key", sealed) == b"row"
    assert unseal(b"yek", sealed) is None, "in the wrong place"
    assert unseal(b"key", b"\x02" + sealed[1:]) is None, "another version"
    assert unseal(b"key", sealed[:-1]) is None
    assert unseal(b"key", b"") is None
    for at in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1
        assert unseal(b"key", bytes(flipped)) is None


def test_a_damaged_row_is_found_by_every_read_of_it_and_by_no_other(tmp_path: Path) -> None:
    disk = LmdbDisk(tmp_path)
    store = disk.open()
    commit(store, {0: {b"a": b"1", b"b": b"2", b"c": b"3"}})
    checkpoint(store)
    store.close()
    damage(tmp_path, 0, b"b", seal(b"b", b"2")[:-1] + b"!")
    store = disk.open()
    assert store.get(0, b"a") == b"1"
    with pytest.raises(CorruptRow) as caught:
        store.get(0, b"b")
    assert (caught.value.partition, caught.value.key) == (0, b"b")
    with pytest.raises(CorruptRow):
        everything(store, 0)
    assert store.scan(0, b"c", b"d", limit=9) == [(b"c", b"3")]
    assert seen_from_outside(tmp_path) == {b"a": b"1", b"b": None, b"c": b"3"}
    commit(store, {0: {b"b": b"healed"}})
    assert store.get(0, b"b") == b"healed"
    store.close()


def test_a_snapshot_shows_what_is_durable_at_one_moment_beside_a_busy_store(
    tmp_path: Path,
) -> None:
    store = LmdbDisk(tmp_path).open()
    for turn in range(12):
        rows: dict[bytes, bytes | None] = {b"k%d" % n: b"%d" % turn for n in range(20)}
        rows[b"gone"] = None if turn % 2 else b"here"
        commit(store, {0: rows})
        if turn % 3 == 0:
            checkpoint(store)
        moving = store.begin_checkpoint() if turn % 4 == 0 else None
        expected = {key: row for key, row in rows.items() if row is not None}
        assert seen_from_outside(tmp_path) == expected
        if moving is not None:
            moving.abort()
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    """The log is full, then there is room again: what was acknowledged is there, and only that."""

    def open_store() -> LmdbStore:
        return LmdbStore(small_disk / "store", [0], segment_bytes=64 * 1024)

    store = open_store()
    filler = small_disk / "filler"
    acknowledged: dict[bytes, bytes] = {}
    refused = 0
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 3 * 1024 * 1024)
    for number in range(40):
        key, row = b"%04d" % number, os.urandom(30_000)
        try:
            commit(store, {0: {key: row}})
            acknowledged[key] = row
        except StorageFull:
            refused += 1
    assert 3 < len(acknowledged) < 40
    assert refused
    assert dict(everything(store, 0)) == acknowledged
    with pytest.raises(StorageFull):
        checkpoint_or_give_up(store)
    assert dict(everything(store, 0)) == acknowledged
    store.close()
    store = open_store()
    assert dict(everything(store, 0)) == acknowledged, "after a restart with a full disk"
    filler.unlink()
    commit(store, {0: {b"room": b"again"}})
    checkpoint(store)
    store.close()
    store = open_store()
    assert dict(everything(store, 0)) == acknowledged | {b"room": b"again"}
    store.close()


def checkpoint_or_give_up(store: LmdbStore) -> None:
    """As the pipeline does it."""
    moving = store.begin_checkpoint()
    try:
        moving.open()
        while moving.step(100):
            pass
        moving.commit()
    except StorageFull:
        moving.abort()
        raise
    moving.finish()
