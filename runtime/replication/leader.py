"""The leader of a shard: has every record written by all copies in sync before it is committed,
brings the others up, and decides with the configuration store who is in sync. asyncio, no Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from api.ambient import boot_s
from runtime.journal import Deposed
from runtime.replication.copy import Copy
from runtime.replication.parts import parts_of
from runtime.replication.protocol import (
    HEARTBEAT_S,
    LEASE_S,
    SUSPECT_S,
    TAKEOVER_S,
    Append,
    Appended,
    ConfigStore,
    Configuration,
    SnapshotPart,
    Unavailable,
)
from storage.port import StorageFull, Writes
from storage.replica import encode_record

log = logging.getLogger(__name__)

APPEND_BYTES = 256 * 1024
CALL_S_MAX = 2.0
TICK_S = 0.1
RETRY_S = 0.2
HOLD_S = 60.0
"""For a copy that is silent for longer, the log is not held."""
CLOSE_RECORDS = 64
"""A copy that lacks no more than this is made to be in sync: commits wait for it then."""


class Peer(Protocol):
    """Calls of another host about a copy it has. Raises whatever the transport raises."""

    async def append(self, host: str, message: Append) -> Appended: ...

    async def load(self, host: str, message: SnapshotPart) -> Appended: ...


class Follower:
    """What the leader knows of another copy."""

    def __init__(self, host: str, now_s: float) -> None:
        self.host = host
        self.acked = 0
        """It has everything up to here, durably."""
        self.next = 0
        """The number of the record to send next; 0: not known yet."""
        self.confirmed_s = now_s - 2 * LEASE_S
        """When the last message was sent that it has confirmed."""
        self.since_s = now_s
        self.well_since_s = now_s
        self.joining = False
        """It is nearly up: commits wait for it, so that it can be taken among those in sync."""
        self.full = False
        self.wake = asyncio.Event()


class Leader:
    """See the module, and `runtime.journal.Journal`. `copy` has adopted a configuration in
    which its host leads."""

    alone = False

    def __init__(self, copy: Copy, configs: ConfigStore, peer: Peer, min_in_sync: int) -> None:
        self._copy = copy
        self._store = copy.store
        self._configs = configs
        self._peer = peer
        self._min_in_sync = min_in_sync
        self.followers: dict[str, Follower] = {}
        self._feeds: dict[str, asyncio.Task[None]] = {}
        self.committed = copy.store.installed
        self._inherited = copy.store.last
        """The leader before may have acknowledged what this copy only knows to be written."""
        self._leadership = copy.epoch
        self._attempts = 0
        self._proposed: Configuration | None = None
        """It is not known yet whether this one was written."""
        self._pending: tuple[int, bytes] | None = None
        """The record that is being written here, and can be sent already."""
        self._counts_from = 0
        """Confirmations of earlier epochs say nothing about the records that there are now."""
        self._changed = asyncio.Event()
        self._changing = asyncio.Lock()
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def config(self) -> Configuration:
        return self._copy.config

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make everything that this copy holds committed; the leader can serve then. Raises
        Deposed, StorageFull."""
        self._follow()
        self._task = asyncio.create_task(self._keep(self._watch))
        # A record of this epoch makes the others take back what is not in this log.
        await self.commit({}, idle=False)
        self._store.settle(self.committed)

    async def close(self) -> None:
        self._fail(Deposed("no longer leading"))
        tasks = [*self._feeds.values(), *filter(None, [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for host in self.followers:
            self._store.hold(host, None)

    def _follow(self) -> None:
        """Feed those that have a copy in this epoch, and no others."""
        others = set(self.config.members) - {self._copy.host}
        for host in sorted(self.followers.keys() - others):
            del self.followers[host]
            self._feeds.pop(host).cancel()
            self._store.hold(host, None)
        for host in sorted(others - self.followers.keys()):
            follower = self.followers[host] = Follower(host, boot_s())
            self._feeds[host] = asyncio.create_task(self._keep(partial(self._feed, follower)))

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if not isinstance(error, Deposed):
                log.exception("shard %d: the leader fails", self.config.shard)
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _check(self) -> None:
        if self._error is not None:
            raise Deposed(str(self._error))
        if not self._copy.leads:
            raise Deposed(f"{self._copy.config.leader} leads")

    async def failed(self) -> None:
        """Comes back when this leader must not go on."""
        while self._error is None and self._copy.leads:
            await self._changed.wait()

    # --- commit -------------------------------------------------------------------------------

    async def commit(self, writes: Writes, idle: bool) -> bool:
        """Have the rows written by every copy in sync; one call at a time. Where the disk stands
        still, the loop has others to talk to: `idle` changes nothing. Raises Deposed (it is not
        known whether they will be committed), StorageFull (they will not)."""
        async with self._copy.lock:
            self._check()
            record = encode_record(self.config.epoch, writes)
            number = self._store.last + 1
            self._pending = (number, record)
            self._wake_all()
            full: StorageFull | None = None
            try:
                await self._copy.append_records([record])
            except StorageFull as error:
                full = error
            finally:
                self._pending = None
        if full is not None:
            await self._take_back()
            raise full
        while True:
            self._check()
            if self._is_committed(number):
                break
            await self._changed.wait()
        self.committed = number
        return False

    async def confirm(self) -> None:
        """See `runtime.journal.Journal`."""
        await self.lease()

    async def _take_back(self) -> None:
        """There was no room for a record here, but others may hold it. In another epoch its number
        is given anew, and what was confirmed of it counts for nothing."""
        successor = self._with_room()
        await self._change(lambda old: replace(old, leader=successor or old.leader))
        self._check()
        self._counts_from = self.config.epoch
        for follower in self.followers.values():
            follower.acked = min(follower.acked, self._store.last)
            follower.next = 0

    def _with_room(self) -> str:
        """A copy that could go on where this one's disk is full; empty if there is none."""
        followers = self.followers.values()
        fit = (f.host for f in followers if f.host in self.config.in_sync and not f.full)
        return next(fit, "")

    def _is_committed(self, number: int) -> bool:
        in_sync = self.config.in_sync
        return len(in_sync) >= self._min_in_sync and all(
            follower.acked >= number
            for follower in self.followers.values()
            if follower.joining or follower.host in in_sync
        )

    @property
    def undecided(self) -> bool:
        """Whether it may have written a configuration that no copy has adopted yet."""
        return self._proposed is not None

    @property
    def writable(self) -> bool:
        """Whether enough copies are in sync."""
        return len(self.config.in_sync) >= self._min_in_sync

    async def hand_over(self, to: str) -> None:
        """Begin an epoch that another copy in sync leads. Raises Deposed at the latest then."""

        def led_by(old: Configuration) -> Configuration:
            if to not in old.in_sync:
                raise Unavailable(f"{to} is not in sync")
            return replace(old, leader=to)

        await self._change(led_by)
        message = Append(self.config, self._store.last + 1, [], self.committed)
        async with asyncio.timeout(CALL_S_MAX):
            await self._peer.append(to, message)

    async def rearrange(self, epoch: int, members: tuple[str, ...]) -> None:
        """Begin an epoch in which these hosts have a copy, the first of which shall lead. Those who
        are new get everything; those who are left out drop theirs. Raises Unavailable if the epoch
        is another one by now, or too few of those in sync would be left; Deposed, StorageFull."""

        def rearranged(old: Configuration) -> Configuration:
            in_sync = tuple(host for host in old.in_sync if host in members)
            if old.epoch != epoch:
                raise Unavailable(f"shard {old.shard} is in epoch {old.epoch} by now")
            least = min(self._min_in_sync, len(old.in_sync))
            if old.leader not in members or len(in_sync) < least:
                raise Unavailable(f"shard {old.shard} cannot do without those left out")
            return replace(old, members=members, in_sync=in_sync)

        await self._change(rearranged)

    def behind(self) -> dict[str, int]:
        """How many records each other copy lacks."""
        last = self._last()
        return {follower.host: last - follower.acked for follower in self.followers.values()}

    def well_s(self, host: str) -> float:
        """How long a copy has been in sync in the eyes of this leader."""
        follower = self.followers.get(host)
        if follower is None or host not in self.config.in_sync:
            return 0.0
        return boot_s() - follower.well_since_s

    async def lease(self) -> None:
        """Wait until it is certain that no other copy leads. Raises Deposed."""
        while True:
            self._check()
            if self.has_lease(boot_s()):
                return
            await self._changed.wait()

    def has_lease(self, now_s: float) -> bool:
        """Whether no other copy can lead at this time."""
        in_sync = set(self.config.in_sync)
        if self._proposed is not None:
            in_sync |= set(self._proposed.in_sync)
        return all(
            now_s - follower.confirmed_s < LEASE_S
            for follower in self.followers.values()
            if follower.host in in_sync
        )

    # --- feeding ------------------------------------------------------------------------------

    def _wake_all(self) -> None:
        for follower in self.followers.values():
            follower.wake.set()

    async def _feed(self, follower: Follower) -> None:
        """Send a follower what it lacks, one message at a time, and heartbeats."""
        while True:
            follower.wake.clear()
            sent_s = boot_s()
            try:
                message = await self._message(follower)
                async with asyncio.timeout(CALL_S_MAX):
                    answer = await self._peer.append(follower.host, message)
                if answer.blank and not answer.full:
                    await self._send_snapshot(follower)
                    continue
            except (Deposed, StorageFull):
                raise
            except Exception as error:
                log.warning("%s does not take records: %s", follower.host, error)
                follower.next = 0
                if sent_s - max(follower.confirmed_s, follower.since_s) > HOLD_S:
                    self._store.hold(follower.host, None)
                await asyncio.sleep(RETRY_S)
                continue
            if answer.epoch > self.config.epoch:
                raise Deposed(f"{follower.host} knows epoch {answer.epoch}")
            if answer.epoch == message.config.epoch >= self._counts_from:
                self._note(follower, answer, sent_s)
            if answer.full:
                await asyncio.sleep(RETRY_S)
            elif follower.next > self._last():
                # All leaders of a host at once, so that their heartbeats travel together.
                await _wait(follower.wake, HEARTBEAT_S - boot_s() % HEARTBEAT_S)

    def _note(self, follower: Follower, answer: Appended, sent_s: float) -> None:
        follower.full = answer.full
        if not answer.full:
            follower.confirmed_s = sent_s
        follower.acked = max(follower.acked, answer.matched)
        follower.next = answer.matched + 1
        is_behind = follower.acked + CLOSE_RECORDS < self._store.last and not answer.full
        self._store.hold(follower.host, follower.acked if is_behind else None)
        self._notify()

    def _last(self) -> int:
        return self._pending[0] if self._pending is not None else self._store.last

    async def _message(self, follower: Follower) -> Append:
        """Where it is not known what a follower has, a heartbeat asks."""
        first = follower.next
        records: list[bytes] = []
        if first:
            found = await self._records(first - 1)
            if found is None:
                await self._send_snapshot(follower)
                first = follower.next
                found = await self._records(first - 1)
            records = found or []
            if self._pending is not None and first + len(records) == self._pending[0]:
                records.append(self._pending[1])
        else:
            first = self._last() + 1
        self._check()  # a configuration that another host leads is not for us to speak in
        return Append(self.config, first, records, self.committed)

    async def _records(self, after: int) -> list[bytes] | None:
        """Old ones are read by a thread: the disk may take its time."""
        found = self._store.recent(after, APPEND_BYTES)
        if found is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(None, self._store.records, after, APPEND_BYTES)
        return found

    async def _send_snapshot(self, follower: Follower) -> None:
        """Send all rows, while writes go on: what changes meanwhile is in the records after the one
        that was the last when it began, and applying them again ends in the same rows."""
        host = follower.host
        log.info("shard %d: a snapshot for %s", self.config.shard, host)
        follower.acked = 0
        if host in self.config.in_sync:  # it lost what it had: it must not lead
            await self._change(
                lambda old: replace(old, in_sync=tuple(h for h in old.in_sync if h != host))
            )
        begun_at = self._store.installed
        self._store.hold(host, begun_at)
        self._attempts += 1
        attempt = (self._leadership << 20) + self._attempts
        parts = parts_of(self._store, self._copy.partitions)
        for number, (partition, rows, is_last) in enumerate(parts):
            self._check()
            end = begun_at if is_last else None
            now_ms = self._copy.steady()
            part = SnapshotPart(self.config, attempt, number, rows, end, now_ms, partition)
            async with asyncio.timeout(5 * CALL_S_MAX):
                answer = await self._peer.load(host, part)
            if answer.epoch > self.config.epoch:
                raise Deposed(f"{host} knows epoch {answer.epoch}")
            if answer.full or answer.epoch < part.config.epoch or answer.blank == is_last:
                raise Unavailable(f"{host} does not take a snapshot now")
        follower.next = begun_at + 1

    # --- who is in sync -----------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._check()
            if set(self._wanted()) != set(self.config.in_sync):
                await self._change(lambda old: replace(old, in_sync=tuple(self._wanted())))
            elif not self.has_lease(boot_s() - TAKEOVER_S):
                await self._look_for_a_successor()

    async def _look_for_a_successor(self) -> None:
        with contextlib.suppress(Unavailable):
            newest = await self._configs.newest(self.config.shard, self.config.epoch)
            if newest is not None:
                await self._copy.adopt(newest)

    def _wanted(self) -> list[str]:
        """Who shall be in sync."""
        now_s = boot_s()
        in_sync = list(self.config.in_sync)
        for follower in self.followers.values():
            silent_s = now_s - max(follower.confirmed_s, follower.since_s)
            if follower.host in in_sync:
                if silent_s > SUSPECT_S and len(in_sync) > self._min_in_sync:
                    in_sync.remove(follower.host)
            elif silent_s > SUSPECT_S:
                if follower.joining:
                    follower.joining = False
                    self._notify()
            elif follower.joining:
                if follower.acked >= max(self.committed, self._inherited):
                    in_sync.append(follower.host)
            elif (
                follower.next
                and not follower.full
                and follower.acked + CLOSE_RECORDS >= self._store.last
            ):
                follower.joining = True
        return in_sync

    async def _change(self, edit: Callable[[Configuration], Configuration]) -> None:
        """Begin a new epoch, with the configuration that `edit` makes of the present one. Raises
        Deposed, StorageFull, and what `edit` raises: then nothing has changed.

        While it is not known whether the configuration was written, both hold: nobody is dropped of
        whom the old one or the new one says that commits wait for it."""
        async with self._changing:
            old = self.config
            config = replace(edit(old), epoch=old.epoch + 1)
            self._proposed = config
            try:
                while not await self._create(config):  # noqa: ASYNC110 - there is no event
                    await asyncio.sleep(RETRY_S)
                await self._copy.adopt(config)
            except (Deposed, asyncio.CancelledError):
                self._proposed = None  # this copy will not act on it
                raise
            self._proposed = None
            self._follow()
            for follower in self.followers.values():
                if follower.host in config.in_sync:
                    follower.joining = False
                if follower.host not in old.in_sync:
                    follower.well_since_s = boot_s()
            log.info("shard %d: epoch %d, in sync %s", *_told(config))
            self._notify()
            self._wake_all()

    async def _create(self, config: Configuration) -> bool:
        """False while it is not known. Raises Deposed."""
        self._check()
        try:
            if not await self._configs.create(config):
                newest = await self._configs.newest(config.shard, config.epoch)
                if newest != config:
                    raise Deposed("another epoch has begun")
        except Unavailable as error:
            log.warning("shard %d: %s", config.shard, error)
            return False
        return True


def _told(config: Configuration) -> tuple[int, int, str]:
    return config.shard, config.epoch, ", ".join(config.in_sync)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    """Until the event, or for so long."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
