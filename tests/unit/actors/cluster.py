"""A town of any placement, whose hosts do one thing at a time, and crash.

Nothing settles by itself: until an answer is there, hosts commit and ship in any order, and a
receipt may get lost. What one actor cannot answer alone is completed by the real gateway.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from api import methods as m
from api import types as t
from api.errors import ApiError
from fronts.gateway import Gateway
from fronts.routes import is_simple, route
from runtime.engine import Engine
from runtime.link import Answer
from runtime.placement import Placement
from runtime.refs import NOBODY, ActorRef, Caller
from runtime.turn import Message, envelope_of
from runtime.wire import Request
from storage.memory import MemoryStore
from tests.unit.actors.town import Town, declared

STEPS_MAX = 100_000
CONFIG = t.Config("0", "", "", "open", 30)

_LOOP = asyncio.new_event_loop()
"""The gateway's; one for all, because a new one for each call takes longer than the call."""
atexit.register(_LOOP.close)


class _Engines(dict[str, Engine]):
    """The host of a dedicated actor is started when it is first needed."""

    def __init__(self, start: Callable[[str], None]) -> None:
        self._start = start

    def __missing__(self, name: str) -> Engine:
        self._start(name)
        return self[name]


class _Direct(Gateway):
    """A gateway whose links end in this process: a request is answered before it returns."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster.placement, lambda name: None, CONFIG)  # type: ignore[arg-type, return-value]
        self._cluster = cluster

    def link(self, ref: ActorRef) -> Any:
        return self

    async def expect_answer_from(self, ref: ActorRef) -> None:
        """Every host knows this front."""

    def tell(self, target: ActorRef, message: Any) -> None:
        raw = msgspec.Raw(envelope_of(Message(target, message)))
        self._cluster.engine(target).receive_ephemeral(raw)

    def request(
        self,
        target: ActorRef,
        method: str,
        body: bytes,
        caller: Caller,
        answer: Answer,
        *,
        read: bool = False,
        deadline_s: float = 0.0,
    ) -> None:
        number = self._cluster.request(target, method, body, caller, read)
        found = self._cluster.wait(number, target if read else None)
        if isinstance(found, ApiError):
            answer(None, found)
        else:
            answer(found, None)


class Rows:
    """A host's store, as verification reads it; `by_partition` may be damaged."""

    def __init__(self, store: MemoryStore, partitions: list[int]) -> None:
        self.partitions = partitions
        self.by_partition: dict[int, dict[bytes, bytes | None]] = {
            partition: dict(store.scan(partition, b"", b"\xff" * 512, limit=10**9))
            for partition in partitions
        }

    def rows(self, partition: int) -> Iterator[tuple[bytes, bytes | None]]:
        return iter(sorted(self.by_partition[partition].items()))


class Cluster(Town):
    """See the module. `dedicated`: kinds whose actors get a host each."""

    def __init__(self, hosts: int = 1, dedicated: tuple[str, ...] = (), seed: int = 0) -> None:
        super().__init__(hosts, seed)
        self.placement = Placement(8, hosts, dedicated)
        self.names = []
        self.engines = _Engines(self.start)
        for name in self.placement.pooled_hosts():
            self.start(name)
        self.gateway = _Direct(self)

    # --- hosts ---

    def start(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)
            self.stores.setdefault(name, MemoryStore())
        super().start(name)

    def crash(self, name: str, appended: bool) -> None:
        """Kill a host and start it again from its disk; its last batch may have got there, without
        anybody having heard of it."""
        layer = self.engines[name].cut() if appended else None
        if layer is not None and (writes := layer.writes()):
            self.stores[name].append(writes)
        self.stores[name] = MemoryStore(self.stores[name].disk)
        self.start(name)

    def ship_unheard(self, name: str) -> None:
        """Messages arrive, but the sender does not hear of it, and will send them again."""
        streams = self.engines[name].streams
        for source, target in sorted(streams.waiting(self.engines[name].led)):
            shipment = streams.shipment(source, target)
            if shipment is not None:
                self.engines[self.placement.host(target)].receive(shipment)
                streams.rewind(source, target)

    def stored(self) -> list[tuple[str, Rows]]:
        """What verification reads."""
        placement = self.placement
        return [(name, Rows(self.stores[name], placement.led_by(name))) for name in self.names]

    def step(self) -> None:
        """One host does one thing."""
        act = self.rng.choice((self.commit, self.commit, self.ship, self.ship_unheard))
        act(self.rng.choice(self.names))

    # --- as a client ---

    def request(
        self, ref: ActorRef, method: str, body: bytes, caller: Caller, read: bool = False
    ) -> int:
        number = next(self._numbers)
        self.submit(Request(number, ref, caller, method, body, read))
        return number

    def begin(self, caller: Caller, params: m.Params) -> int:
        """Make a request of one actor; its answer will be found under the number returned."""
        return self.post(route(params, caller), params, caller)

    def wait(self, number: int, read_of: ActorRef | None = None) -> bytes | ApiError:
        """The answer to a request. A read needs nothing but its own host."""
        if read_of is not None:
            self.commit(self.placement.home(read_of))
        for _ in range(STEPS_MAX):
            if number in self.answers:
                found: bytes | ApiError = self.answers[number]
                return found
            self.step()
        raise AssertionError(f"request {number} is not answered")

    def ask(self, ref: ActorRef, message: Any, caller: Caller = NOBODY, read: bool = False) -> Any:
        read = read or (isinstance(message, m.Params) and message.method.read)
        found = self.wait(self.post(ref, message, caller, read), ref if read else None)
        if isinstance(found, ApiError):
            declared(message, found, ref)
            raise found
        return msgspec.json.decode(found)

    def call(self, caller: Caller, params: m.Params) -> Any:
        """Call any method but those of the authentication service; returns its typed result."""
        if is_simple(params):
            return super().call(caller, params)
        try:
            answer = _LOOP.run_until_complete(self.gateway.call(params, caller))
        except ApiError as error:
            declared(params, error)
            raise
        return self.typed(params, answer)

    @staticmethod
    def typed(params: m.Params, answer: bytes) -> Any:
        """The result of a method in its answer."""
        return msgspec.json.decode(answer, type=params.method.result)
