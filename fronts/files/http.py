"""Files over HTTP.

    PUT  /media/upload/<upload_id>/<first>?hash=H...    parts of an upload, counted from 0, that
                                                        follow one another, a hash for each
    POST /media/upload?hash=H&name=N&kind=K             a file of one part, at once
    GET  /media/file/<chat_id>/<message_id>[/<name>]    the file of a message
    GET  /media/thumb/<chat_id>/<message_id>            the small picture of it
         .../<chat_id>/<message_id>/<file_id>[/<name>]  either, if it has this id
    GET  /media/photo/<user_id or chat_id>/<file_id>    the picture of a user or a group, by the id
                                                        of the file or of the small picture of it
    GET  /media/link/<pass>[/<name>]                    the same for who has a link (`media.link`)

Bodies are the bytes themselves. Content never changes, so its hash is its `ETag`; conditions and
ranges: `fronts.files.conditions`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote

import msgspec

from actors import addresses
from api import limits
from api import methods as m
from api import types as t
from api.addresses import NO_PROXIES, Address, Callers
from api.errors import ApiError
from api.files import name_in, text_of
from api.refusals import NAME_CHARS_MAX, malformed, pointer
from api.replies import JSON, Reply, problem, wrong_verb
from api.requests import Body, Message, Receive, Send, headers_of, unless_gone
from api.room import Room, Share
from api.site import Shown
from api.visible import END
from fronts.completed import file_of, linked, photo_of
from fronts.files.conditions import part_of
from fronts.files.service import MediaService
from fronts.gateway import Gateway
from fronts.straight import straight_of
from runtime.refs import NOBODY, Caller

PART_BYTES, PARTS_IN_MEMORY = limits.PART_BYTES, limits.PARTS_IN_MEMORY_PER_REQUEST_MAX
SHOWN = re.compile(r"(image/(jpeg|png|gif|webp|avif)|video/(mp4|webm)|audio/[\w.+-]+)\Z")
"""What browsers may show in place; everything else is saved."""
YEAR_S = 365 * 24 * 3600
SAFE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'"),
]
_ID = re.compile(f"[1-9][0-9]{{0,15}}{END}")
_GROUP = re.compile(f"g[1-9][0-9]{{0,15}}{END}")
_PART = re.compile(f"(0|[1-9][0-9]{{0,3}}){END}")


class Served(NamedTuple):
    """What is asked for, and for how many seconds it may be kept without asking again."""

    file_id: str
    size: int
    mime: str
    name: str
    keep_s: int


class MediaHttp:
    """See the module."""

    def __init__(
        self, gateway: Gateway, service: MediaService, callers: Callers = NO_PROXIES
    ) -> None:
        self._gateway = gateway
        self._callers = callers
        self._service = service
        self._uploads = Room(limits.UPLOADS_IN_MEMORY_BYTES_MAX)
        self._downloads = Room(limits.DOWNLOADS_IN_MEMORY_BYTES_MAX)

    async def __call__(
        self, scope: Message, receive: Receive, send: Send, address: Address | None, shown: Shown
    ) -> Reply | None:
        """The answer; None if it has been sent. Raises ApiError before anything has been sent;
        later, so that nobody takes a part for the whole, whatever cuts the connection off.
        `address`: of the caller; `shown`: their token. Raises ClientGone."""
        counted = self._callers.counted(address)
        if scope["path"].split("/")[2] == "upload":
            network = self._gateway.network(address)
            return await self._upload(scope, receive, counted, network, shown)
        if scope["method"] not in ("GET", "HEAD"):
            return wrong_verb(b"GET, HEAD")
        return await unless_gone(self._download(scope, send, counted, shown), receive)

    async def _upload(
        self, scope: Message, receive: Receive, address: str, network: str, shown: Shown
    ) -> Reply:
        """`address`: what the caller's is counted by; `network`: see `Caller`."""
        steps = scope["path"].split("/")[3:]
        if scope["method"] != ("PUT" if steps else "POST"):
            return wrong_verb(b"PUT" if steps else b"POST")
        headers = headers_of(scope)
        if b"content-range" in headers:  # RFC 9110, 14.5
            raise ApiError("bad_request", "an upload is sent in parts, without Content-Range")
        caller = await self._gateway.authenticate(shown.needed(), network)
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        names = _hashes(asked.pop("hash", []))
        body = Body(headers, receive, len(names) * PART_BYTES)
        shares = (
            Share(f"user {caller.user_id}", limits.UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX),
            Share(address, limits.UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX),
        )
        with self._uploads.hold(min(body.bytes_max, PARTS_IN_MEMORY * PART_BYTES), *shares):
            return await self._taken(caller, steps, names, asked, body)

    async def _taken(
        self,
        caller: Caller,
        steps: list[str],
        names: list[bytes],
        asked: dict[str, list[str]],
        body: Body,
    ) -> Reply:
        if not steps:
            return await self._upload_file(caller, names, asked, body)
        _check_asked(asked)
        upload_id, first = steps if len(steps) == 2 else ("", "")
        if not _ID.match(upload_id) or not _PART.match(first):
            raise ApiError("not_found", "parts are at /media/upload/<upload_id>/<first>")
        await self._service.store_parts(caller, int(upload_id), int(first), names, body)
        return 200, JSON, msgspec.json.encode(t.Ok()), []

    async def _upload_file(
        self, caller: Caller, names: list[bytes], asked: dict[str, list[str]], body: Body
    ) -> Reply:
        """A file of one part."""
        file_name, kind = asked.pop("name", [""])[-1], asked.pop("kind", ["file"])[-1]
        _check_asked(asked)
        if len(names) > 1:
            raise ApiError(
                "invalid_params", "a file that comes at once has one hash", field="/hash"
            )
        params = _single(file_name, kind, names[0])
        data = await body.read(PART_BYTES + 1)  # to its end
        done = await self._service.store_small(caller, names[0], data, params.name, params.kind)
        return 200, JSON, msgspec.json.encode(done), []

    async def _download(
        self, scope: Message, send: Send, address: str, shown: Shown
    ) -> Reply | None:
        headers = headers_of(scope)
        caller, served = await self._served(scope["path"], shown)
        etag = f'"{served.file_id}"'.encode()
        status, start, stop = part_of(scope["method"], headers, etag, served.size)
        if status == 412:
            return problem(ApiError("precondition_failed"))
        if status == 416:
            detail = f"the file has {served.size} bytes"
            content_range = (b"content-range", b"bytes */%d" % served.size)
            return problem(ApiError("range_not_satisfiable", detail), content_range)
        told = [
            (b"etag", etag),
            (b"cache-control", _keeping(served.keep_s)),
            (b"vary", b"Authorization, Cookie"),  # what one login kept is not shown to the next
            (b"accept-ranges", b"bytes"),
            (b"cross-origin-resource-policy", _readers(caller)),
            *SAFE_HEADERS,
        ]
        if status == 206:
            told.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, served.size)))
        if status != 304:
            told += [
                (b"content-type", served.mime.encode()),
                (b"content-length", b"%d" % (stop - start)),
                (b"content-disposition", _disposition(served)),
            ]
        if status == 304 or scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": status, "headers": told})
            await send({"type": "http.response.body", "body": b""})
            return None
        begin = {"type": "http.response.start", "status": status, "headers": told}
        span = await self._service.span(served.file_id, served.size, start, stop)
        straight = straight_of(scope) if stop - start > limits.HTTP_PIECE_BYTES else None
        if straight and await self._service.begins_here(span):
            async with straight.sending(send, begin) as outlet:
                await self._service.send(span, outlet)
            return None
        with self._held(stop - start, caller, address) as ahead:
            await _hand_over(begin, self._service.read(span, ahead), send)
        return None

    @contextmanager
    def _held(self, size: int, caller: Caller, address: str) -> Iterator[int]:
        """For a download of so many bytes; comes with how many parts may be fetched ahead, which
        are none where much of the room is taken. Raises `overloaded`."""
        shares = [Share(address, limits.DOWNLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX)]
        if caller is not NOBODY:
            most = limits.DOWNLOADS_IN_MEMORY_BYTES_PER_USER_MAX
            shares.append(Share(f"user {caller.user_id}", most))
        wished = min(size, PARTS_IN_MEMORY * PART_BYTES)
        plenty = self._downloads.has(wished, *shares, part=0.5)
        with self._downloads.hold(wished if plenty else min(size, PART_BYTES), *shares):
            yield PARTS_IN_MEMORY - 1 if plenty else 0

    async def _served(self, path: str, shown: Shown) -> tuple[Caller, Served]:
        """Who asks (NOBODY: who has a link), and for what. Raises `not_found`, `unauthorized`,
        `origin_refused`, `ticket_invalid`, `media_not_found`."""
        kind, *steps = path.split("/")[2:]
        if kind == "link" and len(steps) in (1, 2):
            return NOBODY, Served(*await linked(self._gateway, steps[0]), 0)
        if kind == "photo" and len(steps) == 2 and (mark := _mark(steps[0])):
            caller = await self._gateway.authenticate(shown.needed())
            return caller, Served(*await photo_of(self._gateway, mark, steps[1], caller), YEAR_S)
        named = "" if len(steps) < 3 or not _is_file_id(steps[2]) else steps.pop(2)
        if kind not in ("file", "thumb") or len(steps) not in (2, 3) or not _ID.match(steps[1]):
            raise ApiError("not_found", "files are at /media/file/<chat_id>/<message_id>")
        caller = await self._gateway.authenticate(shown.needed())
        asked = {"chat_id": unquote(steps[0]), "message_id": int(steps[1])}
        try:
            where = msgspec.convert({**asked, "thumb": kind == "thumb"}, m.GetLink)
        except msgspec.ValidationError as error:
            raise ApiError("not_found", str(error)[:200]) from None
        served = Served(*await file_of(self._gateway, where, caller), YEAR_S)
        if named not in ("", served.file_id):
            raise ApiError("media_not_found", "this message has another file")
        return caller, served


async def _hand_over(begin: Message, parts: AsyncIterator[bytes], send: Send) -> None:
    """Send an answer as fast as the client takes it. Raises `too_slow` where that is too slow."""
    try:
        first = await anext(parts)  # what fails, fails before the status is sent
        await send(begin)
        await _send_pieces(first, send)
        del first
        async for part in parts:
            await _send_pieces(part, send)
        await send({"type": "http.response.body", "body": b""})
    finally:
        await parts.aclose()  # type: ignore[attr-defined]


async def _send_pieces(part: bytes, send: Send) -> None:
    """Small ones: what serves this keeps one until there is room for it."""
    view = memoryview(part)
    for at in range(0, len(view), limits.HTTP_PIECE_BYTES):
        piece = bytes(view[at : at + limits.HTTP_PIECE_BYTES])
        try:
            async with asyncio.timeout(limits.HTTP_BODY_S_MAX):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise ApiError("too_slow", "the file is taken too slowly; go on later") from None


def _keeping(keep_s: int) -> bytes:
    return b"private, max-age=%d, immutable" % keep_s if keep_s else b"private, no-cache"


def _readers(caller: Caller) -> bytes:
    """Whose pages may show it: a link is for whoever has it."""
    return b"cross-origin" if caller is NOBODY else b"same-origin"


def _is_file_id(step: str) -> bool:
    try:
        name_in(step)
    except ValueError:
        return False
    return True


def _mark(whose: str) -> str:
    """Whose picture is meant, for `photo_of`; empty if this names nobody."""
    if _ID.match(whose):
        return addresses.user_mark(int(whose))
    return whose if _GROUP.match(whose) else ""


def _hashes(texts: list[str]) -> list[bytes]:
    if not 0 < len(texts) <= limits.PARTS_PER_REQUEST_MAX:
        most = limits.PARTS_PER_REQUEST_MAX
        words = f"`hash` is needed once for each part, up to {most} times"
        raise ApiError("invalid_params", words, field="/hash")
    try:
        return [name_in(text) for text in texts]
    except ValueError:
        words = "`hash` is the BLAKE3 hash of a part, in base64url"
        raise ApiError("invalid_params", words, field="/hash") from None


def _single(name: str, kind: str, file_hash: bytes) -> m.FinishUpload:
    """The parameters of an upload by one request, checked as those of `media.finish`."""
    asked = {"upload_id": 1, "hash": text_of(file_hash), "name": name, "kind": kind}
    try:
        return msgspec.convert(asked, m.FinishUpload)
    except msgspec.ValidationError as error:
        raise malformed(error) from None


def _check_asked(rest: dict[str, list[str]]) -> None:
    if rest:
        name = min(rest)[:NAME_CHARS_MAX]
        raise ApiError("invalid_params", f"there is no parameter {name!r}", field=pointer(name))


def _disposition(served: Served) -> bytes:
    """RFC 6266: the name in letters that everybody knows, and as it is."""
    how = "inline" if SHOWN.match(served.mime) else "attachment"
    if not served.name:
        return how.encode()
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", served.name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(served.name, safe='')}".encode()
