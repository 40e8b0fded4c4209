"""A copy of a partition, as its disk and its leader make it: what it holds, which configuration it
has adopted, and how it takes what a leader sends. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from actors.runtime.replication.protocol import (
    Append,
    Appended,
    Configuration,
    Rows,
    decode_configuration,
    encode,
)
from storage.port import StorageFull
from storage.replica import Replica, epoch_of

R = TypeVar("R")
log = logging.getLogger(__name__)


class Copy:
    """See the module. `writer` runs what waits for the disk, one at a time. `on_newer` is called
    when a configuration of a newer epoch was adopted that another host leads."""

    def __init__(self, host: str, partition: int, store: Replica, writer: Executor | None) -> None:
        self.host = host
        self.partition = partition
        self.store = store
        self._writer = writer
        raw = store.recall()
        self.config = decode_configuration(raw) if raw else Configuration(partition, 0, "", (), ())
        self.matched = store.installed
        """Up to here this log is known to be the same as the leader's."""
        self.heard_s = time.monotonic()
        """When the leader of this epoch was heard last: it may be sure of this copy for some time
        after. A copy that was just started may have promised so a moment ago."""
        self.on_newer: Callable[[], None] = lambda: None
        self._lock = asyncio.Lock()

    @property
    def epoch(self) -> int:
        return self.config.epoch

    @property
    def leads(self) -> bool:
        return self.config.leader == self.host

    async def on_disk(self, work: Callable[..., R], *args: Any) -> R:
        """Do in the writer thread what waits for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, *args)

    async def adopt(self, config: Configuration) -> bool:
        """Take over a configuration of a newer epoch, durably: from now on what comes from an older
        one is refused. False where the epoch is not newer. Raises StorageFull."""
        async with self._lock:
            return await self._adopt(config)

    async def _adopt(self, config: Configuration) -> bool:
        if config.epoch <= self.epoch:
            return False
        if not self.epoch and config.epoch > 1:
            # This copy comes new to a partition in use, or its disk was lost: it must not lead
            # before it has what the others have, whatever a configuration says of it.
            self.store.begin_load()
        await self.on_disk(self.store.remember, encode(config))
        self.config = config
        self.matched = self.store.installed
        self.heard_s = time.monotonic()
        if not self.leads:
            self.on_newer()
        return True

    # --- what a leader sends ------------------------------------------------------------------

    async def append(self, message: Append) -> Appended:
        """Take records; answered when they are durable."""
        async with self._lock:
            try:
                if not await self._heed(message.config):
                    return Appended(self.epoch, 0)
                if self.store.loading:
                    return Appended(self.epoch, 0, blank=True)
                if message.first <= self.matched + 1:
                    await self._take(message)
            except StorageFull as error:
                log.error("partition %d: %s", self.partition, error)
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
        self.heard_s = time.monotonic()
        return not self.leads

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
                log.info("partition %d: %d records are taken back", self.partition, lost)
                await self.on_disk(self.store.truncate, number - 1)
            fresh.append(record)
        if fresh:
            await self.on_disk(self.store.append_records, fresh)
            self.matched = self.store.last

    async def load(self, message: Rows) -> Appended:
        """Take a part of a snapshot."""
        async with self._lock:
            try:
                if not await self._heed(message.config):
                    return Appended(self.epoch, 0)
                if message.begin:
                    self.store.begin_load()
                    self.matched = 0
                if message.rows:
                    await self.on_disk(self.store.load, {self.partition: message.rows})
                if message.end is not None:
                    self.store.end_load(message.end)
                    self.matched = self.store.installed
            except StorageFull as error:
                log.error("partition %d: %s", self.partition, error)
                return Appended(self.epoch, 0, full=True, blank=True)
            return Appended(self.epoch, self.matched, blank=self.store.loading)
