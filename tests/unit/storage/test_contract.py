"""What every store promises, shown on each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.port import BadKey
from tests.unit.storage.stores import DISKS, Disk, checkpoint, commit, everything


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return DISKS[request.param](tmp_path / "store")


def test_it_is_empty_at_first(disk: Disk) -> None:
    store = disk.open()
    assert store.get(0, b"a") is None
    assert everything(store, 5) == []
    store.close()


def test_what_is_appended_is_seen_when_installed(disk: Disk) -> None:
    store = disk.open()
    store.append({0: {b"a": b"1"}})
    assert store.get(0, b"a") is None
    store.install({0: {b"a": b"1"}})
    assert store.get(0, b"a") == b"1"
    assert store.get(5, b"a") is None, "partitions are apart"
    store.close()


def test_what_is_appended_survives_without_a_close(disk: Disk) -> None:
    store = disk.open()
    commit(store, {0: {b"a": b"1", b"b": b"2"}})
    store.append({0: {b"a": b"3", b"b": None}, 5: {b"c": b""}})
    store.close()
    again = disk.open()
    assert everything(again, 0) == [(b"a", b"3")]
    assert everything(again, 5) == [(b"c", b"")]
    again.close()


def test_what_is_begun_is_durable_when_it_is_synced(disk: Disk) -> None:
    """Small segments: now and then it has to be appended."""
    store = disk.open()
    begun = 0
    for number in range(60):
        writes: dict[int, dict[bytes, bytes | None]] = {0: {b"key %d" % number: b"row" * 20}}
        if (unsynced := store.begin(writes)) is None:
            store.append(writes)
        else:
            unsynced.sync()
            begun += 1
        store.install(writes)
    assert begun > 30
    store.close()
    again = disk.open()
    assert [again.get(0, b"key %d" % number) for number in range(60)] == [b"row" * 20] * 60


def test_a_later_row_hides_an_earlier_one_wherever_they_are(disk: Disk) -> None:
    store = disk.open()
    commit(store, {0: {b"a": b"1", b"b": b"1", b"c": b"1", b"d": b"1"}})
    checkpoint(store)
    commit(store, {0: {b"b": b"2", b"c": None, b"e": b"2"}})
    moving = store.begin_checkpoint()
    commit(store, {0: {b"c": b"3", b"d": None, b"e": b"3"}})
    expected = [(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"e", b"3")]
    assert everything(store, 0) == expected
    moving.open()
    while moving.step(1):
        assert everything(store, 0) == expected
    moving.commit()
    assert everything(store, 0) == expected
    moving.finish()
    assert everything(store, 0) == expected
    store.close()
    again = disk.open()
    assert everything(again, 0) == expected
    again.close()


def test_a_checkpoint_that_is_given_up_loses_nothing(disk: Disk) -> None:
    store = disk.open()
    commit(store, {0: {b"a": b"1"}})
    moving = store.begin_checkpoint()
    moving.open()
    moving.step(1)
    moving.abort()
    commit(store, {0: {b"b": b"2"}})
    assert everything(store, 0) == [(b"a", b"1"), (b"b", b"2")]
    checkpoint(store)
    assert everything(store, 0) == [(b"a", b"1"), (b"b", b"2")]
    store.close()
    again = disk.open()
    assert everything(again, 0) == [(b"a", b"1"), (b"b", b"2")]
    again.close()


@pytest.mark.parametrize("settled", [False, True])
def test_a_scan_is_ordered_bounded_and_half_open(disk: Disk, settled: bool) -> None:
    store = disk.open()
    commit(store, {0: {bytes([n]): bytes([n]) for n in range(1, 9)}})
    if settled:
        checkpoint(store)
    commit(store, {0: {b"\x04": None, b"\x05": b"new"}})
    found = store.scan(0, b"\x02", b"\x07", limit=100)
    assert found == [(b"\x02", b"\x02"), (b"\x03", b"\x03"), (b"\x05", b"new"), (b"\x06", b"\x06")]
    assert store.scan(0, b"\x02", b"\x07", limit=100, reverse=True) == found[::-1]
    assert store.scan(0, b"\x02", b"\x07", limit=2) == found[:2]
    assert store.scan(0, b"\x02", b"\x07", limit=2, reverse=True) == found[:-3:-1]
    assert store.scan(0, b"\x02", b"\x07", limit=0) == []
    assert store.scan(0, b"\x07", b"\x02", limit=9) == []
    store.close()


@pytest.mark.parametrize("key", [b"", b"k" * 512])
def test_a_key_that_cannot_be_stored_is_refused_before_it_is_durable(
    disk: Disk, key: bytes
) -> None:
    store = disk.open()
    commit(store, {0: {b"a": b"1", b"k" * 511: b"long"}})
    with pytest.raises(BadKey):
        store.append({0: {b"b": b"2", key: b"x"}})
    commit(store, {5: {b"c": b"3"}})
    checkpoint(store)
    store.close()
    again = disk.open()
    assert everything(again, 0) == [(b"a", b"1"), (b"k" * 511, b"long")]
    assert everything(again, 5) == [(b"c", b"3")]
    again.close()


def test_a_checkpoint_becomes_due(disk: Disk) -> None:
    store = disk.open()
    assert not store.due(0.0)
    for number in range(1_100):
        commit(store, {0: {b"%d" % number: bytes(25_000)}})
    assert store.due(0.0)
    checkpoint(store)
    assert not store.due(0.0)
    store.close()
