"""Copies that move from host to host while messages flow, in fake time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from api.ambient import monotonic_s
from runtime.replication.protocol import Configuration, Unavailable
from runtime.replication.steward import STEP_S
from tests.profile import SEED, tries
from tests.unit.runtime.replication.machines import REPLACE_AFTER_S, Town, on_town
from tests.unit.runtime.replication.test_replication import Writer, same_everywhere

SHARDS = 4


async def configs(town: Town) -> list[Configuration]:
    found = [await town.configs.newest(p) for p in town.shards]
    return [config for config in found if config is not None]


async def until(town: Town, well: Callable[[list[Configuration]], bool], seconds: float) -> None:
    """Wait until the configurations are like that, and all is well and led."""
    end_s = monotonic_s() + seconds
    now = await configs(town)
    while not (
        well(now)
        and all(set(c.in_sync) == set(c.members) and len(c.members) == town.copies for c in now)
        and all(town.leaders(p) for p in town.shards)
    ):
        assert monotonic_s() < end_s, now
        await asyncio.sleep(0.2)
        now = await configs(town)


def copies(now: list[Configuration]) -> Counter[str]:
    return Counter(host for config in now for host in config.members)


def longest_pause_s(writer: Writer) -> float:
    times = sorted(writer.answered.values())
    return max(b - a for a, b in itertools.pairwise(times))


def test_a_new_host_takes_its_share() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        writing = asyncio.create_task(writer.write_for(90.0))
        await until(town, lambda now: len(now) == SHARDS, 30.0)
        town.join("host-3")
        await until(town, lambda now: copies(now)["host-3"] == 3, 60.0)
        await writing
        assert set(copies(await configs(town)).values()) == {3}
        assert longest_pause_s(writer) < 1.0
        assert not writer.refused
        await writer.check()
        await same_everywhere(town)

    on_town(test, shards=SHARDS)


def test_a_host_that_is_gone_for_good_is_replaced_and_forgotten() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(2.0)
        await until(town, lambda now: True, 30.0)
        lost = town.machines["host-1"]
        await lost.crash()
        await writer.write_for(REPLACE_AFTER_S + 40.0, pause_s=1.0)
        await until(town, lambda now: not copies(now)["host-1"], 60.0)
        assert "host-1" not in await town.roster.seats()
        lost.start()  # it was not gone for good after all
        await until(town, lambda now: copies(now)["host-1"] == 3, 90.0)
        await writer.check()
        await same_everywhere(town)

    on_town(test, machines=4, shards=SHARDS)


def test_a_host_that_is_away_for_a_while_keeps_its_copies(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever leads shard 0 tells of it, in few lines."""

    async def test(town: Town) -> None:
        await until(town, lambda now: True, 30.0)
        before = copies(await configs(town))
        away = town.machines["host-1"]
        await away.crash()
        await asyncio.sleep(REPLACE_AFTER_S / 2)
        away.start()
        await until(town, lambda now: True, 30.0)
        assert copies(await configs(town)) == before
        await asyncio.sleep(3 * STEP_S)

    on_town(test, machines=4, shards=SHARDS)
    told = [r for r in caplog.records if r.name == "runtime.replication.steward"]
    lines = [record.message for record in told if "host-1" in record.message]
    assert lines[0] == "host-1 does not answer"
    assert lines[-1].startswith("host-1 is well again")
    assert len(lines) <= 4
    assert {r.levelname for r in told if r.message in lines} == {"WARNING"}


def test_a_drained_host_leads_nothing() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        writing = asyncio.create_task(writer.write_for(60.0))
        await until(town, lambda now: len(now) == SHARDS, 30.0)
        await town.roster.mark("host-0", "drained")
        await until(town, lambda now: all(c.leader != "host-0" for c in now), 40.0)
        assert copies(await configs(town))["host-0"] == SHARDS
        await writing
        assert longest_pause_s(writer) < 1.0
        stopped_s = monotonic_s()
        await town.machines["host-0"].crash()  # nobody misses it but as a follower
        await writer.write_for(5.0)
        waits = [s for s in writer.answered.values() if s > stopped_s]
        assert min(waits) - stopped_s < 1.5
        town.machines["host-0"].start()
        await town.roster.mark("host-0", "")
        await until(town, lambda now: any(c.leader == "host-0" for c in now), 60.0)
        await writer.check()

    on_town(test, shards=SHARDS)


def test_a_leaving_host_gives_away_all_it_has_and_remembers_to_whom() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        writing = asyncio.create_task(writer.write_for(60.0))
        await until(town, lambda now: len(now) == SHARDS, 30.0)
        leaving = town.machines["host-0"]
        await town.roster.mark("host-0", "leaving")
        await until(town, lambda now: not copies(now)["host-0"], 80.0)
        await writing
        await asyncio.sleep(5.0)
        assert not leaving.copies.members
        assert all(not disk.rows and not disk.records for disk in leaving.disks.values())
        await leaving.crash()
        leaving.start()
        await asyncio.sleep(5.0)
        assert not leaving.copies.members
        assert len(leaving.copies.given_away) == 3
        assert longest_pause_s(writer) < 1.0
        await writer.check()
        await same_everywhere(town)

    on_town(test, machines=4, shards=SHARDS)


def test_copies_are_in_different_zones() -> None:
    async def test(town: Town) -> None:
        await until(
            town,
            lambda now: all(len({town.seats[h].zone for h in c.members}) == 3 for c in now),
            120.0,
        )

    zones = {f"host-{n}": zone for n, zone in enumerate("aabbc")}
    on_town(test, machines=5, shards=SHARDS, zones=zones)


def test_a_copy_that_comes_back_to_a_host_begins_with_nothing() -> None:
    """What it had once is nothing to go by: it may have missed what was taken back."""

    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(2.0)
        await until(town, lambda now: True, 30.0)
        await town.roster.mark("host-0", "leaving")
        await until(town, lambda now: not copies(now)["host-0"], 80.0)
        await writer.write_for(2.0)
        await town.roster.mark("host-0", "")
        await until(town, lambda now: copies(now)["host-0"] == 3, 80.0)
        await writer.write_for(2.0)
        await writer.check()
        await same_everywhere(town)

    on_town(test, machines=4, shards=SHARDS)


@pytest.mark.parametrize("number", [2, 3])
def test_a_host_that_missed_its_dismissal_does_not_bring_the_past_back(number: int) -> None:
    """All members of a shard but one have been replaced; that one was away all the time, the
    configuration store is emptied, and it comes back."""

    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(2.0)
        await until(town, lambda now: True, 30.0)
        first = (await configs(town))[0].members
        away = town.machines[first[-1]]
        await away.crash()
        for host in first[:-1]:
            await town.roster.mark(host, "leaving")
        new = [f"host-{n}" for n in range(number, 2 * number)]
        for host in new:
            town.join(host)
        await asyncio.sleep(REPLACE_AFTER_S + 10.0)
        await until(town, lambda now: not set(copies(now)) & set(first), 120.0)
        await writer.write_for(2.0)
        await writer.settle()
        for machine in town.machines.values():
            if machine.up:
                await machine.crash()
        town.configs.configs.clear()
        for host in first:
            town.machines[host].start()
        await asyncio.sleep(20.0)
        assert not town.leaders(0)
        for host in new:
            town.machines[host].start()
        await writer.check()

    on_town(test, machines=number, shards=2, copies=number)


def test_what_cannot_be_is_refused() -> None:
    async def test(town: Town) -> None:
        await town.in_sync()
        leading = (await town.led()).copies.members[0]
        config = leading.copy.config
        others = tuple(host for host in config.members if host != config.leader)
        for epoch, members in [
            (config.epoch - 1, config.members),  # something has changed meanwhile
            (config.epoch, others),  # without the leader
            (config.epoch, (config.leader, "host-9", "host-8")),  # too few of those in sync
        ]:
            with pytest.raises(Unavailable):
                await leading.rearrange(epoch, members)
        assert leading.copy.config == config

    on_town(test)


def test_a_leader_that_is_in_sync_alone_is_helped() -> None:
    """The others have lost their disks, or are gone for good."""

    async def test(town: Town) -> None:
        await town.in_sync()
        leading = (await town.led()).copies.members[0]
        config = leading.copy.config
        assert leading.leader is not None
        alone = (config.leader,)
        await leading.leader._change(lambda old: replace(old, in_sync=alone))
        members = (*config.members, "host-3")
        await leading.rearrange(leading.copy.config.epoch, members)
        assert leading.copy.config.members == members

    on_town(test)


@pytest.mark.draws
@pytest.mark.parametrize("seed", [0, *range(SEED, SEED + tries(1))])
def test_hosts_come_and_go_and_fail_in_any_order(seed: int) -> None:
    async def test(town: Town) -> None:
        rng = random.Random(seed)
        writer = Writer(town)
        writing = asyncio.create_task(writer.write_for(150.0, pause_s=0.2))
        await until(town, lambda now: len(now) == SHARDS, 30.0)
        new = [f"host-{number}" for number in range(4, 6)]
        for _ in range(14):
            await asyncio.sleep(rng.uniform(0.5, 12.0))
            up = [machine for machine in town.machines.values() if machine.up]
            down = [machine for machine in town.machines.values() if not machine.up]
            match rng.choice(["crash", "crash", "start", "cut", "heal", "mark", "join"]):
                case "crash" if len(down) < 1:
                    await rng.choice(up).crash()
                case "start" if down:
                    rng.choice(down).start()
                case "cut":
                    town.isolate(rng.choice(list(town.machines)))
                case "heal":
                    town.cut.clear()
                case "mark":
                    host = rng.choice(list(town.machines))
                    await town.roster.mark(host, rng.choice(["", "drained", "leaving"]))
                case "join" if new:
                    town.join(new.pop())
        town.cut.clear()
        for machine in town.machines.values():
            if not machine.up:
                machine.start()
            await town.roster.mark(machine.name, "")
        await writing
        await until(town, lambda now: max(copies(now).values()) <= 3, 200.0)
        assert writer.answered
        await writer.check()
        await same_everywhere(town)

    on_town(test, machines=4, shards=SHARDS, seed=seed)
