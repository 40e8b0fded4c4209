"""A whole server in one process, without Ray: pipelines over stores in memory, and gateways that
reach them by calls in this process.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest

from actors import addresses
from actors.handle.messages import NewAccount
from actors.kinds import KINDS
from actors.user.messages import NewLogin
from api import methods as m
from api import types as t
from api.errors import ApiError
from fronts.connection import Connection
from fronts.gateway import Gateway
from fronts.tokens import new_token
from runtime.engine import Engine
from runtime.lines.lines import Take
from runtime.pipeline import Pipeline
from runtime.placement import Placement
from runtime.refs import EXEMPT, Caller
from storage.memory import MemoryStore
from tests.unit.actors.town import declared
from tests.unit.runtime.fake_time import fake_loop, is_cancelled, run

R = TypeVar("R")
NOBODY_ID = 2**50
CONFIG = t.Config("1.2.3", "", "/ws", "open", 30, "a-server", 8001)


async def settled() -> None:
    """A second later, in fake time: everything that could happen has happened."""
    await asyncio.sleep(1.0)


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# --- a server ---------------------------------------------------------------------------------


class Life:
    """One life of a host: its pipeline and the calls that wait for it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.over = False
        self.pipeline = pipeline
        self._calls: set[asyncio.Task[Any]] = set()
        others = asyncio.all_tasks()
        pipeline.start()
        self._own = asyncio.all_tasks() - others

    async def call(self, call: Coroutine[Any, Any, R]) -> R:
        task = asyncio.create_task(call)
        self._calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self.over and not is_cancelled():
                raise ConnectionError("the host died") from None
            raise
        finally:
            self._calls.discard(task)

    def tell(self, call: Coroutine[Any, Any, None]) -> None:
        """A call that nobody waits for."""
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def end(self) -> None:
        """Die as a process dies: at once, and nobody is answered."""
        self.over = True
        for task in self._own | self._calls:
            task.cancel()


class Host:
    """The calls of a host, whichever life it is in; None: it is down."""

    def __init__(self) -> None:
        self.life: Life | None = None

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        life = self._alive()
        life.tell(life.pipeline.submit(front, stream, number, payload))

    async def listen(self, front: str, stream: str, take: Take) -> None:
        life = self._alive()
        await life.call(life.pipeline.listen(front, stream, take))

    async def receive(self, payload: bytes) -> bytes:
        life = self._alive()
        return await life.call(life.pipeline.receive(payload))

    def _alive(self) -> Life:
        if self.life is None:
            raise ConnectionError("the host is down")
        return self.life


class Person(NamedTuple):
    """An account with its first session."""

    caller: Caller
    token: str

    @property
    def id(self) -> int:
        return self.caller.user_id


class Server:
    """Hosts and gateways. `gateway` is the one that tests call by; others are made by `front`."""

    gateway: Gateway

    def __init__(self, hosts: int = 1, dedicated: tuple[str, ...] = ()) -> None:
        self.placement = Placement(8, hosts, dedicated)
        self.hosts: dict[str, Host] = {}
        self.stores: dict[str, MemoryStore] = {}
        self.now_ms = 1_700_000_000_000
        self._rng = random.Random(0)
        self._random_ids = itertools.count(1)
        self._gateways: list[Gateway] = []

    async def __aenter__(self) -> Server:
        for name in self.placement.pooled_hosts():
            self.host(name)
        self.gateway = await self.front()
        return self

    async def __aexit__(self, *error: object) -> None:
        for gateway in self._gateways:
            await gateway.close()
        for host in self.hosts.values():
            if host.life is not None:
                await host.life.pipeline.drain()

    # --- life ---

    def host(self, name: str) -> Host:
        """The host of that name, made when it is first needed."""
        if name not in self.hosts:
            self.hosts[name], self.stores[name] = Host(), MemoryStore()
            self.start(name)
        return self.hosts[name]

    def start(self, name: str = "host-0") -> None:
        """Start a host, or start it again on what it had made durable."""
        store = self.stores[name] = MemoryStore(list(self.stores[name].disk))
        engine = Engine(
            kinds=KINDS,
            placement=self._map(),
            led=self.placement.led_by(name),
            store=store,
            clock=lambda: self.now_ms,
            rng=self._rng,
        )
        self.hosts[name].life = Life(Pipeline(engine, store, self._peer, _never))

    def kill(self, name: str = "host-0") -> None:
        """The host dies and is down."""
        host = self.hosts[name]
        assert host.life is not None
        host.life.end()
        host.life = None

    def restart(self, name: str = "host-0") -> None:
        """The host dies and is in a new life."""
        self.kill(name)
        self.start(name)

    async def front(self) -> Gateway:
        """Another front, connected to all hosts."""
        gateway = Gateway(self._map(), self.host, CONFIG)
        self._gateways.append(gateway)
        await gateway.start()
        await gateway.ready()
        return gateway

    def _map(self) -> Placement:
        """A placement of one's own: each front learns for itself."""
        made = self.placement
        return Placement(made.partitions, made.hosts, made.dedicated)

    async def _peer(self, name: str, parcel: bytes) -> bytes:
        return await self.host(name).receive(parcel)

    # --- as a client ---

    async def call(self, who: Person, params: m.Params, front: Gateway | None = None) -> Any:
        """Call a method; returns its typed result."""
        try:
            answer = await (front or self.gateway).call(params, who.caller)
        except ApiError as error:
            declared(params, error)
            raise
        return msgspec.json.decode(answer, type=params.method.result)

    async def register(self, username: str) -> Person:
        user_id, session_id = self._rng.randrange(1, 2**48), self._rng.randrange(1, 2**53)
        token, token_hash = new_token(user_id, session_id)
        account = NewAccount(
            user_id, session_id, username, username.title(), "hash", token_hash, "test"
        )
        await self.gateway.expect_answer_from(addresses.session(user_id, session_id))
        await self.gateway.ask(addresses.username(username), account)
        return Person(Caller(user_id, session_id, network=EXEMPT), token)

    async def log_in(self, person: Person) -> Person:
        """Another session of the same account."""
        session_id = self._rng.randrange(1, 2**53)
        token, token_hash = new_token(person.id, session_id)
        login = NewLogin(session_id, token_hash, "second", "hash")
        await self.gateway.expect_answer_from(addresses.session(person.id, session_id))
        await self.gateway.ask(addresses.user(person.id), login)
        return Person(Caller(person.id, session_id, network=EXEMPT), token)

    async def private(self, one: Person, other: Person) -> str:
        chat: t.Chat = await self.call(one, m.OpenPrivate(other.id))
        return chat.id

    async def send(
        self, who: Person, chat_id: str, text: str, front: Gateway | None = None
    ) -> t.Sent:
        params = m.SendMessage(chat_id, text, next(self._random_ids))
        sent: t.Sent = await self.call(who, params, front)
        return sent


def _never(error: BaseException) -> None:
    raise AssertionError(f"the host stops: {error}")


async def refused(call: Awaitable[Any]) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value.code


# --- a client ---------------------------------------------------------------------------------


class FakeSocket:
    """Keeps what is sent. `waiting_bytes` is what the client has not read."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.closes: list[int] = []
        self.reason = ""
        self.sent_after_close = False
        self.waiting_bytes = 0
        self._news = asyncio.Event()

    def send(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))
        self.sent_after_close |= bool(self.closes)
        self._news.set()

    def close(self, code: int, reason: str) -> None:
        self.closes.append(code)
        self.reason = reason
        self._news.set()

    @property
    def close_code(self) -> int:
        """0: it is open. Checks that it was closed once, and that nothing was sent after."""
        assert len(self.closes) <= 1
        assert not self.sent_after_close
        return self.closes[0] if self.closes else 0

    def buffered(self) -> int:
        return self.waiting_bytes

    async def wait_for(self, what: Callable[[], bool]) -> None:
        while not what():
            self._news.clear()
            await self._news.wait()


class Client:
    """A connection and what its client sees; the time that it tells the connection is `now_s`."""

    def __init__(self, gateway: Gateway) -> None:
        self.socket = FakeSocket()
        self.now_s = 0.0
        self.connection = Connection(gateway, self.socket, self.now_s, EXEMPT)
        self._ids = itertools.count(1)

    def say(self, frame: Any) -> None:
        raw = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        self.connection.received(raw, self.now_s)

    def request(self, params: m.Params) -> int:
        """Say a request; returns its id."""
        number = next(self._ids)
        self.say({"id": number, "method": params.method.name, "params": params})
        return number

    async def answer(self, number: int) -> Any:
        """The result of a request, or its problem document."""
        frames = self.socket.frames

        def answered() -> bool:
            return any(frame.get("id") == number for frame in frames)

        await self.socket.wait_for(answered)
        (frame,) = (frame for frame in frames if frame.get("id") == number)
        return frame["result"] if "result" in frame else frame["error"]

    async def ask(self, params: m.Params) -> Any:
        answer = await self.answer(self.request(params))
        if "code" in answer:
            assert answer["code"] in params.method.errors, f"{params.method.name}: {answer}"
        return answer

    async def hello(self, person: Person) -> Any:
        return await self.ask(m.SayHello(person.token))

    async def told(self, count: int) -> list[Any]:
        """The first `count` frames that are no answers, as soon as they are there."""
        await self.socket.wait_for(lambda: len(self.unasked()) >= count)
        return self.unasked()

    def unasked(self) -> list[Any]:
        """All frames so far that are no answers."""
        return [frame for frame in self.socket.frames if "id" not in frame]

    async def closed(self) -> int:
        """The code with which the connection is closed, as soon as it is."""
        await self.socket.wait_for(lambda: bool(self.socket.close_code))
        return self.socket.close_code


def on_server(test: Callable[[Server], Awaitable[None]], **options: Any) -> None:
    thread_s = options.pop("thread_s", 0.0)

    async def main() -> None:
        fake_loop().thread_s = lambda: thread_s
        async with Server(**options) as server:
            await test(server)

    run(main)
