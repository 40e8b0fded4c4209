"""How a pipeline makes a batch durable."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import Protocol

from api.ambient import monotonic_s
from runtime.checkpointer import Checkpointer
from storage.port import Store, Writes

AT_ONCE_S = 0.003
"""So long an append may hold the loop up."""
FORGOTTEN = 0.95
"""Of how long an append took, at each that comes after it: one that took a second keeps the next
hundred in the thread."""


class Deposed(Exception):
    """Another copy leads now, or may."""


class Journal(Protocol):
    """Where batches go, one at a time. `alone`: what is refused here is nowhere."""

    alone: bool

    async def commit(self, writes: Writes, idle: bool) -> None:
        """Comes back when the batch will not be lost. `idle`: the loop has nothing else to do.
        Raises StorageFull (nothing of it was kept), StorageFailed, and Deposed (it is not known
        whether it was kept; nothing may be said about it any more)."""

    async def confirm(self) -> None:
        """Comes back when it is certain that what was read was the newest. Raises Deposed."""


class LocalJournal:
    """The log of the only copy, which keeps its store, too.

    A thread syncs it beside a busy loop. But it has to take the interpreter lock from the loop, and
    wake it again, which takes several times as long as most syncs; so a loop that has nothing else
    to do syncs it itself, unless the disk was slow lately, when others would have to wait (a read,
    who comes next)."""

    alone = True

    def __init__(self, store: Store, in_threads: bool = False) -> None:
        """`in_threads`: always."""
        self._store = store
        self._slow_s = inf if in_threads else 1.0
        """For how long an append is expected to hold the loop up, at worst."""
        self._writer = ThreadPoolExecutor(1, "writer")
        self._thread = ThreadPoolExecutor(1, "checkpointer")
        self.checkpointer = Checkpointer(store, self._thread)

    async def commit(self, writes: Writes, idle: bool) -> None:
        if idle and self._slow_s <= AT_ONCE_S:
            self._append(writes)
        else:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writer, self._append, writes)

    def _append(self, writes: Writes) -> None:
        begun_s = monotonic_s()
        try:
            self._store.append(writes)
        finally:
            self._slow_s = max(monotonic_s() - begun_s, self._slow_s * FORGOTTEN)

    async def confirm(self) -> None:
        """There is no other copy."""

    def close(self) -> None:
        self._writer.shutdown()
        self._thread.shutdown()
        self._store.close()
