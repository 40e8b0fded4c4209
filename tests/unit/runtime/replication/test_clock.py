"""The clock of leases, where there is one that counts through sleep and where there is none."""

from __future__ import annotations

import asyncio
import time

import pytest

from runtime.replication import clock
from runtime.replication.copy import Copy
from runtime.replication.leader import Follower, Leader
from runtime.replication.protocol import Configuration, MemoryConfigStore, encode
from storage.memory_replica import MemoryDisk, MemoryReplica
from tests.unit.runtime.fake_time import run
from tests.unit.runtime.replication.machines import a_clock


def test_it_counts_through_sleep_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def gettime(which: int) -> float:
        asked.append(which)
        return 5.0

    monkeypatch.setattr(time, "clock_gettime", gettime)
    assert clock._best() == time.CLOCK_BOOTTIME
    assert clock.now_s() == 5.0
    assert asked == [time.CLOCK_BOOTTIME] * 2


def test_without_such_a_clock_there_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def refused(which: int) -> float:
            raise OSError(22, "Invalid argument")

        patch.setattr(time, "clock_gettime", refused)
        assert clock._best() == time.CLOCK_MONOTONIC
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert clock._best() == time.CLOCK_MONOTONIC


def test_a_lease_is_over_after_a_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine sleeps for two seconds, of which timers know nothing."""

    async def test() -> None:
        disk = MemoryDisk()
        disk.config = encode(Configuration(0, 1, "a", ("a", "b"), ("a", "b")))
        copy = Copy("a", 0, MemoryReplica(disk), None, a_clock())
        leader = Leader(copy, MemoryConfigStore(), None, 1)  # type: ignore[arg-type]
        awake_s = clock.now_s()
        leader.followers["b"] = Follower("b", awake_s)
        leader.followers["b"].confirmed_s = awake_s
        await leader.lease()
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now_s", lambda: awake_s + 2.0)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await leader.lease()

    run(test)
