"""uvicorn's HTTP as fronts run it, on real sockets: it reads what is asked for, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http import auto
from uvicorn.server import ServerState

from fronts import unhurried
from fronts.bounded import bound_uvicorn
from fronts.unhurried import NOT_AHEAD, UnhurriedHttp
from tests.unit.fronts.raw_client import TEST_S_MAX

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PIECE = bytes(1 << 20)
TOOK_MAX = 512 << 10
"""What is read from a socket at once, and what waits in uvicorn; the rest is in the kernel's."""


class Front:
    """An application that does what the test says with a request."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        bound_uvicorn()
        config = uvicorn.Config(app, log_config=None, lifespan="off")
        config.load()
        assert config.http_protocol_class is UnhurriedHttp is auto.AutoHTTPProtocol
        self.made: list[UnhurriedHttp] = []
        self.paused = asyncio.Event()
        self._state, self._config = ServerState(), config

    def accept(self) -> UnhurriedHttp:
        front = self

        class Told(UnhurriedHttp):
            def on_body(self, body: bytes) -> None:
                super().on_body(body)
                if self.flow.read_paused:
                    front.paused.set()

        self.made.append(Told(self._config, self._state, {}))
        return self.made[-1]


def run(
    app: Callable[..., Awaitable[None]], client: Callable[[Front, Streams], Awaitable[None]]
) -> None:
    async def story() -> None:
        front = Front(app)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(front.accept, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        streams = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(TEST_S_MAX):
                await client(front, streams)
        finally:
            streams[1].transport.abort()
            listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    uvloop.run(story())


def head(length: int, *lines: str) -> bytes:
    said = [f"content-length: {length}", *lines]
    return "\r\n".join(["PUT /x HTTP/1.1", "host: x", *said, "", ""]).encode()


async def answer(send: Any, body: bytes = b"done") -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_serve_is_told_not_to_read_ahead() -> None:
    """By who serves, whatever the client says."""
    seen: list[list[bytes]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append([value for name, value in scope["headers"] if name == NOT_AHEAD[0]])
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        for lines in ((), ("X-Request-Disconnect-Disabled: ?0",)):
            streams[1].write(head(0, *lines))
            await streams[0].readuntil(b"done")

    run(app, client)
    assert seen == [[b"?1"], [b"?1"]]


def test_a_body_that_nobody_asks_for_stays_where_it_is() -> None:
    asked, called = asyncio.Event(), asyncio.Event()
    got = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal got
        called.set()
        await asked.wait()
        while True:
            message = await receive()
            got += len(message["body"])
            if not message["more_body"]:
                break
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(head(64 * len(PIECE)))
        for _ in range(64):
            streams[1].write(PIECE)
        await called.wait()
        await front.paused.wait()
        assert len(front.made[0].cycle.body) <= TOOK_MAX
        asked.set()
        await streams[0].readuntil(b"done")

    run(app, client)
    assert got == 64 * len(PIECE)


def test_what_still_comes_after_the_answer_ends_soon(monkeypatch: Any) -> None:
    """Who was refused and goes on to send, or does not, holds no connection."""
    monkeypatch.setattr(unhurried, "CLOSE_S", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(head(100) + bytes(99))
        assert b"done" in await streams[0].readuntil(b"done")
        assert await streams[0].read() == b""

    run(app, client)


def test_a_body_that_ends_after_the_answer_keeps_the_connection(monkeypatch: Any) -> None:
    monkeypatch.setattr(unhurried, "CLOSE_S", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(head(100) + bytes(99))
        await streams[0].readuntil(b"done")
        streams[1].write(bytes(1))
        streams[1].write(head(0))
        await streams[0].readuntil(b"done")
        assert not front.made[0]._rest
        front.made[0]._leave_the_rest()
        streams[1].write(head(0))
        await streams[0].readuntil(b"done")

    run(app, client)


def test_an_answer_that_is_given_up_keeps_no_memory(monkeypatch: Any) -> None:
    """To close would wait until the client has read all of it."""
    monkeypatch.setattr(unhurried, "CLOSE_S", 0.05)
    lost = asyncio.Event()

    class Told(UnhurriedHttp):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % (1 << 40))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            async with asyncio.timeout(0.05):
                while True:
                    await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        except TimeoutError:
            raise ValueError("too slow") from None

    async def client(front: Front, streams: Streams) -> None:
        streams[1].transport.pause_reading()  # type: ignore[attr-defined]
        streams[1].write(head(0))
        await lost.wait()

    monkeypatch.setattr(Front, "accept", lambda self: Told(self._config, self._state, {}))
    run(app, client)


def test_the_first_of_two_requests_notices_that_its_client_is_gone() -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        begun.set()
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(head(0) * 2)
        await begun.wait()
        streams[1].transport.abort()
        await gone.wait()

    run(app, client)
