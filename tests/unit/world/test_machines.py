"""Processes, disks, the network between processes, and what of the interpreter is simulated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.ambient import boot_s, monotonic_s, random_below, random_hex, random_share
from api.errors import ApiError
from sim.world.cluster import Cluster
from sim.world.disk import DiskStore
from sim.world.faults import KINDS, Target, schedule
from sim.world.loop import Loop
from sim.world.network import NetworkError
from sim.world.pipe import Pipe, connect
from sim.world.process import Process
from sim.world.surroundings import simulated
from sim.world.trace import Trace
from storage.port import StorageFailed, StorageFull
from tests.unit.world.nets import run_on


class Echo:
    """A service that answers, refuses, waits, and is connected to."""

    def __init__(self) -> None:
        self.called = 0
        self.pipes: list[Pipe] = []
        self.frames: list[Any] = []

    async def start(self) -> None: ...

    async def ping(self) -> None: ...

    async def say(self, word: str) -> str:
        self.called += 1
        return word

    async def drain(self) -> None: ...

    def lose_everything(self) -> None: ...

    async def refuse(self) -> None:
        raise ApiError("forbidden")

    async def wait(self) -> None:
        await asyncio.sleep(1000.0)

    def accept(self, pipe: Pipe) -> None:
        self.pipes.append(pipe)
        pipe.server.on_frame = self.frames.append


class Net:
    """Two processes: `a` calls, `b` offers an `Echo`."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.cluster = Cluster(self.loop, random.Random(1), Trace(self.loop.time))
        self.network = self.cluster.network
        self.echo = Echo()
        self.cluster.add("a", lambda process: Echo())
        self.cluster.add("b", lambda process: self.echo)

    @property
    def a(self) -> Process:
        process = self.cluster.find("a")
        assert process is not None
        return process

    async def call(self, method: str, *arguments: Any) -> Any:
        return await self.a.spawn(self.network.call(self.a, "b", method, *arguments))


def on_net(test: Callable[[Net], Awaitable[None]]) -> None:
    run_on(Net(), test)


def test_calls_are_answered_refused_and_fail() -> None:
    async def test(net: Net) -> None:
        assert await net.call("say", "hello") == "hello"
        with pytest.raises(ApiError, match="forbidden"):
            await net.call("refuse")
        net.cluster.keep_down("b")
        with pytest.raises(NetworkError, match="is down"):
            await net.call("say", "hello")

    on_net(test)


@pytest.mark.parametrize("frozen", [False, True])
def test_who_waits_for_a_process_that_dies_is_told(frozen: bool) -> None:
    async def test(net: Net) -> None:
        process = net.cluster.find("b")
        assert process is not None
        process.frozen = frozen
        call = asyncio.create_task(net.call("wait"))
        await asyncio.sleep(1.0)
        net.cluster.kill("b")
        with pytest.raises(NetworkError, match="died"):
            await call

    on_net(test)


def test_a_call_into_a_cut_fails_and_may_arrive_later() -> None:
    async def test(net: Net) -> None:
        net.network.cut(("a", "b"))
        for _ in range(20):
            with pytest.raises(NetworkError):
                await net.call("say", "hello")
        assert net.echo.called == 0
        net.network.mend(("a", "b"))
        await asyncio.sleep(1.0)
        assert 0 < net.echo.called < 20

    on_net(test)


def test_a_call_whose_answer_is_cut_was_carried_out() -> None:
    async def test(net: Net) -> None:
        net.network.cut(("b", "a"))
        with pytest.raises(NetworkError):
            await net.call("say", "hello")
        assert net.echo.called == 1

    on_net(test)


def test_a_pipe_keeps_the_order_also_of_what_was_held_up() -> None:
    async def test(net: Net) -> None:
        pipe = await net.a.spawn(connect(net.network, net.a, "b"))
        for number in range(60):
            if number == 20:
                net.network.cut(("a", "b"))
            if number == 40:
                net.network.mend(("a", "b"))
            pipe.send(pipe.server, number)
            await asyncio.sleep(0.005)
        await asyncio.sleep(1.0)
        assert net.echo.frames == list(range(60))

    on_net(test)


def test_both_ends_notice_that_a_pipe_broke_and_nothing_comes_after() -> None:
    async def test(net: Net) -> None:
        pipe = await net.a.spawn(connect(net.network, net.a, "b"))
        noticed: list[str] = []
        pipe.client.on_broken = lambda: noticed.append("client")
        pipe.server.on_broken = lambda: noticed.append("server")
        pipe.send(pipe.server, "late")
        pipe.break_()
        pipe.break_()
        await asyncio.sleep(5.0)
        assert sorted(noticed) == ["client", "server"]
        assert net.echo.frames == []

    on_net(test)


# --- disks ------------------------------------------------------------------------------------


def test_a_disk_survives_its_process() -> None:
    async def test(net: Net) -> None:
        kept = set()
        for number in range(20):
            process = net.cluster.find("b")
            assert process is not None
            store = DiskStore(process.machine.disk)
            kept.add(store.get(0, b"%d" % (number - 1)))
            process.machine.disk.slow = 100.0

            async def append(store: DiskStore = store, number: int = number) -> None:
                writes: Any = {0: {b"%d" % number: b"row"}}
                await asyncio.get_running_loop().run_in_executor(None, store.append, writes)

            process.spawn(append())
            await asyncio.sleep(0.001)
            net.cluster.kill("b")
            net.cluster.start("b")
            await asyncio.sleep(1.0)
        assert kept == {None, b"row"}, "what was on its way is there, or not"

    on_net(test)


def test_a_disk_may_be_full_or_fail() -> None:
    async def test(net: Net) -> None:
        disk = net.cluster.machine("b").disk
        store = DiskStore(disk)
        writes: Any = {0: {b"key": b"row"}}
        disk.full = True
        with pytest.raises(StorageFull):
            store.append(writes)
        disk.failing = True
        with pytest.raises(StorageFailed):
            store.append(writes)
        disk.full = disk.failing = False
        store.append(writes)
        assert DiskStore(disk).get(0, b"key") == b"row"

    on_net(test)


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_heals_without_a_trace(kind: str) -> None:
    async def test(net: Net) -> None:
        def state() -> Any:
            machine, network = net.cluster.machine("b"), net.network
            disk = machine.disk
            ways = [network.is_cut(way) for way in (("a", "b"), ("b", "a"))]
            process = net.cluster.find("b")
            return (
                ways,
                dict(network.loss),
                dict(network.slow),
                (disk.full, disk.failing, disk.slow, machine.ahead_ms),
                process is not None and not process.frozen,
            )

        before = state()
        heal = KINDS[kind].begin(net.cluster, Target("b", "a", 0.7))
        await asyncio.sleep(1.0)
        heal()
        await asyncio.sleep(5.0)
        assert state() == before

    on_net(test)


def test_a_schedule_is_healed_when_it_ends() -> None:
    for seed in range(100):
        for fault in schedule(random.Random(seed), ["host-0", "edge-0"], ["user0a"], 10.0):
            assert 0 <= fault.at_s < 10.0
            assert fault.at_s + fault.for_s <= 10.0
            assert fault.target.name != fault.target.other


# --- the interpreter --------------------------------------------------------------------------


def test_clocks_and_randomness_are_the_seeds_and_are_put_back() -> None:
    loop = Loop(500.0)

    def draw() -> tuple[Any, ...]:
        with simulated(loop, random.Random(7), lambda message, line: None):
            drawn = random_hex(4), random_below(100), random_share()
            return monotonic_s(), boot_s(), *drawn

    assert draw() == draw()
    assert draw()[:2] == (500.0, 500.0)
    assert time.monotonic() <= monotonic_s() <= time.monotonic()
    assert len({random_hex(16) for _ in range(3)}) == 3
