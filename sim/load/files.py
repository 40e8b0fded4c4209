"""Files that go with messages: made, uploaded, and fetched and compared by who receives them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from random import Random
from time import monotonic
from typing import TypeVar

import httpx2
from msgspec import Struct

from api import files, limits
from api import types as t
from api.errors import ApiError
from sim.load.client import Client
from sim.load.http import Http
from sim.load.meter import Meter
from sim.load.plan import File
from sim.load.sender import Sendable

AT_ONCE = 64
"""Uploads and downloads of one process; what is more waits, which its latency counts."""
TRIES_MAX = 8
RETRY_AFTER_S = 0.2
UNIQUE_BYTES = 16
"""The rest is the same in all files, which nobody can compress."""

R = TypeVar("R")


class Uploaded(Struct, frozen=True):
    """`id`: of its content. `fetched`: which share of its receivers fetches it."""

    ticket: str
    id: str
    fetched: float

    @staticmethod
    def of(found: t.Finished, kind: File) -> Uploaded:
        return Uploaded(found.ticket, found.media.file_id, kind.download)


class Files:
    """All files of a process."""

    def __init__(self, kinds: tuple[File, ...], http: Http, meter: Meter, chance: Random) -> None:
        self.under_way = 0
        self._kinds = kinds
        self._http = http
        self._meter = meter
        self._chance = chance
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._filler = chance.randbytes(max((kind.bytes for kind in kinds), default=0))

    def drawn(self) -> File | None:
        """What the next message has; None: only its text."""
        place = self._chance.random()
        for kind in self._kinds:
            place -= kind.share
            if place < 0.0:
                return kind
        return None

    def upload(
        self, kind: File, due: float, token: str, done: Callable[[Uploaded | None], None]
    ) -> None:
        """Upload one; `done` gets it, or None if the server refuses it for good."""

        async def work() -> None:
            content = secrets.token_bytes(UNIQUE_BYTES) + self._filler[UNIQUE_BYTES : kind.bytes]
            async with self._at_once:
                begun = monotonic()
                found = await self._insist("upload", lambda: put(self._http, content, token))
                if found is not None:
                    self._meter.uploads.add(monotonic(), due, begun)
                    self._meter.moved_bytes += kind.bytes
            done(None if found is None else Uploaded.of(found, kind))

        self._spawn(work())

    def fetch(self, client: Client, file: Sendable, chat_id: str, message_id: int) -> None:
        """Somebody has received a file, and perhaps wants to see it."""
        assert isinstance(file, Uploaded)
        if self._chance.random() >= file.fetched:
            return
        due = monotonic()

        async def work() -> None:
            path = f"/media/file/{chat_id}/{message_id}"
            async with self._at_once:
                begun = monotonic()
                found = await self._insist("download", lambda: self._http.get(path, client.token))
                if found is not None:
                    self._meter.downloads.add(monotonic(), due, begun)
                    self._meter.moved_bytes += len(found)
                    self._meter.corrupted += _id_of(found) != file.id

        self._spawn(work())

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Awaitable[None]) -> None:
        async def counted() -> None:
            try:
                await work
            finally:
                self.under_way -= 1

        self.under_way += 1
        task = asyncio.get_running_loop().create_task(counted())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _insist(self, what: str, attempt: Callable[[], Awaitable[R]]) -> R | None:
        """Repeat it for as long as the server may yet do it; None: it will not."""
        for _ in range(TRIES_MAX):
            wait_s = RETRY_AFTER_S
            try:
                return await attempt()
            except ApiError as error:
                self._meter.errors[f"{what}_{error.code}"] += 1
                if not error.retryable:
                    return None
                wait_s = error.retry_after or wait_s
            except httpx2.TransportError:
                self._meter.errors[f"{what}_lost"] += 1
            await asyncio.sleep(wait_s)
        return None


async def put(http: Http, content: bytes, token: str) -> t.Finished:
    """Upload a file, in as many requests as its size takes. Raises ApiError, httpx2.HTTPError."""
    parts = _parts(content)
    hashes = [files.chunk_hash(part) for part in parts]
    asked: dict[str, str | list[str]] = {
        "hash": files.text_of(files.file_id(hashes)),
        "name": "load",
        "kind": "file",
    }
    if len(parts) == 1:
        return await http.put("POST", "/media/upload", asked, parts, t.Finished, token)
    number = secrets.randbelow(limits.JSON_INT_MAX) + 1
    begin = {"upload_id": number, "size": len(content)}
    await http.call("media.begin", begin, t.Upload, token)
    for first in range(0, len(parts), limits.PARTS_PER_REQUEST_MAX):
        some = slice(first, first + limits.PARTS_PER_REQUEST_MAX)
        names: dict[str, str | list[str]] = {"hash": list(map(files.text_of, hashes[some]))}
        path = f"/media/upload/{number}/{first}"
        await http.put("PUT", path, names, parts[some], t.Ok, token)
    return await http.call("media.finish", {"upload_id": number, **asked}, t.Finished, token)


def _parts(content: bytes) -> list[bytes]:
    return [
        content[start : start + limits.PART_BYTES]
        for start in range(0, len(content), limits.PART_BYTES)
    ]


def _id_of(content: bytes) -> str:
    return files.text_of(files.file_id([files.chunk_hash(part) for part in _parts(content)]))
