"""Looking into files, from the caller's process.

Owns: processes, nothing durable. Order: none. Overload: more than `waiting` files are refused with
`overloaded`. A file that crashes, stops or fills its process is a plain file; the process that dies
is replaced. When the owner dies, so do the processes.
"""

from __future__ import annotations

import asyncio
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.errors import ApiError
from media.look.film import Ffmpeg
from media.look.parts import look_into
from media.look.sandbox import WALL_S_MAX
from media.look.slot import Slot
from media.look.types import Kind, Look

ZYGOTE = (sys.executable, "-I", "-m", "media.look.zygote")


class Looker:
    """Looks into `workers` files at a time, each in a process of its own (see `sandbox`), while
    at most `waiting` wait. `seconds`: how long a process may take (a program twice that).
    `ffmpeg`:
    whether to use it where it is installed."""

    def __init__(
        self,
        workers: int = 2,
        waiting: int = 64,
        *,
        seconds: float = WALL_S_MAX,
        ffmpeg: bool = True,
        zygote: Sequence[str] = ZYGOTE,
    ) -> None:
        self._places = workers + waiting
        self._seconds = seconds
        self._ffmpeg = Ffmpeg.find() if ffmpeg else None
        self._slots: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self._all = [Slot(zygote) for _ in range(workers)]
        for slot in self._all:
            self._slots.put(slot)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="look")

    async def look(self, path: Path, kind: Kind, name: str) -> Look:
        """What the file at `path` is, sent as `kind` with the name `name`. Raises ApiError
        `overloaded`, and OSError if the file cannot be opened."""
        if self._places <= 0:
            raise ApiError("overloaded", "too many files are being looked into", 2.0)
        self._places -= 1
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._look, path, kind, name
        )
        work.add_done_callback(self._one_less)
        return await asyncio.shield(work)

    async def close(self) -> None:
        """End all processes. Files that are being looked into are plain files; those that wait are
        cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for slot in self._all:
            slot.close()
        await asyncio.to_thread(self._threads.shutdown)
        for slot in self._all:
            slot.end()

    def _one_less(self, work: asyncio.Future[Look]) -> None:
        self._places += 1
        if not work.cancelled():
            work.exception()  # nobody may be waiting for it any more

    # --- in a thread ------------------------------------------------------------------------------

    def _look(self, path: Path, kind: Kind, name: str) -> Look:
        slot = self._slots.get()
        try:
            return look_into(slot, path, kind, name, self._ffmpeg, self._seconds)
        finally:
            self._slots.put(slot)
