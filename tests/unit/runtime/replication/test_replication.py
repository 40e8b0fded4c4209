"""Copies of shards in fake time: what is acknowledged survives what the town does to them."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import msgspec
import pytest

from api.ambient import monotonic_s
from api.errors import ApiError
from runtime import wire
from runtime.refs import NOBODY, ActorRef
from storage.memory_replica import MemoryDisk
from tests.profile import first_seed, tries
from tests.unit.runtime.kit import LookAll, Once, Said
from tests.unit.runtime.replication.machines import Edge, Town, both, on_town

DEADLINE_S = 60.0


class Broken(AssertionError):
    """A promise is broken."""


class Writer:
    """Writes numbered notes by an edge, each to `here`, who tells `there`."""

    numbers = itertools.count(1)

    def __init__(self, town: Town, here: int = 0, there: int = 1) -> None:
        self.town = town
        self.edge = Edge(town)
        self.here = town.an_actor(here)
        self.there = town.an_actor(there)
        self.answered: dict[int, float] = {}
        self.refused: dict[int, str] = {}

    def write(self, ref: ActorRef | None = None) -> int:
        note = next(self.numbers)

        def answer(result: bytes | None, error: ApiError | None) -> None:
            assert note not in self.answered, "answered twice"
            if error is not None:
                self.refused[note] = error.code
            else:
                self.answered[note] = monotonic_s()

        self._request(Once(note, self.there), answer, read=False)
        return note

    def _request(self, message: Said, answer: Any, *, read: bool, ref: Any = None) -> None:
        target = ref or self.here
        link = self.edge.links[self.town.shard_of(target)]
        body = wire.encode(message)
        link.request(target, "", body, NOBODY, answer, read=read, deadline_s=DEADLINE_S)

    async def write_for(self, seconds: float, pause_s: float = 0.05) -> None:
        end_s = monotonic_s() + seconds
        while monotonic_s() < end_s:
            self.write()
            await asyncio.sleep(pause_s)

    async def settle(self) -> None:
        while self.edge.desk.waiting:
            await asyncio.sleep(0.2)
            self.edge.desk.expire(monotonic_s())

    async def read(self, ref: ActorRef) -> list[int]:
        got: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def answer(result: bytes | None, error: ApiError | None) -> None:
            if error is not None:
                got.set_exception(error)
            else:
                got.set_result(msgspec.json.decode(result or b""))

        self._request(LookAll(), answer, read=True, ref=ref)
        return list(await got)

    async def check(self) -> None:
        """Everything acknowledged is there once at both actors, in the same order."""
        await self.settle()
        await asyncio.sleep(15.0)
        here, there = await self.read(self.here), await self.read(self.there)
        await self.edge.close()
        if len(set(here)) != len(here):
            raise Broken("doubled")
        if lost := set(self.answered) - set(here):
            raise Broken(f"lost: {sorted(lost)}")
        if there != here:
            raise Broken(f"{len(here)} notes here, and others, {len(there)}, there")


async def same_everywhere(town: Town) -> None:
    """All copies show the same rows, soon."""
    for _ in range(100):
        await asyncio.sleep(0.2)
        if all(rows[0] == other for p in town.shards for rows in [town.rows(p)] for other in rows):
            return
    raise Broken("copies differ")


def test_what_is_written_is_in_every_copy() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(3.0)
        await writer.check()
        assert len(writer.answered) > 20
        await same_everywhere(town)
        assert town.rows(0)[0]

    on_town(test)


def test_another_copy_takes_over_from_a_dead_leader() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        leader = await town.led()
        crashed_s = monotonic_s()
        await leader.crash()
        await writer.write_for(5.0)
        again = min(s for s in writer.answered.values() if s > crashed_s + 0.1)
        assert again - crashed_s < 3.0
        leader.start()
        await writer.check()
        await town.in_sync()
        await same_everywhere(town)

    on_town(test)


def test_a_leader_that_is_cut_off_serves_nobody() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        old = await town.led()
        town.isolate(old.name)  # but not from the front
        await writer.write_for(6.0)
        assert old.name not in town.leaders(0)
        assert len(town.leaders(0)) == 1
        town.cut.clear()
        await writer.check()
        await town.in_sync()
        await same_everywhere(town)

    on_town(test)


def test_a_follower_that_dies_is_waited_for_no_longer_than_a_second() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        leader = await town.led()
        follower = next(m for m in town.machines.values() if m is not leader)
        await follower.crash()
        dead_s = monotonic_s()
        await writer.write_for(4.0)
        times = sorted(s for s in writer.answered.values() if s > dead_s)
        assert max(b - a for a, b in itertools.pairwise([dead_s, *times])) < 1.8
        follower.start()
        await writer.check()
        await town.in_sync()
        await same_everywhere(town)

    on_town(test)


def test_without_enough_copies_nothing_is_acknowledged_and_nothing_lost() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        leader = await town.led()
        followers = [m for m in town.machines.values() if m is not leader]
        for follower in followers:
            await follower.crash()
        await writer.write_for(3.0)
        before = len(writer.answered)
        await writer.write_for(3.0)
        assert len(writer.answered) == before
        for follower in followers:
            follower.start()
        await writer.check()
        assert not writer.refused

    on_town(test)


def test_a_copy_loses_exactly_what_the_new_leader_does_not_have() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        await town.in_sync()
        await writer.settle()
        old = await town.led()
        town.isolate(old.name)
        tail = old.disks[0].last
        writer.write()  # goes to the old leader, which writes it and can tell nobody
        await asyncio.sleep(0.5)
        assert old.disks[0].last > tail
        await old.crash()
        await writer.write_for(5.0)
        old.start()
        town.cut.clear()
        await writer.check()
        await town.in_sync()
        await same_everywhere(town)

    on_town(test)


def test_everything_at_once_stops_and_comes_back() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        await asyncio.gather(*(machine.crash() for machine in town.machines.values()))
        for machine in town.machines.values():
            machine.start()
        await writer.write_for(3.0)
        await writer.check()
        await same_everywhere(town)

    on_town(test)


def test_a_lost_disk_is_filled_again_and_never_leads_before() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(8.0, 0.02)
        leader = await town.led()
        victim = next(m for m in town.machines.values() if m is not leader)
        await victim.crash()
        victim.disks = {shard: MemoryDisk() for shard in town.shards}
        victim.start()
        await writer.write_for(3.0, 0.02)
        await town.in_sync()
        await leader.crash()
        await writer.write_for(4.0)
        leader.start()
        await writer.check()
        await same_everywhere(town)

    on_town(test)


def test_a_full_disk_hands_over() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        leader = await town.led()
        leader.disks[0].full = True
        await writer.write_for(5.0)
        assert town.leaders(0) != [leader.name]
        leader.disks[0].full = False
        await writer.check()
        await town.in_sync()
        await same_everywhere(town)

    on_town(test)


def test_a_leader_hands_over_without_a_fault() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        await town.in_sync()
        leader = await town.led()
        other = next(name for name in town.machines if name != leader.name)
        writing = asyncio.create_task(writer.write_for(3.0, 0.02))
        await leader.copies.members[0].hand_over(other)
        await writing
        assert town.leaders(0) == [other]
        times = sorted(writer.answered.values())
        assert max(b - a for a, b in itertools.pairwise(times)) < 1.0
        await writer.check()

    on_town(test)


def test_a_host_that_comes_back_leads_again() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await town.in_sync()
        home = await town.led()
        assert home.name == town.first[0].members[0]
        await home.crash()
        await writer.write_for(3.0)
        home.start()
        await writer.write_for(25.0, 0.2)
        assert town.leaders(0) == [home.name]
        await writer.check()

    on_town(test)


def test_while_the_configuration_store_is_down_work_goes_on() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        town.configs.down = True
        before = len(writer.answered)
        await writer.write_for(5.0)
        assert len(writer.answered) > before + 50
        leader = await town.led()
        await leader.crash()
        await writer.write_for(3.0)
        town.configs.down = False
        await writer.write_for(4.0)
        leader.start()
        await writer.check()

    on_town(test)


def test_a_configuration_store_that_lost_everything_is_filled_again() -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(1.0)
        leader = await town.led()
        await leader.crash()
        await writer.write_for(3.0)
        town.configs.configs.clear()
        leader.start()  # knows an old configuration only
        await writer.write_for(3.0)
        again = await town.led()
        await again.crash()
        await writer.write_for(4.0)
        again.start()
        await writer.check()
        await same_everywhere(town)

    on_town(test)


def chaos(seed: int) -> None:
    """Faults by a seed, one after the other and over one another, all healed at the end."""

    async def test(town: Town) -> None:
        rng = random.Random(seed)
        writer = Writer(town)
        names = list(town.machines)
        writing = asyncio.create_task(writer.write_for(25.0, 0.03))
        for _ in range(rng.randint(2, 8)):
            await asyncio.sleep(rng.choice((0.0, 0.1, 0.7, 2.0)))
            machine = town.machines[rng.choice(names)]
            other = rng.choice(names)
            match rng.randrange(7):
                case 0 | 1:
                    if machine.up:
                        await machine.crash()
                    await asyncio.sleep(rng.choice((0.0, 0.3, 2.5)))
                    if not machine.up:
                        machine.start()
                case 2:
                    town.cut |= both(machine.name, other)
                case 3:
                    town.cut.add((machine.name, other))
                case 4:
                    town.isolate(machine.name)
                case 5:
                    for disk in machine.disks.values():
                        disk.full = not disk.full
                case 6:
                    town.configs.down = not town.configs.down
            if rng.random() < 0.3:
                town.cut.clear()
            if rng.random() < 0.3:
                town.configs.down = False
        town.cut.clear()
        town.configs.down = False
        for machine in town.machines.values():
            for disk in machine.disks.values():
                disk.full = False
            if not machine.up:
                machine.start()
        await writing
        await writer.check()
        assert not writer.refused
        await asyncio.gather(*(town.in_sync(shard) for shard in town.shards))
        await same_everywhere(town)

    on_town(test, seed=seed)


@pytest.mark.parametrize("seed", range(4))
def test_chaos(seed: int) -> None:
    chaos(seed)


@pytest.mark.draws
def test_fresh_chaos() -> None:
    first = first_seed("chaos")
    for seed in range(first, first + tries(2)):
        print(f"seed {seed}")
        chaos(seed)
