"""The stores that the contract suite is run on, and what they have in common for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from storage.engine import LmdbStore
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from storage.port import Store, Writes

PARTITIONS = (0, 5)


class Disk(Protocol):
    """A disk that outlives the stores on it."""

    def open(self) -> Store: ...


class LmdbDisk:
    """Small segments, so that tests see many of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> LmdbStore:
        return LmdbStore(self.folder, PARTITIONS, map_bytes=1 << 26, segment_bytes=2_000)


class MemoryDisk:
    def __init__(self) -> None:
        self.batches: list[Writes] = []

    def open(self) -> MemoryStore:
        return MemoryStore(self.batches)


class FaultyDisk(MemoryDisk):
    """Without faults it is as good as what it wraps."""

    def open(self) -> Store:
        return FaultyStore(super().open())


DISKS: dict[str, Callable[[Path], Disk]] = {
    "lmdb": LmdbDisk,
    "memory": lambda folder: MemoryDisk(),
    "faulty": lambda folder: FaultyDisk(),
}


def commit(store: Store, writes: Writes) -> None:
    store.append(writes)
    store.install(writes)


def checkpoint(store: Store) -> None:
    """Move everything, in steps of one row."""
    moving = store.begin_checkpoint()
    moving.open()
    while moving.step(1):
        pass
    moving.commit()
    moving.finish()


def everything(store: Store, partition: int) -> list[tuple[bytes, bytes]]:
    return store.scan(partition, b"", b"\xff" * 512, limit=10_000)
