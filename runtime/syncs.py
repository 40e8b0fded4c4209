"""Syncs beside the loop: the kernel does them, or where it does not, a thread."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from storage.kernel_sync import KernelSync
from storage.port import StorageError, StorageFailed, Unsynced

R = TypeVar("R")
log = logging.getLogger(__name__)


class Syncs:
    """See the module. Of one loop. `threads` do what the kernel does not; None: those of the
    loop."""

    def __init__(self, threads: Executor | None) -> None:
        self._threads = threads
        self._kernel: KernelSync | None = None
        self._in_kernel = True

    def sync(self, unsynced: Unsynced) -> asyncio.Future[None]:
        """Done when it is durable, or with StorageFull (nothing was kept) or StorageFailed."""
        synced = self._begun(unsynced.fd) if self._in_kernel and unsynced.fd >= 0 else None
        if synced is None:
            return self.in_thread(unsynced.sync)
        ended = asyncio.get_running_loop().create_future()
        synced.add_done_callback(partial(_end, unsynced, ended))
        return ended

    def in_thread(self, work: Callable[..., R], *arguments: Any) -> asyncio.Future[R]:
        """Do what waits for the disk, in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _begun(self, fd: int) -> asyncio.Future[None] | None:
        """None: the kernel does not do it."""
        try:
            kernel = self._kernel = self._kernel or KernelSync()
        except OSError as error:
            self._leave_to_threads(error)
            return None
        try:
            return kernel.sync(fd)
        except OSError as error:
            if error.errno != errno.EAGAIN:  # too many at once
                self._leave_to_threads(error)
            return None

    def _leave_to_threads(self, error: OSError) -> None:
        """From now on. What the kernel has taken on, it ends."""
        log.info("threads sync, for the kernel does not do it beside the loop: %s", error)
        self._in_kernel = False

    def close(self) -> None:
        """Nothing may be under way."""
        self._in_kernel = False
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None


def _end(unsynced: Unsynced, ended: asyncio.Future[None], synced: asyncio.Future[None]) -> None:
    """Also where nobody waits any more: others may write then."""
    error = synced.exception()
    assert error is None or isinstance(error, OSError)
    try:
        unsynced.end(error)
    except StorageError as failed:
        if not ended.done():
            ended.set_exception(failed)
    else:
        if not ended.done():
            ended.set_result(None)


async def to_its_end(future: asyncio.Future[R]) -> R:
    """Wait for what has begun, however often this is cancelled. A disk that failed is told all the
    same: nobody may go on with it."""
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and (future.cancelled() or not isinstance(future.exception(), StorageFailed)):
        raise asyncio.CancelledError
    return future.result()
