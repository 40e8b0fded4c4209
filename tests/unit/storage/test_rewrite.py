"""Rows written anew: what was deleted is nowhere on the disk, and all else is as it was."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import rewrite as rewriting
from storage.engine import LmdbStore
from storage.keys import actor_prefix
from storage.port import StorageFailed, Writes
from storage.replica import LmdbReplica, encode_record
from storage.rewrite import REQUEST, Rewriting, asked, rewrite
from storage.snapshot import Snapshot
from tests.unit.storage.stores import checkpoint, commit

PARTITIONS = (0, 3)
SEGMENT_BYTES = 1 << 16
SECRET = b"the text that is to be gone"
NOW_MS = 1_700_000_000_000


def key(actor: int, number: int) -> bytes:
    return actor_prefix(3, actor) + number.to_bytes(4, "big")


def store_at(folder: Path) -> LmdbStore:
    return LmdbStore(folder, PARTITIONS, map_bytes=1 << 26, segment_bytes=SEGMENT_BYTES)


def busy(store: LmdbStore, seed: int = 1) -> Writes:
    """Fill it with rows of which many are replaced and deleted, some of them with the secret;
    returns what is there in the end."""
    rng = random.Random(seed)
    there: Writes = {partition: {} for partition in PARTITIONS}
    for number in range(60):
        writes: Writes = {}
        for _ in range(20):
            partition, where = rng.choice(PARTITIONS), key(rng.randrange(40), rng.randrange(20))
            text = SECRET if rng.random() < 0.3 else b"a text %d" % number
            row = None if rng.random() < 0.2 else text * rng.randint(1, 6)
            writes.setdefault(partition, {})[where] = row
        _keep(store, writes, there)
        if number % 7 == 0:
            checkpoint(store)
    gone: Writes = {
        partition: {where: None for where, row in rows.items() if row and SECRET in row}
        for partition, rows in there.items()
    }
    _keep(store, gone, there)
    return there


def _keep(store: LmdbStore, writes: Writes, there: Writes) -> None:
    commit(store, writes)
    for partition, rows in writes.items():
        for where, row in rows.items():
            if row is None:
                there[partition].pop(where, None)
            else:
                there[partition][where] = row


def copy_rows(task: Rewriting) -> None:
    subprocess.run(task.command(), check=True, env=rewriting.ENVIRONMENT)


def finish(task: Rewriting) -> None:
    task.complete(NOW_MS)
    task.swap()
    task.settled()
    task.end()


def rows_of_store(store: LmdbStore) -> Writes:
    return {p: dict(store.scan(p, b"", b"\xff" * 600, limit=10**6)) for p in PARTITIONS}


def is_anywhere(text: bytes, folder: Path) -> list[str]:
    """The files that hold it."""
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def test_what_was_deleted_is_on_the_disk_no_more(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    there = busy(store)
    checkpoint(store)
    assert is_anywhere(SECRET, tmp_path / "rows"), "free pages keep it"
    rewrite(store, NOW_MS)
    assert is_anywhere(SECRET, tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "rows"]
    assert rows_of_store(store) == there
    assert store.rewritten_ms == NOW_MS
    _keep(store, {0: {key(1, 1): b"afterwards"}}, there)
    checkpoint(store)
    assert rows_of_store(store) == there
    store.close()
    again = store_at(tmp_path)
    assert rows_of_store(again) == there
    again.close()


def test_the_store_works_on_meanwhile(tmp_path: Path) -> None:
    """Commits and checkpoints go on while another process copies."""
    store = store_at(tmp_path)
    there = busy(store)
    task = Rewriting(store)
    task.roll()
    checkpoint(store)
    task.begin()
    copy_rows(task)
    for number in range(300):
        _keep(store, {3: {key(5, number): b"meanwhile" * 50, key(6, 1): b"%d" % number}}, there)
        if number % 100 == 50:
            checkpoint(store)
    assert len(list((tmp_path / "log").iterdir())) > 1, "the log is kept for it"
    assert task.catch_up() > 100
    finish(task)
    assert rows_of_store(store) == there
    checkpoint(store)
    assert len(list((tmp_path / "log").iterdir())) == 1
    assert is_anywhere(SECRET, tmp_path) == []
    rewrite(store, NOW_MS)  # as often as one likes
    store.close()
    with Snapshot(tmp_path) as reader:
        assert {p: dict(reader.rows(p)) for p in PARTITIONS} == there


STEPS: dict[str, Callable[[Rewriting], None]] = {
    "after the copy": lambda task: None,
    "after it caught up": lambda task: task.complete(NOW_MS),
    "after the exchange": lambda task: (task.complete(NOW_MS), task.swap())[0],
    "after all but the end": lambda task: (task.complete(NOW_MS), task.swap(), task.settled())[0],
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_leaves_the_old_rows_or_the_new(tmp_path: Path, step: str) -> None:
    store = store_at(tmp_path / "host")
    there = busy(store)
    task = Rewriting(store)
    task.roll()
    checkpoint(store)
    task.begin()
    copy_rows(task)
    _keep(store, {0: {key(7, 7): b"in the log"}}, there)
    STEPS[step](task)
    _keep(store, {0: {key(7, 8): b"afterwards"}}, there)
    (tmp_path / "crashed").mkdir()
    subprocess.run(["cp", "-a", f"{tmp_path}/host/.", f"{tmp_path}/crashed"], check=True)
    again = store_at(tmp_path / "crashed")
    assert rows_of_store(again) == there
    assert not list((tmp_path / "crashed").glob("rows.new*"))
    again.close()
    store.close()


def test_what_cannot_be_gone_on_with_changes_nothing(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    there = busy(store)
    (tmp_path / REQUEST).touch()
    task = Rewriting(store)
    task.roll()
    with pytest.raises(rewriting.RewriteBroken, match="the log is not cut"):
        task.begin()  # no checkpoint has moved what the log holds
    checkpoint(store)
    task.begin()
    with pytest.raises(rewriting.RewriteBroken, match="are not there any more"):
        task.catch_up()  # nothing was copied
    task.end()
    assert rows_of_store(store) == there
    assert asked(tmp_path), "it is still asked for"
    rewrite(store, NOW_MS)
    assert not asked(tmp_path)
    assert rows_of_store(store) == there
    store.close()


def test_a_file_system_that_cannot_do_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_at(tmp_path)
    there = busy(store)

    def full(one: Path, other: Path) -> None:
        raise OSError(22, "no exchange here")

    monkeypatch.setattr(rewriting, "exchange", full)
    with pytest.raises(rewriting.RewriteBroken, match="no exchange here"):
        rewrite(store, NOW_MS)
    assert rows_of_store(store) == there
    assert not list(tmp_path.glob("rows.new*"))
    store.close()


def test_a_copy_is_written_anew_and_its_tail_stays(tmp_path: Path) -> None:
    """Of a partition with copies: what is not known to be committed may be taken back later."""
    copy = LmdbReplica(tmp_path, [3], segment_bytes=SEGMENT_BYTES)
    for number in range(50):
        copy.append_records([encode_record(1, {3: {key(1, number % 5): SECRET * 20}})])
    copy.append_records([encode_record(1, {3: {key(1, n): b"kept" for n in range(5)}})])
    copy.settle(51)
    rewrite(copy, NOW_MS)
    copy.append_records([encode_record(2, {3: {key(2, 1): b"in the tail"}})])
    assert is_anywhere(SECRET, tmp_path) == []
    assert (copy.installed, copy.last, copy.epoch_at(52)) == (51, 52, 2)
    copy.truncate(51)
    copy.append_records([encode_record(3, {3: {key(2, 1): b"another"}})])
    copy.settle(52)
    assert copy.get(3, key(2, 1)) == b"another"
    copy.close()


def test_rows_that_were_replaced_by_a_snapshot_are_not_taken_for_the_old(tmp_path: Path) -> None:
    copy = LmdbReplica(tmp_path, [3], segment_bytes=SEGMENT_BYTES)
    copy.append_records([encode_record(1, {3: {key(1, 1): b"old"}})])
    copy.settle(1)
    task = Rewriting(copy)
    task.roll()
    checkpoint(copy)
    task.begin()
    copy_rows(task)
    copy.begin_load()
    copy.load({3: {key(1, 1): b"of the snapshot"}})
    copy.end_load(7)
    with pytest.raises(rewriting.RewriteBroken, match="were replaced"):
        task.complete(NOW_MS)
    task.end()
    assert copy.get(3, key(1, 1)) == b"of the snapshot"
    copy.close()


def test_rows_that_are_being_replaced_are_not_copied(tmp_path: Path) -> None:
    """Between two parts of a snapshot nothing tells them from whole ones."""
    copy = LmdbReplica(tmp_path, [3], segment_bytes=SEGMENT_BYTES)
    copy.append_records([encode_record(1, {3: {key(1, 1): b"old"}})])
    copy.settle(1)
    copy.begin_load()
    task = Rewriting(copy)
    task.roll()
    with pytest.raises(rewriting.RewriteBroken, match="are being replaced"):
        task.begin()
    task.end()
    copy.load({3: {key(1, 1): b"of the snapshot"}})
    copy.end_load(7)
    rewrite(copy, NOW_MS)
    assert copy.get(3, key(1, 1)) == b"of the snapshot"
    copy.close()


def test_where_the_change_of_names_may_not_last_the_process_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has is whole, whichever of the two a crash leaves."""
    store = store_at(tmp_path)
    there = busy(store)
    task = Rewriting(store)
    task.roll()
    checkpoint(store)
    task.begin()
    copy_rows(task)
    task.complete(NOW_MS)
    task.swap()

    def fail(folder: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "sync_folder", fail)
        with pytest.raises(StorageFailed, match="Input/output error"):
            task.settled()
    assert rows_of_store(store) == there
    task.end()
    assert len(list(tmp_path.glob("rows*"))) == 2, "neither is deleted"
    store.close()
    for name in ("as it is", "as it was"):
        (tmp_path / name).mkdir()
        subprocess.run(
            ["cp", "-a", tmp_path / "log", tmp_path / "rows", tmp_path / name], check=True
        )
        again = store_at(tmp_path / name)
        assert rows_of_store(again) == there
        again.close()
        (old,) = tmp_path.glob("rows.new*")
        rewriting.exchange(old, tmp_path / "rows")


def test_what_another_copy_needs_of_the_log_stays(tmp_path: Path) -> None:
    copy = LmdbReplica(tmp_path, [3], segment_bytes=2_000)
    copy.hold("b", 10)
    for number in range(1, 201):
        copy.append_records([encode_record(1, {3: {key(1, number): b"x" * 50}})])
        copy.settle(number)
        if number % 20 == 0:
            checkpoint(copy)
    with pytest.raises(rewriting.RewriteBroken, match="another copy needs it"):
        rewrite(copy, NOW_MS)
    records = copy.log.read(10, 1 << 20)
    assert records is not None
    assert len(records) == 190
    copy.hold("b", None)
    rewrite(copy, NOW_MS)
    assert copy.log.read(10, 1 << 20) is None
    copy.close()


def test_no_room_for_the_rows_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_at(tmp_path)
    busy(store)
    monkeypatch.setattr(rewriting, "RESERVE_BYTES", 1 << 62)
    with pytest.raises(rewriting.RewriteBroken, match="there is no room"):
        rewrite(store, NOW_MS)
    store.close()
