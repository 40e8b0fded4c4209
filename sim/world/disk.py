"""Simulated disks: what is synced stays, a crash loses the rest, and a sync takes its time.

A disk belongs to a machine and survives the processes there. A batch that a process was syncing
when it died is there in whole or not at all, which nobody can tell before the restart: the log's
records carry checksums.
"""

from __future__ import annotations

import random
from collections import Counter

from storage.memory import MemoryCheckpoint, MemoryStore
from storage.port import StorageFailed, StorageFull, Writes

SYNC_S_MIN, SYNC_S_MAX = 0.0005, 0.004
STALL_P, STALL_S_MAX = 0.01, 0.2
CHECKPOINT_BATCHES = 150


class Disk:
    """`batches` is what is durable. `full`, `failing` and `slow` (a factor) are faults."""

    def __init__(self, rng: random.Random) -> None:
        self.batches: list[Writes] = []
        self.full = False
        self.failing = False
        self.slow = 1.0
        self.happened: Counter[str] = Counter()
        self._rng = rng

    def takes_s(self) -> float:
        """How long the next thing takes that waits for this disk."""
        rng = self._rng
        took_s = rng.uniform(SYNC_S_MIN, SYNC_S_MAX)
        if rng.random() < STALL_P:
            took_s += rng.random() * STALL_S_MAX
        return took_s * self.slow

    def survives_crash(self) -> bool:
        """Whether what a dying process was syncing is there afterwards."""
        survives = self._rng.random() < 0.5
        self.happened["write survives crash" if survives else "write lost in crash"] += 1
        return survives

    def need(self, room: bool = True) -> None:
        """Before anything is written. Raises StorageFailed, and StorageFull where it needs room."""
        if self.failing:
            self.happened["disk fails"] += 1
            raise StorageFailed("the disk does not answer")
        if self.full and room:
            self.happened["disk full"] += 1
            raise StorageFull("no space left on the disk")


class DiskStore(MemoryStore):
    """What a process makes of a disk; see `storage.port.Store`. Opened anew, it sees everything
    that is durable."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk.batches)
        self._on = disk

    def append(self, writes: Writes) -> None:
        self._on.need()
        super().append(writes)

    def due(self, now_s: float) -> bool:
        return self.installed > CHECKPOINT_BATCHES

    def begin_checkpoint(self) -> DiskCheckpoint:
        return DiskCheckpoint(self, self.installed, self._on)


class DiskCheckpoint(MemoryCheckpoint):
    """See `storage.port.Checkpoint`."""

    def __init__(self, store: DiskStore, batches: int, disk: Disk) -> None:
        super().__init__(store, batches)
        self._disk = disk

    def commit(self) -> None:
        self._disk.need()
