"""A town to test actors in: the real engines over stores in memory, without Ray, sockets or time.

Everything a client could do is done by `call`; what would go to connections is collected.
"""

from __future__ import annotations

import itertools
import random
from typing import Any, NamedTuple

import msgspec

from actors import addresses
from actors.handle.messages import NewAccount
from actors.kinds import KINDS
from actors.session.messages import Attach
from actors.updates import Entry
from actors.user.messages import MailSlice
from api import methods as m
from api import types as t
from api.errors import ApiError
from fronts.routes import route
from runtime import wire
from runtime.engine import Engine
from runtime.placement import Placement
from runtime.refs import EXEMPT, NOBODY, ActorRef, Caller
from runtime.wire import MOVED, PUSH, REFUSE, REPLY, Out, Request
from storage.memory import MemoryStore
from storage.port import Store

FRONT = "front"
OK = {"ok": True}


def declared(message: Any, error: ApiError, ref: ActorRef | None = None) -> None:
    """A method is refused with what it declares, and with nothing else. Nobody has a token of a
    user who does not exist; only tests ask in their name (`ref`: who was asked)."""
    own = ref is not None and ref.kind == "user" and error.code == "user_not_found"
    if isinstance(message, m.Params) and not own:
        assert error.code in message.method.errors, f"{message.method.name}: {error}"


class Mail(NamedTuple):
    """An entry of a mailbox: its tag, and its fields in order."""

    kind: str
    chat_id: str = ""
    first: int = 0
    second: int = 0
    text: str = ""


def mail_of(entry: Entry) -> Mail:
    return Mail(*msgspec.to_builtins(entry))


class Town:
    """`hosts` engines, each with a store; `settle` commits, ships between them, and releases.
    Everybody calls from `network`, which is under no flood limits if nothing is said."""

    def __init__(
        self,
        hosts: int = 1,
        seed: int = 0,
        stores: list[Store] | None = None,
        network: str = EXEMPT,
    ) -> None:
        self.network = network
        self.placement = Placement(8, hosts)
        self.now_ms = 1_700_000_000_000
        self.names = self.placement.pooled_hosts()
        self.stores: dict[str, Any] = dict(
            zip(self.names, stores or [MemoryStore() for _ in self.names], strict=True)
        )
        self.rng = random.Random(seed)
        self.engines: dict[str, Engine] = {}
        for name in self.names:
            self.start(name)
        self.answers: dict[int, Any] = {}
        self.pushed: dict[int, list[Any]] = {}
        self.closed: dict[int, int] = {}
        self.requests: dict[int, Request] = {}
        self.repeated: set[int] = set()
        self._numbers = itertools.count(1)

    def start(self, name: str) -> None:
        """Start a host (again) on what its store has."""
        made = self.placement
        self.engines[name] = Engine(
            kinds=KINDS,
            placement=Placement(made.partitions, made.hosts, made.dedicated),
            led=self.placement.led_by(name),
            store=self.stores[name],
            clock=lambda: self.now_ms,
            rng=self.rng,
        )

    def engine(self, ref: ActorRef) -> Engine:
        return self.engines[self.placement.host(self.placement.partition(ref))]

    # --- driving ---

    def post(self, ref: ActorRef, message: Any, caller: Caller = NOBODY, read: bool = False) -> int:
        """Give a request to the host of an actor; returns its number."""
        number = next(self._numbers)
        if isinstance(message, m.Params):
            name, body = message.method.name, msgspec.json.encode(message)
            read = message.method.read
        else:
            name, body = "", wire.encode(message)
        self.submit(Request(number, ref, caller, name, body, read))
        return number

    def submit(self, request: Request) -> None:
        self.requests[request.number] = request
        self.engine(request.target).command(FRONT, request)

    def settle(self) -> None:
        """Commit, release and ship until nothing moves."""
        while any([self.commit(name) for name in self.names] + [self.ship(n) for n in self.names]):
            pass

    def commit(self, name: str) -> bool:
        engine, store = self.engines[name], self.stores[name]
        layer = engine.cut()
        if layer is None:
            return False
        writes = layer.writes()
        if writes:
            store.append(writes)
            store.install(writes)
        engine.settle()
        for front, out in layer.outs:
            assert front == FRONT
            self.release(out)
        for host, envelopes in layer.ephemeral.items():
            for raw in envelopes:
                self.engines[host].receive_ephemeral(msgspec.Raw(raw))
        return True

    def ship(self, name: str) -> bool:
        engine, moved = self.engines[name], False
        for source, target in engine.streams.waiting(engine.led):
            shipment = engine.streams.shipment(source, target)
            if shipment is None:
                continue
            host = self.placement.host(target)
            receipt = self.engines[host].receive(shipment)
            self.commit(host)
            engine.streams.acknowledge(engine.pending.open, receipt)
            moved = True
        return moved

    def release(self, out: Out) -> None:
        if out.number in self.answers and out.number in self.repeated:
            return
        if out.op == MOVED:
            self.follow(wire.decode_moved(out.payload))
        elif out.op == REPLY:
            assert out.number not in self.answers, "answered twice"
            self.answers[out.number] = out.payload
        elif out.op == REFUSE:
            assert out.number not in self.answers, "answered twice"
            refusal = wire.decode_refusal(out.payload)
            self.answers[out.number] = ApiError(*msgspec.structs.astuple(refusal))
        elif out.op == PUSH:
            self.pushed.setdefault(out.number, []).append(msgspec.json.decode(out.payload))
        else:
            self.closed[out.number] = int(out.payload)

    def follow(self, moved: wire.Moved) -> None:
        """What an actor that has moved was asked, it is asked again where it is, in order."""
        if not self.placement.learn(moved.ref, moved.partition):
            return
        for number, request in self.requests.items():
            if request.target == moved.ref and number not in self.answers:
                self.repeated.add(number)
                self.submit(request)

    # --- as a client ---

    def ask(self, ref: ActorRef, message: Any, caller: Caller = NOBODY, read: bool = False) -> Any:
        """The decoded JSON of the answer. Raises ApiError."""
        number = self.post(ref, message, caller, read)
        self.settle()
        answer = self.answers[number]
        if isinstance(answer, ApiError):
            declared(message, answer, ref)
            raise answer
        return msgspec.json.decode(answer)

    def call(self, caller: Caller, params: m.Params) -> Any:
        """Call a method that is one request to one actor; returns its typed result."""
        answer = self.ask(route(params, caller), params, caller)
        result = params.method.result
        return msgspec.convert(answer, result) if isinstance(result, type) else answer

    def register(self, username: str, name: str = "") -> Caller:
        """`name` is not checked: there are some from before lines were."""
        user_id, session_id = self.rng.randrange(1, 2**48), self.rng.randrange(1, 2**53)
        account = NewAccount(
            user_id, session_id, username, name or username.title(), "hash", b"token", "test"
        )
        answer = self.ask(addresses.username(username), account)
        made = msgspec.convert(answer, t.Authorization)
        assert made.user.id == user_id
        return Caller(user_id, session_id, network=self.network)

    def attach(self, caller: Caller, connection: int) -> t.Hello:
        ref = addresses.session(caller.user_id, caller.session_id)
        return msgspec.convert(self.ask(ref, Attach(FRONT, connection, b"token")), t.Hello)

    def private(self, a: Caller, b: Caller) -> str:
        answer = self.ask(addresses.user(b.user_id), m.OpenPrivate(b.user_id), a)
        return msgspec.convert(answer, t.Chat).id

    def send(self, caller: Caller, chat_id: str, text: str, random_id: int = 0) -> t.Sent:
        random_id = random_id or self.rng.randrange(1, 2**53)
        sent: t.Sent = self.call(caller, m.SendMessage(chat_id, text, random_id))
        return sent

    def mail(self, caller: Caller, pts: int = 0) -> list[tuple[int, Mail]]:
        ref = addresses.user(caller.user_id)
        answer = self.ask(ref, m.GetDifference(pts), caller)
        return [(pts, mail_of(entry)) for pts, entry in msgspec.convert(answer, MailSlice).entries]
