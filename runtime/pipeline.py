"""The commit pipeline of a host: turns, group commit, release. asyncio, but no Ray.

Requests are executed as they come. A committer takes the layer of all turns since the last cut,
has it made durable (one append with fsync): by the kernel, while the loop goes on with the next
turns, or where there are none, on the loop (`runtime.journal`). When it is durable, its rows become
visible to reads, its outs are released in order, and its outbox rows are shipped. Nothing leaves
before.

When an append fails because the disk is full, everything that was not durable is refused and
forgotten, and for a moment the host only reads; then it tries again. When it fails otherwise, the
host stops rather than guess, and goes on from what is durable when it is restarted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from api.ambient import monotonic_s
from api.errors import ApiError
from runtime import wire
from runtime.engine import NOT_YET, Engine
from runtime.front_streams import Fronts, FrontStream
from runtime.journal import Commits, Deposed, Journal, LocalJournal
from runtime.layers import Layer
from runtime.shipper import Shipper
from storage.port import StorageFull, Store

log = logging.getLogger(__name__)

READ_ONLY_S = 1.0
HOUSEKEEPING_S = 0.25
COMMANDS_PER_STEP = 64
MOVED = "this host is stopping, or does not lead this partition any more"

PeerCall = Callable[[str, bytes], Awaitable[bytes]]
"""Calls `receive` of the host of that name with an encoded parcel; answers encoded receipts."""


class Pipeline:
    """See the module. `peers` reaches other hosts; `stop` is called once, when the host must not
    go on. Without a `journal` the store is this pipeline's alone, which keeps and closes it; else
    whoever gives the journal does that. `in_threads`: see `LocalJournal`."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        peers: PeerCall,
        stop: Callable[[BaseException], None],
        journal: Journal | None = None,
        in_threads: bool = False,
    ) -> None:
        self.engine = engine
        self.store = store
        self.fronts = Fronts()
        self.shipper = Shipper(engine, peers, self._guard)
        self.batches = 0
        self.commits = Commits()
        self._stop = stop
        self._own = LocalJournal(store, in_threads) if journal is None else None
        chosen: Journal | None = self._own or journal
        assert chosen is not None
        self._journal = chosen
        self._work = asyncio.Event()
        self._durable = asyncio.Event()
        self._executed_since: dict[FrontStream, int] = {}
        """Streams with batches that were executed since the last cut, and the last of each."""
        self._executing = 0
        self._executed = asyncio.Event()  # no batch is being executed
        self._executed.set()
        self._sequence = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._abandoned = False
        self._read_only_until_s = 0.0

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to commit, to ship what the outbox still holds, and to fire timers."""
        self._tasks = [
            asyncio.create_task(self._guard(self._commit_forever)),
            asyncio.create_task(self._guard(self._housekeep)),
        ]
        self.shipper.start()

    async def drain(self) -> None:
        """Refuse what comes now, finish what was begun, move everything to the store, close."""
        self._closing = True
        await self._executed.wait()
        await self.flush()
        await self.shipper.stop()
        if self._own is not None:
            await self._guard(self._own.checkpointer.finish)
        await self._end_tasks()
        self.fronts.end_all(_moved())
        if self._own is not None:
            self._own.close()

    def refuse(self) -> None:
        """Refuse what comes from now on."""
        self._closing = True

    def resume(self) -> None:
        """Take requests again after all."""
        self._closing = self._abandoned

    async def abandon(self) -> None:
        """Another copy leads, or may: stop at once and say nothing more. Who waits is refused."""
        self._closing = self._abandoned = True
        self._durable.set()
        self.fronts.end_all(_moved())
        await self.shipper.stop()
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _check(self) -> None:
        if self._abandoned:
            raise _moved()

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; if it fails, the host stops. It is called in here, so that a task that ends before
        it has begun leaves nothing that was never awaited."""
        try:
            await work()
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            log.critical("the host stops: %s", error, exc_info=error)
            self._stop(error)

    # --- calls from fronts and peers ----------------------------------------------------------

    async def listen(self, front: str, stream: str, say: Callable[[bytes], None]) -> None:
        """Open a stream for a front, which is told by `say` what there is for it: encoded packets
        (`wire.Packet`), in order, the first at once and empty. Comes back, or raises, when it is
        over."""
        if self._closing:
            raise _moved()
        opened = FrontStream(stream, say)
        self.fronts.open(front, opened)
        opened.tell([])
        try:
            await opened.until_over()
        finally:
            self.fronts.lost(front, opened, monotonic_s())

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        """Execute a front's batch of requests. When it is durable, the stream is told so, with the
        answers. The batches of a stream are numbered from 1. One that cannot be executed, or comes
        out of turn, is the end of its stream; one of a stream that is over is ignored."""
        opened = self.fronts.stream(front, stream)
        if opened is None:
            return
        async with opened.turn:
            if opened.is_over():
                return
            if self._closing:
                opened.end(_moved())
            elif number != opened.executed + 1:
                opened.end(ApiError("unavailable", "an earlier batch is missing", 0.05))
            else:
                try:
                    await self._execute(front, opened, payload)
                except Exception as error:
                    log.exception("a batch of %s failed", front)
                    opened.end(error)
                if opened.is_over():
                    return
                opened.executed = number
                self._executed_since[opened] = number
                self._work.set()

    async def _execute(self, front: str, stream: FrontStream, payload: bytes) -> None:
        """As long as its stream is not over."""
        command = self.engine.command
        self.batches += 1
        self._executing += 1
        self._executed.clear()
        try:
            for index, request in enumerate(wire.decode_requests(payload), 1):
                command(front, request)
                if index % COMMANDS_PER_STEP == 0:
                    # Let a commit that has become durable be released, and the next one begin.
                    self._work.set()
                    await asyncio.sleep(0)
                    if stream.is_over():
                        break
        finally:
            self._executing -= 1
            if not self._executing:
                self._executed.set()

    async def receive(self, payload: bytes) -> bytes:
        """Execute another host's parcel; comes back with receipts when it is durable."""
        if self._closing:
            raise _moved()
        parcel = wire.decode_parcel(payload)
        receipts = [self.engine.receive(shipment) for shipment in parcel.shipments]
        for raw in parcel.ephemeral:
            self.engine.receive_ephemeral(raw)
        full = self.engine.read_only
        await self.flush()
        if full or self.engine.read_only:
            # What was executed may have been given up: say only what is known to be durable.
            receipts = [self.engine.receipt(shipment) for shipment in parcel.shipments]
        return wire.encode(receipts)

    # --- commit -------------------------------------------------------------------------------

    def kick(self) -> None:
        """There is something to commit or to release."""
        self._work.set()

    async def flush(self) -> None:
        """Wait until everything executed so far is durable and released."""
        pending = self.engine.pending
        if not pending.open and pending.flying is None:
            return
        # The flying layer first, then the open one.
        goal = self._sequence + (2 if pending.flying is not None and pending.open else 1)
        self._work.set()
        while self._sequence < goal:
            self._check()
            await self._durable.wait()

    async def _commit_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            batches = self.batches
            await asyncio.sleep(0)  # what has come is executed first
            idle = not self._executing and batches == self.batches
            executed, self._executed_since = self._executed_since, {}
            # Not in a loop: what only deletes what arrived elsewhere waits for the next commit.
            if (layer := self.engine.cut()) is None:
                self.fronts.release((), executed)
            else:
                writes = layer.writes()
                begun_s = monotonic_s()
                at_once = False
                try:
                    if writes:
                        at_once = await self._journal.commit(writes, idle)
                    else:
                        await self._journal.confirm()
                except Deposed:
                    return
                except StorageFull as error:
                    self._become_read_only(error, executed)
                    continue
                if writes:
                    self.store.install(writes)
                    self.commits.add(monotonic_s() - begun_s, at_once)
                self.engine.settle()
                self._release(layer, executed)
                if self.engine.moves.landing:
                    self._work.set()

    def _release(self, layer: Layer, executed: dict[FrontStream, int]) -> None:
        self.fronts.release(layer.outs, executed)
        self._sequence += 1
        durable, self._durable = self._durable, asyncio.Event()
        durable.set()
        if layer.streams or layer.ephemeral:
            self.shipper.ship(layer.streams, layer.ephemeral)

    def _become_read_only(self, error: StorageFull, executed: dict[FrontStream, int]) -> None:
        log.error("the disk is full, only reading for %s s: %s", READ_ONLY_S, error)
        self._read_only_until_s = monotonic_s() + READ_ONLY_S
        self.engine.read_only = True
        if self._journal.alone:
            refusal = ApiError("storage_full", "the disk is full; nothing was changed", READ_ONLY_S)
        else:
            refusal = ApiError("unavailable", NOT_YET, READ_ONLY_S)
        executed |= self._executed_since
        self._executed_since = {}
        self.fronts.release(self.engine.give_up(refusal), executed)
        self._sequence += 2
        durable, self._durable = self._durable, asyncio.Event()
        durable.set()

    # --- housekeeping -------------------------------------------------------------------------

    async def _housekeep(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            now_s = monotonic_s()
            if self.engine.read_only and now_s >= self._read_only_until_s:
                self.engine.read_only = False
                self.shipper.retry_all()
            if self.engine.timers.next_ms <= self.engine.clock():
                self.engine.fire_timers()
                self.kick()
            if self.engine.moves.busy:
                self.kick()
            for name in self.fronts.drop_silent(now_s):
                log.warning("front %s went silent", name)
                self.engine.forget_front(name)
                self.kick()
            if self.engine.pending.open:
                self.kick()
            if self._own is not None:
                await self._own.checkpointer.run_if_due(now_s)


def _moved() -> ApiError:
    return ApiError("unavailable", MOVED, 0.1)
