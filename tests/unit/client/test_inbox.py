"""The queue between the connection and the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api import types as t
from heliograph._errors import SessionEnded
from heliograph._inbox import Inbox
from heliograph._wire import UnknownUpdate

TYPING = t.Typing("p1-2", 2)


def item(pts: int) -> UnknownUpdate:
    return UnknownUpdate(b"%d" % pts)


class Told:
    """What an inbox told: room, taken and done, in order."""

    def __init__(self, size_max: int = 4) -> None:
        self.log: list[Any] = []
        self.inbox = Inbox(
            size_max,
            lambda: self.log.append("room"),
            lambda pts: self.log.append(("taken", pts)),
            lambda pts: self.log.append(("done", pts)),
        )


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(5):
            await test()

    asyncio.run(limited())


async def waiting(inbox: Inbox) -> asyncio.Task[Any]:
    """A reader that waits for the next one."""
    task = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    assert inbox._reader is not None
    return task


def test_in_order_taken_when_handed_out_and_done_with_the_next() -> None:
    async def test() -> None:
        told = Told()
        told.inbox.put(1, item(1))
        told.inbox.put_event(TYPING)
        told.inbox.put(2, item(2))
        assert await told.inbox.take() == item(1)
        assert told.log == [("taken", 1)]
        assert await told.inbox.take() == TYPING
        assert told.log == [("taken", 1), ("done", 1)], "an event takes no number"
        assert await told.inbox.take() == item(2)
        assert told.log == [("taken", 1), ("done", 1), ("taken", 2)]

    run(test)


def test_a_waiting_reader_is_woken() -> None:
    async def test() -> None:
        told = Told()
        reader = await waiting(told.inbox)
        told.inbox.put(1, item(1))
        told.inbox.put(2, item(2))
        assert await reader == item(1)
        assert len(told.inbox) == 1

    run(test)


def test_the_last_one_is_done_when_the_reader_comes_back_to_wait() -> None:
    async def test() -> None:
        told = Told()
        told.inbox.put(1, item(1))
        await told.inbox.take()
        reader = await waiting(told.inbox)
        assert told.log == [("taken", 1), ("done", 1)]
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        told.inbox.put(2, item(2))
        assert await told.inbox.take() == item(2), "a reader that went away took nothing"

    run(test)


def test_two_readers_are_refused() -> None:
    async def test() -> None:
        told = Told()
        reader = await waiting(told.inbox)
        with pytest.raises(RuntimeError, match="one reader"):
            await told.inbox.take()
        told.inbox.put(1, item(1))
        assert await reader == item(1)

    run(test)


def test_full_until_half_is_taken() -> None:
    async def test() -> None:
        told = Told(size_max=4)
        for pts in range(1, 5):
            assert not told.inbox.full
            told.inbox.put(pts, item(pts))
        assert told.inbox.full
        told.inbox.put_event(TYPING)
        assert len(told.inbox) == 4, "events are dropped"
        await told.inbox.take()
        assert told.inbox.full
        assert "room" not in told.log
        await told.inbox.take()
        assert not told.inbox.full
        assert told.log.count("room") == 1

    run(test)


def test_the_end_comes_after_what_waits() -> None:
    async def test() -> None:
        told = Told()
        told.inbox.put(1, item(1))
        told.inbox.end(SessionEnded("over"))
        assert await told.inbox.take() == item(1)
        with pytest.raises(SessionEnded):
            await told.inbox.take()
        assert told.log[-1] == ("done", 1)
        told.inbox.begin()
        told.inbox.put(2, item(2))
        assert await told.inbox.take() == item(2), "another login"

    run(test)


def test_the_end_wakes_the_reader() -> None:
    async def test() -> None:
        told = Told()
        reader = await waiting(told.inbox)
        told.inbox.end()
        with pytest.raises(StopAsyncIteration):
            await reader

    run(test)


def test_clear_forgets_what_belonged_to_another_login() -> None:
    async def test() -> None:
        told = Told(size_max=2)
        for pts in (7, 8, 9):
            told.inbox.put(pts, item(pts))
        assert told.inbox.full
        await told.inbox.take()
        told.inbox.clear()
        assert not told.inbox.full
        told.inbox.put(1, item(1))
        assert await told.inbox.take() == item(1)
        assert ("done", 7) not in told.log

    run(test)
