"""The store of chunks, on a real disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import lmdb
import pytest

from api.files import chunk_hash
from storage.chunk_changes import Checked, Drop, Hold, Put
from storage.chunk_codec import (
    CHUNK_BYTES_MAX,
    SAMPLE_BYTES,
    SAMPLES,
    UNKNOWN,
    CorruptChunk,
    WrongName,
    may_shrink,
    pack,
    plain,
)
from storage.chunk_reader import ChunkReader, Held
from storage.chunks import ChunkStore
from storage.port import DataFolderError, StorageFull

ROOT, OTHER = b"r" * 32, b"s" * 32


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that do not shrink."""
    return random.Random(seed).randbytes(size)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChunkStore]:
    with_chunks = small(tmp_path / "chunks")
    yield with_chunks
    with_chunks.close()


def small(folder: Path) -> ChunkStore:
    return ChunkStore(folder, reserve_bytes=1 << 20, step_bytes=0)


def put(store: ChunkStore, data: bytes, now_ms: int = 1) -> bytes:
    name = chunk_hash(data)
    store.put(name, data, now_ms)
    return name


def flip(folder: Path, data: bytes) -> None:
    """Flip a bit in the middle of these bytes where they lie on the disk."""
    path = folder / "data.mdb"
    at = path.read_bytes().find(data) + len(data) // 2
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_chunks_are_listed_with_whether_a_file_holds_them(store: ChunkStore) -> None:
    names = sorted(put(store, b"%d" % n) for n in range(5))
    store.hold(ROOT, [names[1]], 2)
    store.hold(OTHER, [names[1], names[3]], 2)
    listed = store.listed(names[0], 3)
    assert [(name, held) for name, _, held in listed] == [
        (names[1], True),
        (names[2], False),
        (names[3], True),
    ]
    assert [facts for _, facts, _ in listed] == store.facts(names[1:4])


@pytest.mark.parametrize("size", [1, 100, 4096, 65_536, CHUNK_BYTES_MAX])
def test_a_chunk_is_read_as_it_was_put(store: ChunkStore, size: int) -> None:
    for data in (noise(size), b"heliograph"[:size] * (size // 10 or 1)):
        assert store.get(put(store, data)) == data


def test_what_shrinks_is_packed_and_what_does_not_is_not(store: ChunkStore) -> None:
    shrinks, stays = b"heliograph" * 1000, noise(10_000)
    names = [put(store, shrinks), put(store, stays)]
    packed, whole = store.facts(names)
    assert packed is not None
    assert whole is not None
    assert packed.packed
    assert packed.stored_bytes < 200
    assert packed.raw_bytes == 10_000
    assert not whole.packed
    assert whole.stored_bytes == 10_000
    stats = store.stats()
    assert stats[:3] == (2, 20_000, packed.stored_bytes + 10_000)


def test_what_is_not_what_its_name_says_is_refused(store: ChunkStore) -> None:
    for name, data in (
        (chunk_hash(b"a"), b"b"),
        (chunk_hash(b""), b""),
        (chunk_hash(bytes(CHUNK_BYTES_MAX + 1)), bytes(CHUNK_BYTES_MAX + 1)),
    ):
        with pytest.raises(WrongName):
            store.put(name, data, 1)
    assert store.stats().chunks == 0


def test_a_chunk_that_is_there_is_only_touched(store: ChunkStore) -> None:
    data = noise(CHUNK_BYTES_MAX)
    name = chunk_hash(data)
    assert store.put(name, data, 5)
    assert not store.put(name, data, 7)
    assert not store.put(name, data, 6), "it is never touched earlier than it was"
    (facts,) = store.facts([name])
    assert facts is not None
    assert (facts.touched_ms, facts.verified_ms) == (7, 5)
    assert store.stats().chunks == 1


def test_many_changes_are_one_commit_and_each_has_its_result(store: ChunkStore) -> None:
    a, b = chunk_hash(b"a"), chunk_hash(b"b")
    changes = [
        Put(pack(a, b"a")),
        Hold(ROOT, [a, b]),
        Put(pack(b, b"b"), touched_ms=3, roots=(ROOT, OTHER)),
        Drop(a, 9),
        Checked(b, True),
    ]
    assert store.commit(changes, 9) == [True, [b], True, False, None]
    assert store.holders(a) == [ROOT]
    assert store.holders(b) == [ROOT, OTHER]
    assert [facts and facts[2:4] for facts in store.facts([a, b])] == [(9, 9), (3, 9)]


def test_of_a_commit_that_fails_nothing_is_kept(store: ChunkStore) -> None:
    name = put(store, b"a")
    changes = [Put(pack(chunk_hash(b"b"), b"b")), Hold(b"too short for a name", [name])]
    with pytest.raises(AssertionError):
        store.commit(changes, 1)
    assert store.stats()[:3] == (1, 1, 1)
    assert store.get(chunk_hash(b"b")) is None


def test_holding_touches_what_is_there_and_tells_what_is_not(store: ChunkStore) -> None:
    name, absent = put(store, b"a"), chunk_hash(b"absent")
    assert store.hold(ROOT, [name, absent], 8) == [absent]
    assert store.hold(ROOT, [name], 4) == []
    assert store.holders(name) == [ROOT]
    assert store.holders(absent) == []
    (facts,) = store.facts([name])
    assert facts is not None
    assert facts.touched_ms == 8


def test_a_chunk_is_dropped_only_if_nobody_holds_it_and_nobody_touched_it(
    store: ChunkStore,
) -> None:
    name = put(store, b"a", 1)
    store.hold(ROOT, [name], 2)
    store.hold(OTHER, [name], 3)
    assert not store.drop(name, 2, [ROOT, OTHER]), "it was touched since"
    assert store.holders(name) == [ROOT, OTHER], "then nothing happens at all"
    assert not store.drop(name, 3, [ROOT])
    assert store.holders(name) == [OTHER]
    assert store.drop(name, 3, [OTHER])
    assert store.get(name) is None
    assert store.facts([name]) == [None]
    assert not store.drop(name, 3)
    assert store.stats()[:3] == (0, 0, 0)


def test_a_holder_whose_row_is_damaged_is_read_by_its_key(tmp_path: Path) -> None:
    name = chunk_hash(b"held")
    with closing(ChunkStore(tmp_path)) as store:
        store.put(name, b"held", 1)
        store.hold(ROOT, [name], 1)
    spoil(tmp_path, b"holders", name + ROOT)
    with closing(ChunkReader(tmp_path)) as reader:
        assert reader.held(b"", 9) == [Held(name, (ROOT,))]


def test_holders_of_neighbours_are_apart(store: ChunkStore) -> None:
    names = sorted(put(store, b"%d" % n) for n in range(5))
    store.hold(ROOT, names[1:4:2], 1)
    assert [store.holders(name) for name in names] == [[], [ROOT], [], [ROOT], []]
    same, other = (store.fingerprint(names[n]) for n in (0, 1))
    assert same == store.fingerprint(names[2]) != other == store.fingerprint(names[3])


def test_a_scan_goes_over_all_in_order(store: ChunkStore) -> None:
    names = sorted(put(store, b"%d" % n, n) for n in range(5))
    found: list[bytes] = []
    after = b""
    while batch := store.scan(after, 2):
        assert len(batch) <= 2
        found += [name for name, _ in batch]
        after = found[-1]
    assert found == names
    assert dict(store.scan(b"", 9)) == dict(zip(names, store.facts(names), strict=True))


@pytest.mark.parametrize("packed", [False, True])
def test_a_flipped_byte_is_found(tmp_path: Path, packed: bool) -> None:
    data = b"heliograph 0123456789" * 10_000 if packed else noise(200_000)
    store = small(tmp_path)
    name = put(store, data)
    store.close()
    flip(tmp_path, pack(name, data).body)
    store = small(tmp_path)
    with pytest.raises(CorruptChunk):
        store.get(name)
    assert not store.check(name)
    store.commit([Checked(name, False)], 5)
    assert store.hold(ROOT, [name], 6) == [name], "it has to be put again"
    assert store.put(name, data, 7)
    assert store.get(name) == data
    assert store.check(name)
    assert store.hold(ROOT, [name], 8) == []
    assert store.stats().chunks == 1
    store.close()


def test_facts_that_fail_their_check_are_those_of_a_damaged_chunk(tmp_path: Path) -> None:
    store = small(tmp_path)
    name = put(store, b"a", 3)
    store.hold(ROOT, [name], 3)
    store.close()
    spoil(tmp_path, b"facts", name)
    store = small(tmp_path)
    assert store.scan(b"", 2) == [(name, UNKNOWN)]
    assert not store.check(name)
    assert store.hold(OTHER, [name], 4) == [name]
    store.commit([Checked(name, False)], 5)
    ((_, facts),) = store.scan(b"", 2)
    assert facts.damaged
    assert facts.touched_ms == 5, "it has an age again"
    assert store.put(name, b"a", 6)
    assert store.get(name) == b"a"
    assert store.holders(name) == [ROOT]
    store.close()


def test_a_holder_that_fails_its_check_holds_and_is_not_asked(tmp_path: Path) -> None:
    store = small(tmp_path)
    name = put(store, b"a", 3)
    store.hold(ROOT, [name], 3)
    store.close()
    spoil(tmp_path, b"holders", name + ROOT)
    store = small(tmp_path)
    assert store.holders(name) == []
    assert not store.drop(name, 3)
    assert store.get(name) == b"a"
    store.close()


def spoil(folder: Path, database: bytes, key: bytes) -> None:
    """Flip a bit of a row."""
    with lmdb.open(str(folder), max_dbs=4) as env:
        db = env.open_db(database)
        with env.begin(write=True) as txn:
            row = bytearray(txn.get(key, db=db) or b"")
            row[-1] ^= 1
            txn.put(key, bytes(row), db=db)


def test_everything_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    store = small(tmp_path)
    name = put(store, noise(9_000), 3)
    store.hold(ROOT, [name], 4)
    before = store.scan(b"", 9), store.stats()[:3]
    store.close()
    store = small(tmp_path)
    assert (store.scan(b"", 9), store.stats()[:3]) == before
    assert store.holders(name) == [ROOT]
    store.close()


def test_totals_that_fail_their_check_are_counted_again(tmp_path: Path) -> None:
    store = small(tmp_path)
    put(store, noise(9_000), 3)
    before = store.stats()[:3]
    store.close()
    spoil(tmp_path, b"meta", b"totals")
    store = small(tmp_path)
    assert store.stats()[:3] == before
    store.close()


def test_another_format_is_refused(tmp_path: Path) -> None:
    small(tmp_path).close()
    with lmdb.open(str(tmp_path), max_dbs=4) as env:
        db = env.open_db(b"meta")
        with env.begin(write=True) as txn:
            txn.put(b"format", b"2", db=db)
    with pytest.raises(DataFolderError, match="format 2"):
        small(tmp_path)


def test_commits_are_synced(store: ChunkStore) -> None:
    flags = store._env.flags()
    assert flags["sync"]
    assert flags["metasync"]


def test_room_in_the_file_is_used_again(store: ChunkStore) -> None:
    names = [put(store, noise(CHUNK_BYTES_MAX, n)) for n in range(6)]
    free = store.stats().free_bytes
    for name in names[:3]:
        assert store.drop(name, 1)
    assert store.stats().free_bytes >= free + 3 * CHUNK_BYTES_MAX
    for n in range(10, 13):
        put(store, noise(CHUNK_BYTES_MAX, n))
    assert store.stats().free_bytes < free + 2 * CHUNK_BYTES_MAX, "but for what went last"


# --- other processes ------------------------------------------------------------------------------

READ = """
import sys
from pathlib import Path
from storage.chunk_reader import ChunkReader
reader = ChunkReader(Path(sys.argv[1]))
for line in sys.stdin:
    data = reader.get(bytes.fromhex(line))
    print("none" if data is None else data.hex(), flush=True)
"""
PUT = """
import random, sys
from pathlib import Path
from api.files import chunk_hash
from storage.chunk_codec import pack
from storage.chunks import ChunkStore, Hold, Put
store = ChunkStore(Path(sys.argv[1]))
rng = random.Random(int(sys.argv[2]))
for n in range(1_000_000):
    chunks = [rng.randbytes(rng.choice((100, 70_000, 500_000))) for _ in range(3)]
    names = [chunk_hash(chunk) for chunk in chunks]
    changes = [Put(pack(name, chunk)) for name, chunk in zip(names, chunks)]
    store.commit([*changes, Hold(b"r" * 32, names)], n)
    print(*(name.hex() for name in names), flush=True)
"""


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def test_another_process_reads_while_the_store_is_at_work(tmp_path: Path) -> None:
    store = small(tmp_path)
    name = put(store, b"a")
    with run(READ, tmp_path) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None

        def read(name: bytes) -> str:
            print(name.hex(), file=reader.stdin, flush=True)
            return reader.stdout.readline().strip()  # type: ignore[union-attr]

        assert read(name) == b"a".hex()
        assert read(chunk_hash(b"b")) == "none"
        put(store, b"b")
        assert read(chunk_hash(b"b")) == b"b".hex()
        store.drop(name, 1)
        assert read(name) == "none"
        reader.stdin.close()
    store.close()


def test_there_is_nothing_to_read_where_no_store_was(tmp_path: Path) -> None:
    with pytest.raises(lmdb.Error):
        ChunkReader(tmp_path)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
    acknowledged: list[bytes] = []
    for life in range(2):
        with run(PUT, tmp_path, 10 * seed + life) as writer:
            assert writer.stdout is not None
            for _ in range(4 + seed):
                acknowledged += map(bytes.fromhex, writer.stdout.readline().split())
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:  # what it had still said
                if line.endswith("\n"):
                    acknowledged += map(bytes.fromhex, line.split())
    store = ChunkStore(tmp_path)
    assert len(acknowledged) >= 24
    for name in acknowledged:
        assert store.get(name) is not None
        assert store.holders(name) == [ROOT]
    found = store.scan(b"", 1_000_000)
    assert all(store.check(name) for name, _ in found)
    assert store.stats().chunks == len(found)
    assert store.stats().raw_bytes == sum(facts.raw_bytes for _, facts in found)
    store.close()


# --- a full disk ----------------------------------------------------------------------------------

DISK_BYTES = 16 << 20


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is soon full."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(store: ChunkStore, size: int = CHUNK_BYTES_MAX) -> list[bytes]:
    names: list[bytes] = []
    try:
        while True:
            names.append(put(store, noise(size, len(names)), 1))
    except StorageFull:
        return names


def take_what_is_left(disk: Path) -> None:
    with open(disk / "others", "wb") as others:
        left = os.statvfs(disk).f_bavail
        if left:
            os.posix_fallocate(others.fileno(), 0, left * 4096)
    assert os.statvfs(disk).f_bavail == 0


def test_what_has_no_room_is_refused_and_nothing_of_it_is_kept(tiny_disk: Path) -> None:
    store = small(tiny_disk / "chunks")
    names = fill(store)
    assert 20 < len(names) < 32
    before = store.stats()[:3]
    tiny, big = noise(100), noise(CHUNK_BYTES_MAX, 1_000)
    changes = [Put(pack(chunk_hash(data), data)) for data in (tiny, big)]
    with pytest.raises(StorageFull):
        store.commit(changes, 1)
    assert store.get(chunk_hash(tiny)) is None
    assert store.stats()[:3] == before
    assert all(store.check(name) for name in names)
    store.close()


def test_a_full_disk_can_be_emptied_and_filled_again(tiny_disk: Path) -> None:
    store = small(tiny_disk / "chunks")
    names = fill(store)
    take_what_is_left(tiny_disk)
    for name in names:
        assert store.drop(name, 1)
    again = fill(store)
    assert len(again) >= len(names) - 4
    for name in again:
        assert store.drop(name, 1)
    assert store.stats()[:3] == (0, 0, 0)
    store.close()


def test_on_a_full_disk_many_are_deleted_at_once(tiny_disk: Path) -> None:
    store = small(tiny_disk / "chunks")
    data = [b"%d" % n * 20 for n in range(4_000)]
    names = [chunk_hash(d) for d in data]
    puts = [Put(pack(name, d)) for name, d in zip(names, data, strict=True)]
    for n in range(0, len(puts), 200):
        store.commit(puts[n : n + 200], 1)
    fill(store)
    fill(store, 3_000)
    take_what_is_left(tiny_disk)
    with pytest.raises(StorageFull):
        store.hold(ROOT, names, 1)
    assert all(store.commit([Drop(name, 1) for name in names], 1))
    store.close()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (noise(CHUNK_BYTES_MAX), False),
        (noise(SAMPLES * SAMPLE_BYTES + SAMPLES), False),
        (noise(SAMPLES * SAMPLE_BYTES), True),
        (b"a text " * 70_000, True),
        (noise(CHUNK_BYTES_MAX * 3 // 4) + b"a text " * 18_000, True),
        (b"x", True),
    ],
    ids=["noise", "less noise", "too little to tell", "text", "some text", "a byte"],
)
def test_what_may_shrink_is_told_by_samples(data: bytes, expected: bool) -> None:
    assert may_shrink(data) == expected
    assert plain(chunk_hash(data), data).body == data
    with pytest.raises(WrongName):
        plain(chunk_hash(b"else"), data)
