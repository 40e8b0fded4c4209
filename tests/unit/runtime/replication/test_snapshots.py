"""Snapshots that are sent while the shard is in use."""

from __future__ import annotations

import asyncio

import pytest

from runtime.replication import leader as leading
from runtime.replication import parts
from runtime.replication.leader import Leader
from runtime.replication.parts import Pace
from runtime.steady import MemoryKeeper
from storage.memory_replica import MemoryDisk, MemoryReplica
from storage.port import Writes
from storage.replica import encode_record
from tests.unit.runtime.fake_time import fake_loop, run
from tests.unit.runtime.replication.machines import Machine, Town, on_town
from tests.unit.runtime.replication.test_replication import Writer, same_everywhere


def filled(writes: Writes) -> MemoryReplica:
    store = MemoryReplica(MemoryDisk())
    store.append_records([encode_record(1, writes)])
    store.settle(1)
    return store


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 64, 1_000])
@pytest.mark.parametrize("size", [1, 100, 20_000])
def test_parts_have_every_row_once_and_no_part_is_much_too_large(count: int, size: int) -> None:
    """Of a shard of three partitions, of which the second one has nothing."""
    rows: dict[bytes, bytes | None] = {b"%04d" % n: bytes(size) for n in range(count)}
    written: Writes = {2: rows, 5: {}, 8: {b"other " + key: row for key, row in rows.items()}}
    found: Writes = {2: {}, 5: {}, 8: {}}
    sizes: dict[int, list[int]] = {2: [], 5: [], 8: []}
    lasts = []
    for part in parts.parts_of(filled(written), [2, 5, 8]):
        assert not part.rows.keys() & found[part.partition].keys()
        found[part.partition].update(part.rows)
        sizes[part.partition].append(sum(len(k) + len(row or b"") for k, row in part.rows.items()))
        lasts.append(part.last)
    assert found == written
    assert lasts == [False] * (len(lasts) - 1) + [True]
    most = parts.PART_BYTES + parts.STEP_ROWS * (size + 10)
    for each in sizes.values():
        assert all(part < most for part in each)
        assert all(part >= parts.PART_BYTES for part in each[:-1]), "nor too small"


def test_all_snapshots_of_a_host_share_a_pace() -> None:
    async def test() -> None:
        pace = Pace(1_000.0)
        loop = fake_loop()
        begun_s = loop.time()
        await asyncio.gather(*(pace.wait(500) for _ in range(9)))
        assert loop.time() - begun_s == pytest.approx(4.0), "the ninth waits for eight"
        await asyncio.sleep(10.0)
        await pace.wait(500)
        assert loop.time() - begun_s == pytest.approx(14.0), "what was not used is gone, too"

    run(test)


def slow_snapshots(patch: pytest.MonkeyPatch) -> None:
    """Some rows every now and then."""
    patch.setattr(parts, "PART_BYTES", 1)
    patch.setattr(parts, "STEP_ROWS", 20)
    real = Pace.wait

    async def wait(self: Pace, size: int) -> None:
        await real(self, size)
        await asyncio.sleep(0.2)

    patch.setattr(Pace, "wait", wait)


async def emptied(town: Town, patch: pytest.MonkeyPatch) -> tuple[Machine, Machine]:
    """The leader, and one that comes back with an empty disk, which is filled slowly."""
    led = await town.led()
    other = next(m for m in town.machines.values() if m is not led)
    await other.crash()
    slow_snapshots(patch)
    other.disks[0] = MemoryDisk()
    other.start()
    return led, other


@pytest.mark.parametrize("years", [12, -12])
def test_who_lost_its_disk_goes_on_from_the_leaders_time(years: int) -> None:
    """Its clock may be wrong, and it may lead soon: then every session would end at once."""

    async def test(town: Town) -> None:
        led = await town.led()
        other = next(m for m in town.machines.values() if m is not led)
        await other.crash()
        other.disks.clear()
        other.keeper = MemoryKeeper()
        other.ahead_ms = years * 365 * 86_400_000
        other.start()
        await asyncio.sleep(1.0)
        await town.in_sync()
        assert abs(other.steady() - led.steady()) < 60_000

    on_town(test)


def test_a_slow_snapshot_is_sent_once_though_the_log_is_cut_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MemoryReplica, "KEPT_RECORDS", 5)

    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(3.0)
        led, _ = await emptied(town, monkeypatch)
        store = led.copies.members[0].copy.store

        def attempts() -> int:
            leader = led.copies.members[0].leader
            assert isinstance(leader, Leader)
            return leader._attempts

        before, before_attempts = store.installed, attempts()
        await writer.write_for(20.0)
        await town.in_sync()
        assert store.installed > before + 200, "much was written meanwhile"
        assert attempts() == before_attempts + 1
        await asyncio.sleep(5.0)
        assert isinstance(store, MemoryReplica)
        assert not store._held, "who is up needs no more than others"
        await writer.check()
        await same_everywhere(town)

    on_town(test)


def test_for_who_dies_in_the_middle_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(3.0)
        led, other = await emptied(town, monkeypatch)
        store = led.copies.members[0].copy.store
        assert isinstance(store, MemoryReplica)
        while not store._held:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
        await other.crash()
        await asyncio.sleep(leading.HOLD_S / 2)
        assert list(store._held) == [other.name], "it may come back"
        await asyncio.sleep(leading.HOLD_S)
        assert not store._held
        other.start()
        await writer.check()
        await town.in_sync()

    on_town(test)


def test_old_records_are_read_by_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that waits for the disk serves nobody."""

    async def test(town: Town) -> None:
        writer = Writer(town)
        await writer.write_for(2.0)
        led = await town.led()
        other = next(m for m in town.machines.values() if m is not led)
        await other.crash()
        await writer.write_for(4.0)
        jobs: list[str] = []
        loop = fake_loop()
        in_thread = loop.run_in_executor

        def note(executor: object, func: object, *args: object) -> asyncio.Future[object]:
            jobs.append(getattr(func, "__name__", ""))
            return in_thread(executor, func, *args)

        monkeypatch.setattr(loop, "run_in_executor", note)
        other.start()
        await town.in_sync()
        assert "records" in jobs
        await writer.check()

    on_town(test)
