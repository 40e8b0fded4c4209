"""Counters that move to hosts of their own, a front that follows them, and what must come of it."""

from __future__ import annotations

from typing import Any

import msgspec

from runtime import wire
from runtime.engine import Engine
from runtime.messages import Dedicate
from runtime.refs import NOBODY, ActorRef
from runtime.wire import MOVED, REFUSE, REPLY, Out, Request
from storage.memory import MemoryStore
from tests.unit.runtime.kit import FRONT, READS, Rig, refusal


class MovingRig(Rig):
    """A rig whose hosts come as they are needed, and whose front does what `fronts.gateway`
    and `runtime.link` do: it sends to each host in order, sends again what a host that
    crashed has not answered, and follows an actor that has moved, in order."""

    def __init__(self, hosts: int = 2, seed: int = 0) -> None:
        self.asked: dict[int, Request] = {}
        self.routes: dict[ActorRef, str] = {}
        self.queues: dict[str, list[Request]] = {}
        super().__init__(hosts, seed=seed)

    # --- hosts ---

    def start(self, name: str) -> Engine:
        if name not in self.disks:
            self.disks[name] = []
        if name not in self.names:
            self.names.append(name)
        return super().start(name)

    def engine_of(self, name: str) -> Engine:
        return self.engines.get(name) or self.start(name)

    def crash(self, name: str, appended: bool = False) -> None:
        """Kill a host and start it again from its disk, where its last batch may have got."""
        layer = self.engines[name].cut() if appended else None
        if layer is not None and (writes := layer.writes()):
            self.stores[name].append(writes)
        self.start(name)
        self.ask_again(name)

    def ship_one(self, source: int, target: int, sender: str) -> bool:
        shipment = self.engines[sender].streams.shipment(source, target)
        if shipment is None:
            return False
        host = self.placement.host(target)
        receipt = self.engine_of(host).receive(shipment)
        self.commit(host)
        engine = self.engines[sender]
        engine.streams.acknowledge(engine.pending.open, receipt)
        return True

    def ship(self, source: str) -> bool:
        engine = self.engines[source]
        streams = sorted(engine.streams.waiting(engine.led))
        return any(self.ship_one(*stream, source) for stream in streams)

    def settle(self) -> None:
        """Until nothing moves."""
        while any(
            [self.deliver(name) for name in list(self.queues)]
            + [self.commit(name) for name in list(self.names)]
            + [self.ship(name) for name in list(self.names)]
        ):
            pass

    # --- the front ---

    def route(self, ref: ActorRef) -> str:
        return self.routes.get(ref) or self.host(ref)

    def begin(self, ref: ActorRef, message: Any) -> int:
        """Queue a request; it is executed by `deliver`."""
        number = next(self._numbers)
        read = isinstance(message, READS)
        request = Request(number, ref, NOBODY, "", wire.encode(message), read)
        self.asked[number] = request
        self.queues.setdefault(self.route(ref), []).append(request)
        return number

    def deliver(self, name: str) -> bool:
        queue = self.queues.get(name, [])
        self.queues[name] = []
        for request in queue:
            self.engine_of(name).command(FRONT, request)
        return bool(queue)

    def unanswered(self) -> list[Request]:
        return [r for number, r in sorted(self.asked.items()) if number not in self.answers]

    def ask_again(self, name: str) -> None:
        self.queues[name] = [r for r in self.unanswered() if self.route(r.target) == name]

    def release(self, out: Out) -> None:
        if out.op in (REPLY, REFUSE):
            answer = out.payload if out.op == REPLY else refusal(out.payload)
            self.answers.setdefault(out.number, answer)
        elif out.op == MOVED:
            self.follow(out.number, wire.decode_moved(out.payload))
        else:
            super().release(out)

    def follow(self, number: int, moved: wire.Moved) -> None:
        host = self.placement.host(moved.partition)
        if self.routes.get(moved.ref) != host:
            old = self.queues.get(self.route(moved.ref), [])
            self.queues[self.route(moved.ref)] = [r for r in old if r.target != moved.ref]
            self.routes[moved.ref] = host
            follows = [r for r in self.unanswered() if r.target == moved.ref]
            self.queues.setdefault(host, []).extend(follows)

    def ask(self, ref: ActorRef, message: Any, caller: Any = NOBODY) -> Any:
        number = self.begin(ref, message)
        self.settle()
        answer = self.answers[number]
        if isinstance(answer, Exception):
            raise answer
        return msgspec.json.decode(answer)

    def dedicate(self, ref: ActorRef) -> int:
        return self.begin(ref, Dedicate())

    def rows_of(self, name: str) -> list[tuple[bytes, bytes]]:
        store = self.stores[name]
        assert isinstance(store, MemoryStore)
        return [
            row
            for partition in self.placement.led_by(name)
            for row in store.scan(partition, b"", b"\xff" * 512, limit=100_000)
        ]
