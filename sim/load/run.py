"""One run in one process: connect, send, wait for what is under way, check everything.

The window counts slots per pair. A slot is taken by sending a message and free again when the
message has been acknowledged to its sender *and* received by the other user; the half of the slots
(rounded up) sends from the first user to the second, the rest back. One slot alternates.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic, process_time

from msgspec import Struct

from api import limits
from api import types as t
from api.errors import ApiError
from sim.load.client import Client, TokenRefused
from sim.load.endpoint import Endpoint
from sim.load.ledger import Receipts, Stored, Verdict, judge
from sim.load.meter import Meter
from sim.load.outcome import Outcome
from sim.load.schedule import Schedule
from sim.load.sender import BUDGETS_PER_S, FRAMES_PER_BUDGET, FRAMES_PER_BUDGET_FREE, Sender
from sim.load.wire import PREFIX_CHARS, SEQ_END, prefix_of, text_of

CONNECT_S_MAX = 60.0
DRAIN_POLL_S = 0.02
CHECKS_AT_ONCE = 32
BASE_BITS = 52
SECONDS_MIN = 0.001


class Account(Struct, frozen=True):
    user_id: int
    token: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `fanout` > 0: one group of so many members in place of pairs."""

    pairs: int
    window: int
    seconds: float
    rate: float = 0.0
    fanout: int = 0
    verify: bool = True
    paced: bool = True
    """The server limits the frames per second of a connection, and the client keeps to it."""
    drain_s: float = 10.0
    """The drain ends when nothing has arrived for so long."""

    @property
    def accounts(self) -> int:
        return self.fanout or 2 * self.pairs


@dataclass(slots=True)
class LoadChat:
    """A chat of the run: who sends into it, who checks its history from which message on."""

    chat_id: str
    before_id: int
    reader: Client
    senders: list[Sender]
    receipts: list[list[Receipts]]


class TokensRefused(Exception):
    def __init__(self, user_ids: list[int]) -> None:
        super().__init__(f"{len(user_ids)} tokens were refused")
        self.user_ids = user_ids


StartAt = Callable[[], Awaitable[float]]
Say = Callable[[str], None]


async def at_once() -> float:
    return monotonic() + 0.01


class Run:
    def __init__(self, plan: Plan, endpoint: Endpoint, accounts: list[Account], say: Say) -> None:
        self.plan = plan
        self.meter = Meter()
        self.clients = [Client(a.user_id, a.token, endpoint, self.meter) for a in accounts]
        self.chats: list[LoadChat] = []
        self.senders: list[Sender] = []
        self._run = secrets.randbits(32)
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._keepers: list[asyncio.Task[None]] = []
        self._schedule: Schedule | None = None
        self._ticks = 0
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Send no more: what has been sent is waited for and checked, as if the time was over."""
        self._ended.set()

    async def drive(self, start_at: StartAt = at_once) -> Outcome:
        """The whole run. `start_at` is asked for the moment to start when all is prepared."""
        try:
            await self._connect()
            if self.plan.fanout:
                await self._open_group()
            else:
                await asyncio.gather(*map(self._open_pair, range(self.plan.pairs)))
            self._tick()
            outcome = await self._measure(await start_at())
            await self._drain()
            outcome.verdict, outcome.verified = await self._check()
            self._collect(outcome)
            return outcome
        finally:
            await self._close()

    # --- before ---------------------------------------------------------------------------------

    async def _connect(self) -> None:
        self._say(f"connecting {len(self.clients)} users")
        spawn = self._loop.create_task
        self._keepers = [spawn(client.stay_connected()) for client in self.clients]
        waits = (client.ready(CONNECT_S_MAX) for client in self.clients)
        found = await asyncio.gather(*waits, return_exceptions=True)
        if any(isinstance(problem, TokenRefused) for problem in found):
            raise TokensRefused([c.user_id for c in self.clients if c.refused])
        for problem in found:
            if isinstance(problem, BaseException):
                raise ConnectionError(f"could not connect all users: {dict(self.meter.errors)}")

    async def _open_pair(self, number: int) -> None:
        first, second = self.clients[2 * number : 2 * number + 2]
        opened = await first.call("chats.open_private", {"user_id": second.user_id}, t.Chat)
        there = self._sender(first, opened.id, 2 * number, [second])
        back = self._sender(second, opened.id, 2 * number + 1, [first])
        alternate = self.plan.window == 1
        there.on_free = self._sends_again(back if alternate else there)
        back.on_free = self._sends_again(there if alternate else back)
        receipts = [[second.receipts], [first.receipts]]
        self.chats.append(LoadChat(opened.id, opened.last_id, first, [there, back], receipts))  # type: ignore[arg-type]

    async def _open_group(self) -> None:
        owner, *members = self.clients
        ids = [member.user_id for member in members]
        at_first = ids[: limits.GROUP_INVITES_PER_CREATE_MAX]
        params = {
            "title": f"load {self._run:08x}",
            "random_id": secrets.randbits(BASE_BITS) + 1,
            "user_ids": at_first,
        }
        group = await owner.call("chats.create_group", params, t.Chat)
        for user_id in ids[len(at_first) :]:
            await owner.call("chats.add_member", {"chat_id": group.id, "user_id": user_id}, t.Ok)
        group = await owner.call("chats.get", {"chat_id": group.id}, t.Chat)
        sender = self._sender(owner, group.id, 0, members)
        sender.on_free = self._sends_again(sender)
        receipts = [[m.receipts for m in members if m.receipts is not None]]
        self.chats.append(LoadChat(group.id, group.last_id, owner, [sender], receipts))

    def _sender(self, client: Client, chat_id: str, stream: int, receivers: list[Client]) -> Sender:
        prefix = prefix_of(self._run, stream)
        base = secrets.randbits(BASE_BITS)
        sender = Sender(
            client,
            chat_id,
            prefix,
            base,
            len(receivers),
            self.meter,
            FRAMES_PER_BUDGET if self.plan.paced else FRAMES_PER_BUDGET_FREE,
            self._loop.call_later,
        )
        client.sender = sender
        for receiver in receivers:
            receiver.receive_from(sender, Receipts(sender.stream))
        self.senders.append(sender)
        return sender

    def _sends_again(self, sender: Sender) -> Callable[[], None]:
        meter = self.meter

        def send_again() -> None:
            now = monotonic()
            if now < meter.stop:
                sender.send(now)

        return _nothing if self.plan.rate else send_again

    # --- meanwhile ------------------------------------------------------------------------------

    async def _measure(self, start: float) -> Outcome:
        meter = self.meter
        stop = start + self.plan.seconds
        await asyncio.sleep(max(0.0, start - monotonic()))
        self._say(f"sending for {self.plan.seconds:g} s")
        meter.begin(start, stop)
        gc.freeze()
        gc.disable()
        cpu_s = process_time()
        for sender in self.senders:
            sender.last_ack = start
        if self.plan.rate:
            senders = sorted(self.senders, key=lambda sender: int(sender.prefix[9:13], 16) & 1)
            self._schedule = Schedule(
                self.plan.rate,
                start,
                stop,
                lambda number, due: senders[number % len(senders)].send(due),
            )
        else:
            self._fill_windows()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, stop - monotonic())):
                await self._ended.wait()
        stop = min(stop, monotonic())
        meter.end(stop)
        if self._schedule is not None:
            self._schedule.close()
        seconds = max(stop - start, SECONDS_MIN)
        outcome = Outcome(seconds, len(meter.acks), len(meter.deliveries))
        outcome.cpu_s = process_time() - cpu_s
        gc.enable()
        outcome.worst_gaps = [
            max(max(sender.worst_gap, stop - sender.last_ack) for sender in chat.senders)
            for chat in self.chats
        ]
        return outcome

    def _fill_windows(self) -> None:
        window = self.plan.window
        for chat in self.chats:
            for place, sender in enumerate(chat.senders):
                slots = window if len(chat.senders) == 1 else (window + 1 - place) // 2
                for _ in range(slots):
                    sender.send(monotonic())

    def _tick(self) -> None:
        """A few times a second: budgets, gaps, connections that went silent, heartbeats."""
        now = monotonic()
        self._ticks += 1
        beat = self._ticks % (limits.HEARTBEAT_S * BUDGETS_PER_S) == 0
        for client in self.clients:
            client.look_after(now)
            if beat:
                client.ping()
        for sender in self.senders:
            sender.refill()
        self._ticker = self._loop.call_later(1 / BUDGETS_PER_S, self._tick)

    # --- afterwards -----------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Wait for what is under way, as long as something still arrives."""
        self._say("waiting for the last answers")
        arrived = -1
        quiet_since = monotonic()
        while any(sender.unfinished() for sender in self.senders):
            count = len(self.meter.acks) + len(self.meter.deliveries)
            if count != arrived:
                arrived = count
                quiet_since = monotonic()
            elif monotonic() - quiet_since > self.plan.drain_s:
                return
            await asyncio.sleep(DRAIN_POLL_S)

    async def _check(self) -> tuple[Verdict, bool]:
        """The verdict, and whether the history is part of it."""
        stored: list[list[Stored | None]] = [[None] * len(chat.senders) for chat in self.chats]
        verified = False
        if self.plan.verify:
            self._say("connecting anew, and reading the history back")
            try:
                await self._reconnect()
                await self._drain()  # what was unanswered went out again
                for sender in self.senders:
                    sender.stop()
                at_once = asyncio.Semaphore(CHECKS_AT_ONCE)
                stored = await asyncio.gather(*(self._read_back(c, at_once) for c in self.chats))
                verified = True
            except (ApiError, OSError, TimeoutError) as problem:
                code = problem.code if isinstance(problem, ApiError) else type(problem).__name__
                self.meter.errors[f"check_{code}"] += 1
        verdict = Verdict()
        for chat, found in zip(self.chats, stored, strict=True):
            for sender, receipts, kept in zip(chat.senders, chat.receipts, found, strict=True):
                name = f"{chat.chat_id} {sender.prefix}"
                verdict.add(judge(sender.stream, receipts, kept, name))
        return verdict, verified

    async def _reconnect(self) -> None:
        for client in self.clients:
            client.reconnect()
        await asyncio.gather(*(client.ready(CONNECT_S_MAX) for client in self.clients))

    async def _read_back(self, chat: LoadChat, at_once: asyncio.Semaphore) -> list[Stored | None]:
        stored = [Stored(sender.stream) for sender in chat.senders]
        by_prefix = {s.prefix: kept for s, kept in zip(chat.senders, stored, strict=True)}
        after_id = chat.before_id
        more = True
        while more:
            params = {
                "chat_id": chat.chat_id,
                "after_id": after_id,
                "limit": limits.HISTORY_PAGE_MAX,
            }
            async with at_once:
                page = await chat.reader.call("messages.history", params, t.History)
            more = page.more and bool(page.messages)
            for message in page.messages:
                after_id = message.id
                prefix = message.text[:PREFIX_CHARS]
                kept = by_prefix.get(prefix)
                if kept is not None:
                    seq = int(message.text[PREFIX_CHARS:SEQ_END])
                    kept.entry(seq, message.id, message.text == text_of(prefix, seq))
        return list(stored)

    def _collect(self, outcome: Outcome) -> None:
        meter = self.meter
        outcome.deliveries = meter.deliveries
        outcome.acks = meter.acks
        outcome.ack_lines = [bytes(meter.ack_line)]
        outcome.errors = meter.errors
        outcome.gaps = meter.gaps
        outcome.paced = meter.paced

    async def _close(self) -> None:
        if self._schedule is not None:
            self._schedule.close()
        if self._ticks:
            self._ticker.cancel()
        for client in self.clients:
            client.close()
        for keeper in self._keepers:
            keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._keepers, return_exceptions=True)


def _nothing() -> None:
    pass
