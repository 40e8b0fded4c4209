"""The HTTP front on a backend that is told what to answer, and requests to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from api import methods as m
from api.addresses import NO_PROXIES, Address, Callers, network_of
from api.errors import ERRORS, ApiError, Problem
from api.http import App, Readiness
from api.replies import HTML, Reply, page
from api.requests import Message, Receive, Send
from api.site import Headers, Shown, Site

WAIT_S = 10.0
JSON_TYPE = (b"content-type", b"application/json")
TOKEN = (b"authorization", b"Bearer 1.2.secret")


class FakeBackend:
    """Answers what the test says and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[m.Params, str, str]] = []
        self.act: Callable[[], Awaitable[bytes]] = self.succeed
        self.is_ready = True
        self.missing: tuple[str, ...] = ()
        self.sockets: list[str] = []
        self.files: list[str] = []

    async def succeed(self) -> bytes:
        return b'{"ok":true}'

    async def call(self, params: m.Params, token: str, address: Address | None) -> bytes:
        self.calls.append((params, token, network_of(address)))
        return await self.act()

    async def ready(self) -> Readiness:
        return Readiness(self.is_ready, self.missing)

    async def metrics(self, token: str) -> bytes:
        if token != "1.2.secret":
            raise ApiError("unauthorized")
        return b"# TYPE heliograph_x gauge\nheliograph_x 1.0\n"

    async def websocket(
        self, receive: Receive, send: Send, address: Address | None, token: str
    ) -> None:
        self.sockets.append(token)

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: Address | None, shown: Shown
    ) -> Reply | None:
        self.files.append(shown.needed())
        await self.act()
        return 200, b"text/plain", b"a file", []

    def page(self, verb: str, path: str, headers: Headers) -> Reply | None:
        return page(verb, HTML, b"the page") if path == "/" else None

    def raising(self, error: BaseException) -> FakeBackend:
        async def fail() -> bytes:
            raise error

        self.act = fail
        return self


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    def problem(self, code: str) -> Problem:
        """The answer is the problem document of this code, as the registry says."""
        assert self.headers[b"content-type"] == b"application/problem+json", self
        problem = msgspec.json.decode(self.body, type=Problem)
        kind = ERRORS[code]
        assert (problem.code, problem.status, problem.title) == (code, kind.status, kind.title)
        assert problem.type == f"urn:heliograph:error:{code}"
        assert problem.detail
        assert self.status == kind.status
        return problem


class Server:
    """An application that was started, and requests to it."""

    def __init__(
        self, backend: FakeBackend, callers: Callers = NO_PROXIES, site: Site | None = None
    ) -> None:
        self.backend = backend
        self.app = App(self._start, callers, lambda: site or Site())

    async def _start(self) -> FakeBackend:
        return self.backend

    async def started(self) -> Server:
        said = await talk(self.app, {"type": "lifespan"}, [{"type": "lifespan.startup"}, STOP])
        assert [message["type"] for message in said] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
        return self

    async def send(
        self,
        path: str,
        body: bytes | list[bytes] = b"",
        *headers: tuple[bytes, bytes],
        verb: str = "POST",
        receive: Receive | None = None,
    ) -> Answer:
        parts = body if isinstance(body, list) else [body]
        scope = {
            "type": "http",
            "method": verb,
            "path": path,
            "headers": list(headers),
            "client": ("192.0.2.7", 1234),
        }
        heard: list[Message] = [
            {"type": "http.request", "body": part, "more_body": index < len(parts)}
            for index, part in enumerate(parts, 1)
        ]
        said = await talk(self.app, scope, heard, receive)
        start, end = said
        assert (start["type"], end["type"]) == ("http.response.start", "http.response.body")
        answer = Answer(start["status"], dict(start["headers"]), end["body"])
        if answer.status in (204, 304):
            assert not answer.headers.keys() & {b"content-length", b"content-type"}
        elif verb != "HEAD":
            assert int(answer.headers[b"content-length"]) == len(answer.body)
        return answer


STOP: Message = {"type": "lifespan.shutdown"}


async def talk(
    app: App, scope: Message, heard: list[Message], receive: Receive | None = None
) -> list[Message]:
    """What the application says to these messages; afterwards it hears nothing more."""
    said: list[Message] = []
    coming = iter(heard)

    async def hear() -> Message:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def say(message: Message) -> None:
        said.append(message)

    await asyncio.wait_for(app(scope, receive or hear, say), WAIT_S)
    return said


def ask(path: str, body: bytes | list[bytes] = b"", *headers: Any, **options: Any) -> Answer:
    """One request to an application on its own."""
    backend = options.pop("backend", None) or FakeBackend()
    callers, site = options.pop("callers", NO_PROXIES), options.pop("site", None)

    async def run() -> Answer:
        server = await Server(backend, callers, site).started()
        return await server.send(path, body, *headers, **options)

    return asyncio.run(run())
