"""How a pipeline makes a batch durable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from api.ambient import monotonic_s
from runtime.checkpointer import Checkpointer
from runtime.syncs import Syncs, to_its_end
from storage.port import Store, Unsynced, Writes

AT_ONCE_S = 0.003
"""So long a commit may hold the loop up."""
FORGOTTEN = 0.95
"""Of how long it took, at each that comes after it: one that took a second keeps the next hundred
off the loop."""


class Deposed(Exception):
    """Another copy leads now, or may."""


class Journal(Protocol):
    """Where batches go, one at a time. `alone`: what is refused here is nowhere."""

    alone: bool

    async def commit(self, writes: Writes, idle: bool) -> bool:
        """Comes back when the batch will not be lost, and says whether the loop was held up
        meanwhile, which it may be where it is `idle`: has nothing else to do. Raises StorageFull
        (nothing of it was kept), StorageFailed, and Deposed (it is not known whether it was kept;
        nothing may be said about it any more)."""

    async def confirm(self) -> None:
        """Comes back when it is certain that what was read was the newest. Raises Deposed."""


@dataclass
class Commits:
    """How many batches became durable, and how long that took: in all, at most, and those for which
    the loop was held up (`Journal.commit`)."""

    count: int = 0
    seconds: float = 0.0
    seconds_max: float = 0.0
    at_once: int = 0
    at_once_seconds: float = 0.0

    def add(self, took_s: float, at_once: bool) -> None:
        self.count += 1
        self.seconds += took_s
        self.seconds_max = max(self.seconds_max, took_s)
        if at_once:
            self.at_once += 1
            self.at_once_seconds += took_s

    @staticmethod
    def figures(some: Sequence[Commits]) -> dict[str, float]:
        """What the metrics show of these together."""
        return {
            "commits_total": sum(each.count for each in some),
            "commit_seconds_total": round(sum(each.seconds for each in some), 6),
            "commit_seconds_max": round(max((each.seconds_max for each in some), default=0.0), 6),
            "commits_at_once_total": sum(each.at_once for each in some),
            "commit_at_once_seconds_total": round(sum(each.at_once_seconds for each in some), 6),
        }


class Pace:
    """How long something takes at worst, of late."""

    def __init__(self, slow_s: float) -> None:
        """What it is taken for at first."""
        self._slow_s = slow_s

    def is_quick(self) -> bool:
        """Whether the loop may be held up by the next one."""
        return self._slow_s <= AT_ONCE_S

    @contextmanager
    def noted(self) -> Iterator[None]:
        """One is done."""
        begun_s = monotonic_s()
        try:
            yield
        finally:
            self._slow_s = max(monotonic_s() - begun_s, self._slow_s * FORGOTTEN)


class LocalJournal:
    """The log of the only copy, which keeps its store, too.

    A record is written on the loop, to memory of the kernel, which syncs it beside the loop
    (`storage.kernel_sync`). To be told of that takes longer than most syncs, so a loop that has
    nothing else to do waits for the sync itself, unless the disk was slow lately, when others would
    have to wait (a read, who comes next). A thread does what the kernel can't, and what else takes
    its time: another segment, or a write where the disk is far behind."""

    alone = True

    def __init__(self, store: Store, in_threads: bool = False) -> None:
        """`in_threads`: always."""
        self._store = store
        self._in_threads = in_threads
        self._writes, self._syncs = Pace(0.0), Pace(1.0)
        self._writer = ThreadPoolExecutor(1, "writer")
        self._beside = Syncs(self._writer)
        self._thread = ThreadPoolExecutor(1, "checkpointer")
        self.checkpointer = Checkpointer(store, self._thread)

    async def commit(self, writes: Writes, idle: bool) -> bool:
        unsynced = self._begin(writes)
        at_once = unsynced is not None and idle and self._syncs.is_quick()
        # Beside a busy loop, what takes long may be to be heard by it.
        with self._syncs.noted() if idle else nullcontext():
            if unsynced is None:
                await self._beside.in_thread(self._store.append, writes)
            elif at_once:
                unsynced.sync()
            else:
                synced = self._beside.sync(unsynced)
                # A file is not closed while something of it is under way.
                await (to_its_end(synced) if unsynced.fd >= 0 else synced)
        return at_once

    def _begin(self, writes: Writes) -> Unsynced | None:
        """Written, unless that is better done elsewhere."""
        with self._writes.noted():
            if self._in_threads or not self._writes.is_quick():
                return None
            return self._store.begin(writes)

    async def confirm(self) -> None:
        """There is no other copy."""

    def close(self) -> None:
        self._beside.close()
        self._writer.shutdown()
        self._thread.shutdown()
        self._store.close()
