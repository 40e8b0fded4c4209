"""A shard begins that has a host for itself, in fake time: whatever is repeated, and wherever
it is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api.ambient import monotonic_s
from runtime.placement import MOVED_BASE, own_host
from runtime.replication.copies import Courier
from runtime.replication.directory import Directory
from runtime.replication.founding import found
from runtime.replication.protocol import Configuration, Unavailable
from tests.unit.runtime.fake_time import run
from tests.unit.runtime.replication.machines import REPLACE_AFTER_S, Town, on_town

D = MOVED_BASE + 5
OWN = own_host(D)
OPERATOR = "operator"
STEPS_MAX = 400


async def step(town: Town, own: str = OWN) -> bool:
    """A step of the operator; whether the last one is done."""

    async def call(host: str, method: str, *args: object) -> bytes:
        machine = town.machines["host-0"]
        return await machine._call(host, method, *args)

    counts = {"copies": town.copies, "shards": len(town.shards)}
    try:
        await found(own, town.configs, town.roster, Courier(call), **counts)
    except Unavailable:
        await asyncio.sleep(0.1)
        return False
    return True


async def founded(town: Town, own: str = OWN) -> Configuration:
    for _ in range(STEPS_MAX):
        if await step(town, own):
            return await newest(town)
    raise AssertionError("nobody leads")


async def newest(town: Town) -> Configuration:
    """That of who leads; the store may have been emptied."""
    [config] = [member.copy.config for member in town.members(D) if member.leading]
    return config


async def all_in_sync(town: Town) -> None:
    async def well() -> bool:
        leading = town.leaders(D)
        return bool(leading) and len((await newest(town)).in_sync) == town.copies

    await until(well)


async def until(well: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(1_000):
        if await well():
            return
        await asyncio.sleep(0.2)
    raise AssertionError("it does not come to that")


def test_it_is_led_by_its_own_host_and_others_have_copies() -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        town.join(OWN, node="host-1")
        config = await founded(town)
        assert config.leader == OWN
        assert len(config.in_sync) >= 2
        await all_in_sync(town)
        assert set((await newest(town)).members) == {OWN, "host-0", "host-2"}
        assert await step(town), "it can be repeated"
        assert town.leaders(D) == [OWN]

    on_town(test)


@pytest.mark.parametrize("fault", ["own host", "store", "both", "others"])
@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8, 13])
def test_it_is_broken_off_anywhere(fault: str, after: int) -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        own = town.join(OWN)
        for _ in range(after):
            await step(town)
        if fault in ("own host", "both"):
            await own.crash()
        if fault in ("store", "both"):
            town.configs.configs.clear()
        if fault == "others":
            for name in ("host-1", "host-2"):
                await town.machines[name].crash()
                town.machines[name].start()
        if not own.up:
            await step(town)
            own.start()
        config = await founded(town)
        assert config.members[0] == OWN
        await all_in_sync(town)

    on_town(test)


def test_where_too_few_hosts_answer_it_waits() -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        town.join(OWN)
        for name in ("host-1", "host-2"):
            await town.machines[name].crash()
        town.machines["host-0"].up = False
        assert not await step(town)
        assert await town.configs.newest(D) is None

    on_town(test)


def test_what_is_in_use_does_not_begin_again() -> None:
    """Although the store is emptied and nobody leads."""

    async def test(town: Town) -> None:
        await town.in_sync()
        own = town.join(OWN, node="host-0")
        before = await founded(town)
        await all_in_sync(town)
        for name in ("host-1", "host-2"):
            await town.machines[name].crash()
        await asyncio.sleep(5.0)
        town.configs.configs.clear()
        for _ in range(20):
            await step(town)
        assert await town.configs.newest(D) is None
        town.join(own_host(D, 2))
        await asyncio.sleep(1.0)
        for _ in range(20):
            await step(town, own_host(D, 2))
        assert await town.configs.newest(D) is None
        for name in ("host-1", "host-2"):
            town.machines[name].start()
        await all_in_sync(town)
        assert (await newest(town)).epoch > before.epoch
        assert own.copies.members[D].copy.leads

    on_town(test)


def test_others_lead_while_it_is_away() -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        own = town.join(OWN)
        await founded(town)
        await all_in_sync(town)
        await own.crash()
        await until(lambda: _led_by(town, "host"))
        assert await step(town), "it is led: there is nothing to do"
        own.start()
        await until(lambda: _led_by(town, OWN))
        await all_in_sync(town)

    on_town(test)


def test_another_host_takes_the_place_of_one_that_is_gone_for_good() -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        own = town.join(OWN)
        await founded(town)
        await all_in_sync(town)
        await own.crash()

        async def replaced() -> bool:
            return bool(town.leaders(D)) and OWN not in (await newest(town)).members

        await asyncio.sleep(REPLACE_AFTER_S)
        await until(replaced)
        second = own_host(D, 2)
        town.join(second)
        await until(lambda: _led_by(town, second))
        await founded(town, second)

    on_town(test, machines=4)


async def _led_by(town: Town, name: str) -> bool:
    return any(host.startswith(name) for host in town.leaders(D))


def test_who_waits_for_it_finds_it_soon() -> None:
    """Although hosts that there were not before are looked for every few seconds only."""

    async def asked(host: str) -> list[tuple[int, int]]:
        return [(D, 1)]

    async def test() -> None:
        hosts: list[str] = []
        directory = Directory(lambda: hosts, asked)
        directory.start()
        await asyncio.sleep(0.1)
        hosts.append(OWN)
        began_s = monotonic_s()
        await directory.call(D, asked)
        assert monotonic_s() - began_s < 0.5
        await directory.close()

    run(test)
