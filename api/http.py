"""The HTTP front as an ASGI application, independent of what serves it.

    POST /api/<method>       every method of the contract, JSON in and out
    GET  /api/openapi.json   the OpenAPI document, and of live connections the AsyncAPI one
         /api/asyncapi.json; both to read: /api/docs
    GET  /healthz /readyz    is this process alive; can all be had, and which parts are missing
    GET  /metrics            Prometheus, for who has the token made for it
    *    /media/...          uploads and downloads (`fronts.files.http`)
    WS   /ws                 live connections through this port
    GET  anything else       the web client (`fronts.pages`)

Who logs in may ask for a cookie in the place of a token, and pages of other origins may ask where
the operator allows it (`api.site`, `api.cors`).

Errors are RFC 9457 problem documents. What is not expected is logged with a trace id, and only the
id is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from api import asyncapi, limits
from api import methods as m
from api.addresses import NO_PROXIES, Address, Callers
from api.ambient import random_hex
from api.cors import preflight, shared
from api.counts import Counts
from api.errors import ApiError
from api.openapi import document
from api.page import docs_page
from api.replies import HTML, JSON, TEXT, Reply, answer, page, problem, wrong_verb
from api.requests import Body, ClientGone, Message, Receive, Send, headers_of, unless_gone
from api.room import Room, Share
from api.site import Headers, Shown, Site, bearer, kept_as

log = logging.getLogger(__name__)

WITH_LOGIN = ("/api/", "/media/")
"""Where a login is asked for."""
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

    async def websocket(
        self, receive: Receive, send: Send, address: Address | None, token: str
    ) -> None:
        """Serve a live connection, whose handshake showed this token, or none."""

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: Address | None, shown: Shown
    ) -> Reply | None:
        """Answer an upload or download (`fronts.files.http`); None if all has been sent. Raises
        ApiError, before anything has been sent if it can, and ClientGone."""

    def page(self, verb: str, path: str, headers: Headers) -> Reply | None:
        """What the web client has there (`fronts.pages`)."""


class App:
    """The application. `start` makes the backend, in the process and on the loop that serve."""

    def __init__(
        self,
        start: Callable[[], Awaitable[Backend]],
        callers: Callers = NO_PROXIES,
        site: Callable[[], Site] = Site,
    ) -> None:
        self._start = start
        self._callers = callers
        self._counts = Counts(callers)
        self._make_site = site
        self._site = Site()
        self._backend: Backend | None = None
        self._bodies = Room(limits.BODIES_IN_MEMORY_BYTES_MAX)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        headers = headers_of(scope)
        counted = self._counts.enter(self._caller(scope, headers))
        try:
            if scope["type"] == "websocket":
                await self._websocket(scope, headers, receive, send, counted is not None)
                return
            send = shared(self._site, scope, headers, send)
            if counted is None:
                reply: Reply | None = problem(ApiError("overloaded", TOO_MANY, 1.0))
            else:
                reply = await self._safely(scope, headers, receive, send)
            if reply is not None:
                await answer(send, reply, scope["method"] == "HEAD")
        finally:
            if counted is not None:
                self._counts.leave(counted)

    def _caller(self, scope: Message, headers: Headers) -> Address | None:
        """Who calls. What serves this tells in `client` who is connected to the server."""
        client = scope.get("client")
        return self._callers.of(headers, client[0] if client else "")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._backend = await self._start()
                self._site = self._make_site()
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _websocket(
        self, scope: Message, headers: Headers, receive: Receive, send: Send, admitted: bool
    ) -> None:
        shown = self._site.live(headers)
        if scope["path"] != "/ws" or not admitted or shown is None:
            await receive()
            await send({"type": "websocket.close", "code": 1000})  # answered as 403
            return
        assert self._backend is not None
        await self._backend.websocket(receive, send, self._caller(scope, headers), shown.token)

    async def _safely(
        self, scope: Message, headers: Headers, receive: Receive, send: Send
    ) -> Reply | None:
        """None: it has been answered."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        path = scope["path"]
        logs_in = path.startswith(WITH_LOGIN)
        shown = self._site.shown(headers, scope["method"]) if logs_in else bearer(headers)
        try:
            if asked := preflight(self._site, scope, headers):
                return asked
            if path.startswith("/media/"):
                assert self._backend is not None
                who = self._caller(scope, headers)
                return await self._backend.media(scope, receive, noted, who, shown)
            return await self._route(scope, headers, receive, shown)
        except ClientGone:
            return None if begun else problem(ApiError("bad_request", "the client went away"))
        except ApiError as error:
            if begun:
                raise  # what serves this cuts the connection off
            over = shown.ended(path) if error.code == "unauthorized" else []
            return problem(error, *over)
        except Exception:
            if begun:
                raise
            trace = random_hex(8)
            log.exception("request failed, trace %s", trace)
            return problem(ApiError("internal", f"the server failed; trace {trace}"))

    async def _route(
        self, scope: Message, headers: Headers, receive: Receive, shown: Shown
    ) -> Reply:
        path, verb = scope["path"], scope["method"]
        assert self._backend is not None
        if path.startswith("/api/"):
            name = path.removeprefix("/api/")
            if name == "openapi.json":
                return page(verb, JSON, document())
            if name == "asyncapi.json":
                return page(verb, JSON, asyncapi.document())
            if name in ("docs", "docs/"):
                return page(verb, HTML, docs_page())
            return await self._method(name, scope, headers, receive, shown)
        if path == "/healthz":
            return page(verb, TEXT, b"ok\n")
        if path == "/readyz":
            return page(verb, TEXT, _ready(await self._backend.ready()))
        if path == "/metrics":
            if verb not in ("GET", "HEAD"):
                return wrong_verb(b"GET, HEAD")
            return page(verb, TEXT, await self._backend.metrics(shown.needed()))
        if found := self._backend.page(verb, path, headers):
            return found
        raise ApiError("not_found", f"nothing is at {path[:100]!r}")

    async def _method(
        self, name: str, scope: Message, headers: Headers, receive: Receive, shown: Shown
    ) -> Reply:
        method = m.METHODS.get(name)
        if method is None or method.wire == "ws":
            raise ApiError("unknown_method", f"there is no method {name[:64]!r} over HTTP")
        if scope["method"] != "POST":
            return wrong_verb(b"POST")
        address = self._caller(scope, headers)
        body = await self._body(headers, receive, address)
        if body and headers.get(b"content-type", b"").split(b";")[0].strip().lower() != JSON:
            raise ApiError("unsupported_media_type")
        token = shown.needed() if method.auth else ""
        params = m.params_in(method, body or b"{}")
        by_cookie = isinstance(params, m.Register | m.Login) and params.cookie
        cookie = self._site.cookie_for(headers) if by_cookie else ""
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
        over = isinstance(params, m.Logout)
        told = shown.ended(scope["path"]) if over else shown.renewed(scope["path"])
        if cookie:
            result, told = kept_as(cookie, result)
        return 200, JSON, result, told

    async def _body(self, headers: Headers, receive: Receive, address: Address | None) -> bytes:
        coming = Body(headers, receive, limits.HTTP_BODY_BYTES_MAX)
        counted = self._callers.counted(address)
        share = Share(counted, limits.BODIES_IN_MEMORY_BYTES_PER_ADDRESS_MAX)
        with self._bodies.hold(coming.bytes_max, share):
            return await coming.read(limits.HTTP_BODY_BYTES_MAX + 1)  # to its end


def _ready(readiness: Readiness) -> bytes:
    """Raises `unavailable`."""
    missing = ", ".join(readiness.missing)
    if not readiness.serves:
        told = f"not all hosts answer; missing: {missing}" if missing else "not all hosts answer"
        raise ApiError("unavailable", told, 1.0)
    return f"ready; missing: {missing}\n".encode() if missing else b"ready\n"
