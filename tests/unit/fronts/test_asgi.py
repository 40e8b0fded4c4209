"""Live connections through the HTTP port: the same as through an edge's, over ASGI's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from api import limits
from api import methods as m
from api.frames import Close
from fronts import asgi
from fronts.connection import CLOSE_S
from tests.unit.fronts.kit import Person, Server, settled
from tests.unit.runtime.fake_time import fake_loop, run

GONE = {"type": "websocket.disconnect", "code": 1006}


class Browser:
    """The client's and the HTTP server's side of a WebSocket. While `reading` is not set, nothing
    that is sent gets through."""

    def __init__(self, server: Server, token: str = "") -> None:
        self.sent: list[dict[str, Any]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.broken = False
        self._news = asyncio.Event()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.served = asyncio.create_task(
            asgi.websocket(server.gateway, self._incoming.get, self._send, token=token)
        )

    async def _send(self, message: Any) -> None:
        await self.reading.wait()
        if self.broken:
            raise OSError("the socket is gone")
        assert "websocket.close" not in [sent["type"] for sent in self.sent], "sent after the close"
        self.sent.append(dict(message))
        self._news.set()

    def receive(self, **message: Any) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", **message})

    def say(self, frame: Any) -> None:
        self.receive(text=msgspec.json.encode(frame).decode(), bytes=None)

    def leave(self) -> None:
        self._incoming.put_nowait(GONE)

    @property
    def frames(self) -> list[Any]:
        return [msgspec.json.decode(sent["text"]) for sent in self.sent if "text" in sent]

    async def heard(self, count: int) -> list[Any]:
        """The first `count` frames, as soon as they are there."""
        while len(self.frames) < count:
            self._news.clear()
            await self._news.wait()
        return self.frames

    async def hello(self, person: Person) -> Any:
        self.say({"id": 1, "method": "session.hello", "params": {"token": person.token}})
        return (await self.heard(1))[0]["result"]

    async def closed(self) -> int:
        """The code of the close frame, once the connection is over."""
        await self.served
        assert self.sent[-1]["type"] == "websocket.close"
        code: int = self.sent[-1]["code"]
        return code


def on_server(test: Callable[[Server], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Server() as server:
            await test(server)
            await settled()
            assert server.gateway.connections.by_number == {}

    run(main)


def test_requests_are_answered_and_updates_pushed_until_the_client_leaves() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        browser = Browser(server)
        assert (await browser.hello(alice))["user_id"] == alice.id
        assert browser.sent[0] == {"type": "websocket.accept"}
        browser.say({"id": 2, "method": "users.me"})
        assert (await browser.heard(2))[1]["result"]["id"] == alice.id
        for number in range(5):
            await server.call(alice, m.UpdateProfile(bio=f"bio {number}"))
        frames = await browser.heard(7)
        assert [frame["pts"] for frame in frames[2:]] == [1, 2, 3, 4, 5]
        (user,) = (await server.call(alice, m.GetUsers([alice.id]))).users
        assert user.status.online
        browser.leave()
        await browser.served
        await settled()
        (user,) = (await server.call(alice, m.GetUsers([alice.id]))).users
        assert not user.status.online
        assert browser.sent[-1]["type"] == "websocket.send", "who is gone is not closed"

    on_server(test)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"text": "nonsense"}, Close.BAD_FRAME),
        ({"bytes": b'{"ping":1}'}, Close.BAD_FRAME),
        ({"text": None, "bytes": b'{"ping":1}'}, Close.BAD_FRAME),
        ({"text": '{"ping":1}' + " " * (limits.FRAME_BYTES_MAX - 9)}, Close.TOO_LARGE),
        ({"text": "é" * (limits.FRAME_BYTES_MAX // 2 + 1)}, Close.TOO_LARGE),
    ],
)
def test_what_is_too_much_is_closed_with_a_code(message: dict[str, Any], code: int) -> None:
    async def test(server: Server) -> None:
        browser = Browser(server)
        await browser.hello(await server.register("alice"))
        browser.receive(text='{"ping":1}' + " " * (limits.FRAME_BYTES_MAX - 10))
        browser.receive(**message)
        browser.receive(text='{"ping":2}')
        assert await browser.closed() == code
        assert browser.frames[1:] == [{"pong": 1}], "the largest is taken; after the end, none"

    on_server(test)


def test_a_session_that_ends_closes_the_socket() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        browser = Browser(server)
        await browser.hello(alice)
        begun_s = fake_loop().time()
        await server.call(alice, m.Logout())
        assert await browser.closed() == Close.SESSION_ENDED
        assert fake_loop().time() == begun_s, "it is over when the client has the close frame"

    on_server(test)


def test_a_page_says_hello_by_the_cookie_of_its_handshake() -> None:
    async def test(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        page = Browser(server, alice.token)
        page.say({"id": 1, "method": "session.hello"})
        assert (await page.heard(1))[0]["result"]["user_id"] == alice.id
        other = Browser(server, alice.token)
        assert (await other.hello(bob))["user_id"] == bob.id, "what it says counts"
        nobody = Browser(server)
        nobody.say({"id": 1, "method": "session.hello"})
        assert (await nobody.heard(1))[0]["error"]["code"] == "unauthorized"
        assert await nobody.closed() == Close.SESSION_ENDED
        for browser in (page, other):
            browser.leave()
            await browser.served

    on_server(test)


def test_silence_ends_a_connection() -> None:
    async def test(server: Server) -> None:
        stranger, silent, alive = (Browser(server) for _ in range(3))
        alice = await server.register("alice")
        await silent.hello(alice)
        await alive.hello(alice)
        begun_s = fake_loop().time()
        assert await stranger.closed() == Close.HELLO_EXPECTED
        assert fake_loop().time() - begun_s == pytest.approx(limits.HELLO_DEADLINE_S)
        for number in range(2, 6):
            await asyncio.sleep(limits.HEARTBEAT_S)
            alive.say({"ping": number})
            assert (await alive.heard(number))[-1] == {"pong": number}
        assert await silent.closed() == Close.SILENT
        assert not alive.served.done()
        alive.leave()
        await alive.served

    on_server(test)


def test_frames_of_which_it_is_only_told_count_for_silence_and_rate() -> None:
    async def test(server: Server) -> None:
        browser = Browser(server)
        await browser.hello(await server.register("alice"))
        for _ in range(5):
            await asyncio.sleep(limits.HEARTBEAT_S)
            browser.receive(type=asgi.CONTROL, frames=1)
        await asyncio.sleep(limits.HEARTBEAT_S)
        browser.receive(type=asgi.CONTROL, frames=limits.FRAMES_BURST_MAX - 1)
        browser.say({"ping": 1})
        assert (await browser.heard(2))[1] == {"pong": 1}
        browser.receive(type=asgi.CONTROL, frames=1)
        assert await browser.closed() == Close.FLOOD

    on_server(test)


@pytest.mark.parametrize("code", [Close.BAD_FRAME, Close.SESSION_ENDED])
def test_what_was_said_before_the_end_comes_before_the_end(code: int) -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        browser = Browser(server)
        await browser.hello(alice)
        browser.reading.clear()
        for number in (1, 2):
            browser.say({"ping": number})
            await settled()
        if code == Close.BAD_FRAME:
            browser.receive(text="nonsense")
        else:
            await server.call(alice, m.Logout())
        await settled()
        browser.reading.set()
        assert await browser.closed() == code
        assert browser.frames[1:] == [{"pong": 1}, {"pong": 2}]

    on_server(test)


async def _much(server: Server, *, reads: bool, speaks: bool) -> Browser:
    """A client for which there is more than may wait."""
    alice = await server.register("alice")
    browser = Browser(server)
    await browser.hello(alice)
    if not reads:
        browser.reading.clear()
    chat = (await server.call(alice, m.OpenPrivate(alice.id))).id
    for number in range(limits.SEND_BUFFER_BYTES_MAX // limits.TEXT_CHARS_MAX + 1):
        await server.send(alice, chat, "x" * limits.TEXT_CHARS_MAX)
        if speaks and number % 100 == 0:
            browser.say({"ack": number})
    return browser


def test_who_shows_that_it_reads_is_never_too_slow() -> None:
    async def test(server: Server) -> None:
        browser = await _much(server, reads=True, speaks=True)
        assert not browser.served.done()
        pushed = [frame["pts"] for frame in browser.frames if "pts" in frame]
        assert pushed == list(range(1, len(pushed) + 1))
        browser.leave()
        await browser.served

    on_server(test)


def test_who_says_nothing_to_much_is_taken_for_somebody_who_does_not_read() -> None:
    async def test(server: Server) -> None:
        browser = await _much(server, reads=True, speaks=False)
        assert await browser.closed() == Close.TOO_SLOW

    on_server(test)


def test_what_waits_is_not_sent_to_who_is_too_slow() -> None:
    async def test(server: Server) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        socket = asgi.AsgiSocket()
        socket.send(b"{}")
        socket.close(Close.TOO_SLOW, "too slow")
        await socket.write(send)
        assert sent == [{"type": "websocket.close", "code": Close.TOO_SLOW, "reason": "too slow"}]

    on_server(test)


def test_who_does_not_read_is_let_go_of() -> None:
    async def test(server: Server) -> None:
        browser = await _much(server, reads=False, speaks=False)
        await browser.served
        assert len(browser.frames) == 1

    on_server(test)


def test_who_reads_again_in_time_is_told_why_it_ends() -> None:
    async def test(server: Server) -> None:
        browser = await _much(server, reads=False, speaks=False)
        await asyncio.sleep(CLOSE_S / 2)
        browser.reading.set()
        assert await browser.closed() == Close.TOO_SLOW
        assert len(browser.frames) == 2, "only what was on its way"

    on_server(test)


def test_a_socket_that_breaks_ends_the_connection() -> None:
    async def test(server: Server) -> None:
        alice = await server.register("alice")
        browser = Browser(server)
        await browser.hello(alice)
        browser.broken = True
        await server.call(alice, m.UpdateProfile(bio="nobody sees it"))
        await browser.served

    on_server(test)
