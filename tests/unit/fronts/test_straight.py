"""The socket of an answer in threads, as fronts run it, on real sockets."""

from __future__ import annotations

import asyncio
import pickle
import random
import threading
from typing import Any

import pytest

from api import limits
from api.errors import ApiError
from api.requests import ClientGone
from fronts.straight import Outlet, straight_of
from tests.unit.fronts.test_unhurried import Front, Streams, answer, run

ASKED = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"
LONG = random.Random(1).randbytes(24 << 20)
"""More than the kernel takes of one who does not read."""


def beginning(size: int) -> dict[str, Any]:
    headers = [(b"content-length", b"%d" % size)]
    return {"type": "http.response.start", "status": 200, "headers": headers}


async def sent_in_threads(outlet: Outlet, content: bytes) -> int:
    """Returns how often the client was waited for."""
    at = waits = 0
    while at < len(content):
        at += await asyncio.to_thread(outlet.take, memoryview(content)[at:])
        if outlet.stuck:
            waits += 1
            await outlet.room()
    return waits


def test_the_body_comes_after_its_head_whole_and_the_connection_goes_on() -> None:
    sizes = iter((len(LONG), 1, 200_000))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        straight = straight_of(scope)
        assert straight is not None
        size = next(sizes)
        async with straight.sending(send, beginning(size)) as outlet:
            await sent_in_threads(outlet, LONG[:size])

    async def client(front: Front, streams: Streams) -> None:
        for size in (len(LONG), 1, 200_000):
            streams[1].write(ASKED)
            head = await streams[0].readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-length: %d\r\n" % size in head
            assert await streams[0].readexactly(size) == LONG[:size]

    run(app, client)


def test_a_client_that_takes_nothing_holds_no_thread_and_may_go_on() -> None:
    stuck = asyncio.Event()
    waits = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal waits
        straight = straight_of(scope)
        assert straight is not None
        async with straight.sending(send, beginning(len(LONG))) as outlet:
            sent = await asyncio.to_thread(outlet.take, memoryview(LONG))
            assert sent == outlet.sent < len(LONG)
            assert outlet.stuck
            stuck.set()
            await outlet.room()
            waits += 1
            await sent_in_threads(outlet, LONG[sent:])

    async def client(front: Front, streams: Streams) -> None:
        streams[1].transport.pause_reading()  # type: ignore[attr-defined]
        streams[1].write(ASKED)
        await stuck.wait()
        streams[1].transport.resume_reading()  # type: ignore[attr-defined]
        await streams[0].readuntil(b"\r\n\r\n")
        assert await streams[0].readexactly(len(LONG)) == LONG

    run(app, client)
    assert waits == 1


def test_who_takes_too_little_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.05)
    refused: list[str] = []
    cut_off = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        straight = straight_of(scope)
        assert straight is not None
        try:
            async with straight.sending(send, beginning(len(LONG))) as outlet:
                await sent_in_threads(outlet, LONG)
        except ApiError as error:
            refused.append(error.code)
            cut_off.set()
            raise

    async def client(front: Front, streams: Streams) -> None:
        streams[1].transport.pause_reading()  # type: ignore[attr-defined]
        streams[1].write(ASKED)
        await cut_off.wait()
        streams[1].transport.resume_reading()  # type: ignore[attr-defined]
        await streams[0].readuntil(b"\r\n\r\n")
        assert 0 < len(await streams[0].read()) < len(LONG)

    run(app, client)
    assert refused == ["too_slow"]


def test_what_leaves_the_kernel_is_taken_though_there_is_no_room_for_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0)
    stuck, read, looked = asyncio.Event(), asyncio.Event(), asyncio.Event()
    sent: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        straight = straight_of(scope)
        assert straight is not None
        async with straight.sending(send, beginning(len(LONG))) as outlet:
            sent.append(await asyncio.to_thread(outlet.take, memoryview(LONG)))
            outlet._taken = outlet.sent - outlet._unsent()  # the client's kernel has taken some
            with pytest.raises(ApiError, match="too slowly"):
                outlet._look()
            stuck.set()
            await read.wait()
            outlet._look()
            looked.set()
            outlet.sent = len(LONG)  # or the answer would not be whole

    async def client(front: Front, streams: Streams) -> None:
        streams[1].transport.pause_reading()  # type: ignore[attr-defined]
        streams[1].write(ASKED)
        await stuck.wait()
        streams[1].transport.resume_reading()  # type: ignore[attr-defined]
        await streams[0].readuntil(b"\r\n\r\n")
        await streams[0].readexactly(sent[0])
        read.set()
        await looked.wait()

    run(app, client)


def test_a_client_that_goes_away_ends_it_also_for_a_thread_that_comes_late() -> None:
    lent: list[Outlet] = []
    begun, ended = asyncio.Event(), asyncio.Event()

    async def without_end(outlet: Outlet) -> None:
        lent.append(outlet)
        begun.set()
        while True:
            await sent_in_threads(outlet, LONG)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        straight = straight_of(scope)
        assert straight is not None
        async with straight.sending(send, beginning(len(LONG))) as outlet:
            with pytest.raises(ClientGone):
                await without_end(outlet)
        ended.set()

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(ASKED)
        await begun.wait()
        streams[1].transport.abort()
        await ended.wait()
        with pytest.raises(ClientGone):
            await asyncio.to_thread(lent[0].take, memoryview(b"late"))

    run(app, client)


def test_it_is_given_back_when_no_thread_has_it_any_more() -> None:
    done = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        straight = straight_of(scope)
        assert straight is not None
        entered, go_on = threading.Event(), threading.Event()
        async with straight.sending(send, beginning(1)) as outlet:

            def hold() -> bool:
                with outlet._lock:
                    entered.set()
                    go_on.wait()
                    return outlet._sock.fileno() >= 0

            holding = asyncio.create_task(asyncio.to_thread(hold))
            await asyncio.to_thread(entered.wait)
            closing = asyncio.create_task(outlet.close())
            await asyncio.sleep(0)
            go_on.set()
            assert await holding
            await closing
            assert outlet._sock.fileno() < 0
            outlet.sent += 1  # or the answer would not be whole
        done.set()

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(ASKED)
        await done.wait()

    run(app, client)


def test_another_process_is_lent_nothing() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert straight_of(scope) is not None
        seen.append(straight_of(pickle.loads(pickle.dumps(scope))))
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        streams[1].write(ASKED)
        await streams[0].readuntil(b"done")

    run(app, client)
    assert seen == [None]


def test_a_request_for_something_else_is_lent_nothing() -> None:
    assert straight_of({"type": "http"}) is None
    assert straight_of({"type": "http", "extensions": {}}) is None
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(straight_of(scope))
        await answer(send)

    async def client(front: Front, streams: Streams) -> None:
        front.made[0].scheme = "https"
        streams[1].write(ASKED)
        await streams[0].readuntil(b"done")

    run(app, client)
    assert seen == [None]
