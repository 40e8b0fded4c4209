"""Damaged rows of the runtime's own: what does not need them goes on."""

from __future__ import annotations

import asyncio

from runtime.refs import ActorRef
from runtime.streams import OUTBOX, WATERMARKS
from runtime.timers import BY_TIME
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from tests.unit.runtime.kit import Add, LookAll, Relay, Remind
from tests.unit.runtime.running import Front, Running, on_running

ONE, TWO = ActorRef("user", 1), ActorRef("user", 2)


def damage(running: Running, store: FaultyStore, name: str, table: int) -> None:
    """The rows that a host has in a table of the runtime's fail their check from now on."""
    rows = [
        (partition, key)
        for partition in running.placement.led_by(name)
        for key, _ in store.inner.scan(partition, b"", b"\xff" * 512, limit=1000)
        if key[0] == 0 and key[10] == table
    ]
    assert rows
    store.corrupt.update(rows)


def senders(running: Running) -> list[ActorRef]:
    """Two actors of host-0, of different partitions."""
    by_partition: dict[int, ActorRef] = {}
    for key in range(1, 100):
        by_partition.setdefault(
            running.placement.partition(ActorRef("user", key)), ActorRef("user", key)
        )
    return [by_partition[partition] for partition in running.placement.led_by("host-0")[:2]]


def test_a_damaged_timer_does_not_stop_its_host() -> None:
    store = FaultyStore(MemoryStore())

    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.ask(ONE, Remind("r", running.now_ms + 10, 5))
        damage(running, store, "host-0", BY_TIME)
        running.now_ms += 10
        await asyncio.sleep(1)
        assert running.host.stopped == []
        assert await front.ask(TWO, Add(1)) == 1

    on_running(test, host_0=store)


def test_a_damaged_outbox_does_not_hold_up_other_streams() -> None:
    store = FaultyStore(MemoryStore())

    async def test(running: Running) -> None:
        one, two = senders(running)
        there = running.at("host-1")
        front = Front(running.hosts["host-0"])
        await running.hosts["host-1"].crash()
        await front.say(one, Relay(1, [there]))
        damage(running, store, "host-0", OUTBOX)
        await running.hosts["host-1"].start()
        await asyncio.sleep(3)
        await front.say(two, Relay(2, [there]))
        await asyncio.sleep(3)
        assert await running.ask(there, LookAll()) == [2]

    on_running(test, hosts=2, host_0=store)


def test_a_damaged_watermark_does_not_hold_up_other_streams() -> None:
    """The sender repeats all of the parcel for ever, and no outbox becomes empty."""
    store = FaultyStore(MemoryStore())

    async def test(running: Running) -> None:
        one, two = senders(running)
        there = running.at("host-1")
        front = Front(running.hosts["host-0"])
        await front.say(one, Relay(1, [there]))
        await asyncio.sleep(1)
        await running.hosts["host-1"].crash()
        damage(running, store, "host-1", WATERMARKS)
        await running.hosts["host-1"].start()
        await front.say(one, Relay(2, [there]))
        await asyncio.sleep(1)
        await front.say(two, Relay(3, [there]))
        await asyncio.sleep(3)
        home = running.placement.partition
        engine = running.hosts["host-0"].pipeline.engine
        assert engine.streams.waiting(engine.led) == {(home(one), home(there))}

    on_running(test, hosts=2, host_1=store)
