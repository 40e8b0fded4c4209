"""Hosts that run: pipelines over stores in memory, in fake time, and those who call them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from api.errors import ApiError
from runtime import wire
from runtime.engine import Engine
from runtime.lines.lines import Take
from runtime.pipeline import Pipeline
from runtime.placement import Placement
from runtime.refs import NOBODY, ActorRef
from runtime.wire import REFUSE, REPLY, Out, Request
from storage.memory import MemoryStore
from storage.port import Store
from tests.unit.runtime.fake_time import idle, is_cancelled, run
from tests.unit.runtime.kit import FRONT, KINDS, READS, Said, refusal

R = TypeVar("R")


class Host:
    """One host, in one life after the other: its pipeline, its disk, and the calls to it."""

    def __init__(self, running: Running, name: str, store: Store) -> None:
        self._running = running
        self.name = name
        self.store: Any = store
        self.stopped: list[BaseException] = []
        self.down = True
        self._own: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Begin a life."""
        placement = self._running.placement
        engine = Engine(
            kinds=KINDS,
            placement=placement,
            led=placement.led_by(self.name),
            store=self.store,
            clock=lambda: self._running.now_ms,
            rng=random.Random(0),
        )
        others = asyncio.all_tasks()
        self.pipeline = Pipeline(engine, self.store, self._running.peer, self.stopped.append)
        self.pipeline.start()
        self._own = asyncio.all_tasks() - others
        self.down = False
        await asyncio.sleep(0)

    async def crash(self) -> None:
        """Die as a process dies: at once, and without a word. What was appended is left."""
        self.down = True
        if isinstance(self.store, MemoryStore):
            self.store = MemoryStore(list(self.store.disk))
        for task in self._own:
            task.cancel()
        await self.pipeline.shipper.stop()

    async def call(
        self, method: Callable[[], Coroutine[Any, Any, R]], *, to_the_end: bool = True
    ) -> R:
        """A call from elsewhere: executed to its end although the caller may die."""
        if self.down:
            raise ConnectionError(f"{self.name} is down")
        task = asyncio.create_task(method())
        self._own.add(task)
        task.add_done_callback(self._own.discard)
        life = self.pipeline
        try:
            return await (asyncio.shield(task) if to_the_end else task)
        except (asyncio.CancelledError, ApiError):
            if not is_cancelled() and (self.down or self.pipeline is not life):
                raise ConnectionError(f"{self.name} died") from None
            raise

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        if self.down:
            raise ConnectionError(f"{self.name} is down")
        task = asyncio.create_task(self.pipeline.submit(front, stream, number, payload))
        self._own.add(task)
        task.add_done_callback(self._own.discard)

    async def listen(self, front: str, stream: str, take: Take) -> None:
        life = self.pipeline

        def say(packet: bytes) -> None:
            if not self.down and self.pipeline is life:
                take(packet)

        await self.call(lambda: life.listen(front, stream, say), to_the_end=False)

    async def receive(self, payload: bytes) -> bytes:
        return await self.call(lambda: self.pipeline.receive(payload))


class Running:
    """Hosts by name, on stores in memory, or on those given (`host_0=`). `peer` is how they call
    each other: a test may put something between."""

    def __init__(self, hosts: int = 1, **stores: Store) -> None:
        self.placement = Placement(8, hosts)
        self.now_ms = 1_000_000
        self.hosts = {
            name: Host(self, name, stores.get(name.replace("-", "_"), MemoryStore()))
            for name in self.placement.pooled_hosts()
        }
        self.peer: Callable[[str, bytes], Awaitable[bytes]] = self.deliver

    async def __aenter__(self) -> Running:
        for host in self.hosts.values():
            await host.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self.hosts.values():
            if not host.down:
                await host.crash()

    async def deliver(self, name: str, parcel: bytes) -> bytes:
        return await self.hosts[name].receive(parcel)

    @property
    def host(self) -> Host:
        """The only one."""
        (host,) = self.hosts.values()
        return host

    def at(self, name: str, kind: str = "user") -> ActorRef:
        """An actor of a host."""
        refs = (ActorRef(kind, key) for key in itertools.count(1))
        return next(ref for ref in refs if self.placement.home(ref) == name)

    async def ask(self, ref: ActorRef, message: Said) -> Any:
        """What an actor answers."""
        return await Front(self.hosts[self.placement.home(ref)], "asking").ask(ref, message)


def on_running(test: Callable[[Running], Awaitable[None]], hosts: int = 1, **stores: Store) -> None:
    """Run a test in fake time."""

    async def main() -> None:
        async with Running(hosts, **stores) as running:
            await test(running)

    run(main)


_numbers = itertools.count(1)


class Stream:
    """One that a front has opened. Batches up to `durable` are; `error`: why it is over."""

    def __init__(self) -> None:
        self.name = f"stream-{next(_numbers)}"
        self.durable = 0
        self.over = False
        self.error: Exception = ConnectionError("the stream is over")
        self.batches = itertools.count(1)


class Front:
    """A front that calls by hand. `packets` are the outs that came, of all its streams. It opens a
    stream with its first batch, and another one when that is over."""

    def __init__(self, host: Host, name: str = FRONT) -> None:
        self.host = host
        self.name = name
        self.stream = Stream()
        self.listening: asyncio.Task[None] | None = None
        self.packets: list[list[Out]] = []
        self._news = asyncio.Event()

    @property
    def outs(self) -> list[Out]:
        return [out for packet in self.packets for out in packet]

    @property
    def pushed(self) -> list[bytes]:
        return [out.payload for out in self.outs if out.op > REFUSE]

    def answers(self) -> dict[int, Any]:
        """By request: the decoded answer, or the code of the refusal."""
        answers: dict[int, Any] = {}
        for out in self.outs:
            if out.op <= REFUSE:
                assert out.number not in answers, "answered twice"
                answers[out.number] = (
                    msgspec.json.decode(out.payload)
                    if out.op == REPLY
                    else refusal(out.payload).code
                )
        return answers

    def request(self, ref: ActorRef, message: Said) -> Request:
        read = isinstance(message, READS)
        return Request(next(_numbers), ref, NOBODY, "", wire.encode(message), read)

    def listen(self) -> asyncio.Task[None]:
        """Open another stream. The task ends when it is over."""
        stream = self.stream = Stream()

        def take(raw: bytes) -> None:
            packet = wire.decode_packet(raw)
            stream.durable = packet.durable
            if packet.outs:
                self.packets.append(packet.outs)
            self._tell()

        async def listen() -> None:
            try:
                await self.host.listen(self.name, stream.name, take)
            except (ApiError, ConnectionError, msgspec.MsgspecError) as error:
                stream.error = error
            finally:
                stream.over = True
                self._tell()

        self.listening = asyncio.create_task(listen())
        return self.listening

    def submit(self, *requests: Request, number: int = 0) -> asyncio.Task[None]:
        """Send a batch, the next one if no number is given. The task ends when it is durable, or
        its stream is over."""
        if self.listening is None or self.listening.done():
            self.listen()
        payload = wire.encode(requests)
        stream = self.stream
        number = number or next(stream.batches)

        async def submit() -> None:
            self.host.submit(self.name, stream.name, number, payload)
            await self.news(lambda: stream.durable >= number or stream.over)
            if stream.durable < number:
                raise stream.error

        return asyncio.create_task(submit())

    def say(self, ref: ActorRef, *messages: Said) -> asyncio.Task[None]:
        return self.submit(*(self.request(ref, message) for message in messages))

    async def ask(self, ref: ActorRef, message: Said) -> Any:
        """The answer, or the code of the refusal."""
        request = self.request(ref, message)
        await self.submit(request)
        await self.news(lambda: request.number in self.answers())
        return self.answers()[request.number]

    async def news(self, there: Callable[[], bool]) -> None:
        """Wait for what comes until it is there."""
        while not there():
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def refused(call: Awaitable[Any]) -> str:
    """The code with which a call is refused."""
    try:
        await call
    except ApiError as error:
        return error.code
    raise AssertionError("it is not refused")


async def pending(*tasks: asyncio.Task[Any]) -> bool:
    """Whether none of them can end without time going on."""
    await idle()
    return not any(task.done() for task in tasks)
