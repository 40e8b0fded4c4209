"""A front's link to one host: requests in batches, one batch at a time while the next fills, and
one open poll. What comes back by both ways is acted upon in the order of its numbers.

When a call fails, or the host turns out to be in another life (it was restarted), requests that
are not answered are sent again until their deadline: every request is idempotent, by its
`random_id` or by nature. `on_renewed` lets the front attach its connections again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple, Protocol

from api import limits
from api.ambient import monotonic_s, random_hex
from api.errors import ApiError
from runtime import wire
from runtime.refs import NOBODY, ActorRef, Caller
from runtime.wire import REFUSE, REPLY, Out, Request

log = logging.getLogger(__name__)

BATCH_BYTES_MAX = 128 * 1024
FLYING_MAX = 3
"""Batches on their way at once."""
QUEUED_REQUESTS_MAX = 50_000
ATTEMPT_S = 5.0
"""A request that is unanswered for so long is sent again."""
WATCH_S = 1.0
RETRY_S_MIN, RETRY_S_MAX = 0.02, 0.5


class HostCalls(Protocol):
    """The calls of a host that a front makes."""

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> Awaitable[bytes]: ...

    def poll(self, front: str) -> Awaitable[bytes]: ...


Answer = Callable[[bytes | None, ApiError | None], None]
"""Called once with the JSON of the answer, or with an error."""


class Waiting(NamedTuple):
    """A request that is not answered yet."""

    request: Request
    answer: Answer
    deadline_s: float


class Desk:
    """The unanswered requests of a front, over all its links, by their numbers: one sequence, as
    the answer to a request may come from another host than the one it was submitted to."""

    def __init__(self) -> None:
        self.waiting: dict[int, Waiting] = {}
        self.numbers = itertools.count(1)

    def settle(self, out: Out) -> None:
        """An answer came; a second one to the same request is ignored."""
        waiting = self.waiting.pop(out.number, None)
        if waiting is None:
            return
        if out.op == REPLY:
            waiting.answer(out.payload, None)
        else:
            waiting.answer(None, wire.decode_refusal(out.payload).error())

    def expire(self, now_s: float) -> None:
        """Answer what is past its deadline."""
        late = [n for n, waiting in self.waiting.items() if waiting.deadline_s <= now_s]
        for number in late:
            waiting = self.waiting.pop(number)
            waiting.answer(
                None, ApiError("unavailable", "a part of the server does not answer; repeat", 1.0)
            )


class HostLink:
    """See the module. `on_out` takes pushes and closes."""

    def __init__(
        self,
        name: str,
        front: str,
        host: HostCalls,
        desk: Desk,
        on_out: Callable[[Out], None],
        on_renewed: Callable[[HostLink], None],
    ) -> None:
        self.name = name
        self._front = front
        self._host = host
        self._desk = desk
        self._on_out = on_out
        self._on_renewed = on_renewed
        self._queue: list[Request] = []
        self._sent: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._unsure: dict[int, list[Request]] = {}
        """The batches of the stream that are not answered, by number."""
        self._flying: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        """Nothing more can be sent in this stream; `_renewed`: because it was given up."""
        self._renewed = False
        self._incarnation = ""
        self._missed = False
        """A packet may have been lost since the last one that came."""
        self._lives = 0
        """How many lives of the host this link has seen."""
        self._next = 1
        self._early: dict[int, list[Out]] = {}
        self.connected = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._pump()),
            asyncio.create_task(self._poll()),
            asyncio.create_task(self._watch()),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def queued(self) -> int:
        return len(self._queue)

    def request(
        self,
        target: ActorRef,
        method: str,
        body: bytes,
        caller: Caller,
        answer: Answer,
        *,
        read: bool = False,
        deadline_s: float = limits.REQUEST_DEADLINE_S,
    ) -> None:
        """Queue a request. `answer` is called exactly once. Raises `overloaded`, at no cost to the
        host, when too many are queued."""
        if len(self._queue) >= QUEUED_REQUESTS_MAX:
            raise ApiError("overloaded", "the server is busy; repeat in a moment", 1.0)
        number = next(self._desk.numbers)
        request = Request(number, target, caller, method, body, read)
        self._desk.waiting[number] = Waiting(request, answer, monotonic_s() + deadline_s)
        self._sent[number] = 0.0
        self._queue.append(request)
        self._wake.set()

    def tell(self, target: ActorRef, message: Any) -> None:
        """Queue an internal message whose answer does not matter."""
        if len(self._queue) < QUEUED_REQUESTS_MAX:
            number = next(self._desk.numbers)
            self._queue.append(Request(number, target, NOBODY, "", wire.encode(message)))
            self._wake.set()

    def hand_over(self, target: ActorRef) -> list[Request]:
        """The unanswered requests to an actor that has moved, in order; they are this link's no
        more."""
        waiting = self._desk.waiting
        asked = {n: waiting[n].request for n in self._sent if n in waiting}
        asked |= {request.number: request for request in self._queue}
        taken = {n: request for n, request in asked.items() if request.target == target}
        self._queue = [request for request in self._queue if request.number not in taken]
        for number in taken:
            self._sent.pop(number, None)
        return [taken[number] for number in sorted(taken)]

    def take_over(self, requests: Iterable[Request]) -> None:
        """Send these, unless it was done before."""
        for request in requests:
            if request.number not in self._sent:
                self._sent[request.number] = 0.0
                self._queue.append(request)
        self._wake.set()

    def repeat(self, number: int) -> None:
        """Send a request again, if it is not answered yet."""
        waiting = self._desk.waiting.get(number)
        if waiting is not None:
            self._sent[number] = 0.0
            self._queue.append(waiting.request)
            self._wake.set()

    # --- calls --------------------------------------------------------------------------------

    async def _pump(self) -> None:
        """Send batches; after a failure, begin another stream with what may not have arrived. It is
        unknown whether it did, and repeating it is harmless."""
        delay_s = RETRY_S_MIN
        while True:
            batches, unsure = await self._stream()
            # Each once, although `_resend` may have queued some again meanwhile (an attach that is
            # repeated after its detach would last), and in the order in which they were made.
            queue = {request.number: request for request in (*unsure, *self._queue)}
            self._queue = [queue[number] for number in sorted(queue)]
            for number in queue.keys() & self._sent.keys():
                self._sent[number] = 0.0
            self._wake.set()
            if self._renewed:
                continue  # its poll has just been answered
            self.connected.clear()
            delay_s = RETRY_S_MIN if batches > FLYING_MAX else min(2 * delay_s, RETRY_S_MAX)
            await asyncio.sleep(delay_s)

    async def _stream(self) -> tuple[int, list[Request]]:
        """Send numbered batches, a few at a time: while the host executes one, the next is on its
        way. Comes back when a call failed, or was given up, with the number of batches and the
        requests of those of which it is not known whether they arrived."""
        stream, number = random_hex(4), 0
        self._over.clear()
        self._renewed = False
        slots = asyncio.Semaphore(FLYING_MAX)
        unsure = self._unsure = {}

        async def send(number: int, batch: list[Request]) -> None:
            lives = self._lives
            try:
                payload = wire.encode(batch)
                answer = await self._host.submit(self._front, stream, number, payload)
                packet = wire.decode_packet(answer)
            except Exception as error:
                log.warning("%s does not take requests: %s", self.name, error)
                self._note_failure(error, lives)
                self._over.set()
                self._wake.set()
            else:
                del unsure[number]
                self._take(packet, lives)

        def landed(task: asyncio.Task[None]) -> None:  # also one that was never begun
            self._flying.discard(task)
            slots.release()

        async with asyncio.TaskGroup() as tasks:
            while not self._over.is_set():
                await self._wake.wait()
                self._wake.clear()
                while self._queue and not self._over.is_set():
                    await slots.acquire()
                    if self._over.is_set():
                        break
                    batch, self._queue = _cut(self._queue)
                    number += 1
                    unsure[number] = batch
                    self._note_sent(batch)
                    task = tasks.create_task(send(number, batch))
                    self._flying.add(task)
                    task.add_done_callback(landed)
        return number, [request for batch in unsure.values() for request in batch]

    def _give_up(self) -> None:
        """The host is in another life, which does not know the stream, as its first batch was
        answered by the one before: it would wait for the batches before those on their way."""
        self._renewed = True
        self._over.set()
        self._wake.set()
        for task in self._flying:
            task.cancel()

    def _note_failure(self, error: Exception, lives: int) -> None:
        """A call failed: unless the host refused it, there may have been a packet in its answer."""
        if lives == self._lives and not isinstance(error, ApiError):
            self._missed = True

    def _note_sent(self, batch: list[Request]) -> None:
        now_s = monotonic_s()
        for request in batch:
            if request.number in self._sent:
                self._sent[request.number] = now_s

    async def _poll(self) -> None:
        delay_s = RETRY_S_MIN
        while True:
            lives = self._lives
            try:
                packet = wire.decode_packet(await self._host.poll(self._front))
            except Exception as error:
                log.warning("%s does not answer: %s", self.name, error)
                self._note_failure(error, lives)
                self.connected.clear()
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_S_MAX)
                continue
            delay_s = RETRY_S_MIN
            renewed = self._take(packet, lives)
            if renewed and 1 not in self._unsure:
                self._give_up()
            self.connected.set()

    async def _watch(self) -> None:
        """Send again what is unanswered for too long, and pass over packets that do not come."""
        awaited = 0
        while True:
            await asyncio.sleep(WATCH_S)
            self._resend(monotonic_s() - ATTEMPT_S)
            if self._early and self._next == awaited:
                log.warning("packet %d of %s is lost", awaited, self.name)
                self._next = min(self._early)
                self._act()
                self._renew()
            awaited = self._next

    def _resend(self, sent_before_s: float) -> None:
        waiting = self._desk.waiting
        for number, sent_s in list(self._sent.items()):
            if number not in waiting:
                del self._sent[number]
            elif 0.0 < sent_s <= sent_before_s:
                self._sent[number] = 0.0
                self._queue.append(waiting[number].request)
        if self._queue:
            self._wake.set()

    # --- packets ------------------------------------------------------------------------------

    def _take(self, packet: wire.Packet, lives: int) -> bool:
        """Act upon what a call brought that was made when the link had seen so many `lives`.
        Returns whether it tells of another life."""
        renewed = False
        if packet.incarnation != self._incarnation:
            if lives != self._lives:
                return False  # from an earlier life: what it says is asked for again by now
            self._lives += 1
            renewed = self._incarnation != ""
            self._incarnation = packet.incarnation
            self._next = 1
            self._early.clear()
            self._missed = False
            if renewed:
                log.info("%s is in a new life", self.name)
                self._renew()
        elif self._missed:
            # Pushes may have been in it; answers are asked for again in a while.
            self._missed = False
            self._on_renewed(self)
        if packet.number >= self._next:
            self._early[packet.number] = packet.outs
            self._act()
        return renewed

    def _renew(self) -> None:
        """Answers and pushes were lost: ask again, and have connections attached again."""
        self._resend(monotonic_s())
        self._on_renewed(self)

    def _act(self) -> None:
        """Act upon the packets whose turn it is."""
        while (outs := self._early.pop(self._next, None)) is not None:
            self._next += 1
            for out in outs:
                try:
                    if out.op <= REFUSE:
                        self._sent.pop(out.number, None)
                        self._desk.settle(out)
                    else:
                        self._on_out(out)
                except Exception:  # of one connection: the others' outs still count
                    log.exception("an out of %s failed", self.name)


def _cut(queue: list[Request]) -> tuple[list[Request], list[Request]]:
    """The first requests that fit one batch, and the rest."""
    size = 0
    for index, request in enumerate(queue):
        size += len(request.body) + 64
        if size > BATCH_BYTES_MAX and index:
            return queue[:index], queue[index:]
    return queue, []
