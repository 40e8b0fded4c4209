"""Live connections through uvicorn, as Ray Serve runs it, on real sockets and byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import uvicorn
import uvloop
from uvicorn.protocols.websockets import auto
from uvicorn.server import ServerState

from api import limits
from api.frames import Close
from fronts import asgi, bounded
from fronts.bounded import BoundedWebSocket
from tests.unit.fronts.kit import Person, Server
from tests.unit.fronts.raw_client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PING_FRAME,
    PONG,
    TEST_S_MAX,
    TEXT,
    Socket,
    client_frame,
)

UNFINISHED = client_frame(TEXT, b" ", fin=False)
PART = client_frame(CONTINUATION, b"", fin=False)


class Front:
    """uvicorn with the application of live connections."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sockets: list[BoundedWebSocket] = []
        self._state = ServerState()

        async def app(_: Any, receive: Any, send: Any) -> None:
            await asgi.websocket(server.gateway, receive, send)

        self.config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws_ping_interval=0.001,  # it would show if uvicorn had heartbeats of its own
        )
        self.config.load()

    def accept(self) -> asyncio.Protocol:
        made = self.config.ws_protocol_class
        assert made is BoundedWebSocket
        self.sockets.append(BoundedWebSocket(self.config, self._state, {}))
        return self.sockets[-1]

    async def over(self) -> None:
        """All connections are over, and the server keeps nothing for them."""
        while self._state.connections or self._state.tasks:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


class Client(Socket):
    async def open(self) -> None:
        self._writer.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")

    async def hello(self, person: Person) -> None:
        said = {"id": 1, "method": "session.hello", "params": {"token": person.token}}
        self.send(client_frame(TEXT, msgspec.json.encode(said)))
        assert (await self.message())["result"]["user_id"] == person.id

    async def code(self) -> int:
        """The code with which it is closed; what comes before is passed over."""
        while True:
            kind, payload = await self.frame()
            if kind == CLOSE:
                return int.from_bytes(payload[:2], "big")

    async def say_until_cut(self, frames: bytes) -> int:
        """Say it again and again, and read nothing; how many bytes went through."""
        said = 0
        with contextlib.suppress(ConnectionError):
            while True:
                self._writer.write(frames)
                await self._writer.drain()
                said += len(frames)
        return said


def on_front(
    monkeypatch: pytest.MonkeyPatch, test: Callable[[Front, Client], Awaitable[None]]
) -> None:
    monkeypatch.setattr(auto, "AutoWebSocketsProtocol", auto.AutoWebSocketsProtocol)
    bounded.bound_uvicorn()

    async def main() -> None:
        async with asyncio.timeout(TEST_S_MAX), Server() as server:
            front = Front(server)
            listening = await asyncio.get_running_loop().create_server(front.accept, "127.0.0.1", 0)
            port = listening.sockets[0].getsockname()[1]
            client = Client(*await asyncio.open_connection("127.0.0.1", port))
            await client.open()
            await client.hello(await server.register("alice"))
            await test(front, client)
            client.hang_up()
            await front.over()
            assert server.gateway.connections.by_number == {}
            listening.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_control_frames_come_between_the_parts_of_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(_: Front, client: Client) -> None:
        client.send(
            client_frame(TEXT, PING_FRAME[:3], fin=False),
            client_frame(PING, b"between"),
            client_frame(PONG, b"unasked"),
            *[PART] * (bounded.PARTS_MAX - 2),
            client_frame(CONTINUATION, PING_FRAME[3:]),
        )
        assert await client.frame() == (PONG, b"between")
        assert await client.message() == {"pong": 7}
        client.send(client_frame(CLOSE, (1000).to_bytes(2, "big")))
        assert await client.close_code() == 1000
        assert await client.end() == b""

    on_front(monkeypatch, test)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (
            # Only the head of a frame: it is refused before the rest can come.
            [client_frame(TEXT, b" " * (limits.FRAME_BYTES_MAX + 1))[:10]],
            Close.TOO_LARGE,
        ),
        ([client_frame(TEXT, b" " * 2**23)], Close.TOO_LARGE),
        (
            [
                client_frame(TEXT, b" " * limits.FRAME_BYTES_MAX, fin=False),
                client_frame(CONTINUATION, b" ", fin=False),
            ],
            Close.TOO_LARGE,
        ),
        ([UNFINISHED, *[PART] * bounded.PARTS_MAX], Close.BAD_FRAME),
        ([client_frame(TEXT, b"\xff")], 1007),
        ([client_frame(BINARY, PING_FRAME)], Close.BAD_FRAME),
        ([client_frame(PING)] * (limits.FRAMES_BURST_MAX + 1), Close.FLOOD),
        ([client_frame(PONG)] * (limits.FRAMES_BURST_MAX + 1), Close.FLOOD),
        (
            [client_frame(TEXT, b"{", fin=False), client_frame(CONTINUATION, b'"ping":1}')]
            * (limits.FRAMES_BURST_MAX // 2 + 1),
            Close.FLOOD,
        ),
    ],
    ids=[
        "a frame too large",
        "and still coming",
        "unfinished and too large",
        "too many parts",
        "no UTF-8",
        "binary",
        "a flood of pings",
        "a flood of pongs",
        "a flood of parts",
    ],
)
def test_what_is_too_much_is_closed_with_a_code_and_not_answered(
    frames: list[bytes], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a burst, nothing is forgiven on a machine that takes long over it.
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND_MAX", 0)
    monkeypatch.setattr(bounded, "CLOSE_S", 0.2)

    async def test(front: Front, client: Client) -> None:
        client.send(*frames)
        assert await client.code() == code
        assert front.sockets[0].transport.is_reading() == (code != Close.FLOOD)
        client.send(client_frame(PING), client_frame(TEXT, PING_FRAME), client_frame(CLOSE))
        assert await client.refused()

    on_front(monkeypatch, test)


def test_as_many_frames_as_allowed_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FRAMES_PER_SECOND_MAX", 0)

    async def test(_: Front, client: Client) -> None:
        client.send(*[client_frame(PING)] * (limits.FRAMES_BURST_MAX - 3))
        for _number in range(limits.FRAMES_BURST_MAX - 3):
            assert await client.frame() == (PONG, b"")
        for _last in range(2):
            client.send(client_frame(TEXT, PING_FRAME))
            assert await client.message() == {"pong": 7}
        client.send(client_frame(PING))
        assert await client.code() == Close.FLOOD

    on_front(monkeypatch, test)


@pytest.mark.parametrize(
    "frames",
    [client_frame(PING, b"x" * 125) * 100, client_frame(TEXT, b'{"id":1,"method":"help.limits"}')],
    ids=["pings", "requests"],
)
def test_who_speaks_and_does_not_read_is_cut_off(
    frames: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly it speaks: here it may say as much as it likes."""
    monkeypatch.setattr(limits, "FRAMES_BURST_MAX", 10**9)

    async def test(front: Front, client: Client) -> None:
        (sock,) = front.sockets
        waiting = [0]
        bound = sock._bound_buffer

        def watched() -> None:
            waiting[0] = max(waiting[0], sock.transport.get_write_buffer_size())
            bound()

        monkeypatch.setattr(sock, "_bound_buffer", watched)
        await client.say_until_cut(frames)
        assert limits.SEND_BUFFER_BYTES_MAX < waiting[0] < 2 * limits.SEND_BUFFER_BYTES_MAX

    on_front(monkeypatch, test)


def test_a_connection_ends_soon_though_its_client_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded, "CLOSE_S", 0.05)

    async def test(front: Front, client: Client) -> None:
        (sock,) = front.sockets
        for number in itertools.count(2):
            if sock.transport.get_write_buffer_size() > 100_000:
                break
            said = {"id": number, "method": "help.limits"}
            client.send(client_frame(TEXT, msgspec.json.encode(said)))
            await asyncio.sleep(0)
        client.send(client_frame(TEXT, b"nonsense"))
        await front.over()

    monkeypatch.setattr(limits, "FRAMES_BURST_MAX", 10**9)
    on_front(monkeypatch, test)
