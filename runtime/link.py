"""A front's link to one host: a stream, by which requests go in batches, some at a time while the
next one fills, and the host says what comes of them and what else there is for this front.

When the stream is over (the host was restarted, the connection broke, a batch failed), another one
is opened, and requests that are not answered are sent again until their deadline: every request is
idempotent, by its `random_id` or by nature. `on_renewed` lets the front attach its connections
again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
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
    """The calls of a host that a front makes: see `runtime.pipeline.Pipeline`."""

    def listen(self, front: str, stream: str, take: Callable[[bytes], None]) -> Awaitable[None]: ...

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        """Does not overtake one that was made before it. Raises Exception where it cannot be sent;
        whether it arrived is told by the stream, or that is over."""


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
        self._loop = asyncio.get_running_loop()
        self._queue: list[Request] = []
        self._sent: dict[int, float] = {}
        """The requests that are this link's to see answered, and when each was sent last."""
        self._pumping = False
        self._tells: set[int] = set()
        """The requests that need no answer, and are not known to be durable."""
        self._told: dict[int, list[Request]] = {}
        """Those of them in the batches that are on their way, by the number of the batch."""
        self._batches = 0
        """The number of the last one that was sent in this stream."""
        self._stream = ""
        self._unsent: asyncio.Future[Exception]
        """Done with why nothing more can be sent in this stream."""
        self._known = False
        """This host was connected before."""
        self.connected = asyncio.Event()
        self._tasks = [asyncio.create_task(self._live()), asyncio.create_task(self._watch())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stream = ""
        self.connected.clear()

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
        self._pump_soon()

    def tell(self, target: ActorRef, message: Any) -> None:
        """Queue an internal message whose answer does not matter."""
        if len(self._queue) < QUEUED_REQUESTS_MAX:
            number = next(self._desk.numbers)
            self._tells.add(number)
            self._queue.append(Request(number, target, NOBODY, "", wire.encode(message)))
            self._pump_soon()

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
        self._pump_soon()

    def repeat(self, number: int) -> None:
        """Send a request again, if it is not answered yet."""
        waiting = self._desk.waiting.get(number)
        if waiting is not None:
            self._sent[number] = 0.0
            self._queue.append(waiting.request)
            self._pump_soon()

    # --- streams ------------------------------------------------------------------------------

    async def _live(self) -> None:
        """One stream after the other."""
        delay_s = RETRY_S_MIN
        while True:
            self._stream, self._batches = random_hex(4), 0
            why = await self._listen(self._stream)
            log.warning("%s: the stream is over: %s", self.name, why)
            delay_s = RETRY_S_MIN if self._batches > FLYING_MAX else min(2 * delay_s, RETRY_S_MAX)
            self.connected.clear()
            self._stream = ""
            self._take_back()
            await asyncio.sleep(delay_s)

    async def _listen(self, stream: str) -> object:
        """Have a stream as long as it goes. Returns why it is over."""
        listening = asyncio.ensure_future(
            self._host.listen(self._front, stream, partial(self._take, stream))
        )
        self._unsent = self._loop.create_future()
        try:
            either: set[asyncio.Future[Any]] = {listening, self._unsent}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if not listening.done():
            return self._unsent.result()
        return listening.exception() or "another one was opened"

    def _take(self, stream: str, raw: bytes) -> None:
        """Act upon what the host says."""
        if stream != self._stream:
            return
        packet = wire.decode_packet(raw)
        if not self.connected.is_set():
            self.connected.set()
            if self._known:
                log.info("%s is there again", self.name)
                self._on_renewed(self)
            self._known = True
        for number in [number for number in self._told if number <= packet.durable]:
            self._tells.difference_update(request.number for request in self._told.pop(number))
        self._pump_soon()
        for out in packet.outs:
            try:
                if out.op <= REFUSE:
                    self._sent.pop(out.number, None)
                    self._desk.settle(out)
                else:
                    self._on_out(out)
            except Exception:  # of one connection: the others' outs still count
                log.exception("an out of %s failed", self.name)

    def _take_back(self) -> None:
        """It is not known what became of the batches on their way, and answers may be lost: all is
        sent again, each request once, in the order in which they were made."""
        told, self._told = self._told, {}
        unsure = itertools.chain(self._queue, *told.values())
        queue = {request.number: request for request in unsure}
        for number in list(self._sent):
            waiting = self._desk.waiting.get(number)
            if waiting is None:
                del self._sent[number]
            else:
                queue[number] = waiting.request
                self._sent[number] = 0.0
        self._queue = [queue[number] for number in sorted(queue)]

    def _pump_soon(self) -> None:
        """Send what is queued by then, if it may be sent."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send numbered batches, a few at a time: while the host executes one, the next is on its
        way."""
        self._pumping = False
        while self._queue and self.connected.is_set() and len(self._told) < FLYING_MAX:
            batch, self._queue = _cut(self._queue)
            batch = list(filter(self._is_wanted, batch))
            if not batch:
                continue
            self._batches += 1
            self._told[self._batches] = self._note_sent(batch)
            try:
                self._host.submit(self._front, self._stream, self._batches, wire.encode(batch))
            except Exception as error:
                self._unsent.set_result(error)
                self._stream = ""
                self.connected.clear()

    def _is_wanted(self, request: Request) -> bool:
        """Not one that was answered, or refused, while it waited here."""
        number = request.number
        return number in self._tells or (number in self._sent and number in self._desk.waiting)

    def _note_sent(self, batch: list[Request]) -> list[Request]:
        """Returns those that need no answer."""
        now_s, told = monotonic_s(), []
        for request in batch:
            if request.number in self._tells:
                told.append(request)
            else:
                self._sent[request.number] = now_s
        return told

    async def _watch(self) -> None:
        """Send again what is unanswered for too long: it may have been lost elsewhere."""
        while True:
            await asyncio.sleep(WATCH_S)
            before_s = monotonic_s() - ATTEMPT_S
            for number, sent_s in list(self._sent.items()):
                waiting = self._desk.waiting.get(number)
                if waiting is None:
                    del self._sent[number]
                elif 0.0 < sent_s <= before_s:
                    self._sent[number] = 0.0
                    self._queue.append(waiting.request)
            if self._queue:
                self._pump_soon()


def _cut(queue: list[Request]) -> tuple[list[Request], list[Request]]:
    """The first requests that fit one batch, and the rest."""
    size = 0
    for index, request in enumerate(queue):
        size += len(request.body) + 64
        if size > BATCH_BYTES_MAX and index:
            return queue[:index], queue[index:]
    return queue, []
