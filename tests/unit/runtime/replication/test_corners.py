"""Corners of replication, each of which once lost something, or left somebody waiting for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.link import HostLink
from runtime.replication import protocol
from runtime.replication.copy import Copy
from runtime.replication.protocol import Append, Configuration, SnapshotPart, Unavailable
from runtime.syncs import Syncs
from runtime.wire import PUSH, Out
from storage.memory_replica import MemoryDisk, MemoryReplica
from storage.replica import encode_record
from tests.unit.runtime.fake_time import fake_loop, run
from tests.unit.runtime.kit import FRONT
from tests.unit.runtime.replication.machines import EPOCH_MS, Machine, Town, a_clock, on_town
from tests.unit.runtime.replication.test_replication import Writer

ALL = ("a", "b", "c")


async def who(town: Town) -> str:
    """Who leads, by the newest configuration."""
    return (await town.configs.newest(0) or town.first[0]).leader


async def settled(town: Town) -> tuple[Writer, Machine, list[Machine]]:
    """Something is written, and all copies are in sync; a writer, the leader and the others."""
    writer = Writer(town)
    await writer.write_for(1.0)
    await writer.settle()
    await asyncio.sleep(3.0)
    await town.in_sync()
    leader = await town.led()
    return writer, leader, [m for m in town.machines.values() if m is not leader]


def test_a_new_leader_takes_nobody_in_who_lacks_what_it_inherited() -> None:
    """The leader before may have acknowledged records that its successor only knows to be
    written."""

    async def test(town: Town) -> None:
        writer, leader, (heir, full) = await settled(town)
        full.disks[0].full = True
        note = writer.write()
        while note not in writer.answered:  # noqa: ASYNC110 - answers tell nobody
            await asyncio.sleep(0.001)
        await leader.crash()
        await asyncio.sleep(4.0)
        await heir.crash()
        full.disks[0].full = False
        await asyncio.sleep(3.0)
        leader.start()
        heir.start()
        await writer.check()

    on_town(test)


def test_a_hand_over_that_cannot_be_leaves_the_leader_serving() -> None:
    async def test(town: Town) -> None:
        writer, leader, (other, _) = await settled(town)
        await other.crash()
        await town.in_sync(0, 2)
        with pytest.raises(Unavailable):
            await leader.copies.members[0].hand_over(other.name)
        town.configs.down = True
        third = next(m.name for m in town.machines.values() if m.up and m is not leader)
        with pytest.raises(Unavailable):
            await leader.copies.members[0].hand_over(third)
        before = len(writer.answered)
        await writer.write_for(3.0)
        assert len(writer.answered) > before + 20
        town.configs.down = False
        other.start()
        await writer.check()

    on_town(test)


def test_two_takeovers_in_a_row_leave_enough_who_may_lead() -> None:
    async def test(town: Town) -> None:
        writer, first, _ = await settled(town)
        gone = [first.name]
        await first.crash()
        for _ in range(2):
            while (leads := await who(town)) in gone:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.001)
            gone.append(leads)
            await town.machines[leads].crash()
        for name in gone[:2]:
            town.machines[name].start()
        await asyncio.sleep(10.0)
        assert town.leaders(0), "two of three are up and have everything, and nobody leads"
        town.machines[gone[2]].start()
        await writer.check()

    on_town(test)


def test_parts_of_an_earlier_snapshot_are_refused() -> None:
    async def test() -> None:
        disk = MemoryDisk()
        copy = Copy("c", 0, [0], MemoryReplica(disk), Syncs(None), a_clock())
        config = Configuration(0, 5, "a", ALL, ("a", "b"))

        async def load(attempt: int, part: int, key: bytes, end: int | None = None) -> Any:
            return await copy.load(SnapshotPart(config, attempt, part, {key: b"x"}, end, EPOCH_MS))

        await load(1, 0, b"1")  # its sender gives up, and begins anew
        await load(2, 0, b"1")
        assert (await load(1, 1, b"2")).full
        await load(2, 1, b"2")
        assert (await load(2, 1, b"2")).full
        assert (await load(1, 0, b"1")).full
        whole = await load(2, 2, b"3", end=7)
        assert (whole.blank, whole.matched) == (False, 7)
        assert set(disk.rows[0]) == {b"1", b"2", b"3"}

    run(test)


def test_a_new_leaders_records_wait_for_what_is_being_written() -> None:
    """What has begun to be written cannot be stopped, only waited for."""

    async def test() -> None:
        disk = MemoryDisk()
        store = MemoryReplica(disk)
        copy = Copy("a", 0, [0], store, Syncs(None), a_clock())
        for epoch in (1, 2):
            await copy.adopt(Configuration(0, epoch, "a", ALL, ALL))

        async def write() -> None:
            async with copy.lock:
                await copy.on_disk(store.append_records, [encode_record(2, {0: {b"mine": b"1"}})])

        loop = fake_loop()
        loop.hold()
        mine = asyncio.create_task(write())
        await asyncio.sleep(0.01)
        theirs = [encode_record(3, {}), encode_record(3, {0: {b"theirs": b"1"}})]
        config = Configuration(0, 3, "b", ALL, ("b", "c"))
        taking = asyncio.create_task(copy.append(Append(config, 1, theirs, 0)))
        await asyncio.sleep(0.01)
        assert len(loop.jobs) == 1, "the other one waits"
        mine.cancel()
        loop.let_go()
        assert (await taking).matched == 2
        assert [disk.records[n] for n in (1, 2)] == theirs

    run(test)


def test_a_push_that_nobody_got_is_noticed() -> None:
    async def test(town: Town) -> None:
        writer, leader, _ = await settled(town)
        link = writer.edge.links[0]
        pushed: list[Out] = []
        renewed: list[HostLink] = []
        link._on_out = pushed.append
        link._on_renewed = renewed.append
        town.cut.add((leader.name, FRONT))
        await asyncio.sleep(0.3)
        pipeline = leader.copies.members[0].pipeline
        assert pipeline is not None
        pipeline.fronts.release([(FRONT, Out(PUSH, 1, b"hello"))])
        await asyncio.sleep(1.5)
        town.cut.clear()
        await asyncio.sleep(40.0)
        assert pushed == []
        assert renewed
        await writer.edge.close()

    on_town(test)


def test_who_begins_an_epoch_does_not_say_what_it_knows() -> None:
    """The store is emptied between the writing of an epoch and its adoption: who writes it anew
    must not give the same epoch again."""

    async def test(town: Town) -> None:
        await town.in_sync()
        machine = await town.led()
        member = machine.copies.members[0]
        before = member.copy.config
        written, go_on = asyncio.Event(), asyncio.Event()
        create = town.configs.create

        async def slow(config: Configuration) -> bool:
            done = await create(config)
            written.set()
            await go_on.wait()
            return done

        town.configs.create = slow  # type: ignore[method-assign]
        turned = (*before.members[1:], before.members[0])
        change = asyncio.create_task(member.rearrange(before.epoch, turned))
        await written.wait()
        town.configs.create = create  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            machine.copies.known(0)
        go_on.set()
        await change
        assert protocol.decode_known(machine.copies.known(0)).config.epoch == before.epoch + 1

    on_town(test)


def test_who_was_to_get_a_copy_and_never_heard_of_it_keeps_nobody_waiting() -> None:
    """The leader dies between an epoch with a new member and its first word to it, and the store is
    emptied: the new member knows nothing, and need not."""

    async def test(town: Town) -> None:
        writer, leader, _ = await settled(town)
        town.join("host-3")
        town.cut.add((leader.name, "host-3"))
        member = leader.copies.members[0]
        await member.rearrange(member.copy.epoch, (*member.copy.config.members, "host-3"))
        await asyncio.sleep(0.1)  # what was on its way has met the cut
        await leader.crash()
        town.configs.configs.clear()
        town.cut.clear()
        assert town.machines["host-3"].copies.known(0) == protocol.encode(None)
        leader.start()
        before = len(writer.answered)
        await writer.write_for(10.0)
        assert len(writer.answered) > before
        await writer.check()
        assert "host-3" in (await town.configs.newest(0) or town.first[0]).members

    on_town(test)


def test_who_was_in_sync_and_knows_nothing_is_waited_for() -> None:
    """It lost its disk with the store: what was acknowledged last may have been there."""

    async def test(town: Town) -> None:
        _, leader, (lost, *_) = await settled(town)
        for machine in town.machines.values():
            await machine.crash()
        town.configs.configs.clear()
        town.machines[lost.name] = blank = Machine(town, lost.name)
        for machine in town.machines.values():
            machine.start()
        blank.copies.members.clear()
        assert blank.copies.known(0) == protocol.encode(None)
        with pytest.raises(Unavailable, match=f"{lost.name} knows nothing"):
            await leader.copies.members[0]._recover()

    on_town(test)
