"""Clients and the HTTP front for files on loopback, with a wire between them that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import uvicorn

import heliograph
from api.http import App
from api.requests import Message, Receive, Send
from tests.unit.media.desk import Backend, Desk, Person

TIMEOUTS = heliograph.Timeouts(call_s=5, attempt_s=2, connect_s=2)
BACKOFF = heliograph.Backoff(0.001, 0.01)
TEST_S_MAX = 30
CHUNK = 64 * 1024
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]


class Wire:
    """Carries bytes between clients and the server at `port`. It breaks when so many more have been
    carried up or down (and if it `falls`, it is down then); while it is `down`, it takes nobody."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.left: dict[str, int] = {}
        self.down = self.falls = False
        self.broken = 0
        self._breaks = asyncio.Condition()
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self) -> str:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._server.close()
        self.cut()

    async def _break(self) -> None:
        async with self._breaks:
            self.broken += 1
            self._breaks.notify_all()

    async def until_broken(self, times: int) -> None:
        async with self._breaks:
            await self._breaks.wait_for(lambda: self.broken >= times)

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, server_writer}
        if self.down:
            self.cut()
            await self._break()
            return
        await asyncio.gather(
            self._carry("up", reader, server_writer), self._carry("down", server_reader, writer)
        )

    async def _carry(
        self, way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                left = self.left.get(way)
                if left is not None:
                    self.left[way] = left - len(data)
                    if left < len(data):
                        del self.left[way]
                        writer.write(data[:left])
                        self.down = self.falls
                        self.cut()
                        await self._break()
                        return
                writer.write(data)
                await writer.drain()
        writer.close()


class Served:
    """A desk on a wire. `asked`: what was asked, with the range; `hashes`: of the parts in each
    request that brings some; `instead`: what answers in place of the desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.chat = desk.chat
        self.asked: list[tuple[str, str, str]] = []
        self.hashes: list[list[str]] = []
        self.instead: Asgi | None = None
        self._app = App(self._start)

    async def _start(self) -> Any:
        return Backend(self.desk)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ranges = dict(scope["headers"]).get(b"range", b"").decode()
            self.asked.append((scope["method"], scope["path"], ranges))
            if scope["method"] == "PUT":
                self.hashes.append(parse_qs(scope["query_string"].decode())["hash"])
            if self.instead is not None:
                await self.instead(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def asked_for(self, verb: str, path: str) -> list[str]:
        """The ranges of the requests that were made for what begins with a path."""
        return [
            ranges for how, where, ranges in self.asked if how == verb and where.startswith(path)
        ]

    def client(self, person: Person | None = None, **options: Any) -> heliograph.Client:
        token = (person or self.desk.alice).token
        given = {"timeouts": TIMEOUTS, "backoff": BACKOFF, **options}
        return heliograph.Client(self.url, token=token, live=False, **given)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Served]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            config = uvicorn.Config(self, log_level="critical", lifespan="on", ws="none")
            server = _Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            self.wire = Wire(listening.getsockname()[1])
            self.url = await self.wire.listen()
            try:
                yield self
            finally:
                self.wire.close()
                server.should_exit = server.force_exit = True
                await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for the tests."""
        yield


def run(test: Callable[[Served], Awaitable[None]]) -> None:
    served = Served(Desk())

    async def limited() -> None:
        async with asyncio.timeout(TEST_S_MAX), served.open():
            await test(served)

    asyncio.run(limited())
