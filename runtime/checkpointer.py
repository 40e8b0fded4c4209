"""Moves what is durable in a store's log to its rows, from time to time; and from time to time has
these written anew."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Executor

from runtime.eraser import Eraser
from storage.engine import LmdbStore
from storage.port import Checkpoint, StorageFull, Store

log = logging.getLogger(__name__)

SLICE_ROWS = 256


class Checkpointer:
    """Of one store. `thread` runs what waits for the disk."""

    def __init__(self, store: Store, thread: Executor | None) -> None:
        self._store = store
        self._thread = thread
        self.busy = asyncio.Lock()
        """Held during a checkpoint; by others, to keep it from beginning."""
        self._finished = False
        self._eraser = None
        if isinstance(store, LmdbStore):
            self._eraser = Eraser(store, self.run, self.busy)

    async def run_if_due(self, now_s: float) -> None:
        if self._eraser is not None and not self._finished:
            self._eraser.look(now_s)
        if not self._finished and self._store.due(now_s):
            await self.run()

    async def run(self) -> None:
        """Move all that is shown."""
        async with self.busy:
            await self._run()

    async def rest(self) -> None:
        """Write nothing anew any more."""
        if self._eraser is not None:
            await self._eraser.stop()

    async def finish(self) -> None:
        """Move all there is, for the last time; one that is at work is finished first."""
        self._finished = True
        await self.rest()
        async with self.busy:
            await self._run()

    async def _run(self) -> None:
        """Begun and committed in a thread, filled in slices on the loop (see
        `storage.port.Checkpoint`)."""
        loop = asyncio.get_running_loop()
        checkpoint: Checkpoint = self._store.begin_checkpoint()
        try:
            await loop.run_in_executor(self._thread, checkpoint.open)
            while checkpoint.step(SLICE_ROWS):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0)
            await loop.run_in_executor(self._thread, checkpoint.commit)
        except StorageFull as error:
            await loop.run_in_executor(self._thread, checkpoint.abort)
            log.error("no room to move the log into the store: %s", error)
            return
        checkpoint.finish()
