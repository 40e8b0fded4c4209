"""The listener on real sockets, spoken to byte by byte. It runs on uvloop, as in Ray's actors."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
import uvloop

from api import limits
from api import methods as m
from api.addresses import NO_PROXIES, Callers
from api.frames import Close
from api.site import Site
from fronts import listener as module
from fronts.connection import Connection
from fronts.counted import Door
from fronts.listener import Listener
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


class Edge:
    """A listener on a port of its own."""

    def __init__(self, server: Server, port: int, callers: Callers, site: Site) -> None:
        self.server, self.port = server, port
        self.listener = Listener(server.gateway, callers, site)
        self.clients: list[Socket] = []

    async def reach(self, source: str = "127.0.0.1") -> Socket:
        """A connection on which nothing was said yet."""
        ends = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.clients.append(Socket(*ends))
        return self.clients[-1]

    async def dial(
        self,
        path: str = "/ws",
        source: str = "127.0.0.1",
        told: str = "",
        connection: str = "Upgrade",
    ) -> tuple[str, Socket]:
        """Ask for a WebSocket; returns the status line, too; empty if it was hung up at once."""
        client = await self.reach(source)
        client.send(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nUpgrade: websocket\r\n"
            f"Connection: {connection}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\n{told}\r\n".encode()
        )
        try:
            head = await client.until(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            head = b""
        return head.decode().partition("\r\n")[0], client

    async def connect(self, source: str = "127.0.0.1", told: str = "") -> Socket:
        status, client = await self.dial(source=source, told=told)
        assert status.startswith("HTTP/1.1 101")
        return client

    async def hello(self, person: Person) -> Socket:
        client = await self.connect()
        params = {"token": person.token}
        said = {"id": 1, "method": "session.hello", "params": params}
        client.send(client_frame(TEXT, msgspec.json.encode(said)))
        assert (await client.message())["result"]["user_id"] == person.id
        return client


@contextlib.asynccontextmanager
async def free_port() -> AsyncIterator[int]:
    """A port that stays ours: bound here, and never listened on."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def on_edge(
    test: Callable[[Edge], Awaitable[None]], callers: Callers = NO_PROXIES, site: Site | None = None
) -> None:
    async def main() -> None:
        async with asyncio.timeout(TEST_S_MAX), Server() as server, free_port() as port:
            edge = Edge(server, port, callers, site or Site())
            await edge.listener.start("127.0.0.1", port)
            await test(edge)
            await edge.listener.drain()
            for client in edge.clients:
                client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


# --- handshakes -------------------------------------------------------------------------------

PAGE = "http://localhost:8000"
SITE = Site("c1", frozenset({PAGE}), frozenset({"https://app.example.net"}))
HELLO = client_frame(TEXT, b'{"id":1,"method":"session.hello","params":{}}')


def test_a_page_says_hello_by_the_cookie_of_its_handshake() -> None:
    async def test(edge: Edge) -> None:
        alice = await edge.server.register("alice")
        cookie = f"Cookie: a=b; heliograph-c1={alice.token}\r\n"
        client = await edge.connect(told=f"Origin: {PAGE}\r\n{cookie}")
        client.send(HELLO)
        assert (await client.message())["result"]["user_id"] == alice.id
        for origin in ("", "Origin: https://app.example.net\r\n"):
            other = await edge.connect(told=origin + cookie)
            other.send(HELLO)
            assert (await other.message())["error"]["code"] == "unauthorized"
            assert await other.close_code() == Close.SESSION_ENDED
        by_token = await edge.connect(told="Origin: https://app.example.net\r\n")
        said = {"id": 1, "method": "session.hello", "params": {"token": alice.token}}
        by_token.send(client_frame(TEXT, msgspec.json.encode(said)))
        assert (await by_token.message())["result"]["user_id"] == alice.id

    on_edge(test, site=SITE)


@pytest.mark.parametrize("origin", ["http://localhost:9000", "null", "https://evil.example"])
def test_a_handshake_of_a_page_that_is_not_known_is_refused(origin: str) -> None:
    async def test(edge: Edge) -> None:
        status, client = await edge.dial(told=f"Origin: {origin}\r\n")
        assert status.startswith("HTTP/1.1 403")
        assert b"--origin" in await client.end()
        assert not edge.listener.sockets

    on_edge(test, site=SITE)


@pytest.mark.parametrize("connection", ["keep-alive, Upgrade", "upgrade,keep-alive"])
def test_a_browser_may_ask_for_more_than_an_upgrade(connection: str) -> None:
    """As Firefox does."""

    async def test(edge: Edge) -> None:
        status, _ = await edge.dial(told=f"Origin: {PAGE}\r\n", connection=connection)
        assert status.startswith("HTTP/1.1 101")
        status, _ = await edge.dial(connection="keep-alive")
        assert status.startswith("HTTP/1.1 400")

    on_edge(test, site=SITE)


# --- messages ---------------------------------------------------------------------------------


def test_requests_are_answered_and_updates_pushed_until_the_client_hangs_up() -> None:
    async def test(edge: Edge) -> None:
        alice = await edge.server.register("alice")
        client, other = await edge.hello(alice), await edge.hello(alice)
        other.send(client_frame(CLOSE))
        await other.close_code()
        assert await other.end() == b""
        assert len(edge.server.gateway.connections.by_number) == 1
        client.send(client_frame(TEXT, b'{"id":2,"method":"users.me"}'))
        assert (await client.message())["result"]["id"] == alice.id
        await edge.server.call(alice, m.UpdateProfile(bio="new"))
        assert (await client.message())["pts"] == 1

    on_edge(test)


def test_a_message_comes_in_fragments_with_control_frames_between() -> None:
    async def test(edge: Edge) -> None:
        client = await edge.hello(await edge.server.register("alice"))
        client.send(
            client_frame(TEXT, PING_FRAME[:3], fin=False),
            client_frame(PING, b"between"),
            client_frame(CONTINUATION, b"", fin=False),
            client_frame(PONG, b"unasked"),
            client_frame(CONTINUATION, PING_FRAME[3:]),
            client_frame(TEXT, PING_FRAME),
            client_frame(TEXT, b"", fin=False),
            client_frame(CONTINUATION, PING_FRAME),
        )
        frames = [await client.frame() for _ in range(4)]
        assert frames.count((TEXT, b'{"pong":7}')) == 3
        assert frames.count((PONG, b"between")) == 1

    on_edge(test)


def test_a_frame_of_the_largest_size_is_taken_whole_or_in_parts() -> None:
    async def test(edge: Edge) -> None:
        client = await edge.hello(await edge.server.register("alice"))
        largest = PING_FRAME + b" " * (limits.FRAME_BYTES_MAX - len(PING_FRAME))
        client.send(client_frame(TEXT, largest))
        assert await client.message() == {"pong": 7}
        middle = [
            client_frame(CONTINUATION, largest[at : at + 1024], fin=at + 1024 == len(largest))
            for at in range(1024, len(largest), 1024)
        ]
        client.send(client_frame(TEXT, largest[:1024], fin=False), *middle)
        assert await client.message() == {"pong": 7}

    on_edge(test)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([client_frame(TEXT, b"nonsense")], Close.BAD_FRAME),
        ([client_frame(TEXT, b"\xff\xff")], Close.BAD_FRAME),
        ([client_frame(BINARY, PING_FRAME)], Close.BAD_FRAME),
        ([client_frame(CONTINUATION, PING_FRAME)], Close.BAD_FRAME),
        ([client_frame(TEXT, b"", fin=False), client_frame(TEXT, PING_FRAME)], Close.BAD_FRAME),
        ([client_frame(TEXT, b"{", fin=False), client_frame(BINARY, b"}")], Close.BAD_FRAME),
        (
            [
                client_frame(TEXT, b"", fin=False),
                *[client_frame(CONTINUATION, b"", fin=False)] * 64,
                client_frame(CONTINUATION, PING_FRAME),
            ],
            Close.BAD_FRAME,
        ),
        ([client_frame(TEXT, b" " * (limits.FRAME_BYTES_MAX + 1))], Close.TOO_LARGE),
        (
            [
                client_frame(TEXT, b" " * limits.FRAME_BYTES_MAX, fin=False),
                client_frame(CONTINUATION, b" "),
            ],
            Close.TOO_LARGE,
        ),
        ([client_frame(TEXT, b'{"ack":1}')], Close.HELLO_EXPECTED),
        ([client_frame(PING)] * (limits.FRAMES_BURST_MAX + 100), Close.FLOOD),
        ([client_frame(PONG)] * (limits.FRAMES_BURST_MAX + 100), Close.FLOOD),
        (
            [
                client_frame(TEXT, b"{", fin=False),
                *[client_frame(PONG)] * (limits.FRAMES_BURST_MAX - 1),
                *[client_frame(CONTINUATION, b"", fin=False)] * 50,
            ],
            Close.FLOOD,
        ),
    ],
    ids=[
        "no JSON",
        "no UTF-8",
        "binary",
        "a continuation of nothing",
        "a text within a text",
        "binary within a text",
        "too many parts",
        "a frame too large",
        "parts too large",
        "an ack before hello",
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

    async def test(edge: Edge) -> None:
        client = await edge.connect()
        client.send(*frames, client_frame(TEXT, PING_FRAME))
        while (frame := await client.frame())[0] == PONG:
            pass
        assert (frame[0], int.from_bytes(frame[1][:2], "big")) == (CLOSE, code)
        client.send(client_frame(TEXT, PING_FRAME), client_frame(CLOSE, frame[1][:2]))
        assert await client.refused()

    on_edge(test)


def test_frames_of_one_turn_are_written_together_and_in_order() -> None:
    async def test(edge: Edge) -> None:
        client = await edge.connect()
        (sock,) = edge.listener.sockets
        sizes = (0, 1, 125, 126, 127, 65_535, 65_536, 70_000)
        texts = [(b"%d" % n * size)[:size] for n, size in enumerate(sizes)]
        for text in texts:
            sock.connection.push(text)
        sock.connection.close(Close.GOING_AWAY, "ü" * 100)
        sock.connection.push(b"after the end")
        assert [await client.frame() for _ in texts] == [(TEXT, text) for text in texts]
        kind, payload = await client.frame()
        assert (kind, payload[:2]) == (CLOSE, Close.GOING_AWAY.to_bytes(2, "big"))
        assert payload[2:].decode() == "ü" * 60
        client.send(client_frame(CLOSE, payload[:2]))
        assert await client.end() == b""

    on_edge(test)


def test_who_does_not_read_is_closed_before_too_much_waits() -> None:
    async def test(edge: Edge) -> None:
        client = await edge.connect()
        (sock,) = edge.listener.sockets
        frame = b'"%b"' % (b"x" * 64 * 1024)
        pushed = 0
        while not sock.connection.closed:
            assert sock.buffered() <= limits.SEND_BUFFER_BYTES_MAX
            sock.connection.push(frame)
            pushed += 1
        assert pushed <= limits.SEND_BUFFER_BYTES_MAX // len(frame) + 1
        client.hang_up()

    on_edge(test)


# --- the closing handshake --------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, 1000, 1001, 3000, 4999])
def test_a_close_of_the_clients_is_answered_alike(code: int | None) -> None:
    async def test(edge: Edge) -> None:
        client = await edge.connect()
        payload = b"" if code is None else code.to_bytes(2, "big") + b"bye"
        client.send(client_frame(CLOSE, payload), client_frame(TEXT, PING_FRAME))
        assert await client.close_code() == (code or 1000)
        assert await client.end() == b""
        assert edge.listener.sockets == set()

    on_edge(test)


@pytest.mark.parametrize("answers", [True, False], ids=["answered", "not answered"])
def test_a_close_of_the_servers_ends_when_answered_or_soon(
    answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", TEST_S_MAX * 2 if answers else 0.01)

    async def test(edge: Edge) -> None:
        alice = await edge.server.register("alice")
        client = await edge.hello(alice)
        await edge.server.call(alice, m.Logout())
        assert await client.close_code() == Close.SESSION_ENDED
        if answers:
            client.send(client_frame(CLOSE, Close.SESSION_ENDED.to_bytes(2, "big")))
        assert await client.end() == b""

    on_edge(test)


# --- coming and going -------------------------------------------------------------------------


def test_only_the_address_of_live_connections_is_served() -> None:
    async def test(edge: Edge) -> None:
        for path in ("/ws", "/", "/ws?x=1"):
            status, _ = await edge.dial(path)
            assert status.startswith("HTTP/1.1 101"), path
        for path in ("/api/help.config", "/ws/", "/metrics"):
            status, client = await edge.dial(path)
            assert not status.startswith("HTTP/1.1 101"), path
            await client.refused()
        assert len(edge.listener.sockets) == 3

    on_edge(test)


def test_who_says_nothing_is_closed_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELLO_DEADLINE_S", 0.05)

    async def test(edge: Edge) -> None:
        client = await edge.connect()
        assert await client.close_code() == Close.HELLO_EXPECTED

    on_edge(test)


def test_a_full_edge_refuses_and_takes_again_when_somebody_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also who has not asked for a WebSocket yet has a place."""
    monkeypatch.setattr(limits, "CONNECTIONS_PER_EDGE_MAX", 2)

    async def test(edge: Edge) -> None:
        first, _ = await edge.connect(), await edge.reach()
        assert (await edge.dial())[0] == ""
        assert edge.listener.doors.refused == 1
        first.send(client_frame(CLOSE))
        assert await first.close_code() == 1000
        assert await first.end() == b""
        await edge.connect()
        assert edge.listener.doors.open == 2

    on_edge(test)


def test_one_address_leaves_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_PER_ADDRESS_MAX", 2)

    async def test(edge: Edge) -> None:
        talking, half = await edge.connect(), await edge.reach()
        half.send(b"GET /ws HTTP/1.1\r\nX-Half: ")
        assert (await edge.dial())[0] == ""
        for _ in range(3):
            await edge.connect("127.0.0.2")
        await edge.connect("127.0.0.3")
        talking.hang_up()
        while edge.listener.doors.open > 5:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.001)
        await edge.connect()
        assert (await edge.dial())[0] == "", "the other one still counts"

    on_edge(test, Callers(exempt=("127.0.0.2",)))


def test_behind_a_proxy_those_whom_it_names_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they ask; before that all are the proxy's."""
    monkeypatch.setattr(limits, "CONNECTIONS_PER_ADDRESS_MAX", 2)
    names = ["2001:db8::1", "[2001:db8::2]:4000", "203.0.113.7", "203.0.113.7:1"]
    told = [f"x-forwarded-for: 10.6.6.{at}, {name}\r\n" for at, name in enumerate(names)]

    async def test(edge: Edge) -> None:
        for _ in range(3):
            await edge.reach()
        first, *_ = [await edge.connect(told=header) for header in told]
        for header in told:
            status, over = await edge.dial(told=header)
            assert not status.startswith("HTTP/1.1 101")
            await over.refused()
        first.send(client_frame(CLOSE))
        await first.close_code()
        assert await first.end() == b""
        await edge.connect(told=told[1])

    on_edge(test, Callers(proxies=1))


@pytest.mark.parametrize("said", [b"", b"GET /ws HTTP/1.1\r\nX-Half: "])
def test_who_never_asks_is_sent_away(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELLO_DEADLINE_S", 0.05)

    async def test(edge: Edge) -> None:
        client = await edge.reach()
        client.send(said)
        await client.refused()
        assert edge.listener.doors.open == 0

    on_edge(test)


def test_draining_asks_everybody_to_come_back_and_takes_nobody_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.05)

    async def test(edge: Edge) -> None:
        clients = [await edge.connect() for _ in range(60)]
        await edge.listener.drain()
        for client in clients:
            assert await client.close_code() == Close.GOING_AWAY
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset
            await edge.connect()

    on_edge(test)


def test_nothing_is_left_of_connections_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in them is in a cycle, which the collector looks for seldom."""

    def left() -> Counter[str]:
        kinds = (module.PicowsSocket, Connection, Door)
        return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in kinds)

    async def test(edge: Edge) -> None:
        alice = await edge.server.register("alice")
        clients = [await edge.hello(alice), await edge.connect()]
        for client in clients:
            client.send(client_frame(TEXT, b'{"ping":1}'))
        clients += [await edge.hello(alice) for _ in range(2)]
        clients[-1].send(client_frame(CLOSE))
        assert await clients[-1].end()
        assert left()["Door"]
        for client in clients:
            client.hang_up()
        while edge.listener.doors.open:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        await edge.server.call(alice, m.GetMe())  # what was still said is done
        assert not left()

    monkeypatch.setattr(module, "CLOSE_S", 0.0)
    gc.collect()
    gc.disable()
    try:
        on_edge(test)
    finally:
        gc.enable()
