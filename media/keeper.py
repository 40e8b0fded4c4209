"""The background work of a media actor: scrub, repair, collect. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from media.collector import Collector, Condemned
from media.pool import Pool, Seats
from media.repair import Repairer
from media.scrub import Scrub
from media.shelf import Shelf

log = logging.getLogger(__name__)

SCRUB_S = 3_600.0
REPAIR_S = 3_600.0
COLLECT_S = 24 * 3_600.0
FIRST_S_MAX = 3_600.0
"""A process that is started again every day does everything, too."""
LOOK_S = 3.0
"""So often it is looked whether media actors came or went."""
DAMAGED_MAX = 1_000


class Keeper:
    """See the module. Each of the three goes over all chunks here, waits, and begins again; repair
    does so at once when media actors come or go. What is found damaged is mended at once."""

    def __init__(
        self, own: str, shelf: Shelf, pool: Pool, seats: Seats, copies: int, condemned: Condemned
    ) -> None:
        self._seats = seats
        self.collector = Collector(shelf, condemned)
        self.repairer = Repairer(own, shelf, pool, seats, copies, self.collector.settle)
        self.scrub = Scrub(shelf, self.repairer.mend)
        self._damaged: asyncio.Queue[bytes] = asyncio.Queue(DAMAGED_MAX)
        self._tasks: list[asyncio.Task[None]] = []
        shelf.on_damaged = self._note_damaged

    def start(self) -> None:
        for work in (
            self._repeat(self.scrub.run, SCRUB_S),
            self._repeat(self.collector.run, COLLECT_S),
            self._keep_copies(),
            self._mend(),
        ):
            self._tasks.append(asyncio.create_task(work))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def figures(self) -> dict[str, Any]:
        return {**self.scrub.figures, **self.repairer.figures, **self.collector.figures}

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        await asyncio.sleep(min(every_s, FIRST_S_MAX))
        while True:
            await _guarded(work)
            await asyncio.sleep(every_s)

    async def _keep_copies(self) -> None:
        done_s, known = 0.0, frozenset[str]()
        loop = asyncio.get_running_loop()
        while True:
            actors = frozenset(self._seats())
            if actors and (actors != known or loop.time() - done_s >= REPAIR_S):
                known = actors
                await _guarded(self.repairer.run)
                done_s = loop.time()
            await asyncio.sleep(LOOK_S)

    def _note_damaged(self, name: bytes) -> None:
        if not self._damaged.full():  # the next pass finds what is not noted now
            self._damaged.put_nowait(name)

    async def _mend(self) -> None:
        while True:
            name = await self._damaged.get()
            await _guarded(partial(self.repairer.mend, name))


def figures(shelf: Shelf, keeper: Keeper) -> dict[str, float]:
    """What `stats` and the metrics show of a media actor's chunks."""
    told = {**shelf.store.stats()._asdict(), **shelf.figures, **keeper.figures()}
    told["disk_free_bytes"] = shutil.disk_usage(shelf.store.folder).free
    return {f"media_{name}": value for name, value in told.items()}


async def _guarded(work: Callable[[], Awaitable[Any]]) -> None:
    """What fails is tried again in the next pass."""
    try:
        await work()
    except Exception:
        log.exception("the upkeep of chunks was broken off")
