"""Fronts follow a chat that moves: nothing is refused, and nothing overtakes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest

from actors import addresses
from api import methods as m
from fronts.gateway import Gateway
from runtime.front_streams import NONE, FrontStream
from runtime.lines.lines import Take
from runtime.messages import Dedicate
from runtime.placement import own_partition
from runtime.wire import Out
from tests.unit.fronts.kit import Client, Person, Server, turns_of_the_loop
from tests.unit.runtime.fake_time import fake_loop, run

WINDOW = 40
"""As many requests as a connection may have in flight, and fewer than its frames."""
STEPS = 25


class Scene:
    """Two people with a chat, on a server whose disk takes a while."""

    server: Server
    alice: Person
    bobby: Person
    chat_id: str

    async def make(self, server: Server) -> Scene:
        self.server = server
        self.alice = await server.register("alice")
        self.bobby = await server.register("bobby")
        self.chat_id = await server.private(self.alice, self.bobby)
        self.own = own_partition(addresses.chat(self.chat_id))
        self.host = server.placement.host(self.own)
        return self

    def be_far_away(self) -> None:
        """What is sent to the pool takes a while to get there; its own host is near."""
        for host in self.server.hosts.values():
            host.submit = _late(host.submit)  # type: ignore[method-assign]

    def dedicate(self, front: Gateway) -> asyncio.Task[bytes]:
        return asyncio.create_task(front.ask(addresses.chat(self.chat_id), Dedicate()))

    async def texts(self, front: Gateway | None = None) -> list[str]:
        history = m.GetHistory(self.chat_id, limit=100)
        found = await self.server.call(self.alice, history, front)
        return [message.text for message in found.messages]


def _late(submit: Callable[..., None]) -> Callable[..., None]:
    def late(*call: Any) -> None:
        asyncio.get_running_loop().call_later(0.02, submit, *call)

    return late


def on_scene(test: Callable[[Scene], Awaitable[None]], hosts: int = 1) -> None:
    async def main() -> None:
        fake_loop().thread_s = lambda: 0.001
        async with Server(hosts=hosts) as server:
            await test(await Scene().make(server))

    run(main)


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("hosts", [1, 2])
def test_a_window_of_sends_stays_in_order(step: int, hosts: int) -> None:
    """Wherever in it the chat moves, and by whichever front the administrator comes."""

    async def test(scene: Scene) -> None:
        other = await scene.server.front()
        client = Client(scene.server.gateway)
        await client.hello(scene.alice)
        scene.be_far_away()
        moving = scene.dedicate(other)
        numbers = []
        for number in range(1, WINDOW + 1):
            send = m.SendMessage(scene.chat_id, f"{number}", number)
            numbers.append(client.request(send))
            await asyncio.sleep(0.0005 * step)
        answers = [await client.answer(number) for number in numbers]
        assert [answer["id"] for answer in answers] == list(range(1, WINDOW + 1))
        await moving
        assert await scene.texts() == [f"{number}" for number in range(1, WINDOW + 1)]
        assert scene.host in scene.server.hosts

    on_scene(test, hosts)


def test_a_front_that_is_new_finds_the_chat() -> None:
    async def test(scene: Scene) -> None:
        await scene.server.send(scene.alice, scene.chat_id, "before")
        await scene.dedicate(scene.server.gateway)
        front = await scene.server.front()
        assert await scene.texts(front) == ["before"]
        assert front.placement.partition(addresses.chat(scene.chat_id)) == scene.own
        await scene.server.send(scene.bobby, scene.chat_id, "after", front)
        assert await scene.texts() == ["before", "after"]

    on_scene(test)


def test_an_answer_from_a_host_that_does_not_know_the_front_comes() -> None:
    """Opening a chat asks the peer, who tells the chat, which answers."""

    async def test(scene: Scene) -> None:
        await scene.dedicate(scene.server.gateway)
        front = await scene.server.front()
        host = scene.server.hosts[scene.host]
        assert host.life is not None
        fronts, listen, lost = host.life.pipeline.fronts, host.listen, asyncio.Event()
        release = fronts.release

        def noticing(
            outs: Iterable[tuple[str, Out]], durable: Mapping[FrontStream, int] = NONE
        ) -> None:
            release(outs, durable)
            if fronts.dropped:
                lost.set()

        async def listen_late(front: str, stream: str, take: Take) -> None:
            await lost.wait()
            await listen(front, stream, take)

        fronts.release = noticing  # type: ignore[method-assign]
        host.listen = listen_late  # type: ignore[method-assign]
        begin_s = asyncio.get_running_loop().time()
        opened = await scene.server.call(scene.alice, m.OpenPrivate(scene.bobby.id), front)
        assert opened.id == scene.chat_id
        assert fronts.dropped == 1, "the first answer was lost"
        assert asyncio.get_running_loop().time() - begin_s < 1, "it was asked again at once"

    on_scene(test)


@pytest.mark.parametrize("step", range(0, STEPS * 8, 8))
def test_hosts_die_on_the_way(step: int) -> None:
    async def test(scene: Scene) -> None:
        other = await scene.server.front()
        client = Client(scene.server.gateway)
        await client.hello(scene.alice)
        moving = scene.dedicate(other)
        numbers = []
        for number in range(1, WINDOW + 1):
            numbers.append(client.request(m.SendMessage(scene.chat_id, f"{number}", number)))
            await turns_of_the_loop(step // 40)
        await turns_of_the_loop(step)
        for name in list(scene.server.hosts):
            scene.server.restart(name)
        answers = [await client.answer(number) for number in numbers]
        assert [answer["id"] for answer in answers] == list(range(1, WINDOW + 1))
        await moving
        assert await scene.texts() == [f"{number}" for number in range(1, WINDOW + 1)]

    on_scene(test)
