"""The microcosm: the real handlers and engines of a few people, on stores in memory, with nothing
between them. It counts what each host does by kind, and how long each turn takes.

Each partition has a host of its own, if there is to be more than one, so that whatever goes from
one partition to another is seen.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from time import perf_counter_ns as clock_ns

import msgspec

from actors import addresses
from actors.chat.messages import MarkDelivered, OpenChat
from actors.handle.messages import NewAccount
from actors.kinds import KINDS
from actors.session.messages import Attach, Detach
from actors.user.messages import (
    MarksChanged,
    NewMessage,
    Received,
    SessionOffline,
    SessionOnline,
    ShowEvent,
)
from api import limits
from api import methods as m
from api.frames import encode as to_json
from runtime import wire
from runtime.engine import Engine
from runtime.messages import Internal
from runtime.placement import Placement
from runtime.refs import EXEMPT, NOBODY, ActorRef, Caller
from runtime.turn import Message
from runtime.wire import PUSH, Request
from sim.population.fanout import Turn
from storage.memory import MemoryStore
from storage.port import Store

FRONT = "front"
TEXT = "words " * 18
TURNS: dict[type, Turn] = {
    m.SendMessage: Turn.CHAT_SEND,
    NewMessage: Turn.USER_MESSAGE,
    m.Ack: Turn.SESSION_ACK,
    Received: Turn.USER_RECEIVED,
    MarkDelivered: Turn.CHAT_DELIVERED,
    MarksChanged: Turn.USER_MARKS,
    m.MarkRead: Turn.CHAT_READ,
    Attach: Turn.SESSION_ATTACH,
    SessionOnline: Turn.USER_ONLINE,
    Detach: Turn.SESSION_DETACH,
    SessionOffline: Turn.USER_OFFLINE,
    ShowEvent: Turn.USER_SHOW,
    m.SetTyping: Turn.CHAT_TYPING,
    m.GetDifference: Turn.READ_DIFFERENCE,
    m.GetHistory: Turn.READ_HISTORY,
}
"""What a message to an actor is called in the model."""


class Measured(Engine):
    """An engine that tells what it did: `turns_done` by kind, and the time of each in `took_ns`
    (by the type of the message), which is the handler's with all that the engine does for a turn.
    `beyond_ns`: what each command, or shipment of another host, took beyond its turns."""

    def begin(self) -> None:
        self.turns_done: Counter[Turn] = Counter()
        self.took_ns: dict[type, list[int]] = {}
        self.beyond_ns: list[int] = []
        self._within_ns = 0

    def command(self, front: str, request: Request) -> None:
        begun_ns, self._within_ns = clock_ns(), 0
        super().command(front, request)
        self.beyond_ns.append(clock_ns() - begun_ns - self._within_ns)

    def receive(self, shipment: wire.Shipment) -> wire.Receipt:
        begun_ns, self._within_ns = clock_ns(), 0
        receipt = super().receive(shipment)
        self.beyond_ns.append(clock_ns() - begun_ns - self._within_ns)
        return receipt

    def _turn(self, message: Message) -> None:
        begun_ns = clock_ns()
        super()._turn(message)
        self._note(type(message.content), begun_ns, clock_ns())

    def _read(
        self, ref: ActorRef, message: object, request: Request, reply_to: wire.ReplyTo
    ) -> None:
        begun_ns = clock_ns()
        super()._read(ref, message, request, reply_to)
        self._note(type(message), begun_ns, clock_ns())

    def _note(self, kind: type, begun_ns: int, ended_ns: int) -> None:
        turn = TURNS.get(kind)
        if turn is not None:
            self.turns_done[turn] += 1
        self.took_ns.setdefault(kind, []).append(ended_ns - begun_ns)
        self._within_ns += clock_ns() - begun_ns


class Microcosm:
    """So many partitions, each led by a host of its own, or by fewer `hosts`. `store`: of a host of
    this name that leads these partitions."""

    def __init__(
        self,
        partitions: int,
        seed: int = 1,
        hosts: int | None = None,
        store: Callable[[str, list[int]], Store] = lambda host, led: MemoryStore(),
        engine: type[Measured] = Measured,
    ) -> None:
        self.placement = Placement(partitions, hosts or partitions)
        self.now_ms = 1_700_000_000_000
        self.stores: dict[str, Store] = {}
        self.engines: dict[str, Measured] = {}
        for host in self.placement.pooled_hosts():
            led = self.placement.led_by(host)
            self.stores[host] = store(host, led)
            self.engines[host] = engine(
                kinds=KINDS,
                placement=self.placement,
                led=led,
                store=self.stores[host],
                clock=lambda: self.now_ms,
                rng=random.Random(seed),
            )
        self.rows: Counter[str] = Counter()
        self.pushes: Counter[int] = Counter()
        self.shipped: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self.forget()

    def forget(self) -> None:
        """Count from now on. `rows` and `shipped` (messages to other hosts) are by host, `pushes`
        by connection."""
        for engine in self.engines.values():
            engine.begin()
        self.rows, self.pushes, self.shipped = Counter(), Counter(), Counter()

    # --- people -------------------------------------------------------------------------------

    def people(self, user_ids: Iterable[int]) -> None:
        """Accounts with one session each, whose numbers are those of the users."""
        for user in user_ids:
            account = NewAccount(user, user, f"user{user}", "User", "hash", b"t", "device")
            self.post(addresses.username(f"user{user}"), account)

    def online(self, user_ids: Iterable[int]) -> None:
        """Their devices connect."""
        for user in user_ids:
            self.post(addresses.session(user, user), Attach(FRONT, user, b"t"))

    def offline(self, user_ids: Iterable[int]) -> None:
        for user in user_ids:
            self.post(addresses.session(user, user), Detach(FRONT, user))

    def private(self, a: int, b: int) -> str:
        """Their private chat."""
        chat = addresses.private_chat_id(a, b)
        self.post(addresses.chat(chat), OpenChat(a, b))
        return chat

    def group(self, members: list[int]) -> str:
        """A group of these, created by the first."""
        owner, others = members[0], members[1:]
        chat = addresses.group_id(owner, 1)
        most = limits.GROUP_INVITES_PER_CREATE_MAX
        self.call(owner, chat, m.CreateGroup("Group", 1, others[:most]))
        for user in others[most:]:
            self.call(owner, chat, m.AddMember(chat, user))
        return chat

    def send(self, user: int, chat: str, random_id: int, text: str = TEXT) -> None:
        self.call(user, chat, m.SendMessage(chat, text, random_id))

    def confirm(self, user: int) -> None:
        """A device says that it has everything."""
        self.call(user, addresses.session(user, user), m.Ack(self.pts(user)))

    def pts(self, user: int) -> int:
        """How many updates a user has got."""
        ref = addresses.user(user)
        resident = self.engines[self.placement.home(ref)].residents[ref]
        return int(resident.state.head.pts)

    # --- requests -----------------------------------------------------------------------------

    def call(self, user: int, to: str | ActorRef, params: m.Params, *, read: bool = False) -> None:
        """A method of a chat (its id) or another actor, and all that it causes."""
        caller = Caller(user, user, user, EXEMPT)
        target = addresses.chat(to) if isinstance(to, str) else to
        number, name = next(self._numbers), params.method.name
        self._command(Request(number, target, caller, name, to_json(params), read))

    def post(self, ref: ActorRef, message: Internal) -> None:
        body = wire.encode(message)
        self._command(Request(next(self._numbers), ref, NOBODY, "", body))

    def _command(self, request: Request) -> None:
        self.engines[self.placement.home(request.target)].command(FRONT, request)
        while sum(self._commit(host) for host in self.engines):
            pass

    def _commit(self, host: str) -> bool:
        """Make durable what a host did, and bring what it sends to where it goes. Whether there was
        anything."""
        engine, store = self.engines[host], self.stores[host]
        layer = engine.cut()
        if layer is None:
            return False
        writes = layer.writes()
        self.rows[host] += sum(len(rows) for rows in writes.values())
        store.append(writes)
        store.install(writes)
        engine.settle()
        self.pushes.update(out.number for _, out in layer.outs if out.op == PUSH)
        for source, target in sorted(layer.streams):
            self._ship(host, source, target)
        for other, envelopes in layer.ephemeral.items():
            self.shipped[host] += len(envelopes)
            for raw in envelopes:
                self.engines[other].receive_ephemeral(msgspec.Raw(raw))
        return True

    def _ship(self, host: str, source: int, target: int) -> None:
        engine = self.engines[host]
        while (shipment := engine.streams.shipment(source, target)) is not None:
            self.shipped[host] += len(shipment.envelopes)
            last = shipment.first + len(shipment.envelopes) - 1
            receipt = self.engines[self.placement.host(target)].receive(shipment)
            assert receipt.watermark == last, "a stream is stuck"
            engine.streams.shipped[source, target] = last
