"""Long polls: they miss nothing, whenever what they wait for happens, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api import limits
from api import methods as m
from api import types as t
from fronts.gateway import Gateway
from tests.unit.fronts.kit import (
    Person,
    Server,
    on_server,
    refused,
    settled,
    turns_of_the_loop,
)
from tests.unit.runtime.fake_time import fake_loop

POLL_S = limits.POLL_TIMEOUT_S_MAX
STEPS = 60
"""More turns of the loop than a poll takes until it waits."""
PLACES: list[dict[str, Any]] = [
    {"thread_s": 0.0},
    {"thread_s": 0.001},
    {"hosts": 2},
    {"dedicated": ("session",), "thread_s": 0.001},
]


class Poller:
    """Alice, who polls, and bob, whose front is another one."""

    def __init__(
        self, server: Server, alice: Person, bob: Person, chat: str, front: Gateway
    ) -> None:
        self.server, self.alice, self.bob, self.chat, self.front = server, alice, bob, chat, front
        self.pts = 0

    def poll(self, who: Person | None = None) -> asyncio.Task[t.Difference]:
        async def in_time() -> t.Difference:
            async with asyncio.timeout(POLL_S - 1):
                call = self.server.call(who or self.alice, m.Poll(self.pts, POLL_S))
                found: t.Difference = await call
            self.pts = found.pts
            return found

        return asyncio.create_task(in_time())

    async def send(self, text: str) -> None:
        await self.server.send(self.bob, self.chat, text, self.front)

    async def seen(self) -> t.Status:
        (user,) = (await self.server.call(self.bob, m.GetUsers([self.alice.id]))).users
        assert user.status is not None
        return user.status  # type: ignore[no-any-return]


def on_poller(test: Callable[[Poller], Awaitable[None]], **options: Any) -> None:
    async def prepared(server: Server) -> None:
        alice, bob = await server.register("alice"), await server.register("bobby")
        chat, front = await server.private(alice, bob), await server.front()
        poller = Poller(server, alice, bob, chat, front)
        await test(poller)
        await settled()
        assert server.gateway.connections.by_number == {}
        assert not (await poller.seen()).online

    on_server(prepared, **options)


def test_a_poll_comes_back_at_once_with_what_is_there() -> None:
    async def test(poller: Poller) -> None:
        await poller.send("before")
        await settled()
        found = await poller.poll()
        assert [numbered.update.message.text for numbered in found.updates] == ["before"]

    on_poller(test)


@pytest.mark.parametrize("timeout_s", [0, 1, POLL_S])
def test_a_poll_without_news_comes_back_empty_when_its_time_is_over(timeout_s: int) -> None:
    async def test(poller: Poller) -> None:
        begun_s = fake_loop().time()
        found = await poller.server.call(poller.alice, m.Poll(0, timeout_s))
        assert (found.kind, found.pts) == ("empty", 0)
        assert int(fake_loop().time() - begun_s) == timeout_s

    on_poller(test)


def test_whoever_polls_is_online_and_not_woken_by_what_is_not_stored() -> None:
    async def test(poller: Poller) -> None:
        task = poller.poll()
        await settled()
        assert (await poller.seen()).online
        await poller.server.call(poller.bob, m.SetTyping(poller.chat))
        await settled()
        assert not task.done()
        await poller.send("news")
        assert (await task).kind == "full"

    on_poller(test)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_misses_nothing_whenever_it_happens(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            await poller.send(f"at step {step}")
            found = await task
            texts = [numbered.update.message.text for numbered in found.updates]
            assert (texts, found.kind) == ([f"at step {step}"], "full")

    on_poller(test, **place)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_of_a_session_that_ends_is_refused_whenever_it_ends(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            second = await poller.server.log_in(poller.alice)
            task = poller.poll(second)
            await turns_of_the_loop(step)
            end = m.EndSession(second.caller.session_id)
            await poller.server.call(poller.alice, end, poller.front)
            assert await refused(task) == "unauthorized"

    on_poller(test, **place)


def test_a_poll_that_is_one_too_many_of_its_session_is_refused_and_not_empty() -> None:
    """Who is told that there is nothing asks again at once, and sends another one away."""

    async def test(poller: Poller) -> None:
        first = poller.poll()
        await settled()
        others = [poller.poll() for _ in range(limits.CONNECTIONS_PER_SESSION_MAX)]
        assert await refused(first) == "too_many"
        await poller.send("news")
        assert [(await other).kind for other in others] == ["full"] * len(others)

    on_poller(test)


@pytest.mark.parametrize("thread_s", [0.0, 0.001])
def test_a_poll_does_not_wait_in_vain_for_a_host_that_forgot_it(thread_s: float) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            poller.server.restart()
            await poller.send(f"at step {step}")
            found = await task
            if found.kind == "empty":
                found = await poller.poll()
            texts = [numbered.update.message.text for numbered in found.updates]
            assert texts == [f"at step {step}"]

    on_poller(test, thread_s=thread_s)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_poll_that_is_given_up_leaves_nothing_behind(place: dict[str, Any]) -> None:
    async def test(poller: Poller) -> None:
        for step in range(STEPS):
            task = poller.poll()
            await turns_of_the_loop(step)
            task.cancel()
            await settled()
            assert task.cancelled()
            assert poller.server.gateway.connections.by_number == {}
            assert not (await poller.seen()).online

    on_poller(test, **place)
