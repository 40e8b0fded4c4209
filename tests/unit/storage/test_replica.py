"""What every replica promises, shown on each of them, and what crashes leave of one on a disk."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage import replica
from storage.layout import rows_of
from storage.log import Log
from storage.memory_replica import MemoryDisk, MemoryReplica
from storage.port import BadKey, Checkpoint, StorageFull, Writes
from storage.records import segments_of
from storage.replica import (
    LmdbReplica,
    Replica,
    encode_record,
    epoch_of,
    folder_of,
    folders_in,
)
from tests.profile import tries
from tests.unit.storage.stores import PARTITIONS, checkpoint, everything

SEGMENT = 400
ALL = 1 << 20


class Place(Protocol):
    """Where a replica outlives its process."""

    def open(self) -> Replica: ...

    def crash(self, store: Replica) -> None:
        """Whatever was not durable is lost."""

    def fill(self) -> None: ...

    def empty(self) -> None: ...


class Folder:
    """After a crash, what was on the disk is found in another folder: LMDB allows a process to open
    one only once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lives = 0
        self._patch = pytest.MonkeyPatch()

    @property
    def path(self) -> Path:
        return self._root / f"life-{self._lives}"

    def open(self) -> LmdbReplica:
        return LmdbReplica(self.path, PARTITIONS, segment_bytes=SEGMENT)

    def crash(self, store: Replica) -> None:
        old = self.path
        self._lives += 1
        shutil.copytree(old, self.path)
        store.close()
        shutil.rmtree(old)

    def fill(self) -> None:
        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        self._patch.setattr(os, "posix_fallocate", full)
        self._patch.setattr(os, "pwritev", full)

    def empty(self) -> None:
        self._patch.undo()


class Memory:
    def __init__(self) -> None:
        self.disk = MemoryDisk()

    def open(self) -> MemoryReplica:
        return MemoryReplica(self.disk)

    def crash(self, store: Replica) -> None:
        """There is nothing but what is durable."""

    def fill(self) -> None:
        self.disk.full = True

    def empty(self) -> None:
        self.disk.full = False


PLACES: dict[str, Callable[[Path], Place]] = {"lmdb": Folder, "memory": lambda root: Memory()}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = PLACES[request.param](tmp_path)
    yield made
    made.empty()


def record(number: int, epoch: int = 1) -> bytes:
    """Changes a row of its own, and one that all change."""
    own, shared = b"own %04d" % number, b"shared"
    value = b"%d of epoch %d" % (number, epoch)
    return encode_record(epoch, {0: {own: value, shared: value}})


def tail(first: int, last: int, epoch: int = 1) -> list[bytes]:
    return [record(number, epoch) for number in range(first, last + 1)]


def rows(last: int, epoch: int = 1) -> list[tuple[bytes, bytes]]:
    """What is shown after this many records of one epoch."""
    found = [(b"own %04d" % n, b"%d of epoch %d" % (n, epoch)) for n in range(1, last + 1)]
    return [*found, (b"shared", b"%d of epoch %d" % (last, epoch))] if last else []


def reopened(place: Place, store: Replica) -> Replica:
    place.crash(store)
    return place.open()


def test_a_record_tells_its_epoch_and_has_its_rows() -> None:
    writes: Writes = {0: {b"a": b"1", b"b": None}, 5: {b"c": b""}}
    made = encode_record(300, writes)
    assert epoch_of(made) == 300
    assert rows_of(made) == writes
    assert rows_of(encode_record(1, {})) == {}
    with pytest.raises(BadKey):
        encode_record(1, {0: {b"": b"1"}})


def test_it_is_empty_at_first(place: Place) -> None:
    store = place.open()
    assert (store.last, store.installed, store.loading, store.recall()) == (0, 0, False, b"")
    assert store.records(0, ALL) == []
    assert everything(store, 0) == []
    with pytest.raises(NotImplementedError):
        store.append({})
    store.close()


def test_what_is_appended_is_durable_and_shown_when_settled(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 4))
    assert (store.last, store.installed) == (4, 0)
    assert everything(store, 0) == []
    store.settle(3)
    assert (store.last, store.installed) == (4, 3)
    assert everything(store, 0) == rows(3)
    store.settle(3)
    store.settle(1)
    assert (store.installed, everything(store, 0)) == (3, rows(3))
    store.append_records([])
    assert store.last == 4
    store.append_records(tail(5, 5))
    store.settle(4)
    store.install(rows_of(record(5)))
    assert (store.installed, everything(store, 0)) == (5, rows(5))
    store.close()


def test_nothing_durable_is_lost_by_a_crash_and_what_was_shown_may_be_tail_again(
    place: Place,
) -> None:
    store = place.open()
    store.append_records(tail(1, 12))
    store.settle(8)
    store = reopened(place, store)
    assert (store.last, store.installed) == (12, 0)
    assert everything(store, 0) == []
    assert store.records(0, ALL) == tail(1, 12)
    store.settle(8)
    checkpoint(store)
    store.settle(10)
    store = reopened(place, store)
    assert (store.last, store.installed) == (12, 8)
    assert everything(store, 0) == rows(8)
    store.settle(12)
    assert everything(store, 0) == rows(12)
    store.append_records(tail(13, 13))
    assert store.records(11, ALL) == tail(12, 13)
    store.close()


def test_records_are_read_as_many_as_there_is_room_for(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 9))
    size = len(record(1))
    for after in range(10):
        for count in range(1, 10):
            expected = tail(after + 1, min(9, after + count))
            assert store.records(after, count * size) == expected
            assert store.records(after, (count + 1) * size - 1) == expected
        assert store.records(after, 0) == tail(after + 1, min(9, after + 1)), "at least one"
    assert store.records(12, ALL) == []
    store.close()


def test_old_records_are_read_until_they_are_cut_off(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 100)
    store = place.open()
    for number in range(1, 91):
        store.append_records([record(number)])
        store.settle(number)
    assert store.records(0, ALL) == tail(1, 90), "a checkpoint alone cuts them off"
    assert store.records(40, 3 * len(record(41))) == tail(41, 43)
    checkpoint(store)
    for _ in range(2):
        kept = [after for after in range(91) if store.records(after, ALL) is not None]
        assert 0 < kept[0] < 88
        assert kept == list(range(kept[0], 91))
        for after in kept:
            assert store.records(after, ALL) == tail(after + 1, 90)
        store = reopened(place, store)
    store.close()


def test_the_epochs_of_the_tail_are_known(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 3, 1) + tail(4, 5, 2))
    store.settle(2)
    checkpoint(store)
    for _ in range(2):
        assert [store.epoch_at(number) for number in (3, 4, 5)] == [1, 2, 2]
        store = reopened(place, store)
    store.truncate(4)
    store.append_records(tail(5, 6, 700))
    assert [store.epoch_at(number) for number in (3, 4, 5, 6)] == [1, 2, 700, 700]
    store.close()


@pytest.mark.parametrize("after", [2, 3, 9, 13, 19, 20])
def test_what_is_taken_back_stays_away(place: Place, after: int) -> None:
    store = place.open()
    for number in range(1, 21, 4):
        store.append_records(tail(number, number + 3))
    store.settle(2)
    store.truncate(after)
    assert (store.last, store.installed) == (after, 2)
    assert store.records(0, ALL) == tail(1, after)
    store = reopened(place, store)
    assert store.last == after
    assert store.records(0, ALL) == tail(1, after)
    store.append_records(tail(after + 1, after + 3, 2))
    expected = tail(1, after) + tail(after + 1, after + 3, 2)
    assert store.records(0, ALL) == expected
    store = reopened(place, store)
    assert store.records(0, ALL) == expected
    store.settle(after + 3)
    assert store.get(0, b"own %04d" % (after + 1)) == b"%d of epoch 2" % (after + 1)
    store.close()


def test_what_is_shown_is_not_taken_back(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 4))
    store.settle(3)
    with pytest.raises(AssertionError):
        store.truncate(2)
    assert store.last == 4
    store.close()


def test_records_come_while_a_checkpoint_is_made(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 9))
    store.settle(5)
    moving = store.begin_checkpoint()
    store.settle(7)
    store.append_records(tail(10, 11))
    moving.open()
    store.truncate(10)
    while moving.step(1):
        assert everything(store, 0) == rows(7)
    store.append_records(tail(11, 12))
    moving.commit()
    store.settle(8)
    moving.finish()
    assert everything(store, 0) == rows(8)
    store = reopened(place, store)
    assert (store.last, store.installed) == (12, 5)
    assert everything(store, 0) == rows(5)
    store.settle(12)
    assert everything(store, 0) == rows(12)
    store.close()


def test_without_room_none_is_kept_and_a_configuration_can_be_written(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 2))
    place.fill()
    for _ in range(2):
        with pytest.raises(StorageFull):
            store.append_records(tail(3, 9))
        assert (store.last, store.installed) == (2, 0)
        assert store.records(0, ALL) == tail(1, 2)
    store.remember(b"on a full disk")
    store.truncate(1)
    place.empty()
    store = reopened(place, store)
    assert (store.last, store.recall()) == (1, b"on a full disk")
    store.append_records(tail(2, 4, 2))
    assert store.records(0, ALL) == tail(1, 1) + tail(2, 4, 2)
    store.close()


def test_the_newest_configuration_is_remembered(place: Place) -> None:
    store = place.open()
    for number in range(5):
        store.remember(b"configuration %d" % number)
        assert store.recall() == b"configuration %d" % number
        store = reopened(place, store)
        assert store.recall() == b"configuration %d" % number
    store.begin_load()
    assert store.recall() == b"configuration 4", "it is no part of a snapshot"
    store = reopened(place, store)
    assert store.recall() == b"configuration 4"
    store.close()


@pytest.mark.parametrize("number", [0, 3, 700])
@pytest.mark.parametrize("had", [0, 20])
def test_a_snapshot_takes_the_place_of_everything(place: Place, had: int, number: int) -> None:
    store = place.open()
    for n in range(1, had + 1):
        store.append_records([record(n)])
    store.settle(had // 2)
    checkpoint(store)
    store.begin_load()
    assert (store.last, store.installed, store.loading) == (0, 0, True)
    store.load({0: {b"a": b"1", b"b": b"2"}})
    store.load({5: {b"c": b"3"}})
    store.load({})
    assert store.loading
    store.end_load(number)
    for _ in range(2):
        assert (store.last, store.installed, store.loading) == (number, number, False)
        assert everything(store, 0) == [(b"a", b"1"), (b"b", b"2")]
        assert everything(store, 5) == [(b"c", b"3")]
        assert store.records(number, ALL) == []
        if number:
            assert store.records(0, ALL) is None
            assert store.records(number - 1, ALL) is None
        store = reopened(place, store)
    store.append_records(tail(number + 1, number + 2, 3))
    assert store.epoch_at(number + 1) == 3
    store = reopened(place, store)
    assert (store.last, store.installed) == (number + 2, number)
    store.truncate(number)
    store.append_records(tail(number + 1, number + 1, 4))
    store.settle(number + 1)
    checkpoint(store)
    store = reopened(place, store)
    assert store.installed == number + 1
    assert store.get(0, b"shared") == b"%d of epoch 4" % (number + 1)
    assert store.get(0, b"a") == b"1"
    store.close()


def test_a_snapshot_that_was_cut_short_begins_again(place: Place) -> None:
    store = place.open()
    store.append_records(tail(1, 20))
    store.settle(20)
    checkpoint(store)
    store.begin_load()
    for _ in range(2):
        store = reopened(place, store)
        assert (store.last, store.installed, store.loading) == (0, 0, True)
        store.load({0: {b"stale": b"1"}})
    store.begin_load()
    assert everything(store, 0) == []
    store.load({0: {b"a": b"1"}})
    store.end_load(7)
    store = reopened(place, store)
    assert (store.last, store.installed, store.loading) == (7, 7, False)
    assert everything(store, 0) == [(b"a", b"1")]
    store.close()


class Crash(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("what", ["begin_load", "end_load"])
def test_a_crash_at_any_step_of_a_snapshot_leaves_one_that_begins_again(
    tmp_path: Path, what: str
) -> None:
    """It opens, and is whole or loading: never something in between."""
    for step in range(40):
        place = Folder(tmp_path / str(step))
        store: Replica = place.open()
        for n in range(1, 21):
            store.append_records([record(n)])
            store.settle(n)
            if n == 19:
                checkpoint(store)  # the first segments are cut off
        if what == "end_load":
            store.begin_load()
            store.load({0: {b"a": b"1"}})
        made = 0
        with pytest.MonkeyPatch.context() as patch:

            def counted(real: Callable[..., Any], step: int = step) -> Callable[..., Any]:
                def call(*args: Any, **kwargs: Any) -> Any:
                    nonlocal made
                    made += 1
                    if made > step:
                        raise Crash
                    return real(*args, **kwargs)

                return call

            for name in ("unlink", "open", "fsync", "rename", "posix_fallocate"):
                patch.setattr(os, name, counted(getattr(os, name)))
            patch.setattr(Log, "restart", counted(Log.restart))
            try:
                if what == "begin_load":
                    store.begin_load()
                else:
                    store.end_load(30)
                done = True
            except Crash:
                done = False
        store = reopened(place, store)
        if done and what == "end_load":
            assert (store.loading, store.last) == (False, 30)
        else:
            assert (store.loading, store.last, store.installed) == (True, 0, 0)
            store.begin_load()
            store.load({0: {b"a": b"1"}})
            store.end_load(30)
        store = reopened(place, store)
        assert (store.loading, store.last, store.installed) == (False, 30, 30)
        assert everything(store, 0) == [(b"a", b"1")]
        store.close()
        if done:
            assert step > 3
            return
    raise AssertionError("it never ends")


def test_a_snapshot_without_room_for_its_end_begins_again(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    store: Replica = place.open()
    store.begin_load()
    store.load({0: {b"a": b"1"}})
    place.fill()
    with pytest.raises(StorageFull):
        store.end_load(30)
    place.empty()
    assert (store.loading, store.last, store.installed) == (True, 0, 0)
    store.begin_load()
    store.end_load(31)
    assert (store.loading, store.last) == (False, 31)
    store = reopened(place, store)
    assert (store.last, everything(store, 0)) == (31, [])
    store.close()


def write_on(store: Replica, count: int) -> None:
    """With a checkpoint after every ten."""
    for number in range(store.last + 1, store.last + count + 1):
        store.append_records([record(number)])
        store.settle(number)
        if number % 10 == 0:
            checkpoint(store)


def test_the_log_is_held_for_a_copy_until_it_is_told_otherwise(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 100)
    store = place.open()
    write_on(store, 10)
    store.hold("b", 2)
    store.hold("c", 8)
    write_on(store, 190)
    assert store.records(2, ALL) == tail(3, 200)
    store.hold("b", 60)
    write_on(store, 10)
    assert store.records(8, ALL) == tail(9, 210), "the one that lacks most counts"
    store.hold("c", None)
    store.hold("c", None)
    write_on(store, 10)
    assert store.records(8, ALL) is None
    assert store.records(60, ALL) == tail(61, 220)
    store.hold("b", None)
    write_on(store, 10)
    assert store.records(60, ALL) is None
    store.close()


def test_no_more_than_so_much_of_the_log_is_held(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 100)
    monkeypatch.setattr(replica, "HELD_BYTES", 20 * SEGMENT)
    monkeypatch.setattr(MemoryReplica, "HELD_RECORDS", 80)
    store = place.open()
    write_on(store, 10)
    store.hold("b", 2)
    write_on(store, 60)
    assert store.records(2, ALL) == tail(3, 70)
    write_on(store, 230)
    assert store.records(2, ALL) is None
    held = [after for after in range(300) if store.records(after, ALL) is not None]
    assert 60 < len(held) < 110
    store.close()


def test_without_room_nothing_is_held(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    store = place.open()
    store.hold("b", 2)
    write_on(store, 100)
    before = len(segments_of(place.path / "log"))
    place.fill()
    with pytest.raises(StorageFull):
        store.append_records([record(101)])
    after = len(segments_of(place.path / "log"))
    place.empty()
    assert before > 2 * after
    assert after == replica.KEPT_SEGMENTS + 1
    write_on(store, 10)
    assert len(segments_of(place.path / "log")) <= replica.KEPT_SEGMENTS + 1
    store.close()


def test_without_room_for_what_is_begun_nothing_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Folder(tmp_path)
    store = place.open()
    store.hold("b", 2)
    write_on(store, 100)
    while not store.log._has_room(SEGMENT // 2):
        write_on(store, 1)
    before = len(segments_of(place.path / "log"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(store.log, "_write", full)
        with pytest.raises(StorageFull):
            store.begin_records([record(store.last + 1)])
    assert before > 2 * len(segments_of(place.path / "log"))
    store.close()


def test_a_copy_in_a_folder_of_the_older_name_is_that_copy(tmp_path: Path) -> None:
    """Whatever else is there."""
    assert folder_of(tmp_path, 5) == tmp_path / "shard-5"
    for name in ("shard-5", "shard-6", "partition-5"):
        (tmp_path / name).mkdir()
    found = folders_in(tmp_path)
    assert found == {5: tmp_path / "partition-5", 6: tmp_path / "shard-6"}
    assert {shard: folder_of(tmp_path, shard) for shard in found} == found


def test_what_is_in_memory_is_told_from_what_must_be_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 200)
    store = place.open()
    assert store.recent(0, ALL) == []
    for number in range(1, 31):
        store.append_records([record(number)])
        store.settle(number)
    assert store.recent(0, ALL) is None
    assert store.records(0, ALL) == tail(1, 30)
    assert store.recent(28, ALL) == tail(29, 30)
    assert store.recent(28, 1) == tail(29, 29)
    assert store.recent(30, ALL) == store.recent(35, ALL) == []
    store.append_records(tail(31, 60))
    assert store.recent(30, ALL) == tail(31, 60), "the tail is in memory"
    store.close()


def test_only_what_is_shown_leaves_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail must be at hand, however much it is."""
    monkeypatch.setattr(replica, "KEPT_BYTES", 200)
    monkeypatch.setattr(Log, "read", lambda self, after, bytes_max: None)
    store: Replica = Folder(tmp_path).open()
    store.append_records(tail(1, 20))
    assert store.records(0, ALL) == tail(1, 20)
    store.settle(10)
    assert store.records(9, ALL) is None
    assert store.records(10, ALL) == tail(11, 20)
    store.truncate(15)
    assert store.records(10, ALL) == tail(11, 15)
    store.settle(15)
    size = len(record(15))
    assert [store.records(after, ALL) is None for after in range(15)].count(False) == 200 // size
    store.close()


def test_a_new_life_trims_from_where_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 200)
    place = Folder(tmp_path)
    store: Replica = place.open()
    store.append_records(tail(1, 20))
    store.settle(15)
    checkpoint(store)
    store = reopened(place, store)
    store.append_records(tail(21, 30))
    assert store.recent(15, ALL) == tail(16, 30)
    store.settle(30)
    assert store.recent(25, ALL) is None
    assert store.recent(29, ALL) == tail(30, 30)
    store.close()


def test_some_segments_are_kept_beyond_a_checkpoint(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    store: Replica = place.open()
    for number in range(1, 61):
        store.append_records([record(number)])
        store.settle(number)
        if number % 10 == 0:
            checkpoint(store)
            count = len(segments_of(place.path / "log"))
            assert count <= replica.KEPT_SEGMENTS + 1
    assert count == replica.KEPT_SEGMENTS + 1
    store.close()


def test_a_writer_and_the_loop_work_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread appends and takes back; the other settles, reads and moves rows."""
    monkeypatch.setattr(replica, "KEPT_BYTES", 300)
    place = Folder(tmp_path)
    store: Replica = place.open()
    errors: list[BaseException] = []
    ended = threading.Event()
    safe = 0

    def write() -> None:
        nonlocal safe
        try:
            for turn in range(60):
                first = store.last + 1
                store.append_records(tail(first, first + 3))
                safe = first + 1
                store.truncate(first + 1)
                if turn % 7 == 0:
                    store.append_records(tail(first + 2, first + 2))
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not ended.is_set():
        store.settle(safe)
        shown = store.installed
        assert everything(store, 0) == rows(shown)
        for after in (shown - 1, shown - 20, 0):
            found = store.records(max(0, after), 500)
            if found:
                assert found == tail(max(0, after) + 1, max(0, after) + len(found))
        checkpoint(store)
    thread.join()
    assert errors == []
    last = store.last
    store = reopened(place, store)
    store.settle(last)
    assert everything(store, 0) == rows(last)
    store.close()


# --- any order of everything ----------------------------------------------------------------------

KEYS = st.binary(min_size=1, max_size=2)
BATCHES = st.dictionaries(
    st.sampled_from(PARTITIONS),
    st.dictionaries(KEYS, st.none() | st.binary(max_size=90), max_size=3),
    max_size=2,
)
SNAPSHOTS = st.dictionaries(
    st.sampled_from(PARTITIONS), st.dictionaries(KEYS, st.binary(max_size=20), max_size=4)
)
Shown = dict[int, dict[bytes, bytes]]


def idle(machine: ReplicaMachine) -> bool:
    return machine.moving is None


def whole(machine: ReplicaMachine) -> bool:
    return not machine.loading


class ReplicaMachine(RuleBasedStateMachine):
    """`log` is what was made durable after record `base`, `shown` how far rows are shown, `settled`
    how far the last checkpoint came."""

    kind = ""

    @initialize()
    def make(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.place = PLACES[self.kind](self.folder)
        self.store = self.place.open()
        self.base = self.shown = self.settled = 0
        self.log: list[tuple[bytes, Writes]] = []
        self.rows_at: dict[int, Shown] = {0: {p: {} for p in PARTITIONS}}
        self.loading = False
        self.loaded: Shown = {}
        self.config = b""
        self.epoch = 1
        self.moving: Checkpoint | None = None
        self.moving_to = 0

    @property
    def last(self) -> int:
        return self.base + len(self.log)

    def _show(self) -> Writes:
        """The next record is shown; returns its rows."""
        writes = self.log[self.shown - self.base][1]
        found = {p: dict(mine) for p, mine in self.rows_at[self.shown].items()}
        for partition, changes in writes.items():
            for key, row in changes.items():
                if row is None:
                    found[partition].pop(key, None)
                else:
                    found[partition][key] = row
        self.shown += 1
        self.rows_at[self.shown] = found
        return writes

    @precondition(whole)
    @rule(batches=st.lists(BATCHES, max_size=5), begun=st.booleans())
    def append(self, batches: list[Writes], begun: bool) -> None:
        records = [encode_record(self.epoch, writes) for writes in batches]
        unsynced = self.store.begin_records(records) if begun else None
        if unsynced is None:
            self.store.append_records(records)
        else:
            unsynced.sync()
        self.log += zip(records, batches, strict=True)

    @precondition(whole)
    @rule(batches=st.lists(BATCHES, min_size=1, max_size=4))
    def find_no_room(self, batches: list[Writes]) -> None:
        self.place.fill()
        with pytest.raises(StorageFull):
            self.store.append_records([encode_record(self.epoch, writes) for writes in batches])
        self.place.empty()

    @precondition(whole)
    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        upto = self.shown + round((self.last - self.shown) * share)
        self.store.settle(upto)
        while self.shown < upto:
            self._show()

    @precondition(lambda self: self.shown < self.last)
    @rule()
    def install(self) -> None:
        """As a leader does it."""
        self.store.install(self._show())

    @precondition(whole)
    @rule(share=st.floats(0, 1))
    def truncate(self, share: float) -> None:
        after = self.shown + round((self.last - self.shown) * share)
        self.store.truncate(after)
        del self.log[after - self.base :]
        self.epoch += 1

    @precondition(lambda self: idle(self) and whole(self))
    @rule()
    def begin_checkpoint(self) -> None:
        self.moving = self.store.begin_checkpoint()
        self.moving.open()
        self.moving_to = self.shown

    @precondition(lambda self: not idle(self))
    @rule(count=st.integers(1, 3))
    def step(self, count: int) -> None:
        assert self.moving is not None
        self.moving.step(count)

    @precondition(lambda self: not idle(self))
    @rule()
    def end_checkpoint(self) -> None:
        assert self.moving is not None
        while self.moving.step(10):
            pass
        self.moving.commit()
        self.moving.finish()
        self.moving, self.settled = None, self.moving_to

    @precondition(lambda self: not idle(self))
    @rule()
    def give_up_checkpoint(self) -> None:
        assert self.moving is not None
        self.moving.abort()
        self.moving = None

    @rule(config=st.binary(max_size=50))
    def remember(self, config: bytes) -> None:
        self.store.remember(config)
        self.config = config

    @precondition(idle)
    @rule()
    def begin_load(self) -> None:
        self.store.begin_load()
        self.base = self.shown = self.settled = 0
        self.log, self.loading = [], True
        self.loaded = {p: {} for p in PARTITIONS}

    @precondition(lambda self: idle(self) and self.loading)
    @rule(writes=SNAPSHOTS)
    def load(self, writes: Any) -> None:
        self.store.load(writes)
        for partition, mine in writes.items():
            self.loaded[partition].update(mine)

    @precondition(lambda self: idle(self) and self.loading)
    @rule(number=st.integers(0, 40))
    def end_load(self, number: int) -> None:
        self.store.end_load(number)
        self.base = self.shown = self.settled = number
        self.rows_at = {number: self.loaded}
        self.loading = False

    @rule(killed=st.booleans())
    def reopen(self, killed: bool) -> None:
        if self.moving is not None:
            self.moving.abort()
            self.moving = None
        if killed:
            self.place.crash(self.store)
        else:
            self.store.close()
        self.store = self.place.open()
        self.shown = self.settled

    @invariant()
    def is_as_told(self) -> None:
        store = self.store
        assert (store.last, store.installed) == (self.last, self.shown)
        assert (store.loading, store.recall()) == (self.loading, self.config)
        if self.loading:
            return
        for partition in PARTITIONS:
            expected = sorted(self.rows_at[self.shown][partition].items())
            assert everything(store, partition) == expected
        for number in range(self.shown + 1, self.last + 1):
            assert store.epoch_at(number) == epoch_of(self.log[number - self.base - 1][0])

    @precondition(whole)
    @rule(share=st.floats(0, 1), count=st.integers(0, 600))
    def read(self, share: float, count: int) -> None:
        """None only where a checkpoint has been."""
        after = round(self.last * share)
        found = self.store.records(after, count)
        if found is None:
            assert after < self.settled
            return
        assert after >= self.base
        expected = [made for made, _ in self.log[after - self.base :]]
        assert found == expected[: len(found)]
        assert bool(found) == bool(expected)
        if len(found) > 1:
            assert sum(map(len, found)) <= count
        if len(found) < len(expected):
            assert sum(map(len, expected[: len(found) + 1])) > count

    def teardown(self) -> None:
        self.place.empty()
        if self.moving is not None:
            self.moving.abort()
        self.store.close()
        shutil.rmtree(self.folder)


@pytest.mark.draws
@pytest.mark.parametrize("kind", PLACES)
def test_it_is_a_list_of_records_that_survives_crashes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "KEPT_BYTES", 300)
    machine: Any = type("Machine", (ReplicaMachine,), {"kind": kind})
    case = machine.TestCase
    examples = 30 if kind == "lmdb" else 50
    case.settings = settings(max_examples=tries(examples), stateful_step_count=40, deadline=None)
    case().runTest()
