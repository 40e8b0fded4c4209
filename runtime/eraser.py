"""Writes the rows of a store anew, when somebody asks for it or some days have passed, so that what
was deleted is on the disk no more (see `storage.rewrite`). The store works on meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from api.ambient import now_ms
from storage.engine import LmdbStore
from storage.port import StorageFailed
from storage.rewrite import ENVIRONMENT, RewriteBroken, Rewriting, asked

log = logging.getLogger(__name__)

ERASE_DAYS = 7
"""What was deleted is on the disk for so long at most, if nobody asks for it to be gone."""
LOOK_S = 2.0
RETRY_S, RETRY_S_MAX = 10.0, 3600.0
SHOWN_S_MAX, TICK_S = 10.0, 0.05
RECORDS_BEHIND_MAX = 1_000
"""So many are few enough for checkpoints to wait for them."""

_one_at_a_time = asyncio.Lock()
"""In a process: the disk and the processors are shared with what people do."""


class Eraser:
    """Of one store. `checkpoint` moves all that is shown to the rows; under `busy` none is made."""

    def __init__(
        self, store: LmdbStore, checkpoint: Callable[[], Awaitable[None]], busy: asyncio.Lock
    ) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self._busy = busy
        self._task: asyncio.Task[None] | None = None
        self._copying: asyncio.subprocess.Process | None = None
        self._begun = self._stopped = False
        self._failed: BaseException | None = None
        self._next_s = 0.0
        self._pause_s = RETRY_S
        self._done_at = -1

    def look(self, now_s: float) -> None:
        """Begin, if it is time to. `now_s`: a monotonic clock. Raises what it has failed with, if
        that is such that the process must stop."""
        if self._failed is not None:
            raise self._failed
        if now_s < self._next_s or self._stopped or self._task is not None:
            return
        self._next_s = now_s + LOOK_S
        if self._wanted():
            self._task = asyncio.create_task(self._run(now_s))

    def _wanted(self) -> bool:
        """A clock that was wrong brings it on, and does not put it off."""
        if asked(self._store.folder):
            return True
        age_ms = now_ms() - self._store.rewritten_ms
        due = not 0 <= age_ms < ERASE_DAYS * 86_400_000
        return due and self._store.installed != self._done_at

    async def stop(self) -> None:
        """Give up what can be given up, and wait for what cannot."""
        self._stopped = True
        if self._copying is not None:
            with suppress(ProcessLookupError):
                self._copying.kill()
        if self._task is not None:
            if not self._begun:
                self._task.cancel()  # it waits for another store's
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, now_s: float) -> None:
        try:
            async with _one_at_a_time:
                self._begun = True
                if not self._stopped:
                    await self._rewrite()
            self._pause_s = RETRY_S
        except StorageFailed as error:
            self._failed = error
        except Exception as error:
            if not self._stopped:
                log.warning("%s: rows are not written anew now: %s", self._store.folder, error)
            self._next_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, RETRY_S_MAX)
        finally:
            self._task, self._begun = None, False

    async def _rewrite(self) -> None:
        task = Rewriting(self._store)
        installed = self._store.installed
        await self._shown(await asyncio.to_thread(task.roll))
        await self._checkpoint()
        try:
            task.begin()
            await self._copy(task)
            while await asyncio.to_thread(task.catch_up) > RECORDS_BEHIND_MAX:
                pass
            async with self._busy:
                await asyncio.to_thread(task.complete, now_ms())
                task.swap()
                await asyncio.to_thread(task.settled)
        finally:
            await asyncio.to_thread(task.end)
        self._done_at = installed
        log.info("%s: rows are written anew", self._store.folder)

    async def _shown(self, number: int) -> None:
        """Wait until this record is shown: a copy hears of it only when others have it, too. Raises
        RewriteBroken."""
        for _ in range(round(SHOWN_S_MAX / TICK_S)):
            if self._store.installed >= number or self._stopped:
                return
            await asyncio.sleep(TICK_S)
        raise RewriteBroken("what the log holds is not known to be in the other copies")

    async def _copy(self, task: Rewriting) -> None:
        """Raises RewriteBroken."""
        command = task.command()
        self._copying = process = await asyncio.create_subprocess_exec(
            *command, env=ENVIRONMENT, stderr=asyncio.subprocess.PIPE
        )
        if self._stopped:
            process.kill()
        try:
            _, told = await process.communicate()
        finally:
            self._copying = None
        if process.returncode:
            last = told.decode(errors="replace").strip().rpartition("\n")[2]
            raise RewriteBroken(f"the rows could not be copied: {last or process.returncode}")
