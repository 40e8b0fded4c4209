"""Deletes chunks that nobody needs. asyncio, but no Ray.

A chunk that nobody has touched for the grace period goes when the actors of all files that hold it
have condemned them. It is deleted, and its holders are forgotten, in one transaction and only if
nobody has touched it since it was looked at: an upload touches its chunks before it is finished.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from api import limits
from media.shelf import Shelf
from storage.chunk_changes import Drop
from storage.chunk_codec import UNKNOWN, Facts

log = logging.getLogger(__name__)

GRACE_MS: Final = limits.FILE_GRACE_S * 1000
"""The same as that of the files' actors, which are asked after it."""
BATCH = 128
KNOWN_MAX = 100_000

Condemned = Callable[[bytes], Awaitable[bool]]
"""Asks a file's actor whether nobody refers to the file, nor may do so any more."""


class Collector:
    """See the module."""

    def __init__(self, shelf: Shelf, condemned: Condemned) -> None:
        self._shelf = shelf
        self._condemned = condemned
        self._needed: set[bytes] = set()
        """Files that were asked in this pass, and are needed."""
        self.figures = dict.fromkeys(("collected_total", "collected_bytes_total"), 0)

    async def run(self) -> None:
        """Look at all chunks here."""
        self._needed.clear()
        after = b""
        while batch := await self._shelf.read(self._shelf.store.scan, after, BATCH):
            after = batch[-1][0]
            for name, facts in batch:
                await self.settle(name, facts)

    async def settle(self, name: bytes, facts: Facts) -> bool:
        """Delete a chunk if nobody needs it; whether it was."""
        if facts == UNKNOWN or self._shelf.clock() - facts.touched_ms < GRACE_MS:
            return False
        roots = await self._shelf.read(self._shelf.store.holders, name)
        for root in roots:
            if not await self._is_condemned(root):
                return False
        dropped: bool = await self._shelf.commit(Drop(name, facts.touched_ms, roots))
        if dropped:
            self.figures["collected_total"] += 1
            self.figures["collected_bytes_total"] += facts.stored_bytes
        return dropped

    async def _is_condemned(self, root: bytes) -> bool:
        """A file that cannot be asked is needed."""
        if root in self._needed:
            return False
        try:
            condemned = await self._condemned(root)
        except Exception as error:
            log.info("file %s cannot be asked: %r", root.hex(), error)
            return False
        if not condemned:
            if len(self._needed) >= KNOWN_MAX:
                self._needed.clear()
            self._needed.add(root)
        return condemned
