"""A store that is followed while it is written to, and a folder made from rows."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from storage import snapshot
from storage.backup.fill import NewFolder
from storage.backup.follower import Follower
from storage.backup.manifest import BackupError
from storage.engine import LmdbStore
from storage.folder import DataFolder, Description
from storage.port import CorruptLog, CorruptRow, DataFolderError, Writes
from storage.snapshot import Snapshot

SMALL = 1 << 26


def put(store: LmdbStore, number: int) -> None:
    """A batch that changes one row, adds one, and deletes the one before the last."""
    rows = {b"same": b"%d" % number, b"row%03d" % number: b"", b"row%03d" % (number - 2): None}
    writes: Writes = {1: rows}
    store.append(writes)
    store.install(writes)


def checkpoint(store: LmdbStore) -> None:
    moving = store.begin_checkpoint()
    moving.open()
    while moving.step(10):
        pass
    moving.commit()
    moving.finish()


def serve(orders: Connection, folder: Path, segment_bytes: int) -> None:
    store = LmdbStore(folder, [1], map_bytes=SMALL, segment_bytes=segment_bytes)
    orders.send(None)
    while (number := orders.recv()) is not None:
        put(store, number) if number else checkpoint(store)
        orders.send(None)
    store.close()


class Writer:
    """The store's own process. LMDB lets nobody open the same file twice in one."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, folder, segment_bytes))
        self._process.start()
        self._orders.recv()

    def put(self, *numbers: int) -> None:
        for number in numbers:
            self._orders.send(number)
            self._orders.recv()

    def checkpoint(self) -> None:
        self.put(0)

    def close(self) -> None:
        self._orders.send(None)
        self._process.join(30)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writing = Writer(tmp_path, 200)
    yield writing
    writing.close()


def after(number: int) -> list[tuple[bytes, bytes]]:
    rows = [(b"row%03d" % n, b"") for n in (number - 1, number) if n > 0]
    return [*rows, (b"same", b"%d" % number)]


@pytest.mark.parametrize("begin", [0, 3])
def test_a_store_is_seen_as_it_was_after_any_record(
    tmp_path: Path, begin: int, writer: Writer
) -> None:
    """However it was checkpointed, went over to other segments, and was cut meanwhile."""
    writer.put(1, 2, 3)
    if begin:
        writer.checkpoint()
    for moment in (3, 5, 9):
        with Follower(tmp_path) as follower:
            newest = follower.records
            assert follower.begin <= 3
            writer.put(*range(newest + 1, 10))
            assert follower.catch_up() == 9
            numbers = [number for number, _ in follower.writes()]
            assert numbers == list(range(follower.begin + 1, 10))
            follower.settle(moment)
            assert list(follower.rows(1)) == after(moment)
            assert list(follower.between(1, b"row", b"row999").items()) == after(moment)[:-1]
            assert list(follower.between(1, b"same", b"same\x00").items()) == after(moment)[-1:]


def test_a_log_that_is_cut_while_it_is_followed(tmp_path: Path, writer: Writer) -> None:
    writer.put(1, 2, 3)
    with Follower(tmp_path) as follower:
        writer.put(4, 5, 6)
        assert follower.catch_up() == 6
        writer.checkpoint()
        writer.put(7)
        assert follower.catch_up() == 7, "what was cut had been read"
        writer.put(*range(8, 20))
        writer.checkpoint()
        with pytest.raises(CorruptLog, match="was cut while"):
            follower.catch_up()


def test_a_new_store_is_followed_from_its_first_record(tmp_path: Path, writer: Writer) -> None:
    with Follower(tmp_path) as follower:
        assert follower.catch_up() == 0
        writer.put(1)
        assert follower.catch_up() == 1
        follower.settle(1)
        assert list(follower.rows(1)) == after(1)


# --- a folder from rows -----------------------------------------------------------------------

DESCRIPTION = Description(1, "cluster", 2, 1, 1)


def test_a_store_made_from_rows_has_them_and_can_be_used(tmp_path: Path) -> None:
    folder = NewFolder(tmp_path / "new")
    rows = [(b"%05d" % number, b"row %d" % number) for number in range(25_000)]
    folder.add_store("host-0", {0: rows, 1: [(b"damaged", None), (b"whole", b"row")]})
    folder.finish(DESCRIPTION)
    assert DataFolder.look(folder.path).description == DESCRIPTION
    store = LmdbStore(folder.path / "host-0", [0, 1])
    assert store.scan(0, b"", b"\xff", limit=30_000) == rows
    with pytest.raises(CorruptRow):
        store.get(1, b"damaged")
    put(store, 1)
    checkpoint(store)
    store.close()
    with Snapshot(folder.path / "host-0") as found:
        assert found.records == 1
        assert (b"damaged", None) in list(found.rows(1))


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(BackupError, match="not empty"):
        NewFolder(tmp_path)


def test_a_folder_that_is_half_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NewFolder(tmp_path).add_store("host-0", {0: [(b"key", b"row")]})
    monkeypatch.setattr(snapshot, "ATTEMPTS_MAX", 1)
    with pytest.raises(DataFolderError, match="is no data folder"):
        DataFolder.look(tmp_path)
    with pytest.raises(DataFolderError, match="holds something else"):
        DataFolder.open(tmp_path, partitions=2)
