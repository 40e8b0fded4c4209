"""What is uploaded: a file or bytes, part by part."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from api import files, limits
from heliograph._config import Progress

R = TypeVar("R")


class Part(NamedTuple):
    number: int
    hash: bytes
    data: bytes


class Source:
    """See the module. `name`: what it is called; `size` in bytes."""

    def __init__(self, name: str, size: int, read: Callable[[int, int], bytes]) -> None:
        self.name = name
        self.size = size
        self._read = read

    async def read(self, numbers: Sequence[int]) -> list[Part]:
        """These parts. Raises OSError, also if the file has become shorter."""
        return await whole(lambda: [self._part(number) for number in numbers])

    def _part(self, number: int) -> Part:
        start, length = number * limits.PART_BYTES, files.part_bytes(self.size, number)
        data = self._read(length, start)
        if len(data) != length:
            raise OSError(f"{self.name} has become shorter while it was read")
        return Part(number, files.chunk_hash(data), data)


class Parts:
    """The parts of an upload of which the server has `stored` some. `hashes`: of those that have
    been read so far."""

    def __init__(self, source: Source, stored: set[int], progress: Progress | None) -> None:
        self.hashes = [b""] * files.part_count(source.size)
        self._source = source
        self._stored = stored
        self._progress = progress
        self._next = 0
        self._done = 0

    async def take(self, count: int) -> list[Part]:
        """The next parts that the server lacks, at most so many that follow one another; none: all
        have been taken. Raises OSError."""
        known = self._advance(lambda number: number in self._stored)
        lacking = self._advance(lambda number: number not in self._stored, count)
        for number in known:
            self._note(await self._source.read([number]))
            self.tell([number])
        return self._note(await self._source.read(lacking)) if lacking else []

    def _advance(self, fits: Callable[[int], bool], count: int = limits.PARTS_MAX) -> range:
        first = self._next
        stop = min(first + count, len(self.hashes))
        while self._next < stop and fits(self._next):
            self._next += 1
        return range(first, self._next)

    def _note(self, parts: list[Part]) -> list[Part]:
        for part in parts:
            self.hashes[part.number] = part.hash
        return parts

    def tell(self, stored: Iterable[int]) -> None:
        """The server has these, too."""
        for number in stored:
            self._done += files.part_bytes(self._source.size, number)
            if self._progress:
                self._progress(self._done, self._source.size)


@asynccontextmanager
async def opened(source: Path | str | bytes) -> AsyncIterator[Source]:
    """Raises OSError."""
    if isinstance(source, bytes):
        yield Source("", len(source), lambda length, start: source[start : start + length])
        return
    # Not to wait for who writes into a pipe.
    fd = await asyncio.to_thread(os.open, source, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "this is not a file", str(source))
        name = Path(source).name.encode(errors="replace").decode()
        yield Source(name, found.st_size, lambda length, start: os.pread(fd, length, start))
    finally:
        os.close(fd)


async def whole(work: Callable[..., R], *args: object) -> R:
    """Do this in a thread, and wait until it is done, also when cancelled: until then the file that
    it works on must not be closed, or it would work on the next one of that number."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
