"""Reads the chunks of the media actors of this machine from their files. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb

from storage.chunk_codec import CorruptChunk
from storage.chunk_reader import ChunkReader

CHUNKS = "chunks"
"""Where the chunks are in a media actor's folder."""
LOOK_S = 30.0
THREADS = 4


class ChunksHere:
    """See `pool.ReadHere`. `data`: the data folder of this machine. `on_damaged` is told of a copy
    that is not whole: the name of its media actor, and that of the chunk."""

    def __init__(self, data: Path, on_damaged: Callable[[str, bytes], None]) -> None:
        self._data = data
        self._on_damaged = on_damaged
        self._readers: dict[Path, ChunkReader] = {}
        self._looked_s = float("-inf")
        self._threads = ThreadPoolExecutor(THREADS, "chunks")

    async def __call__(self, name: bytes) -> bytes | None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked_s >= LOOK_S:
            self._looked_s = loop.time()
            self._look()
        if not self._readers:
            return None
        data, damaged = await loop.run_in_executor(self._threads, self._read, name)
        for actor in damaged:
            self._on_damaged(actor, name)
        return data

    def _look(self) -> None:
        for folder in sorted(self._data.glob(f"media-*/{CHUNKS}")):
            if folder not in self._readers:
                try:
                    self._readers[folder] = ChunkReader(folder)
                except lmdb.Error:
                    continue  # it is being made

    def _read(self, name: bytes) -> tuple[bytes | None, list[str]]:
        """The chunk, and the media actors whose copies of it are damaged."""
        damaged: list[str] = []
        for folder, reader in self._readers.items():
            try:
                data = reader.get(name)
            except CorruptChunk:
                damaged.append(folder.parent.name)
                continue
            if data is not None:
                return data, damaged
        return None, damaged

    def close(self) -> None:
        self._threads.shutdown()
        for reader in self._readers.values():
            reader.close()
