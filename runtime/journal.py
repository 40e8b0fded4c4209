"""How a pipeline makes a batch durable."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from runtime.checkpointer import Checkpointer
from storage.port import Store, Writes


class Deposed(Exception):
    """Another copy leads now, or may."""


class Journal(Protocol):
    """Where batches go, one at a time. `alone`: what is refused here is nowhere."""

    alone: bool

    async def commit(self, writes: Writes) -> None:
        """Comes back when the batch will not be lost. Raises StorageFull (nothing of it was kept),
        StorageFailed, and Deposed (it is not known whether it was kept; nothing may be said about
        it any more)."""

    async def confirm(self) -> None:
        """Comes back when it is certain that what was read was the newest. Raises Deposed."""


class LocalJournal:
    """The log of the only copy, which keeps its store, too."""

    alone = True

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = ThreadPoolExecutor(1, "writer")
        self._thread = ThreadPoolExecutor(1, "checkpointer")
        self.checkpointer = Checkpointer(store, self._thread)

    async def commit(self, writes: Writes) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._store.append, writes)

    async def confirm(self) -> None:
        """There is no other copy."""

    def close(self) -> None:
        self._writer.shutdown()
        self._thread.shutdown()
        self._store.close()
