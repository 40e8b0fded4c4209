"""Chunks and the repository that holds them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.backup import chunks, repository
from storage.backup.chunks import Row, cut_rows, decode_rows, encode_rows
from storage.backup.manifest import (
    BackupError,
    DamagedBackup,
    Manifest,
    PartitionRows,
    StoreRows,
    decode_manifest,
    encode_manifest,
)
from storage.backup.repository import Repository
from storage.folder import Description
from storage.keys import KEY_BYTES_MAX
from storage.port import StorageFull
from tests.profile import tries

DESCRIPTION = Description(1, "cluster", 8, 2, 1)

ROWS = st.dictionaries(
    st.binary(min_size=1, max_size=KEY_BYTES_MAX), st.none() | st.binary(max_size=200), max_size=50
).map(lambda rows: sorted(rows.items()))


@pytest.fixture(autouse=True, scope="module")
def _same_borders() -> Iterator[None]:
    """Where the borders of a repository are, is chosen by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "random_below", lambda bound: 5)
        yield


def numbered(count: int, text: bytes = b"row") -> list[Row]:
    return [(b"key%06d" % number, b"%b %d" % (text, number)) for number in range(count)]


def manifest_of(repo: Repository, rows: list[Row], moment_ms: int) -> tuple[Manifest, int]:
    """Store the rows as one partition; returns how many chunks were new, too."""
    put = [repo.put(cut) for cut in cut_rows(rows, repo.salt)]
    stored = PartitionRows(3, len(rows), [chunk for chunk, _ in put])
    made = Manifest(1, moment_ms, DESCRIPTION, [StoreRows("host-0", 7, [stored])])
    return made, sum(new for _, new in put)


def files(path: Path) -> set[Path]:
    return {p for p in (path / "chunks").rglob("*") if p.is_file()}


# --- chunks -----------------------------------------------------------------------------------


@given(ROWS)
def test_any_rows_come_back(rows: list[Row]) -> None:
    cut = list(cut_rows(rows, 5))
    assert all(cut)
    assert [row for chunk in cut for row in decode_rows(encode_rows(chunk))] == rows


def test_a_chunk_has_a_least_number_of_rows_whatever_the_keys_are() -> None:
    """Whoever finds keys that are all borders makes no tiny chunks of them."""
    salt = 9
    borders = [
        (key, b"")
        for key, _ in numbered(700_000)
        if chunks.crc32(key, salt) & chunks.BORDER_MASK == 0
    ]
    cut = list(cut_rows(borders, salt))
    assert len(borders) > chunks.ROWS_MIN
    assert [len(chunk) for chunk in cut[:-1]] == [chunks.ROWS_MIN] * (len(cut) - 1)


def test_a_chunk_has_at_most_so_many_bytes() -> None:
    rows = [(b"%d" % n, bytes(300_000)) for n in range(9)]
    assert [len(chunk) for chunk in cut_rows(rows, 1)] == [3, 3, 3]


@settings(max_examples=tries(20), deadline=None, derandomize=True)
@given(
    at=st.integers(0, 49_999),
    what=st.sampled_from(["change", "delete", "insert"]),
    salt=st.integers(0, 2**32 - 1),
)
def test_a_small_change_makes_few_new_chunks(at: int, what: str, salt: int) -> None:
    rows = numbered(50_000)
    before = {encode_rows(chunk) for chunk in cut_rows(rows, salt)}
    key, _ = rows[at]
    rows[at : at + 1] = {
        "change": [(key, b"changed")],
        "delete": [],
        "insert": [(key, b"row"), (key + b"+", b"new")],
    }[what]
    after = [encode_rows(chunk) for chunk in cut_rows(rows, salt)]
    assert len(after) > 4
    assert sum(chunk not in before for chunk in after) <= 3


# --- the repository ---------------------------------------------------------------------------


@settings(max_examples=tries(50), deadline=None)
@given(rows=ROWS)
def test_rows_are_stored_and_read_again(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    path = tmp_path_factory.mktemp("repository")
    with Repository.writing(path) as repo:
        made, _ = manifest_of(repo, rows, 1000)
        repo.finish(made)
    repo = Repository.open(path)
    found = repo.latest()
    assert found == made
    (part,) = found.stores[0].partitions
    assert list(repo.rows(part.chunks)) == rows
    for key, _ in rows:
        between = repo.between(part.chunks, key, key + b"\x00")
        assert [k for k, _ in between] == [key]


def test_an_incremental_backup_is_the_same_as_a_full_one(tmp_path: Path) -> None:
    """And writes only what is new."""
    rows = numbered(20_000)
    with Repository.writing(tmp_path / "a") as repo:
        first, new = manifest_of(repo, rows, 1000)
        assert new == len(list(first.chunks())) > 5
        repo.finish(first)
        there = files(repo.path)
    rows[12_345] = (rows[12_345][0], b"changed")
    with Repository.writing(tmp_path / "a") as repo:
        second, new = manifest_of(repo, rows, 2000)
        repo.finish(second)
        assert new == 1
        assert len(files(repo.path) - there) == 1
        assert list(repo.rows(second.stores[0].partitions[0].chunks)) == rows
        assert repo.latest() == second
        assert repo.latest(1999) == first
        assert second.rows == 20_000


def test_a_backup_that_was_broken_off_does_not_exist_and_its_chunks_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = numbered(20_000)
    with Repository.writing(tmp_path) as repo:
        first, _ = manifest_of(repo, rows[:5_000], 1000)
        repo.finish(first)

    class PowerCut(BaseException): ...

    written = 0
    write = repository._write

    def dying(path: Path, data: bytes) -> None:
        nonlocal written
        written += 1
        if written == 4:
            path.with_name(path.name + ".new").write_bytes(data[:100])
            raise PowerCut
        write(path, data)

    monkeypatch.setattr(repository, "_write", dying)
    with pytest.raises(PowerCut), Repository.writing(tmp_path) as repo:
        manifest_of(repo, rows, 2000)
    monkeypatch.setattr(repository, "_write", write)
    repo = Repository.open(tmp_path)
    assert repo.moments() == [1000]
    assert list(repo.rows(list(first.chunks()))) == rows[:5_000]
    with Repository.writing(tmp_path) as repo:
        assert not list(tmp_path.rglob("*.new"))
        second, new = manifest_of(repo, rows, 3000)
        repo.finish(second)
    assert 0 < new < len(list(second.chunks())) - 3
    assert list(repo.rows(list(second.chunks()))) == rows


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "backups"
    with Repository.writing(path) as repo:
        made, _ = manifest_of(repo, numbered(100), 1000)
        repo.finish(made)
    for entry in (path, *path.rglob("*")):
        allowed = 0o700 if entry.is_dir() else 0o600
        assert stat.S_IMODE(entry.stat().st_mode) == allowed, entry


def break_chunk(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("what", ["flipped", "cut", "missing", "another"])
def test_a_damaged_chunk_is_found(tmp_path: Path, what: str) -> None:
    with Repository.writing(tmp_path) as repo:
        made, _ = manifest_of(repo, numbered(10_000), 1000)
        repo.finish(made)
    first, second, *_ = made.chunks()
    path = repo.chunk_path(first.hash)
    if what == "flipped":
        break_chunk(path)
    elif what == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif what == "missing":
        path.unlink()
    else:
        path.write_bytes(repo.chunk_path(second.hash).read_bytes())
    with pytest.raises(DamagedBackup, match=first.hash):
        repo.get(first)
    assert repo.get(second)


@pytest.mark.parametrize("packed", [chunks.pack(b"something else"), b"nothing packed"])
def test_what_is_not_what_its_name_says_is_not_written(tmp_path: Path, packed: bytes) -> None:
    name = chunks.hash_of(b"what was asked for")
    with Repository.writing(tmp_path) as repo:
        with pytest.raises(DamagedBackup):
            repo.add(name, packed)
        assert not repo.size(name)
        repo.add(name, chunks.pack(b"what was asked for"))
        assert repo.read(name) == b"what was asked for"


def test_a_damaged_or_newer_manifest_is_refused(tmp_path: Path) -> None:
    made = Manifest(1, 1000, DESCRIPTION, [])
    raw = encode_manifest(made)
    assert decode_manifest(raw, "it") == made
    with pytest.raises(DamagedBackup, match="it is damaged"):
        decode_manifest(raw.replace(b'"cluster"', b'"clusteR"'), "it")
    with pytest.raises(DamagedBackup, match="it is damaged"):
        decode_manifest(raw[:-3], "it")
    newer = encode_manifest(Manifest(99, 1000, DESCRIPTION, []))
    with pytest.raises(BackupError, match="newer Heliograph"):
        decode_manifest(newer, "it")


def test_a_repository_is_refused_with_a_word_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(BackupError, match="--to"), Repository.writing(tmp_path / "other"):
        pass
    with pytest.raises(BackupError, match="holds no backups"):
        Repository.open(tmp_path / "nowhere")
    with Repository.writing(tmp_path / "mine") as repo:
        with pytest.raises(BackupError, match="is being made"), Repository.writing(repo.path):
            pass
        with pytest.raises(BackupError, match="no whole backup"):
            repo.latest()
        repo.finish(Manifest(1, 1000, DESCRIPTION, []))
        with pytest.raises(BackupError, match="oldest backup"):
            repo.latest(999)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with Repository.writing(tmp_path) as repo:
        monkeypatch.setattr(repository.os, "fsync", full)
        with pytest.raises(StorageFull, match="No space left"):
            repo.put(numbered(3))
    assert not files(tmp_path)
