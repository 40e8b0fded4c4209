"""Where the log of the only copy is synced: on the loop, or in a thread beside it."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api import ambient
from runtime.journal import AT_ONCE_S, LocalJournal, Pace
from runtime.syncs import Syncs
from storage.engine import LmdbStore
from storage.kernel_sync import KernelSync
from storage.memory import MemoryStore
from storage.port import StorageFailed, StorageFull, Writes

ROWS: Writes = {0: {b"key": b"row"}}
SEEN = 200
"""After so many quick appends a disk is taken for quick."""


class Clock(ambient.Machine):
    now_s = 0.0

    def monotonic_s(self) -> float:  # type: ignore[override]
        return self.now_s


class Disk(MemoryStore):
    """Tells which threads appended, and takes its time by a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.takes_s = 0.0
        self.threads: list[int] = []
        self.full = False

    def append(self, writes: Writes) -> None:
        self.threads.append(threading.get_ident())
        self.clock.now_s += self.takes_s
        if self.full:
            raise StorageFull("no room")


@pytest.fixture
def disk() -> Iterator[Disk]:
    clock = Clock()
    with ambient.replaced(clock):
        yield Disk(clock)


async def on_the_loop(disk: Disk, journal: LocalJournal, idle: bool, count: int = 1) -> int:
    """How many of so many appends were done there."""
    disk.threads.clear()
    held_up = [await journal.commit(ROWS, idle) for _ in range(count)]
    assert held_up == [thread == threading.get_ident() for thread in disk.threads]
    return held_up.count(True)


def with_journal(test: Any, disk: Disk, *options: Any) -> None:
    async def within() -> None:
        journal = LocalJournal(disk, *options)
        try:
            await test(journal)
        finally:
            journal.close()

    asyncio.run(within())


def test_an_idle_loop_syncs_on_a_disk_that_is_quick(disk: Disk) -> None:
    async def test(journal: LocalJournal) -> None:
        assert await on_the_loop(disk, journal, True) == 0, "nothing is known of the disk yet"
        await on_the_loop(disk, journal, True, SEEN)
        assert await on_the_loop(disk, journal, True) == 1
        assert await on_the_loop(disk, journal, False) == 0

    with_journal(test, disk)


@pytest.mark.parametrize(("takes_s", "waits"), [(AT_ONCE_S * 0.9, False), (AT_ONCE_S * 1.1, True)])
def test_a_disk_that_was_slow_once_is_left_to_the_thread_for_a_while(
    disk: Disk, takes_s: float, waits: bool
) -> None:
    async def test(journal: LocalJournal) -> None:
        await on_the_loop(disk, journal, True, SEEN)
        disk.takes_s = takes_s
        assert await on_the_loop(disk, journal, True) == 1, "nobody could know"
        disk.takes_s = 0.0
        assert (await on_the_loop(disk, journal, True) == 0) is waits
        await on_the_loop(disk, journal, True, SEEN)
        assert await on_the_loop(disk, journal, True) == 1

    with_journal(test, disk)


def test_it_may_always_be_the_thread(disk: Disk) -> None:
    async def test(journal: LocalJournal) -> None:
        assert await on_the_loop(disk, journal, True, SEEN) == 0

    with_journal(test, disk, True)


@pytest.mark.parametrize("idle", [True, False])
def test_a_full_disk_is_told(disk: Disk, idle: bool) -> None:
    async def test(journal: LocalJournal) -> None:
        await on_the_loop(disk, journal, True, SEEN)
        disk.full = True
        with pytest.raises(StorageFull):
            await journal.commit(ROWS, idle)

    with_journal(test, disk)


# --- a real log ----------------------------------------------------------------------------------


class Quick(Pace):
    """However slow the disk is at this moment, that is not what is tested here."""

    def is_quick(self) -> bool:
        return True


async def committed(journal: LocalJournal, store: LmdbStore, numbers: range) -> None:
    """By a busy loop, one row after the other."""
    for number in numbers:
        writes: Writes = {0: {b"key %d" % number: b"row"}}
        assert await journal.commit(writes, False) is False
        store.install(writes)


def rows_after(folder: Path, test: Callable[[LocalJournal, LmdbStore], Awaitable[None]]) -> int:
    """How many rows there are when all is closed."""

    async def within() -> None:
        store = LmdbStore(folder, [0])
        journal = LocalJournal(store)
        journal._writes = Quick(0.0)
        try:
            await test(journal, store)
        finally:
            journal.close()

    asyncio.run(within())
    store = LmdbStore(folder, [0])
    try:
        return len(store.scan(0, b"key", b"kez", limit=1_000))
    finally:
        store.close()


def test_the_kernel_syncs_beside_a_busy_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(journal: LocalJournal, store: LmdbStore) -> None:
        await committed(journal, store, range(1))  # which makes the first segment
        monkeypatch.setattr(Syncs, "in_thread", None)
        await committed(journal, store, range(1, 50))

    assert rows_after(tmp_path, test) == 50


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_thread_does_it_where_the_kernel_does_not(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    async def test(journal: LocalJournal, store: LmdbStore) -> None:
        monkeypatch.setattr(KernelSync, "__init__" if when == "at once" else "sync", refuses)
        await committed(journal, store, range(50))

    assert rows_after(tmp_path, test) == 50


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageFailed)]
)
def test_a_sync_of_the_kernel_that_fails(
    code: int, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: KernelSync, fd: int) -> asyncio.Future[None]:
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(OSError(code, os.strerror(code)))
        return failed

    async def test(journal: LocalJournal, store: LmdbStore) -> None:
        await committed(journal, store, range(5))
        with monkeypatch.context() as patch:
            patch.setattr(KernelSync, "sync", fails)
            with pytest.raises(kind):
                await journal.commit({0: {b"key of nobody": b"row"}}, False)
        if kind is StorageFull:
            await committed(journal, store, range(5, 10))

    assert rows_after(tmp_path, test) == (10 if kind is StorageFull else 6)


@pytest.mark.parametrize("more", [0, 5])
def test_what_was_begun_comes_to_its_end_when_the_server_ends(more: int, tmp_path: Path) -> None:
    async def test(journal: LocalJournal, store: LmdbStore) -> None:
        await committed(journal, store, range(5))
        task = asyncio.create_task(journal.commit({0: {b"key of nobody": b"row"}}, False))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await committed(journal, store, range(5, 5 + more))

    assert rows_after(tmp_path, test) == 6 + more
