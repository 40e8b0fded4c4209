"""A lease goes by a clock that counts through sleep."""

from __future__ import annotations

import asyncio

import pytest

from api import ambient
from api.ambient import boot_s
from runtime.replication.copy import Copy
from runtime.replication.leader import Follower, Leader
from runtime.replication.protocol import Configuration, MemoryConfigStore, encode
from runtime.syncs import Syncs
from storage.memory_replica import MemoryDisk, MemoryReplica
from tests.unit.runtime.fake_time import InFakeTime, fake_loop, run
from tests.unit.runtime.replication.machines import a_clock


def test_a_lease_is_over_after_a_sleep() -> None:
    """The machine sleeps for two seconds, of which timers know nothing."""

    async def test() -> None:
        disk = MemoryDisk()
        disk.config = encode(Configuration(0, 1, "a", ("a", "b"), ("a", "b")))
        copy = Copy("a", 0, [0], MemoryReplica(disk), Syncs(None), a_clock())
        leader = Leader(copy, MemoryConfigStore(), None, 1)  # type: ignore[arg-type]
        awake_s = boot_s()
        leader.followers["b"] = Follower("b", awake_s)
        leader.followers["b"].confirmed_s = awake_s
        await leader.lease()
        slept = InFakeTime(fake_loop())
        slept.boot_s = lambda: awake_s + 2.0  # type: ignore[method-assign]
        with ambient.replaced(slept), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await leader.lease()

    run(test)
