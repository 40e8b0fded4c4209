"""A host's membership in a shard: it follows, takes over when the leader is gone, leads, and
steps down. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Protocol, TypeVar

import msgspec

from api.ambient import boot_s, monotonic_s
from api.errors import ApiError
from runtime.checkpointer import Checkpointer
from runtime.journal import Deposed
from runtime.pipeline import Pipeline
from runtime.replication.copy import Copy
from runtime.replication.leader import Leader, Peer
from runtime.replication.protocol import (
    TAKEOVER_S,
    Append,
    Appended,
    ConfigStore,
    Configuration,
    Known,
    NotLeading,
    SnapshotPart,
    Unavailable,
)
from storage.port import StorageError, StorageFull

R = TypeVar("R")
log = logging.getLogger(__name__)

TICK_S = 0.1
HANDOVER_S = 2.0
CHANGE_S_MAX = 2.0
FULL_S = 1.0
BALANCE_S = 10.0
"""A copy that shall lead, and can, leads after so long."""


class Asker(Peer, Protocol):
    """Calls of another host, also about what it knows."""

    async def known(self, host: str, shard: int) -> Known | None: ...


class Member:
    """See the module. `first` is the configuration of a new shard; None where somebody else
    decides on it, or the host got its copy later. `lead(leader)` makes the
    pipeline that executes turns while this host leads; it is started here. `stop` ends the process,
    where going on would be guessing."""

    def __init__(
        self,
        copy: Copy,
        first: Configuration | None,
        configs: ConfigStore,
        peer: Asker,
        lead: Callable[[Leader], Pipeline],
        checkpointer: Checkpointer,
        stop: Callable[[BaseException], None],
        *,
        min_in_sync: int,
    ) -> None:
        self.copy = copy
        self._first = first
        self.pipeline: Pipeline | None = None
        self.leader: Leader | None = None
        self.takeovers = 0
        self._configs = configs
        self._peer = peer
        self._lead = lead
        self._checkpointer = checkpointer
        self._stop = stop
        self._min_in_sync = min_in_sync
        self._tasks: list[asyncio.Task[None]] = []
        self._changes: set[asyncio.Task[None]] = set()
        self._newer = asyncio.Event()
        self._claims = False
        self._present: Leader | None = None
        """The leader here, also while it is not sure to lead."""
        copy.on_newer = self._newer.set
        self.on_dismissed: Callable[[], None] = lambda: None
        """Called when this host shall not have the copy any more."""

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._guard(self._live)),
            asyncio.create_task(self._guard(self._keep_house)),
        ]

    async def close(self) -> None:
        """Stop leading and following, and close the store."""
        live, house = self._tasks
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)
        await self._step_down()
        await self._checkpointer.rest()
        if not self.copy.store.loading:
            await self._guard(self._checkpointer.finish)
        house.cancel()  # not before: it might be cut off in the middle of a checkpoint
        await asyncio.gather(house, return_exceptions=True)
        async with self.copy.lock:  # nobody writes to it any more
            self.copy.store.close()

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; if it fails, the host stops. It is called in here, so that a task that ends before
        it has begun leaves nothing that was never awaited."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            log.critical("the host stops: %s", error, exc_info=error)
            self._stop(error)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self.copy.store.loading:
                await self._checkpointer.run_if_due(monotonic_s())

    async def _live(self) -> None:
        fresh = True
        while True:
            try:
                config = await self._claim(fresh)
                fresh = False
                if self.dismissed:
                    self.on_dismissed()
                    return
                if config is not None:
                    await self._reign()
            except Unavailable as error:
                log.info("shard %d: %s", self.copy.shard, error)
            except StorageFull as error:
                log.error("shard %d: %s", self.copy.shard, error)
                await asyncio.sleep(FULL_S)
            await asyncio.sleep(TICK_S)

    # --- becoming a leader --------------------------------------------------------------------

    async def _claim(self, fresh: bool) -> Configuration | None:
        """The configuration of a new epoch in which this copy leads; None where it may not lead, or
        need not. A copy in sync may once it has heard nothing for so long that the leader's lease
        is over; the leader itself at once, when it comes back to life. Raises Unavailable,
        StorageFull."""
        copy = self.copy
        silent_s = boot_s() - copy.heard_s
        may_come_back = fresh or copy.epoch <= 1 or not copy.config.leader
        if silent_s <= TAKEOVER_S and not copy.leads and not may_come_back:
            return None
        newest = await self._configs.newest(copy.shard, copy.epoch)
        if newest is None:
            newest = await self._recover()
        if await copy.adopt(newest) and not copy.leads:
            return None
        old = copy.config
        silent_s = boot_s() - copy.heard_s
        if copy.host not in old.in_sync or copy.store.loading:
            return None
        if not copy.leads and silent_s <= TAKEOVER_S:
            return None
        in_sync = [host for host in old.in_sync if host != old.leader or host == copy.host]
        if len(in_sync) < self._min_in_sync:
            # Too few to go on without it: it stays one of those that have everything, and may lead.
            in_sync = list(old.in_sync)
        config = msgspec.structs.replace(
            old, epoch=old.epoch + 1, leader=copy.host, in_sync=tuple(in_sync)
        )
        self._claims = True
        try:
            created = await self._configs.create(config)
            if not created and await self._configs.newest(copy.shard, config.epoch) != config:
                return None
            await copy.adopt(config)
        finally:
            self._claims = False
        self.takeovers += 1
        log.info("shard %d: %s leads epoch %d", copy.shard, copy.host, config.epoch)
        return config

    @property
    def dismissed(self) -> bool:
        """Whether this host shall not have the copy any more."""
        return self.copy.epoch > 0 and self.copy.host not in self.copy.config.members

    async def _recover(self) -> Configuration:
        """The configuration store knows nothing: the shard is new, or the store has lost what
        it knew. Write the newest configuration that its members know, or the first one. Which one
        that is can only be told if every member says what it knows: also one that has given its
        copy away since, which remembers to whom, and one that was never told that it has one, which
        has begun no epoch. But who was in sync and knows nothing has lost its disk. Raises
        Unavailable."""
        newest = self.copy.config if self.copy.epoch else self._first
        if newest is None:
            raise Unavailable(f"there is no configuration of shard {self.copy.shard} yet")
        asked, ignorant = {self.copy.host}, set()
        while missing := [host for host in newest.members if host not in asked]:
            for host in missing:
                asked.add(host)
                answer = await self._peer.known(host, self.copy.shard)
                if answer is None:
                    ignorant.add(host)
                elif answer.config.epoch >= newest.epoch:
                    newest = answer.config
        if lost := ignorant & set(newest.in_sync):
            raise Unavailable(f"{', '.join(sorted(lost))} knows nothing of shard {newest.shard}")
        await self._configs.create(newest)
        log.info("shard %d: epoch %d is written", self.copy.shard, newest.epoch)
        return newest

    async def _reign(self) -> None:
        """Lead as long as it goes."""
        leader = self._present = Leader(self.copy, self._configs, self._peer, self._min_in_sync)
        self._newer.clear()
        watch = asyncio.create_task(self._newer.wait())
        begin = asyncio.create_task(leader.start())
        try:
            await asyncio.wait({watch, begin}, return_when=asyncio.FIRST_COMPLETED)
            if not begin.done():
                return
            begin.result()
            await self._outlast_the_leader_before()
            self.leader = leader
            self.pipeline = self._lead(leader)
            self.pipeline.start()
            failed = asyncio.create_task(leader.failed())
            await asyncio.wait({watch, failed}, return_when=asyncio.FIRST_COMPLETED)
            failed.cancel()
        except Deposed as error:
            log.info("shard %d: %s", self.copy.shard, error)
        finally:
            watch.cancel()
            begin.cancel()
            self.leader = self.leader or leader
            await asyncio.shield(self._step_down())

    async def _outlast_the_leader_before(self) -> None:
        """Wait until its lease is over."""
        rest_s = self.copy.promised_s + TAKEOVER_S - boot_s()
        if rest_s > 0:
            await asyncio.sleep(rest_s)

    async def _step_down(self) -> None:
        pipeline, leader = self.pipeline, self.leader
        self.pipeline = self.leader = None
        if leader is not None:
            await leader.close()
        if pipeline is not None:
            log.info("shard %d: %s steps down", self.copy.shard, self.copy.host)
            await pipeline.abandon()

    # --- calls --------------------------------------------------------------------------------

    @property
    def leading(self) -> bool:
        """Whether this host leads, and may be sure of it."""
        leader = self.leader
        return (
            self.pipeline is not None
            and leader is not None
            and self.copy.leads
            and leader.has_lease(boot_s())
        )

    async def led(self, call: Callable[[Pipeline], Awaitable[R]]) -> R:
        """What the pipeline answers, once it is certain that it was the leader's. Raises
        NotLeading."""
        pipeline, leader = self.pipeline, self.leader
        if pipeline is None or leader is None:
            raise NotLeading(f"{self.copy.host} does not lead shard {self.copy.shard}")
        try:
            answer = await call(pipeline)
            await leader.lease()
        except Deposed as error:
            raise NotLeading(str(error)) from None
        return answer

    async def append(self, message: Append) -> Appended:
        with self._stopping():
            return await self.copy.append(message)

    async def load(self, message: SnapshotPart) -> Appended:
        with self._stopping():
            async with self._checkpointer.busy:  # only one at a time can write to the rows
                return await self.copy.load(message)

    @contextlib.contextmanager
    def _stopping(self) -> Iterator[None]:
        """After a write that failed, what the log holds is known only after a restart."""
        try:
            yield
        except StorageError as error:
            log.critical("the host stops: %s", error, exc_info=error)
            self._stop(error)
            raise

    def known(self) -> Known:
        """What others are told who have lost the configuration store. Raises Unavailable while this
        host may have written an epoch there that it has not adopted: it would be given again."""
        if self._claims or (self._present is not None and self._present.undecided):
            raise Unavailable(f"{self.copy.host} begins an epoch")
        return Known(self.copy.config, self.leading)

    def should_hand_over(self) -> bool:
        """Whether another copy shall lead, and has been well for some time."""
        leader = self.leader
        if leader is None or not self.leading:
            return False
        preferred = self.copy.config.members[0]
        return preferred != self.copy.host and leader.well_s(preferred) > BALANCE_S

    def row(self) -> dict[str, Any]:
        """What `heliograph admin cluster` shows of this copy."""
        config, store, leader = self.copy.config, self.copy.store, self.leader
        behind = {} if leader is None else leader.behind()
        return {
            "shard": self.copy.shard,
            "host": self.copy.host,
            "epoch": config.epoch,
            "leader": config.leader,
            "leading": self.leading,
            "members": config.members,
            "in_sync": config.in_sync,
            "last": store.last,
            "installed": store.installed,
            "loading": store.loading,
            "behind": behind,
        }

    async def hand_over(self, to: str) -> None:
        """Let another copy in sync lead. Raises NotLeading, Deposed, Unavailable; unless another
        one leads then, this one goes on."""
        leader, pipeline = self.leader, self.pipeline
        if leader is None or pipeline is None:
            raise NotLeading(f"{self.copy.host} does not lead shard {self.copy.shard}")
        if to not in self.copy.config.in_sync:
            raise Unavailable(f"{to} is not in sync")
        await self._configs.newest(self.copy.shard, self.copy.epoch)  # can it be reached?
        pipeline.refuse()
        try:
            async with asyncio.timeout(HANDOVER_S):
                await pipeline.flush()
        except (TimeoutError, ApiError):
            pipeline.resume()
            raise Unavailable("what was begun is not finished") from None
        try:
            log.info("shard %d: %s hands over to %s", self.copy.shard, self.copy.host, to)
            await self._see_through(leader.hand_over(to))
        finally:
            if self.copy.leads:
                pipeline.resume()

    async def rearrange(self, epoch: int, members: tuple[str, ...]) -> None:
        """Give copies to other hosts (see `Leader.rearrange`). Raises NotLeading, Unavailable."""
        leader = self.leader
        if leader is None:
            raise NotLeading(f"{self.copy.host} does not lead shard {self.copy.shard}")
        try:
            await self._see_through(leader.rearrange(epoch, members))
        except (Deposed, StorageFull) as error:
            raise Unavailable(str(error)) from error

    async def _see_through(self, change: Coroutine[Any, Any, None]) -> None:
        """Wait for a change of the configuration, but not for ever. It is not cut off: its outcome
        would not be known."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        done, _ = await asyncio.wait({task}, timeout=CHANGE_S_MAX)
        if done:
            task.result()
