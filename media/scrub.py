"""Reads every chunk before a deadline, and finds those that are damaged. asyncio, but no Ray."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from media.shelf import Shelf
from runtime.replication.parts import Pace
from storage.chunk_changes import Checked
from storage.chunk_codec import Facts

DEADLINE_MS: Final = 14 * 24 * 3_600_000
BATCH = 64
BYTES_PER_S_MIN = 4 * 1024 * 1024


class Scrub:
    """See the module. A chunk is read again after half of the deadline, at a pace at which all can
    be read in a quarter. `mend(name)` repairs what is damaged."""

    def __init__(self, shelf: Shelf, mend: Callable[[bytes], Awaitable[bool]]) -> None:
        self._shelf = shelf
        self._mend = mend
        self.figures = {"scrubbed_total": 0, "scrub_age_s": 0.0}
        """`scrub_age_s`: how long ago that chunk was read for which it is longest, as of the end of
        the last pass."""

    async def run(self) -> None:
        """Look at all chunks here."""
        store = self._shelf.store
        stored = (await self._shelf.read(store.stats)).stored_bytes
        pace = Pace(max(BYTES_PER_S_MIN, 4_000 * stored / DEADLINE_MS))
        oldest_ms = self._shelf.clock()
        after = b""
        while batch := await self._shelf.read(store.scan, after, BATCH):
            after = batch[-1][0]
            for name, facts in batch:
                if self._shelf.clock() - facts.verified_ms >= DEADLINE_MS // 2:
                    await pace.wait(facts.stored_bytes)
                    await self._read(name, facts)
                else:
                    oldest_ms = min(oldest_ms, facts.verified_ms)
        self.figures["scrub_age_s"] = (self._shelf.clock() - oldest_ms) / 1_000

    async def _read(self, name: bytes, facts: Facts) -> None:
        self.figures["scrubbed_total"] += 1
        if await self._shelf.read(self._shelf.store.check, name):
            await self._shelf.commit(Checked(name, True))
        else:
            if not facts.damaged:
                await self._shelf.found_damaged(name)
            await self._mend(name)
