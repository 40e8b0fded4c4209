"""A microcosm whose people all ask at once: their requests are batches of a front, and what a host
does for them is timed part by part."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import thread_time_ns as clock_ns
from typing import Any

import msgspec

from runtime import wire
from runtime.front_streams import Fronts, FrontStream
from runtime.wire import Request
from sim.population.calibrating.figures import midmean
from sim.population.microcosm import FRONT, Measured, Microcosm
from storage.engine import LmdbStore

PARTITIONS = 64
ROWS_AT_ONCE = 4096
OUT, SHIP, RECEIVE = "an out", "a message out", "a message in"
Part = type | str


class Counting(Measured):
    """An engine that also counts what turns make, by the type of the message: rows that they write,
    and outs."""

    def __init__(self, **made_of: Any) -> None:
        super().__init__(**made_of)
        self.made: defaultdict[type, list[tuple[int, int]]] = defaultdict(list)
        self._of: type = object

    def _turn(self, message: Any) -> None:
        self._of = type(message.content)
        super()._turn(message)

    def _take_effect(self, turn: Any, resident: Any, payload: bytes | None) -> None:
        rows = len(turn.writes) + 2 * len(turn.timers)  # of when it is due, and of what it is
        outs = len(turn.outs) + (payload is not None and turn.answer_to is not None)
        self.made[self._of].append((rows, outs))
        super()._take_effect(turn, resident, payload)


class Town(Microcosm):
    """See the module. `folder`: for the rows. `took_ns` has, by type of message (or name of
    another part) a mean for each batch in which there were some, and `asked_ns` what a request of
    this type took beyond its turns."""

    def __init__(self, folder: Path, hosts: int = 1, engine: type[Measured] = Measured) -> None:
        self.took_ns: defaultdict[Part, list[float]] = defaultdict(list)
        self.all_ns: defaultdict[Part, list[int]] = defaultdict(list)
        self.asked_ns: defaultdict[type, list[float]] = defaultdict(list)
        self._asked: defaultdict[str, list[Request]] = defaultdict(list)
        self._fronts: dict[str, Fronts] = {}
        super().__init__(
            PARTITIONS,
            hosts=hosts,
            store=lambda host, led: LmdbStore(folder / host, led),
            engine=engine,
        )
        for host in self.stores:
            self._fronts[host] = Fronts()
            self._fronts[host].open(FRONT, FrontStream("", lambda packet: None))

    def close(self) -> None:
        for store in self.stores.values():
            store.close()

    def forget_times(self) -> None:
        self.took_ns.clear()
        self.all_ns.clear()
        self.asked_ns.clear()

    def checkpoint(self) -> None:
        """From the log to the rows, as hosts do every other second: what is read is found there."""
        for store in self.stores.values():
            checkpoint = store.begin_checkpoint()
            checkpoint.open()
            while checkpoint.step(ROWS_AT_ONCE):
                pass
            checkpoint.commit()
            checkpoint.finish()

    # --- a batch ------------------------------------------------------------------------------

    @contextmanager
    def batch(self, kind: type) -> Iterator[None]:
        """What is asked within it is of this kind, and executed at its end."""
        yield
        asked, self._asked = self._asked, defaultdict(list)
        self.forget()
        gc.disable()
        try:
            decoded_ns, beyond_ns = 0, []
            for host, requests in asked.items():
                payload = wire.encode(requests)
                begun_ns = clock_ns()
                decoded = wire.decode_requests(payload)
                decoded_ns += clock_ns() - begun_ns
                command = self.engines[host].command
                for request in decoded:
                    command(FRONT, request)
                beyond_ns += self.engines[host].beyond_ns
                self.engines[host].beyond_ns = []
            while sum(self._commit(host) for host in self.engines):
                pass
        finally:
            gc.enable()
        self.asked_ns[kind].append(midmean(beyond_ns) + decoded_ns / len(beyond_ns))
        self._note()

    def _note(self) -> None:
        for engine in self.engines.values():
            for kind, took_ns in engine.took_ns.items():
                self.took_ns[kind].append(midmean(took_ns))
                self.all_ns[kind] += took_ns

    def _command(self, request: Request) -> None:
        self._asked[self.placement.home(request.target)].append(request)

    # --- what a host does beside turns ----------------------------------------------------------

    def _commit(self, host: str) -> bool:
        engine, store = self.engines[host], self.stores[host]
        layer = engine.cut()
        if layer is None:
            return False
        writes = layer.writes()
        self.rows[host] += sum(len(rows) for rows in writes.values())
        if writes:
            store.append(writes)
            store.install(writes)
        engine.settle()
        if layer.outs:
            begun_ns = clock_ns()
            self._fronts[host].release(layer.outs)
            self.took_ns[OUT].append((clock_ns() - begun_ns) / len(layer.outs))
        if layer.streams:
            self._ship_all(host, layer.streams)
        for other, envelopes in layer.ephemeral.items():
            for raw in envelopes:
                self.engines[other].receive_ephemeral(msgspec.Raw(raw))
        return True

    def _ship_all(self, host: str, streams: set[tuple[int, int]]) -> None:
        """As `runtime.shipper` does, with the time of both sides."""
        engine = self.engines[host]
        begun_ns = clock_ns()
        shipments = [engine.streams.shipment(*stream) for stream in sorted(streams)]
        parcel = wire.Parcel([each for each in shipments if each is not None], [])
        payload = wire.encode(parcel)
        out_ns = clock_ns() - begun_ns

        begun_ns = clock_ns()
        heard = wire.decode_parcel(payload)
        in_ns = clock_ns() - begun_ns
        receipts = []
        for shipment in heard.shipments:
            other = self.engines[self.placement.host(shipment.target)]
            receipts.append(other.receive(shipment))
            in_ns += other.beyond_ns.pop()
        begun_ns = clock_ns()
        answer = wire.encode(receipts)
        in_ns += clock_ns() - begun_ns

        begun_ns = clock_ns()
        for receipt in wire.decode_receipts(answer):
            engine.streams.acknowledge(engine.pending.open, receipt)
        out_ns += clock_ns() - begun_ns
        messages = sum(len(each.envelopes) for each in parcel.shipments)
        self.shipped[host] += messages
        self.took_ns[SHIP].append(out_ns / messages)
        self.took_ns[RECEIVE].append(in_ns / messages)
