"""A kind of actor to test the runtime with, and engines of it over stores in memory.

A counter adds up, keeps a log of what it added, and does on request what an actor can do. It uses
the number of the messenger's users and chats, and nothing else of them.
"""

from __future__ import annotations

import itertools
import random
from typing import Any, ClassVar, Union

import msgspec
from msgspec import Struct

from api.errors import ApiError
from runtime import wire
from runtime.engine import Engine
from runtime.kind import Kind
from runtime.layers import Layer
from runtime.messages import Arrived, Copied, Dedicate
from runtime.placement import Placement
from runtime.refs import NOBODY, ActorRef, Caller, declare
from runtime.rows import U64, Table, View, head_table
from runtime.turn import Turn
from runtime.wire import REFUSE, REPLY, Out, Request
from storage.memory import MemoryStore
from storage.port import Store, Writes

FRONT = "front"


class Said(Struct, frozen=True, array_like=True, tag=True):
    """Base of the counters' messages."""


class Add(Said, frozen=True):
    """Add, and answer with the total. `then`: "refuse" or "break" when all is prepared."""

    amount: int
    then: str = ""


class Look(Said, frozen=True):
    """A read: the total."""


class LookAll(Said, frozen=True):
    """A read: what was added, in order."""


class Relay(Said, frozen=True):
    """Add, and send the rest of the way `Add` of the same amount; the last one answers."""

    amount: int
    way: list[ActorRef]


class Tell(Said, frozen=True):
    """Send the other an ephemeral `Add`."""

    to: ActorRef
    amount: int


class Remind(Said, frozen=True):
    """Have `amount` added at a time; 0 cancels."""

    name: str
    at_ms: int
    amount: int = 1


class Attach(Said, frozen=True):
    """Know a live connection (0: forget it), and push the total to it."""

    connection: int


class FrontLost(Said, frozen=True):
    """To a counter with a connection: its front is gone."""


class Once(Said, frozen=True):
    """Add, unless this amount was added before, and answer with its place in the log. With `other`,
    whoever adds sends it `Add` of the same amount."""

    amount: int
    other: ActorRef | None = None


class Odd(Said, frozen=True):
    """Answer with something that is no JSON."""


class CounterHead(Struct, frozen=True, array_like=True):
    total: int
    entries: int


class Entry(Struct, frozen=True, array_like=True):
    amount: int
    at_ms: int


class Place(Struct, frozen=True, array_like=True):
    entry: int


HEAD = head_table(CounterHead)
LOG: Table[int, Entry] = Table(1, Entry, U64)
PLACES: Table[int, Place] = Table(2, Place, U64)


class Counter:
    """The state in memory. `loads` counts activations over all counters."""

    loads: ClassVar[int] = 0

    def __init__(self, view: View) -> None:
        type(self).loads += 1
        self.head = HEAD.get(view, None) or CounterHead(0, 0)


def _add(state: Counter, amount: int, turn: Turn) -> int:
    state.head = CounterHead(state.head.total + amount, state.head.entries + 1)
    LOG.put(turn, state.head.entries, Entry(amount, turn.now_ms))
    HEAD.put(turn, None, state.head)
    return state.head.total


def _lost(front: str, volatile: dict[Any, Any]) -> list[Any]:
    return [FrontLost()] if front in volatile else []


def _declare(kind: Kind) -> Kind:
    @kind.on(Add)
    def add(state: Counter, message: Add, turn: Turn) -> int:
        total = _add(state, message.amount, turn)
        if message.then:
            turn.set_timer("doomed", 1, Add(1))
            turn.push(FRONT, 1, b"doomed")
            turn.send(turn.ref, Add(1_000_000))
        if message.then == "refuse":
            raise ApiError("too_many", "refused, as told")
        if message.then == "break":
            raise ZeroDivisionError("broken, as told")
        return total

    @kind.on(Relay)
    def relay(state: Counter, message: Relay, turn: Turn) -> int | None:
        total = _add(state, message.amount, turn)
        if not message.way:
            return total
        turn.send(message.way[0], Relay(message.amount, message.way[1:]), answer=True)
        return None

    @kind.on(Tell)
    def tell(state: Counter, message: Tell, turn: Turn) -> int:
        turn.tell(message.to, Add(message.amount))
        return state.head.total

    @kind.on(Remind)
    def remind(state: Counter, message: Remind, turn: Turn) -> int:
        if message.amount:
            turn.set_timer(message.name, message.at_ms, Add(message.amount))
        else:
            turn.cancel_timer(message.name)
        return state.head.total

    @kind.on(Attach)
    def attach(state: Counter, message: Attach, turn: Turn) -> int:
        if message.connection:
            turn.volatile[FRONT] = message.connection
            turn.push(FRONT, message.connection, b"%d" % state.head.total)
        else:
            turn.volatile.pop(FRONT, None)
        return len(turn.volatile)

    @kind.on(FrontLost)
    def front_lost(state: Counter, message: FrontLost, turn: Turn) -> None:
        turn.volatile.pop(FRONT)
        _add(state, 7, turn)

    @kind.on(Once)
    def once(state: Counter, message: Once, turn: Turn) -> int:
        place = PLACES.get(turn, message.amount)
        if place is None:
            _add(state, message.amount, turn)
            place = Place(state.head.entries)
            PLACES.put(turn, message.amount, place)
            if message.other is not None:
                turn.send(message.other, Add(message.amount))
        return place.entry

    @kind.on(Odd)
    def odd(state: Counter, message: Odd, turn: Turn) -> Any:
        _add(state, 1, turn)
        return object()

    @kind.reads(Look)
    def look(view: View, message: Look) -> int:
        return (HEAD.get(view, None) or CounterHead(0, 0)).total

    @kind.reads(LookAll)
    def look_all(view: View, message: LookAll) -> list[int]:
        return [entry.amount for _, entry in LOG.scan(view, limit=10_000)]

    return kind


declare("user", 1)
declare("chat", 3)
KINDS = {
    name: _declare(Kind(name, Counter, _lost, movable=name == "chat")) for name in ("user", "chat")
}

READS = (Look, LookAll)

decode_said = msgspec.msgpack.Decoder(
    Union[(*Said.__subclasses__(), Dedicate, Copied, Arrived)]
).decode
"""What `wire.decode_message` is in these tests (see conftest)."""


def refusal(payload: bytes) -> ApiError:
    said = wire.decode_refusal(payload)
    return ApiError(said.code, said.detail, said.retry_after)


class Rig:
    """Engines by host name. `commit` makes durable and releases; `receipts` between hosts are the
    tests' own business, or `settle`'s."""

    def __init__(
        self,
        hosts: int = 1,
        *,
        stores: list[Store] | None = None,
        resident_max: int = 100_000,
        seed: int = 0,
    ) -> None:
        self.placement = Placement(8, hosts)
        self.names = self.placement.pooled_hosts()
        self.disks: dict[str, list[Writes]] = {name: [] for name in self.names}
        self.stores: dict[str, Any] = {}
        if stores is not None:
            self.stores = dict(zip(self.names, stores, strict=True))
        self.resident_max = resident_max
        self.now_ms = 1_000_000
        self.rng = random.Random(seed)
        self.engines: dict[str, Engine] = {}
        self.answers: dict[int, bytes | ApiError] = {}
        self.pushed: list[tuple[int, bytes]] = []
        self._numbers = itertools.count(1)
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> Engine:
        """Start a host, or start it again after a crash: on what was appended."""
        if name not in self.stores or isinstance(self.stores[name], MemoryStore):
            self.stores[name] = MemoryStore(self.disks[name])
        engine = self.engines[name] = Engine(
            kinds=KINDS,
            placement=self.placement,
            led=self.placement.led_by(name),
            store=self.stores[name],
            clock=lambda: self.now_ms,
            rng=self.rng,
            resident_max=self.resident_max,
        )
        return engine

    @property
    def engine(self) -> Engine:
        """The only one."""
        (engine,) = self.engines.values()
        return engine

    def at(self, host: str, count: int = 1, kind: str = "user") -> list[ActorRef]:
        """Some actors of a host, of different partitions as far as there are some."""
        led = self.placement.led_by(host)
        found: dict[int, list[ActorRef]] = {partition: [] for partition in led}
        for key in range(1, 400):
            ref = ActorRef(kind, key)
            found.get(self.placement.partition(ref), []).append(ref)
        rounds = zip(*(found[partition] for partition in led), strict=False)
        return list(itertools.islice(itertools.chain.from_iterable(rounds), count))

    def host(self, ref: ActorRef) -> str:
        return self.placement.host(self.placement.partition(ref))

    def post(self, ref: ActorRef, message: Said, caller: Caller = NOBODY) -> int:
        """Execute a request without making anything durable; returns its number."""
        number = next(self._numbers)
        read = isinstance(message, READS)
        request = Request(number, ref, caller, "", wire.encode(message), read)
        self.engines[self.host(ref)].command(FRONT, request)
        return number

    def append(self, name: str) -> Layer | None:
        """Make the open layer durable, without saying so yet."""
        layer = self.engines[name].cut()
        if layer is not None and (writes := layer.writes()):
            self.stores[name].append(writes)
            self.stores[name].install(writes)
        return layer

    def commit(self, name: str = "host-0") -> bool:
        """Make the open layer durable and release it."""
        layer = self.append(name)
        if layer is None:
            return False
        self.engines[name].settle()
        for front, out in layer.outs:
            assert front == FRONT
            self.release(out)
        for host, envelopes in layer.ephemeral.items():
            for raw in envelopes:
                self.engines[host].receive_ephemeral(msgspec.Raw(raw))
        return True

    def release(self, out: Out) -> None:
        if out.op in (REPLY, REFUSE):
            assert out.number not in self.answers, "answered twice"
            self.answers[out.number] = out.payload if out.op == REPLY else refusal(out.payload)
        else:
            self.pushed.append((out.number, out.payload))

    def ship(self, source: str) -> bool:
        """Ship what is durable, each stream once, and take the receipts."""
        engine, moved = self.engines[source], False
        for stream in sorted(engine.streams.waiting(engine.led)):
            shipment = engine.streams.shipment(*stream)
            if shipment is None:
                continue
            host = self.placement.host(stream[1])
            receipt = self.engines[host].receive(shipment)
            self.commit(host)
            engine.streams.acknowledge(engine.pending.open, receipt)
            engine.arrived(*stream)
            moved = True
        return moved

    def settle(self) -> None:
        """Until nothing moves."""
        while any([self.commit(name) for name in self.names] + [self.ship(n) for n in self.names]):
            pass

    def ask(self, ref: ActorRef, message: Said, caller: Caller = NOBODY) -> Any:
        """The decoded answer, after all has settled. Raises ApiError."""
        number = self.post(ref, message, caller)
        self.settle()
        answer = self.answers[number]
        if isinstance(answer, ApiError):
            raise answer
        return msgspec.json.decode(answer)

    def rows(self, name: str = "host-0") -> list[tuple[bytes, bytes]]:
        """All durable rows of a host."""
        return [
            row
            for partition in self.placement.led_by(name)
            for row in self.stores[name].scan(partition, b"", b"\xff" * 512, limit=100_000)
        ]

    def system_rows(self, table: int, name: str = "host-0") -> list[tuple[bytes, bytes]]:
        """The runtime's own rows of one table."""
        return [(key, row) for key, row in self.rows(name) if key[0] == 0 and key[10] == table]
