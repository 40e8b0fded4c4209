"""One run in one process: connect, send, wait for what is under way, check everything."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Awaitable, Callable
from itertools import chain, islice
from random import Random
from time import monotonic

from api import limits
from api.errors import ApiError
from sim.load.chats import BASE_BITS, CALLS_AT_ONCE, LoadChat, open_chat, read_back
from sim.load.client import Client
from sim.load.collect import collect
from sim.load.comings import Comings
from sim.load.endpoint import Endpoint
from sim.load.files import Files
from sim.load.http import Http
from sim.load.ledger import Stored, Verdict
from sim.load.machine import CpuUsed
from sim.load.meter import Meter
from sim.load.outcome import Outcome
from sim.load.plan import Account, Chats, Plan, Say
from sim.load.reconnecting import Reconnecting, TokenRefused
from sim.load.sender import BUDGETS_PER_S, FRAMES_PER_BUDGET, FRAMES_PER_BUDGET_FREE, Sender
from sim.load.success import OVERDUE_S, SoFar
from sim.load.traffic import Traffic
from sim.load.wire import prefix_of

CONNECT_S_MAX = 60.0
DRAIN_POLL_S = 0.02
OPENED_AT_ONCE = 256
SECONDS_MIN = 0.001

StartAt = Callable[[], Awaitable[float]]


class TokensRefused(Exception):
    def __init__(self, user_ids: list[int]) -> None:
        super().__init__(f"{len(user_ids)} tokens were refused")
        self.user_ids = user_ids


async def at_once() -> float:
    return monotonic() + 0.01


def not_told(so_far: SoFar) -> None:
    """Nobody wants to know how it gets on."""


class Run:
    """`http` is for files; `tell` is told once a second how it gets on."""

    def __init__(
        self,
        plan: Plan,
        endpoint: Endpoint,
        accounts: list[Account],
        say: Say,
        http: Http | None = None,
        tell: Callable[[SoFar], None] = not_told,
    ) -> None:
        self.plan = plan
        self.meter = Meter()
        self.chats: list[list[LoadChat]] = []
        self.senders: list[Sender] = []
        self._endpoint = endpoint
        self._say = say
        self._tell = tell
        self._run = secrets.randbits(32)
        self._loop = asyncio.get_running_loop()
        chance = Random(plan.seed)
        self.clients = [self._client(account) for account in accounts[: plan.users]]
        sessions = accounts[plan.users :]
        idle = [self._client(sessions[n % len(sessions)]) for n in range(plan.idle)]
        self._all: list[Reconnecting] = [*self.clients, *idle]
        self._files = Files(plan.files, http, self.meter, chance) if plan.files and http else None
        self._comings = Comings(plan, list[Reconnecting](idle), chance)
        self._traffic: Traffic | None = None
        self._chance = chance
        self._keepers: list[asyncio.Task[None]] = []
        self._ticks = 0
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Send no more: what has been sent is waited for and checked, as if the time was over."""
        self._ended.set()

    async def drive(self, start_at: StartAt = at_once) -> Outcome:
        """The whole run. `start_at` is asked for the moment to start when all is prepared."""
        try:
            await self._connect()
            await self._open_chats()
            self._tick_at = self._loop.time()
            self._tick()
            outcome = await self._measure(await start_at())
            await self._drain()
            outcome.verdict, outcome.verified = await self._check()
            collect(outcome, self.meter, self._comings)
            return outcome
        finally:
            await self._close()

    # --- before ---------------------------------------------------------------------------------

    def _client(self, account: Account) -> Client:
        return Client(account, self._endpoint, self.meter, self.plan.backoff)

    async def _connect(self) -> None:
        self._say(f"connecting {len(self._all)} users")
        spawn = self._loop.create_task
        self._keepers = [spawn(each.stay_connected()) for each in self._all]
        waits = (each.ready(CONNECT_S_MAX) for each in self._all)
        found = await asyncio.gather(*waits, return_exceptions=True)
        if any(isinstance(problem, TokenRefused) for problem in found):
            raise TokensRefused(sorted({each.user_id for each in self._all if each.refused}))
        for problem in found:
            if isinstance(problem, BaseException):
                raise ConnectionError(f"could not connect all users: {dict(self.meter.errors)}")

    async def _open_chats(self) -> None:
        at_once = asyncio.Semaphore(OPENED_AT_ONCE)
        title = f"load {self._run:08x}"
        taken = iter(self.clients)

        async def one(kind: Chats, members: list[Client]) -> LoadChat:
            async with at_once:
                return await open_chat(kind, members, title, self._new_sender)

        for kind in self.plan.chats:
            members = [list(islice(taken, kind.size)) for _ in range(kind.count)]
            self.chats.append(await asyncio.gather(*(one(kind, some) for some in members)))
        for client in self.clients:
            if client.sender is None:
                self._comings.those.append(client)
            if self._files is not None:
                client.fetch = self._files.fetch
        self._traffic = Traffic(self.plan, self.chats, self._files, self.meter, self._chance)

    def _new_sender(self, client: Client, chat_id: str, receivers: int) -> Sender:
        client.sender = Sender(
            client,
            chat_id,
            prefix_of(self._run, len(self.senders)),
            secrets.randbits(BASE_BITS),
            receivers,
            self.meter,
            FRAMES_PER_BUDGET if self._endpoint.paced else FRAMES_PER_BUDGET_FREE,
            self._loop.call_later,
        )
        self.senders.append(client.sender)
        return client.sender

    # --- meanwhile ------------------------------------------------------------------------------

    async def _measure(self, start: float) -> Outcome:
        assert self._traffic is not None
        meter = self.meter
        stop = start + self.plan.seconds
        await asyncio.sleep(max(0.0, start - monotonic()))
        self._say(f"sending for {self.plan.seconds:g} s")
        meter.begin(start, stop)
        gc.freeze()
        gc.disable()
        cpu = CpuUsed()
        for sender in self.senders:
            sender.last_ack = start
        self._comings.begin(start, stop)
        self._traffic.begin(start, stop)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, stop - monotonic())):
                await self._ended.wait()
        stop = min(stop, monotonic())
        self._traffic.end(stop)
        self._comings.end(stop)
        meter.end(stop)
        outcome = Outcome(max(stop - start, SECONDS_MIN), meter.acknowledged, meter.delivered)
        outcome.connects = len(meter.connects)
        outcome.cpu_s, outcome.machine_busy = [cpu.own_s()], cpu.machine_share()
        gc.enable()
        outcome.left = sum(sender.left_by(stop) for sender in self.senders)
        outcome.worst_gaps = [
            max(max(sender.worst_gap, stop - sender.last_ack) for sender in chat.senders)
            for chat in chain(*self.chats)
        ]
        return outcome

    def _tick(self) -> None:
        """A few times a second: budgets, gaps, connections that went silent, heartbeats."""
        now = monotonic()
        if self.meter.start <= now < self.meter.stop:
            self.meter.late.append(self._loop.time() - self._tick_at)
        for client in self.clients:
            client.look_after(now)
        every = limits.HEARTBEAT_S * BUDGETS_PER_S
        for each in self._all[self._ticks % every :: every]:  # not all at once
            each.ping()
        for sender in self.senders:
            sender.refill(now)
        if self._ticks % BUDGETS_PER_S == 0:
            self._tell(self._so_far(now))
        self._ticks += 1
        self._tick_at = self._loop.time() + 1 / BUDGETS_PER_S
        self._ticker = self._loop.call_at(self._tick_at, self._tick)

    def _so_far(self, now: float) -> SoFar:
        overdue = sum(sender.overdue(now - OVERDUE_S) for sender in self.senders)
        return SoFar(self.meter.done, self.meter.errors.total(), overdue)

    # --- afterwards -----------------------------------------------------------------------------

    def _under_way(self) -> bool:
        files = self._files is not None and self._files.under_way > 0
        away = self._comings.missing() > 0
        return files or away or any(sender.unfinished() for sender in self.senders)

    async def _drain(self) -> None:
        """Wait for what is under way, as long as something still arrives."""
        self._say("waiting for the last answers")
        arrived = -1
        quiet_since = monotonic()
        while self._under_way():
            count = self.meter.done + self.meter.delivered
            if count != arrived:
                arrived = count
                quiet_since = monotonic()
            elif monotonic() - quiet_since > self._endpoint.patience_s:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _check(self) -> tuple[Verdict, bool]:
        """The verdict, and whether the history is part of it."""
        chats = list(chain(*self.chats))
        stored: list[list[Stored | None]] = [[None] * len(chat.senders) for chat in chats]
        verified = False
        if self.plan.verify:
            self._say("connecting anew, and reading the history back")
            try:
                await self._reconnect()
                await self._drain()  # what was unanswered went out again
                for sender in self.senders:
                    sender.stop()
                at_once = asyncio.Semaphore(CALLS_AT_ONCE)
                stored = await asyncio.gather(*(read_back(chat, at_once) for chat in chats))
                verified = True
            except (ApiError, OSError, TimeoutError) as problem:
                code = problem.code if isinstance(problem, ApiError) else type(problem).__name__
                self.meter.errors[f"check_{code}"] += 1
        verdict = Verdict(corrupted=self.meter.corrupted)
        for chat, found in zip(chats, stored, strict=True):
            verdict.add(chat.judge(found))
        return verdict, verified

    async def _reconnect(self) -> None:
        for client in self.clients:
            client.reconnect()
        await asyncio.gather(*(client.ready(CONNECT_S_MAX) for client in self.clients))

    async def _close(self) -> None:
        self._comings.end(0.0)
        if self._traffic is not None:
            self._traffic.end(0.0)
        if self._files is not None:
            self._files.close()
        if self._ticks:
            self._ticker.cancel()
        for each in self._all:
            each.close()
        for keeper in self._keepers:
            keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._keepers, return_exceptions=True)
