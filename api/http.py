"""The HTTP front as an ASGI application, independent of what serves it.

    POST /api/<method>       every method of the contract, JSON in and out
    GET  /api/openapi.json   the OpenAPI document, and of live connections the AsyncAPI one
         /api/asyncapi.json; both to read: /api/docs
    GET  /healthz /readyz    is this process alive; can all be had, and which parts are missing
    GET  /metrics            Prometheus, for who has the token made for it
    *    /media/...          uploads and downloads (`fronts.files.http`)
    WS   /ws                 live connections through this port

Errors are RFC 9457 problem documents. What is not expected is logged with a trace id, and only the
id is told.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from api import asyncapi, limits
from api import methods as m
from api.addresses import NO_PROXIES, Address, Callers
from api.ambient import random_hex
from api.counts import Counts
from api.errors import ApiError
from api.openapi import document
from api.page import HOME, docs_page
from api.room import Room, Share

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
R = TypeVar("R")

JSON = b"application/json"
PROBLEM = b"application/problem+json"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"
SAFE_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
]

TOO_MANY = "too many requests of this address are under way"


class Readiness(NamedTuple):
    """`serves`: whether every message can be sent and every chat be read through this front.
    `missing`: the parts that do not answer; with copies, others stand in for them."""

    serves: bool
    missing: tuple[str, ...] = ()


class Backend(Protocol):
    """What the front needs of the server behind it."""

    async def call(self, params: m.Params, token: str, address: Address | None) -> bytes:
        """Carry out a method for who calls from there: the JSON of its result. Raises ApiError."""

    async def ready(self) -> Readiness:
        """What can be had through this front."""

    async def metrics(self, token: str) -> bytes:
        """Prometheus text. Raises `unauthorized`."""

    async def websocket(self, receive: Receive, send: Send, address: Address | None) -> None:
        """Serve a live connection."""

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: Address | None
    ) -> Reply | None:
        """Answer an upload or download (`fronts.files.http`); None if all has been sent. Raises
        ApiError, before anything has been sent if it can, and ClientGone."""


class App:
    """The application. `start` makes the backend, in the process and on the loop that serve."""

    def __init__(
        self, start: Callable[[], Awaitable[Backend]], callers: Callers = NO_PROXIES
    ) -> None:
        self._start = start
        self._callers = callers
        self._counts = Counts(callers)
        self._backend: Backend | None = None
        self._bodies = Room(limits.BODIES_IN_MEMORY_BYTES_MAX)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        counted = self._counts.enter(self._caller(scope))
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, receive, send, counted is not None)
                return
            if counted is None:
                reply: Reply | None = problem(ApiError("overloaded", TOO_MANY, 1.0))
            else:
                reply = await self._safely(scope, receive, send)
            if reply is not None:
                await _answer(send, *reply, scope["method"] == "HEAD")
        finally:
            if counted is not None:
                self._counts.leave(counted)

    def _caller(self, scope: Message) -> Address | None:
        """Who calls. What serves this tells in `client` who is connected to the server."""
        client = scope.get("client")
        return self._callers.of(headers_of(scope), client[0] if client else "")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._backend = await self._start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _websocket(
        self, scope: Message, receive: Receive, send: Send, admitted: bool
    ) -> None:
        if scope["path"] != "/ws" or not admitted:
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        assert self._backend is not None
        await self._backend.websocket(receive, send, self._caller(scope))

    async def _safely(self, scope: Message, receive: Receive, send: Send) -> Reply | None:
        """None: it has been answered."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if scope["path"].startswith("/media/"):
                assert self._backend is not None
                return await self._backend.media(scope, receive, noted, self._caller(scope))
            return await self._route(scope, receive)
        except ClientGone:
            return None if begun else problem(ApiError("bad_request", "the client went away"))
        except ApiError as error:
            if begun:
                raise  # what serves this cuts the connection off
            return problem(error)
        except Exception:
            if begun:
                raise
            trace = random_hex(8)
            log.exception("request failed, trace %s", trace)
            return problem(ApiError("internal", f"the server failed; trace {trace}"))

    async def _route(self, scope: Message, receive: Receive) -> Reply:
        path, verb = scope["path"], scope["method"]
        if path.startswith("/api/"):
            name = path.removeprefix("/api/")
            if name == "openapi.json":
                return _page(verb, JSON, document())
            if name == "asyncapi.json":
                return _page(verb, JSON, asyncapi.document())
            if name in ("docs", "docs/"):
                return _page(verb, HTML, docs_page())
            return await self._method(name, verb, scope, receive)
        assert self._backend is not None
        if path == "/healthz":
            return _page(verb, TEXT, b"ok\n")
        if path == "/readyz":
            return _page(verb, TEXT, _ready(await self._backend.ready()))
        if path == "/metrics":
            if verb not in ("GET", "HEAD"):
                return wrong_verb(b"GET, HEAD")
            return _page(verb, TEXT, await self._backend.metrics(needed_token(headers_of(scope))))
        if path == "/":
            return _page(verb, HTML, HOME)
        raise ApiError("not_found", f"nothing is at {path[:100]!r}")

    async def _method(self, name: str, verb: str, scope: Message, receive: Receive) -> Reply:
        method = m.METHODS.get(name)
        if method is None or method.wire == "ws":
            raise ApiError("unknown_method", f"there is no method {name[:64]!r} over HTTP")
        if verb != "POST":
            return wrong_verb(b"POST")
        headers = headers_of(scope)
        coming = Body(headers, receive, limits.HTTP_BODY_BYTES_MAX)
        address = self._caller(scope)
        counted = self._callers.counted(address)
        share = Share(counted, limits.BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX)
        with self._bodies.hold(coming.bytes_max, share):
            body = await coming.read(limits.HTTP_BODY_BYTES_MAX + 1)  # to its end
        if body and headers.get(b"content-type", b"").split(b";")[0].strip().lower() != JSON:
            raise ApiError("unsupported_media_type")
        token = needed_token(headers) if method.auth else ""
        params = m.params_in(method, body or b"{}")
        assert self._backend is not None
        call = self._backend.call(params, token, address)
        deadline_s = limits.HTTP_ANSWER_S_MAX
        if isinstance(params, m.Poll):
            call = unless_gone(call, receive)
            deadline_s += params.timeout_s
        try:
            result = await asyncio.wait_for(call, deadline_s)
        except TimeoutError:
            raise ApiError("unavailable", "the answer took too long; repeat", 1.0) from None
        return 200, JSON, result, []


Reply = tuple[int, bytes, bytes, list[tuple[bytes, bytes]]]
"""Status, media type, body, further headers."""


def headers_of(scope: Message) -> dict[bytes, bytes]:
    """By lower-case name; what is repeated is one list (RFC 9110, section 5.3)."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        key = name.lower()
        found[key] = found[key] + b", " + value if key in found else value
    return found


def needed_token(headers: dict[bytes, bytes]) -> str:
    """Raises `unauthorized`."""
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    token = rest.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
    if not token:
        raise ApiError("unauthorized", "send the header Authorization: Bearer <token>")
    return token


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Body:
    """The body of a request, to be read from its beginning, with at most `bytes_max` bytes (fewer
    where its length is told). Raises `too_large` at once where that is more."""

    def __init__(self, headers: dict[bytes, bytes], receive: Receive, bytes_max: int) -> None:
        self._receive = receive
        self._left = bytes_max
        self._too_large = ApiError("too_large", f"a body has at most {bytes_max} bytes")
        self._come: list[memoryview] = []
        self._size = 0
        self._ended = False
        length = headers.get(b"content-length", b"")
        if b"transfer-encoding" not in headers and not length:
            length = b"0"
        if length.isdigit() and int(length) > bytes_max:
            raise self._too_large
        self.bytes_max = int(length) if length.isdigit() else bytes_max

    async def read(self, size: int) -> bytes:
        """So many bytes; fewer where it ends. Raises `too_large`, `too_slow`, ClientGone."""
        try:
            async with asyncio.timeout(limits.HTTP_BODY_S_MAX):
                while self._size < size and not self._ended:
                    await self._more()
        except TimeoutError:
            detail = f"{size} bytes took longer than {limits.HTTP_BODY_S_MAX} s"
            raise ApiError("too_slow", detail, 1.0) from None
        return self._taken(size)

    async def _more(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise ClientGone
        piece = memoryview(message.get("body", b""))
        self._come.append(piece)
        self._size += len(piece)
        self._left -= len(piece)
        self._ended = not message.get("more_body", False)
        if self._left < 0:
            self._ended = True
            raise self._too_large

    def _taken(self, size: int) -> bytes:
        taken, have = self._come, self._size
        self._come, self._size = [], max(0, have - size)
        if self._size:
            last = taken.pop()
            cut = len(last) - self._size
            taken.append(last[:cut])
            self._come.append(last[cut:])
        return b"".join(taken)


async def unless_gone(call: Awaitable[R], receive: Receive) -> R:
    """What the call comes back with; it is given up when the client goes away: raises
    ClientGone."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    calling, going = asyncio.ensure_future(call), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({calling, going}, return_when=asyncio.FIRST_COMPLETED)
        if not calling.done():
            raise ClientGone
        return calling.result()
    finally:
        calling.cancel()
        going.cancel()
        await asyncio.gather(calling, going, return_exceptions=True)


def _ready(readiness: Readiness) -> bytes:
    """Raises `unavailable`."""
    missing = ", ".join(readiness.missing)
    if not readiness.serves:
        told = f"not all hosts answer; missing: {missing}" if missing else "not all hosts answer"
        raise ApiError("unavailable", told, 1.0)
    return f"ready; missing: {missing}\n".encode() if missing else b"ready\n"


def _page(verb: str, media_type: bytes, body: bytes) -> Reply:
    if verb not in ("GET", "HEAD"):
        return wrong_verb(b"GET, HEAD")
    return 200, media_type, body, []


def wrong_verb(allowed: bytes) -> Reply:
    return problem(ApiError("method_not_allowed"), (b"allow", allowed))


def problem(error: ApiError, *further: tuple[bytes, bytes]) -> Reply:
    """An error as it is answered; `further` headers."""
    headers = [*further]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after))))
    return error.status, PROBLEM, msgspec.json.encode(error.problem()), headers


async def _answer(
    send: Send,
    status: int,
    media_type: bytes,
    body: bytes,
    headers: list[tuple[bytes, bytes]],
    head_only: bool = False,
) -> None:
    shown = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        *SAFE_HEADERS,
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": shown})
    await send({"type": "http.response.body", "body": b"" if head_only else body})
