"""A copy of a shard, as its disk and its leader make it: what it holds, which configuration it
has adopted, and how it takes what a leader sends. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from api.ambient import boot_s
from runtime.replication.protocol import (
    Append,
    Appended,
    Configuration,
    SnapshotPart,
    decode_configuration,
    encode,
)
from runtime.steady import SteadyClock
from runtime.syncs import Syncs, to_its_end
from storage.port import StorageFull
from storage.replica import Replica, epoch_of

R = TypeVar("R")
log = logging.getLogger(__name__)


class Copy:
    """See the module. The shard has these `partitions`. `disk` waits for the disk, one thing of a
    copy at a time; `steady` is the host's time. `on_newer` is called when a configuration of a
    newer epoch was adopted that another host leads."""

    def __init__(
        self,
        host: str,
        shard: int,
        partitions: Sequence[int],
        store: Replica,
        disk: Syncs,
        steady: SteadyClock,
    ) -> None:
        self.host = host
        self.shard = shard
        self.partitions = partitions
        self.store = store
        self.steady = steady
        self._disk = disk
        raw = store.recall()
        self.config = decode_configuration(raw) if raw else Configuration(shard, 0, "", (), ())
        self.matched = store.installed
        """Up to here this log is known to be the same as the leader's."""
        self.heard_s = boot_s()
        """When the leader of this epoch was heard last: it may be sure of this copy for some time
        after. A copy that was just started may have promised so a moment ago."""
        self.promised_s = -math.inf if self.leads or not self.epoch else self.heard_s
        """When the leader before this epoch was heard last: its lease may last beyond."""
        self.on_newer: Callable[[], None] = lambda: None
        self.lock = asyncio.Lock()
        """Held by whoever writes to the log or changes the epoch."""
        self._snapshot = (0, 0)
        """The attempt that is being loaded, and its next part."""

    @property
    def epoch(self) -> int:
        return self.config.epoch

    @property
    def leads(self) -> bool:
        return self.config.leader == self.host

    async def on_disk(self, work: Callable[..., R], *args: Any) -> R:
        """Do in the writer thread what waits for the disk. What has begun is waited for, also by
        who is cancelled: nobody else may write meanwhile."""
        return await to_its_end(self._disk.in_thread(work, *args))

    async def append_records(self, records: Sequence[bytes]) -> None:
        """Make the records after the last one durable. Raises StorageFull, StorageFailed."""
        unsynced = self.store.begin_records(records)
        if unsynced is None:
            await self.on_disk(self.store.append_records, records)
        else:
            await to_its_end(self._disk.sync(unsynced))

    async def adopt(self, config: Configuration) -> bool:
        """Take over a configuration of a newer epoch, durably: from now on what comes from an older
        one is refused. False where the epoch is not newer. Raises StorageFull."""
        async with self.lock:
            return await self._adopt(config)

    async def _adopt(self, config: Configuration) -> bool:
        if config.epoch <= self.epoch:
            return False
        if not self.epoch and config.epoch > 1:
            # This copy comes new to a shard in use, or its disk was lost: it must not lead
            # before it has what the others have, whatever a configuration says of it.
            self.store.begin_load()
        await self.on_disk(self.store.remember, encode(config))
        if not self.leads:
            self.promised_s = self.heard_s
        self.config = config
        self.matched = self.store.installed
        self.heard_s = boot_s()
        if not self.leads:
            self.on_newer()
        return True

    # --- what a leader sends ------------------------------------------------------------------

    async def append(self, message: Append) -> Appended:
        """Take records; answered when they are durable."""
        async with self.lock:
            try:
                if not await self._heed(message.config):
                    return Appended(self.epoch, 0, full=True)
                if self.store.loading:
                    return Appended(self.epoch, 0, blank=True)
                if message.first <= self.matched + 1:
                    await self._take(message)
            except StorageFull as error:
                log.error("shard %d: %s", self.shard, error)
                return Appended(self.epoch, self.matched, full=True)
            commit = min(message.commit, self.matched)
            if commit > self.store.installed:
                self.store.settle(commit)
            return Appended(self.epoch, self.matched)

    async def _heed(self, config: Configuration) -> bool:
        """Whether a leader may say something here; one that may is heard."""
        if config.epoch < self.epoch:
            return False
        await self._adopt(config)
        if config.leader != self.config.leader:
            return False
        if self.leads:  # the leader before hands over: it serves no more
            self.promised_s = -math.inf
            return False
        self.heard_s = boot_s()
        return True

    async def _take(self, message: Append) -> None:
        fresh: list[bytes] = []
        for number, record in enumerate(message.records, message.first):
            if number <= self.matched:
                continue
            if not fresh and number <= self.store.last:
                if self.store.epoch_at(number) == epoch_of(record):
                    self.matched = number
                    continue
                lost = self.store.last - number + 1
                log.info("shard %d: %d records are taken back", self.shard, lost)
                await self.on_disk(self.store.truncate, number - 1)
            fresh.append(record)
        if fresh:
            await self.append_records(fresh)
            self.matched = self.store.last

    async def load(self, message: SnapshotPart) -> Appended:
        """Take a part of a snapshot, if it is the next one of the newest attempt."""
        async with self.lock:
            try:
                if not await self._heed(message.config) or not self._is_next(message):
                    return Appended(self.epoch, 0, full=True)
                if not message.part:
                    self.store.begin_load()
                    self.matched = 0
                if message.rows:
                    partition = message.partition if message.partition >= 0 else self.shard
                    await self.on_disk(self.store.load, {partition: message.rows})
                if message.end is not None:
                    await self.on_disk(self.store.end_load, message.end)
                    self.matched = self.store.installed
                    if message.now_ms:
                        self.steady.go_on_from(message.now_ms)
            except StorageFull as error:
                log.error("shard %d: %s", self.shard, error)
                return Appended(self.epoch, 0, full=True, blank=True)
            self._snapshot = (message.attempt, message.part + 1)
            return Appended(self.epoch, self.matched, blank=self.store.loading)

    def _is_next(self, message: SnapshotPart) -> bool:
        attempt, part = self._snapshot
        if not message.part:
            return message.attempt > attempt
        return (message.attempt, message.part) == (attempt, part)
