"""Which way the bytes of files take, with servers in memory."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph import _way
from heliograph._config import Timeouts
from heliograph._errors import ConnectionLost, ProtocolError
from heliograph._http import Http
from heliograph._transport import Transport
from heliograph._way import ANSWER_S_MAX, Way, files_server

MAIN, FILES = "http://town.example:8000", "http://town.example:8002"
REFUSED = ConnectionLost("nobody listens", maybe_done=False)
BROKEN = ConnectionLost("it broke")


def told_of(server_id: str = "town", files_port: int = 8002) -> t.Config:
    return t.Config("1", "", "/ws", "open", 25, server_id, 8001, files_port)


TOLD = told_of()


class Listening(Http):
    """What listens somewhere: what it tells of itself, or raises; and what is done with it."""

    def __init__(self, server: str, told: t.Config | Exception) -> None:
        self.server = server
        self.told = told
        self.asked = 0
        self.fails: Exception | None = None
        self.closed = False
        self.timeouts = Timeouts()

    async def call(self, params: Any, token: str, timeout_s: float) -> Any:
        assert (params, token) == (m.GetConfig(), "")
        self.asked += 1
        await asyncio.sleep(0)  # others go on meanwhile
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    async def close(self) -> None:
        self.closed = True

    async def work(self) -> str:
        if self.fails:
            raise self.fails
        return self.server


class Net:
    """A server, its port for files, and a way to both."""

    def __init__(self) -> None:
        self.main, self.files = Listening(MAIN, TOLD), Listening(FILES, TOLD)
        self.opened: list[str] = []
        self.way = Way(self.main, Transport(self._open), Timeouts(), None)

    def _open(self, server: str, timeouts: Timeouts, context: ssl.SSLContext | None) -> Http:
        self.opened.append(server)
        self.files.timeouts = timeouts
        return self.files

    async def went(self) -> str:
        """Where the bytes went."""

        async def work(http: Http) -> str:
            assert isinstance(http, Listening)
            return await http.work()

        return await self.way.take(work)


def play(story: Callable[[Net], Awaitable[None]]) -> None:
    async def whole() -> None:
        net = Net()
        await story(net)
        await net.way.close()
        assert net.files.closed == bool(net.opened)
        assert not net.main.closed  # that is the client's

    asyncio.run(whole())


def test_files_go_to_their_port_which_is_looked_for_once() -> None:
    async def story(net: Net) -> None:
        for _ in range(3):
            assert await net.went() == FILES
        assert (net.main.asked, net.files.asked, net.opened) == (1, 1, [FILES])
        assert net.files.timeouts.connect_s == ANSWER_S_MAX

    play(story)


@pytest.mark.parametrize(
    "told",
    [
        REFUSED,
        BROKEN,
        ApiError("unauthorized"),
        told_of(server_id="another town"),
    ],
    ids=["refused", "broken", "refusing", "another server"],
)
def test_a_port_that_is_not_the_servers_is_left_alone(told: t.Config | Exception) -> None:
    async def story(net: Net) -> None:
        net.files.told = told
        for _ in range(3):
            assert await net.went() == MAIN
        assert (net.main.asked, net.files.asked) == (1, 1)

    play(story)


def test_a_server_without_one_and_one_that_does_not_answer_are_asked_now_and_then() -> None:
    async def story(net: Net) -> None:
        for told in (REFUSED, told_of(files_port=0)):
            net.main.told = told
            assert [await net.went() for _ in range(2)] == [MAIN] * 2
            net.way._look_at_s = 0
        assert net.main.asked == 2
        assert not net.opened
        net.main.told = TOLD
        assert await net.went() == FILES

    play(story)


def test_a_port_that_is_shut_later_is_gone_around_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(net: Net) -> None:
        assert await net.went() == FILES
        net.files.fails = REFUSED
        assert await net.went() == MAIN
        net.files.fails = None
        assert await net.went() == MAIN
        monkeypatch.setattr(_way, "AGAIN_S", 0.0)
        net.files.fails = REFUSED
        net.way._look_at_s = 0
        assert await net.went() == MAIN
        net.files.fails = None
        assert await net.went() == FILES
        assert net.opened == [FILES]  # by the connections that there were

    play(story)


def test_what_may_have_been_done_is_not_done_on_the_other_way_and_no_refusal_is() -> None:
    async def story(net: Net) -> None:
        assert await net.went() == FILES
        for error in (ApiError("hash_mismatch"), BROKEN):
            assert await net.went() == FILES
            net.files.fails = error
            with pytest.raises(type(error)):
                await net.went()
            net.files.fails = None
        assert await net.went() == MAIN  # what is tried again comes this way

    play(story)


def test_who_answers_something_else_is_not_the_server_any_more() -> None:
    async def story(net: Net) -> None:
        assert await net.went() == FILES
        net.files.fails = ProtocolError("what is this")
        assert await net.went() == MAIN
        net.files.fails = None
        assert await net.went() == MAIN

    play(story)


def test_those_who_begin_at_once_look_once() -> None:
    async def story(net: Net) -> None:
        assert await asyncio.gather(*(net.went() for _ in range(5))) == [FILES] * 5
        assert (net.main.asked, net.files.asked) == (1, 1)

    play(story)


@pytest.mark.parametrize(
    ("server", "port", "found"),
    [
        (MAIN, 8002, FILES),
        ("http://[::1]:8000", 8002, "http://[::1]:8002"),
        (MAIN, 0, ""),
        ("https://town.example", 8002, ""),
        ("http://town.example/heliograph", 8002, ""),
    ],
)
def test_no_proxy_is_left(server: str, port: int, found: str) -> None:
    assert files_server(server, told_of(files_port=port)) == found
