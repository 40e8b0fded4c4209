"""Uploads and downloads: what the HTTP front does with the media pool and the actors.

No step holds more of a file in memory than a few chunks. Bytes are in the pool before an actor is
told of them; where a step fails, what is stored already is collected in time, and the client
repeats the step.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from actors import addresses
from actors.tickets import Ticket
from actors.user.messages import (
    BytesDiscarded,
    ExpectFile,
    ExpectParts,
    GetParts,
    KeepFile,
    Parts,
    PartsExpected,
    PartsStored,
)
from actors.user.uploads import check_named
from api import limits
from api import methods as m
from api import types as t
from api.ambient import now_ms
from api.errors import ApiError
from api.files import (
    chunk_hash,
    file_id,
    name_in,
    part_bytes,
    part_count,
    plain_name,
    split,
    text_of,
)
from fronts.gateway import Gateway
from fronts.straight import Outlet
from media.look import Look
from media.look.mime import HEAD, TAIL, mime_of
from runtime.refs import Caller
from storage.port import NO_ROOM

log = logging.getLogger(__name__)
R = TypeVar("R")

PARTS_LENT = 16
"""So many parts of a file are sent by a thread at most before others have their turn."""
EDGE_PARTS = 32
"""Of a long file, so many parts of both ends are looked at."""
DISK_RETRY_S = 1.0
PHOTO_ENDINGS = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png", "apng"),
    "image/webp": ("webp",),
    "image/gif": ("gif",),
}
"""Of the types that photos have, the usual one first."""
PICTURE_ENDINGS = {
    *(ending for endings in PHOTO_ENDINGS.values() for ending in endings),
    *("avif", "avifs", "bmp", "dib", "heic", "heif", "jfi", "jif", "jp2", "jxl", "mpo", "tif"),
    "tiff",
}
"""What a name of a picture may end with by mistake, or because it was another file before."""


class Chunks(Protocol):
    """The media pool. Raises `unavailable`, `storage_full`, `storage_corrupt`."""

    async def put(self, name: bytes, data: bytes, root: bytes | None = None) -> None:
        """Store a chunk; it is durable when this comes back. `root`: a file that consists of it,
        so that it is kept."""

    async def get(self, name: bytes) -> bytes:
        """A chunk, which is what its name says."""

    async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool:
        """Have chunks of this machine used one after another where they lie, in a thread, for as
        long as `use` returns True. Returns False where there is no whole one here: `get` it."""

    async def have(self, names: Sequence[bytes]) -> bool:
        """Whether these chunks are on this machine, all of them."""

    async def hold(self, root: bytes, names: Sequence[bytes]) -> None:
        """Note that a file consists of these chunks, so that they are kept. Raises
        `upload_incomplete` if one is not there."""


class Incoming(Protocol):
    """What a client sends, from its beginning."""

    async def read(self, size: int) -> bytes:
        """So many bytes; fewer where it ends. Raises ApiError."""


class Looks(Protocol):
    """See `media.look`."""

    async def look(self, path: Path, kind: t.MediaKind, name: str) -> Look: ...


class Stored(msgspec.Struct, frozen=True):
    """A file in the pool; or one of a single part that is to be put there, with its `data`."""

    id: bytes
    size: int
    parts: list[bytes]
    data: bytes = b""


class Span(NamedTuple):
    """The bytes [start, stop) of a file of this size, which consists of these chunks."""

    names: list[bytes]
    size: int
    start: int
    stop: int


class MediaService:
    """See the module."""

    def __init__(self, gateway: Gateway, chunks: Chunks, looker: Looks) -> None:
        self._gateway = gateway
        self._chunks = chunks
        self._looker = looker
        self._ending: set[asyncio.Task[Any]] = set()

    # --- uploads ------------------------------------------------------------------------------

    async def store_parts(
        self, caller: Caller, upload_id: int, first: int, names: Sequence[bytes], body: Incoming
    ) -> None:
        """Parts of a running upload that follow one another, each by itself: what is stored when it
        ends is noted, also where others are refused. Raises the first refusal: `upload_not_found`,
        `part_invalid`, `hash_mismatch`."""
        user = addresses.user(caller.user_id)
        expect = ExpectParts(upload_id, first, len(names))
        answer = await self._gateway.ask(user, expect, caller, read=True)
        size = msgspec.json.decode(answer, type=PartsExpected).size
        slots = asyncio.Semaphore(limits.PARTS_IN_MEMORY_PER_REQUEST_MAX)
        storing: dict[tuple[int, bytes], asyncio.Task[None]] = {}
        try:
            for part, name in enumerate(names, first):
                await slots.acquire()
                data = await body.read(part_bytes(size, part))
                if len(data) < part_bytes(size, part):
                    raise ApiError("part_invalid", f"part {part} is not whole")
                task = asyncio.create_task(self._store(name, data))
                task.add_done_callback(lambda _: slots.release())
                storing[part, name] = task
            if await body.read(1):
                raise ApiError("part_invalid", "the body is longer than these parts")
        finally:
            await self._to_its_end(self._note(caller, upload_id, size, storing))
        for task in storing.values():
            task.result()

    async def _note(
        self,
        caller: Caller,
        upload_id: int,
        size: int,
        storing: dict[tuple[int, bytes], asyncio.Task[None]],
    ) -> None:
        """Of a file of this size, these parts are stored when their tasks end well."""
        await asyncio.gather(*storing.values(), return_exceptions=True)
        stored = tuple(key for key, task in storing.items() if task.exception() is None)
        if stored:
            async with self._counted(caller, sum(part_bytes(size, part) for part, _ in stored)):
                noted = PartsStored(upload_id, stored)
                await self._gateway.ask(addresses.user(caller.user_id), noted, caller)

    async def _to_its_end(self, work: Coroutine[Any, Any, R]) -> R:
        """Also where the client hangs up meanwhile: what is stored is noted, and counts."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._ending.discard(task)
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it any more

    async def _store(self, name: bytes, data: bytes) -> None:
        _check_hash(name, data)
        await self._chunks.put(name, data)

    async def store_small(
        self, caller: Caller, name: bytes, data: bytes, file_name: str, kind: t.MediaKind
    ) -> t.Finished:
        """A file of one part, at once."""
        _check_hash(name, data)
        if not data:
            raise ApiError("part_invalid", "a file has at least one byte")
        expect = ExpectFile(text_of(name), len(data))
        await self._gateway.ask(addresses.user(caller.user_id), expect, caller, read=True)
        await self._gateway.spend(caller, "uploads")
        return await self._keep(caller, 0, Stored(name, len(data), [name], data), file_name, kind)

    @asynccontextmanager
    async def _counted(self, caller: Caller, size: int) -> AsyncIterator[None]:
        """So many bytes were stored: if they come to nothing, they count all the same. (Where it is
        not known what they came to, they may count twice.)"""
        try:
            yield
        except ApiError:
            user = addresses.user(caller.user_id)
            if size:
                with suppress(ApiError):
                    await self._gateway.ask(user, BytesDiscarded(size), caller)
            raise

    async def finish(self, params: m.FinishUpload, caller: Caller) -> t.Finished:
        """See `media.finish`."""
        answer = await self._gateway.ask(
            addresses.user(caller.user_id), GetParts(params.upload_id), caller, read=True
        )
        parts = msgspec.json.decode(answer, type=Parts)
        if parts.media is not None:
            check_named(parts.named, params.hash)
            return self._ticket(caller, parts.media)
        stored = Stored(file_id(parts.hashes), parts.size, parts.hashes)
        check_named(text_of(stored.id), params.hash)
        return await self._keep(caller, params.upload_id, stored, params.name, params.kind)

    async def _keep(
        self, caller: Caller, upload_id: int, stored: Stored, name: str, kind: t.MediaKind
    ) -> t.Finished:
        """Look at a file, and hand it over to its user and its actor. The chunk of one that came
        with its data is stored now: what is dropped from a photo never is."""
        named, uploaded_bytes = text_of(stored.id), 0 if stored.data else stored.size
        name = shown_name(name)
        if kind == "photo" and stored.size > limits.PHOTO_BYTES_MAX:
            kind = "file"
        if kind == "file":
            look = Look(mime=await self._type(stored, name), kind=kind)
        else:
            look, stored = await self._look(stored, kind, name)
            if look.kind == "photo":
                name = photo_name(name, look.mime)
        return await self._to_its_end(
            self._hand_over(caller, upload_id, stored, look, name, named, uploaded_bytes)
        )

    async def _hand_over(
        self,
        caller: Caller,
        upload_id: int,
        stored: Stored,
        look: Look,
        name: str,
        named: str,
        uploaded_bytes: int,
    ) -> t.Finished:
        """`named`: what was uploaded, which may be another file than what is kept of it."""
        await self._hold(stored)
        # What a running upload has stored is counted by it.
        counted = upload_id and text_of(stored.id) == named
        async with self._counted(caller, 0 if counted else stored.size):
            media = t.Media(
                look.kind,
                text_of(stored.id),
                stored.size,
                name,
                look.mime,
                look.width,
                look.height,
                look.duration_ms,
                _text(look.waveform),
                _text(look.preview),
                await self._thumb(look),
            )
            spare = 0 if media.file_id == named else uploaded_bytes
            user = addresses.user(caller.user_id)
            await self._gateway.expect_answer_from(addresses.file(media.file_id))
            await self._gateway.ask(user, KeepFile(upload_id, media, named, spare), caller)
        return self._ticket(caller, media)

    async def _thumb(self, look: Look) -> t.Thumb | None:
        """The small picture, stored."""
        if not look.thumb:
            return None
        small = chunk_hash(look.thumb)
        await self._chunks.put(small, look.thumb, small)
        mime = "image/webp" if look.thumb.startswith(b"RIFF") else "image/jpeg"
        return t.Thumb(text_of(small), len(look.thumb), mime, look.thumb_width, look.thumb_height)

    async def _type(self, stored: Stored, name: str) -> str:
        """The media type of a file that is not looked into."""
        ends = {stored.parts[0], stored.parts[-1]}
        found = {part: await self._part(stored, part) for part in ends}
        head, tail = found[stored.parts[0]][:HEAD], found[stored.parts[-1]][-TAIL:]
        return await asyncio.to_thread(mime_of, head, tail, name)

    async def _look(self, stored: Stored, kind: t.MediaKind, name: str) -> tuple[Look, Stored]:
        """What is in a file, and the file without what was dropped from it. Raises `storage_full`
        where there is no room to look at it."""
        with _disk(), tempfile.TemporaryDirectory(prefix="heliograph-media-") as folder:
            path = Path(folder) / "file"
            await self._spool(stored, path)
            look = await self._looker.look(path, kind, name)
            if look.clean is not None:
                stored = await self._store_file(look.clean)
        return look, stored

    async def _spool(self, stored: Stored, path: Path) -> None:
        """Write a file to look at: of a long one, both ends, with a hole between."""
        out = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            for number, name in enumerate(stored.parts):
                if not EDGE_PARTS <= number < len(stored.parts) - EDGE_PARTS:
                    data = await self._part(stored, name)
                    await asyncio.to_thread(os.pwrite, out, data, number * limits.PART_BYTES)
        finally:
            os.close(out)

    async def _part(self, stored: Stored, name: bytes) -> bytes:
        return stored.data or await self._chunks.get(name)

    async def _store_file(self, path: Path) -> Stored:
        parts: list[bytes] = []
        size = 0
        file = os.open(path, os.O_RDONLY)
        try:
            while data := await asyncio.to_thread(os.pread, file, limits.PART_BYTES, size):
                parts.append(chunk_hash(data))
                size += len(data)
                await self._chunks.put(parts[-1], data)
        finally:
            os.close(file)
        return Stored(file_id(parts), size, parts)

    async def _hold(self, stored: Stored) -> None:
        if stored.data:
            await self._chunks.put(stored.id, stored.data, stored.id)
            return
        names = list(dict.fromkeys(stored.parts))
        if len(stored.parts) > 1:
            await self._chunks.put(stored.id, b"".join(stored.parts))
            names.append(stored.id)
        await self._chunks.hold(stored.id, names)

    def _ticket(self, caller: Caller, media: t.Media) -> t.Finished:
        expires_ms = now_ms() + limits.TICKET_S * 1000
        ticket = self._gateway.seal.close(Ticket(expires_ms, caller.user_id, media))
        return t.Finished(ticket, expires_ms, media)

    # --- downloads ----------------------------------------------------------------------------

    async def span(self, file: str, size: int, start: int, stop: int) -> Span:
        """Where the bytes [start, stop) of a file are."""
        return Span(await self._names(name_in(file), size), size, start, stop)

    async def read(self, span: Span, ahead: int) -> AsyncIterator[bytes]:
        """A piece of each chunk at a time; so many are fetched ahead."""
        names, size, start, stop = span
        first, last = start // limits.PART_BYTES, (stop - 1) // limits.PART_BYTES
        fetching: list[asyncio.Task[bytes]] = []
        try:
            for number in range(first, last + 1):
                for later in range(number + len(fetching), min(number + ahead, last) + 1):
                    fetching.append(asyncio.create_task(self._chunks.get(names[later])))
                data = await fetching.pop(0)
                _check_part(data, size, number)
                offset = number * limits.PART_BYTES
                if offset < start or stop < offset + len(data):
                    data = data[max(0, start - offset) : stop - offset]
                yield data
                del data  # it is not kept while the next one is waited for
        finally:
            for task in fetching:
                task.cancel()
            await asyncio.gather(*fetching, return_exceptions=True)

    async def begins_here(self, span: Span) -> bool:
        """Whether its first parts are on this machine, and the very first is whole; else `read`
        it."""
        run = _run(span, span.start)
        return await self._chunks.have(run) and await self._chunks.lend(run[:1], lambda _: True)

    async def send(self, span: Span, outlet: Outlet) -> None:
        """Send it from where it lies."""
        names, size, at, stop = span

        def use(part: memoryview) -> bool:
            """Whether all that is wanted of it was taken."""
            nonlocal at
            number, offset = divmod(at, limits.PART_BYTES)
            _check_part(part, size, number)
            rest = part[offset : stop - number * limits.PART_BYTES]
            sent = outlet.take(rest)
            at += sent
            return sent == len(rest)

        while at < stop:
            if not await self._chunks.lend(_run(span, at), use):  # one of them is not whole
                data = await self._chunks.get(names[at // limits.PART_BYTES])
                await asyncio.to_thread(use, memoryview(data))
            if outlet.stuck:
                await outlet.room()

    async def _names(self, file: bytes, size: int) -> list[bytes]:
        """The chunks of a file."""
        if size <= limits.PART_BYTES:
            return [file]
        names = split(await self._chunks.get(file))
        if len(names) != part_count(size):
            raise ApiError("storage_corrupt", "the list of the file's parts has another length")
        return names


def _run(span: Span, at: int) -> list[bytes]:
    """The chunks from this byte on that are lent at once."""
    first = at // limits.PART_BYTES
    return span.names[first : min(first + PARTS_LENT, part_count(span.stop))]


def _check_part(part: bytes | memoryview, size: int, number: int) -> None:
    """Raises `storage_corrupt`."""
    if len(part) != part_bytes(size, number):
        raise ApiError("storage_corrupt", "a part of the file has another length")


def shown_name(name: str) -> str:
    """What a file is called in messages."""
    return plain_name(name)[: limits.FILE_NAME_CHARS_MAX]


def photo_name(name: str, mime: str) -> str:
    """The name of a photo of this type: its ending says what is inside. An ending that is none of
    pictures is part of the name; a photo without a name has none."""
    right = PHOTO_ENDINGS.get(mime, ())
    stem, dot, ending = name.rpartition(".")
    if not name or not right or (dot and ending.lower() in right):
        return name
    if not dot or not stem or ending.lower() not in PICTURE_ENDINGS:
        stem = name
    return f"{stem[: limits.FILE_NAME_CHARS_MAX - len(right[0]) - 1]}.{right[0]}"


@contextmanager
def _disk() -> Iterator[None]:
    """What goes wrong with temporary files, in the errors of the contract."""
    try:
        yield
    except OSError as error:
        log.error("a file cannot be looked at: %s", error)
        if error.errno in NO_ROOM:
            detail = "there is no room to look at the file; the upload is kept"
            raise ApiError("storage_full", detail, DISK_RETRY_S) from error
        detail = f"temporary files cannot be written: {error.strerror}"
        raise ApiError("unavailable", detail, DISK_RETRY_S) from error


def _check_hash(name: bytes, data: bytes) -> None:
    if chunk_hash(data) != name:
        raise ApiError("hash_mismatch", "send the part again, or its right BLAKE3 hash")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
