"""Where the log of the only copy is synced: on the loop, or in a thread beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from api import ambient
from runtime.journal import AT_ONCE_S, LocalJournal
from storage.memory import MemoryStore
from storage.port import StorageFull, Writes

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
    for _ in range(count):
        await journal.commit(ROWS, idle)
    return disk.threads.count(threading.get_ident())


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
