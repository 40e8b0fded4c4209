"""Reads the chunks of the media actors of this machine from their files. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb

from api.ambient import monotonic_s
from storage.chunk_codec import CorruptChunk
from storage.chunk_reader import ChunkReader

CHUNKS = "chunks"
"""Where the chunks are in a media actor's folder."""
LOOK_S = 30.0
THREADS = 4
CHECKED_S = 600.0
"""A copy that was lent is not compared with its name again for so long: that takes as long as to
send it. What was read from the disk since is guarded by who looks through it (`media.scrub`)."""
CHECKED_MAX = 65_536

Use = Callable[[memoryview], bool]
"""Does something with a chunk; whether the next one is wanted now."""


class ChunksHere:
    """See `pool.Here`. `data`: the data folder of this machine; `own`: what of it this process has
    open already. `on_damaged` is told of a copy that is not whole: the name of its media actor, and
    that of the chunk."""

    def __init__(
        self,
        data: Path,
        on_damaged: Callable[[str, bytes], None],
        own: Mapping[Path, ChunkReader] | None = None,
    ) -> None:
        self._data = data
        self._on_damaged = on_damaged
        self._own = dict(own or {})
        self._readers = dict(self._own)
        self._looked_s = float("-inf")
        self._checked: dict[tuple[Path, bytes], float] = {}
        self._threads = ThreadPoolExecutor(THREADS, "chunks")

    async def get(self, name: bytes) -> bytes | None:
        """A chunk, without a call; None if it is not here, or not whole."""
        found: list[bytes] = []

        def keep(view: memoryview) -> bool:
            found.append(bytes(view))
            return True

        await self._in_thread([name], keep, check=True)
        return found[0] if found else None

    async def lend(self, names: Sequence[bytes], use: Use) -> bool:
        """Have chunks used one after another, in a thread, where they lie in the files, until one
        is not here, or not whole: returns False then. What `use` raises ends it."""
        return await self._in_thread(names, use, check=False)

    async def have(self, names: Sequence[bytes]) -> bool:
        """Whether these chunks are here, all of them, and not known to be damaged."""
        self._look()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._has_all, names)

    def _has_all(self, names: Sequence[bytes]) -> bool:
        readers = list(self._readers.values())
        return all(any(reader.has(name) for reader in readers) for name in names)

    async def _in_thread(self, names: Sequence[bytes], use: Use, check: bool) -> bool:
        self._look()
        if not self._readers:
            return False
        loop = asyncio.get_running_loop()
        damaged: list[tuple[str, bytes]] = []
        try:
            return await loop.run_in_executor(
                self._threads, self._use_all, names, use, check, damaged
            )
        finally:
            for actor, name in damaged:
                self._on_damaged(actor, name)

    def _look(self) -> None:
        """For media actors that were not here yet, now and then."""
        now_s = monotonic_s()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for folder in sorted(self._data.glob(f"media-*/{CHUNKS}")):
            if folder not in self._readers:
                try:
                    self._readers[folder] = ChunkReader(folder)
                except lmdb.Error:
                    continue  # it is being made

    def _use_all(
        self,
        names: Sequence[bytes],
        use: Use,
        check: bool,
        damaged: list[tuple[str, bytes]],
    ) -> bool:
        for name in names:
            wants_more = self._use(name, use, check, damaged)
            if not wants_more:
                return wants_more is not None
        return True

    def _use(
        self, name: bytes, use: Use, check: bool, damaged: list[tuple[str, bytes]]
    ) -> bool | None:
        """What `use` says of a chunk; None: there is no whole one here. `damaged`: the media actors
        whose copies are damaged come to it."""
        for folder, reader in list(self._readers.items()):
            copy = folder, name
            since_s = monotonic_s() - self._checked.get(copy, float("-inf"))
            checked = not check and since_s < CHECKED_S
            try:
                with reader.lent(name, checked) as view:
                    if view is None:
                        continue
                    if not checked:
                        self._note(copy)
                    return use(view)
            except CorruptChunk:
                self._checked.pop(copy, None)
                damaged.append((folder.parent.name, name))
        return None

    def _note(self, copy: tuple[Path, bytes]) -> None:
        """That it was compared with its name just now."""
        if len(self._checked) >= CHECKED_MAX:
            self._checked.clear()
        self._checked[copy] = monotonic_s()

    def close(self) -> None:
        self._threads.shutdown()
        for folder, reader in self._readers.items():
            if folder not in self._own:
                reader.close()
