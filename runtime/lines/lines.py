"""How processes call the hosts of a server. asyncio, but no Ray and no sockets.

A process has one *line* to each host, for everything that it has to say there: what fronts submit,
messages between partitions, records, heartbeats. What comes together travels together, in
a *bundle*, and so do the answers. Each request is carried out at most once, begun in the order in
which they were made, and answered, or fails, on its own. Who *listens* is answered again and again,
in order with all other answers, until it is over. What is *told* is not answered. While the way is
full, requests and answers wait.

A line is one connection to one life of a host. When it is lost, or nothing is heard for too long,
everything fails that is under way on it, and the next call opens another. Numbering, repeating and
fencing are done above (`link`, `streams`, `leader`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from api.errors import ApiError
from runtime.replication.protocol import NotLeading, Unavailable

log = logging.getLogger(__name__)

BUNDLE_BYTES = 256 * 1024
"""A bundle is closed when it holds this much; what is larger alone travels alone."""
QUEUED_BYTES_MAX = 64 * 1024 * 1024
PING_S = 2.0
"""Who waits, and has said or heard nothing for so long, asks whether anybody is there."""
SILENT_S_MAX = 6.0
DEAF_S_MAX = 20.0
"""Who listens and says nothing for so long is gone."""
OVERHEAD_BYTES = 64

CALL, LISTEN, TELL = range(3)
DONE, NOT_LEADING, REFUSED, FAILED, MORE = range(5)


class Wire(Protocol):
    """One end of a connection. What is sent arrives once and in order, or the connection is lost;
    the `Station` at the other end is told of both."""

    @property
    def full(self) -> bool:
        """Whether it is better to wait for `Station.drained` before more is sent."""

    def send(self, frame: bytes) -> None: ...

    def close(self) -> None:
        """What was sent still arrives."""

    def abort(self) -> None: ...


class Station(Protocol):
    """Who is at an end of a connection."""

    def received(self, frame: memoryview | bytes) -> None:
        """The frame is another one after this call."""

    def drained(self) -> None:
        """The wire is not full any more."""

    def lost(self, reason: str) -> None: ...


class Item(Struct, frozen=True, array_like=True):
    """A request: a `CALL`, answered once; a `LISTEN`, which may be answered with `MORE` before; or
    a `TELL`, never answered."""

    number: int
    method: str
    arguments: tuple[Any, ...]
    kind: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it has."""
        return OVERHEAD_BYTES + sum(len(a) for a in self.arguments if isinstance(a, bytes))


class Answer(Struct, frozen=True, array_like=True):
    """To the request of that number; what `value` is depends on the `kind`."""

    number: int
    kind: int
    value: Any

    @property
    def size(self) -> int:
        return OVERHEAD_BYTES + (len(self.value) if isinstance(self.value, bytes) else 0)


_encode = msgspec.msgpack.Encoder().encode
_decode_items = msgspec.msgpack.Decoder(list[Item]).decode
_decode_answers = msgspec.msgpack.Decoder(list[Answer]).decode


Take = Callable[[Any], None]
"""Takes one of many answers."""

# --- the caller's side ----------------------------------------------------------------------------


class Line:
    """See the module. `connect(line)` opens the connection; it is begun at once. `on_broken` is
    called once, when nothing more can be called by this line."""

    def __init__(
        self, connect: Callable[[Station], Awaitable[Wire]], on_broken: Callable[[], None]
    ) -> None:
        self._on_broken = on_broken
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._numbers = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._takes: dict[int, Take] = {}
        self._queue: dict[int, Item] = {}
        self._queued_bytes = 0
        self._awake = False
        self._heard_s = self._said_s = 0.0
        self._asked_s: float | None = None
        """Since when it is asked whether anybody is there."""
        self._watch: asyncio.TimerHandle | None = None
        self._broken = ""
        self._opening = self._loop.create_task(self._open(connect))

    async def _open(self, connect: Callable[[Station], Awaitable[Wire]]) -> None:
        try:
            wire = await connect(self)
        except Exception as error:
            self.lost(str(error) or type(error).__name__)
            return
        self._wire = wire
        self._send()

    async def call(self, method: str, *arguments: Any) -> Any:
        """What the host answers. Raises NotLeading, ApiError, Unavailable: also where it is not
        known whether the request was carried out."""
        return await self._ask(Item(self._numbers + 1, method, arguments), None)

    async def listen(self, take: Take, method: str, *arguments: Any) -> Any:
        """The same; `take` gets what it answers meanwhile. (The host is not told when somebody
        stops to listen.)"""
        return await self._ask(Item(self._numbers + 1, method, arguments, LISTEN), take)

    def tell(self, method: str, *arguments: Any) -> None:
        """Have the host do it, after what was asked or told earlier. Raises Unavailable where it
        cannot be sent; whether it arrives is not known."""
        self._put(Item(self._numbers + 1, method, arguments, TELL))

    def _put(self, item: Item) -> None:
        """Into the queue."""
        if self._broken:
            raise Unavailable(self._broken)
        if self._queue and self._queued_bytes + item.size > QUEUED_BYTES_MAX:
            raise Unavailable("too much waits to be sent there")
        self._numbers = item.number
        self._queue[item.number] = item
        self._queued_bytes += item.size
        if not self._awake:
            self._awake = True
            self._loop.call_soon(self._send)

    async def _ask(self, item: Item, take: Take | None) -> Any:
        self._put(item)
        future = self._loop.create_future()
        self._waiting[item.number] = future
        if take is not None:
            self._takes[item.number] = take
        if self._watch is None:
            self._heard_s = self._said_s = self._loop.time()
            self._watch = self._loop.call_later(PING_S, self._look)
        try:
            return await future
        finally:
            self._waiting.pop(item.number, None)
            self._takes.pop(item.number, None)
            self._take_out(item.number)

    def close(self) -> None:
        """Fail what is under way."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        self.lost("closed")

    def _take_out(self, number: int) -> None:
        item = self._queue.pop(number, None)
        if item is not None:
            self._queued_bytes -= item.size

    def _look(self) -> None:
        """Somebody waits, or did: is the host still there?"""
        self._watch = None
        if self._broken or not self._waiting:
            return
        now_s = self._loop.time()
        if self._asked_s is None:
            if now_s - min(self._heard_s, self._said_s) >= PING_S:
                self._asked_s = now_s
                if self._wire is not None and not self._wire.full:
                    self._write([])
        elif now_s - self._asked_s >= SILENT_S_MAX - PING_S:
            self.lost("nothing is heard")
            return
        self._watch = self._loop.call_later(PING_S, self._look)

    # --- the wire -----------------------------------------------------------------------------

    def _send(self) -> None:
        self._awake = False
        while self._queue and self._wire is not None and not self._wire.full:
            items: list[Item] = []
            size = 0
            for item in self._queue.values():
                size += item.size
                if items and size > BUNDLE_BYTES:
                    break
                items.append(item)
            for item in items:
                self._take_out(item.number)
            self._write(items)

    def _write(self, items: list[Item]) -> None:
        assert self._wire is not None
        self._said_s = self._loop.time()
        self._wire.send(_encode(items))

    def received(self, frame: memoryview | bytes) -> None:
        self._heard_s = self._loop.time()
        self._asked_s = None
        for answer in _decode_answers(frame):
            future = self._waiting.get(answer.number)
            if future is None or future.done():
                continue
            if answer.kind != MORE:
                _settle(future, answer)
                continue
            try:
                self._takes[answer.number](answer.value)
            except Exception as error:
                future.set_exception(error)

    def drained(self) -> None:
        self._send()

    def lost(self, reason: str) -> None:
        if self._broken:
            return
        self._broken = reason
        wire, self._wire = self._wire, None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable(reason))
        if wire is not None:
            wire.abort()
        self._opening.cancel()
        if self._watch is not None:
            self._watch.cancel()
        self._on_broken()


def _settle(future: asyncio.Future[Any], answer: Answer) -> None:
    if answer.kind == DONE:
        future.set_result(answer.value)
    elif answer.kind == NOT_LEADING:
        future.set_exception(NotLeading(answer.value))
    elif answer.kind == REFUSED:
        future.set_exception(ApiError(*answer.value))
    else:
        future.set_exception(Unavailable(answer.value))


class Lines:
    """The lines of a process, by host: opened when needed, and forgotten when they break.
    `connect(host, line)` opens a connection to the host of that name. What a host `own` calls of
    itself does not leave it."""

    def __init__(
        self,
        connect: Callable[[str, Station], Awaitable[Wire]],
        own: str = "",
        serve: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        self._connect = connect
        self._own = own
        self._serve = serve
        self._lines: dict[str, Line] = {}

    async def call(self, host: str, method: str, *arguments: Any) -> Any:
        """See `Line.call`."""
        if host == self._own and self._serve is not None:
            return await self._serve(method, *arguments)
        return await self._line(host).call(method, *arguments)

    async def listen(self, host: str, take: Take, method: str, *arguments: Any) -> Any:
        """See `Line.listen`."""
        return await self._line(host).listen(take, method, *arguments)

    def tell(self, host: str, method: str, *arguments: Any) -> None:
        """See `Line.tell`. A line that is not there is not opened for it."""
        line = self._lines.get(host)
        if line is None:
            raise Unavailable(f"there is no line to {host}")
        line.tell(method, *arguments)

    def _line(self, host: str) -> Line:
        line = self._lines.get(host)
        if line is None:
            line = self._lines[host] = Line(
                lambda station: self._connect(host, station),
                lambda: self._forget(host),
            )
        return line

    def _forget(self, host: str) -> None:
        self._lines.pop(host, None)

    def close(self) -> None:
        for line in list(self._lines.values()):
            line.close()


# --- the host's side ------------------------------------------------------------------------------


class Clerk:
    """Carries out what comes by one connection. `serve(method, *arguments)` does a request; what
    it answers is of msgpack's types. Who listens has one more argument, a function that is called
    with each answer; one who does not take them fast enough is hung up on."""

    def __init__(self, wire: Wire, serve: Callable[..., Awaitable[Any]]) -> None:
        self._wire = wire
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Answer] = deque()
        self._ready_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: set[asyncio.Task[None]] = set()
        self._giving = False
        self._lost = False
        self._heard_s = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def received(self, frame: memoryview | bytes) -> None:
        self._heard_s = self._loop.time()
        items = _decode_items(frame)
        for item in items:
            tasks = self._listening if item.kind == LISTEN else self._tasks
            work = self._do(item) if item.kind == TELL else self._carry_out(item)
            task = self._loop.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if self._listening and self._watch is None:
            self._watch = self._loop.call_later(DEAF_S_MAX, self._look)
        if not items and not self._wire.full:
            self._wire.send(_encode([]))

    def drained(self) -> None:
        self._give()

    def lost(self, reason: str) -> None:
        """What was begun is done all the same; but nobody listens any more."""
        self._lost = True
        self._ready.clear()
        if self._watch is not None:
            self._watch.cancel()
        for task in self._listening:
            task.cancel()

    def _look(self) -> None:
        """Is who listens still there?"""
        self._watch = None
        if self._lost or not self._listening:
            return
        rest_s = self._heard_s + DEAF_S_MAX - self._loop.time()
        if rest_s <= 0:
            self._hang_up("nothing is heard")
        else:
            self._watch = self._loop.call_later(rest_s, self._look)

    def _hang_up(self, reason: str) -> None:
        log.warning("a connection is hung up: %s", reason)
        self._wire.abort()
        self.lost(reason)

    async def _do(self, item: Item) -> None:
        """What nobody waits for."""
        try:
            await self._serve(item.method, *item.arguments)
        except Exception as error:
            log.info("%s failed: %r", item.method, error)

    async def _carry_out(self, item: Item) -> None:
        more = (partial(self._more, item.number),) if item.kind == LISTEN else ()
        try:
            value = await self._serve(item.method, *item.arguments, *more)
            answer = Answer(item.number, DONE, value)
        except NotLeading as error:
            answer = Answer(item.number, NOT_LEADING, str(error))
        except ApiError as error:
            refusal = (error.code, error.detail, error.retry_after)
            answer = Answer(item.number, REFUSED, refusal)
        except Unavailable as error:
            answer = Answer(item.number, FAILED, str(error))
        except Exception as error:
            log.info("%s failed: %r", item.method, error)
            answer = Answer(item.number, FAILED, repr(error))
        self._answer(answer)

    def _more(self, number: int, value: Any) -> None:
        if self._lost:
            return
        self._answer(Answer(number, MORE, value))
        if self._ready_bytes > QUEUED_BYTES_MAX:
            self._hang_up("what it listens to is not taken")

    def _answer(self, answer: Answer) -> None:
        if self._lost:
            return
        self._ready.append(answer)
        self._ready_bytes += answer.size
        if not self._giving:
            self._giving = True
            self._loop.call_soon(self._give)

    def _give(self) -> None:
        """Send what is ready."""
        self._giving = False
        while self._ready and not self._wire.full:
            answers: list[Answer] = []
            size = 0
            while self._ready:
                size += self._ready[0].size
                if answers and size > BUNDLE_BYTES:
                    break
                answers.append(self._ready.popleft())
            self._ready_bytes -= sum(answer.size for answer in answers)
            self._wire.send(_encode(answers))
