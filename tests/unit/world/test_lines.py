"""Lines between simulated processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runtime.replication.protocol import Unavailable
from sim.world.cluster import Cluster
from sim.world.lines import Door, lines_of
from sim.world.loop import Loop
from sim.world.pipe import Pipe
from sim.world.process import Process
from sim.world.trace import Trace
from tests.unit.world.nets import run_on


class Service:
    """Counts what it receives, and tells numbers to who listens."""

    def __init__(self, process: Process, cluster: Cluster) -> None:
        self.received: list[Any] = []
        self._door = Door(cluster.network, process.rng)

    async def start(self) -> None: ...

    async def ping(self) -> None: ...

    def accept(self, pipe: Pipe) -> None:
        self._door.open_to(pipe, self._serve)

    async def _serve(self, method: str, *arguments: Any) -> Any:
        if method == "tell":
            (say,) = arguments
            for number in range(1_000):
                say(number)
                await asyncio.sleep(0.1)
        self.received.append(arguments)
        return method


class Net:
    """Process `a` has lines to `b`."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.cluster = Cluster(self.loop, random.Random(0), Trace(lambda: self.loop.now_s))
        self.cluster.add("b", lambda process: Service(process, self.cluster))
        self.a = self.cluster.begin("a")
        self.lines = lines_of(self.cluster.network, self.a)

    def call(self, method: str, *arguments: Any) -> asyncio.Task[Any]:
        return self.a.spawn(self.lines.call("b", method, *arguments))

    def listen(self, take: Callable[[Any], None]) -> asyncio.Task[Any]:
        return self.a.spawn(self.lines.listen("b", take, "tell"))

    @property
    def received(self) -> list[Any]:
        process = self.cluster.find("b")
        assert process is not None
        found: list[Any] = process.service.received
        return found


def on_net(test: Callable[[Net], Awaitable[None]]) -> None:
    run_on(Net(), test)


def test_calls_arrive_in_order_and_what_may_come_twice_does_at_times() -> None:
    async def test(net: Net) -> None:
        calls = [net.call("do", number) for number in range(200)]
        assert await asyncio.gather(*calls) == ["do"] * 200
        assert net.received == [(number,) for number in range(200)]
        await asyncio.gather(*(net.call("receive", number) for number in range(200)))
        assert len(net.received) > 400
        assert net.cluster.network.happened["call twice"] == len(net.received) - 400

    on_net(test)


def test_what_is_told_is_held_up_by_a_cut_and_ends_with_the_process() -> None:
    async def test(net: Net) -> None:
        told: list[int] = []
        listening = net.listen(told.append)
        await asyncio.sleep(1.0)
        assert told == list(range(len(told)))
        assert len(told) > 5
        net.cluster.network.cut(("b", "a"))
        await asyncio.sleep(0.2)  # what was on its way has arrived
        before = len(told)
        await asyncio.sleep(1.0)
        assert len(told) == before
        net.cluster.network.mend(("b", "a"))
        await asyncio.sleep(1.0)
        assert told == list(range(len(told)))
        assert len(told) > before + 10
        net.cluster.kill("b")
        with pytest.raises(Unavailable):
            await listening

    on_net(test)


def test_a_lossy_way_breaks_a_line_and_the_next_call_opens_another() -> None:
    async def test(net: Net) -> None:
        await net.call("do", 1)
        net.cluster.network.loss["a", "b"] = 1.0
        with pytest.raises(Unavailable):
            await net.call("do", 2)
        del net.cluster.network.loss["a", "b"]
        assert await net.call("do", 3) == "do"

    on_net(test)
