"""The shipper: takes durable messages from the outboxes to other hosts, one call at a time per
host, the next one filling meanwhile. What waits, waits on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from runtime import wire
from runtime.engine import Engine
from storage.port import CorruptRow

log = logging.getLogger(__name__)

PARCEL_BYTES_SOUGHT = 16 * 1024
"""A parcel is closed when it holds this much, and then travels; the next one fills meanwhile."""
EPHEMERAL_QUEUED_MAX = 10_000
ANSWER_S_MIN, ANSWER_S_MAX = 5.0, 60.0
"""A parcel that is not answered for so long is sent again: the receiver knows what it has. With
each time one waits twice as long, for the receiver may be slow."""
RETRY_S_MIN, RETRY_S_MAX = 0.02, 1.0


class Shipper:
    """`call(host, parcel)` reaches another host; `guard(work)` does what must not end, and stops
    the host if it fails. What arrived is deleted with the next commit."""

    def __init__(
        self,
        engine: Engine,
        call: Callable[[str, bytes], Awaitable[bytes]],
        guard: Callable[[Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]],
    ) -> None:
        self._engine = engine
        self._call = call
        self._guard = guard
        self._streams: dict[str, set[tuple[int, int]]] = {}
        self._ephemeral: dict[str, list[bytes]] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._running = False
        self.shipped = 0

    def start(self) -> None:
        """Ship what the outboxes hold from before."""
        self._running = True
        waiting = self._engine.streams.waiting(self._engine.led)
        self._engine.keep_apart(waiting)
        self.ship(waiting, {})

    async def stop(self) -> None:
        """Stop shipping; what has not arrived stays in the outboxes."""
        self._running = False
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    @property
    def waiting(self) -> int:
        """Streams that have something to ship."""
        return sum(len(streams) for streams in self._streams.values())

    def ship(self, streams: set[tuple[int, int]], ephemeral: dict[str, list[bytes]]) -> None:
        """These streams have new durable messages, and these hosts get ephemeral ones."""
        if not self._running:
            return
        for stream in streams:
            host = self._engine.placement.host(stream[1])
            self._streams.setdefault(host, set()).add(stream)
            self._wake_host(host)
        for host, messages in ephemeral.items():
            queued = self._ephemeral.setdefault(host, [])
            queued.extend(messages[: max(0, EPHEMERAL_QUEUED_MAX - len(queued))])
            self._wake_host(host)

    def retry_all(self) -> None:
        """Look at every outbox again."""
        self.ship(self._engine.streams.waiting(self._engine.led), {})

    def _wake_host(self, host: str) -> None:
        event = self._wake.get(host)
        if event is None:
            event = self._wake[host] = asyncio.Event()
            self._tasks[host] = asyncio.create_task(self._guard(partial(self._serve, host, event)))
        event.set()

    async def _serve(self, host: str, wake: asyncio.Event) -> None:
        delay_s, patience_s = RETRY_S_MIN, ANSWER_S_MIN
        while True:
            await wake.wait()
            wake.clear()
            while (parcel := self._fill(host)) is not None:
                try:
                    async with asyncio.timeout(patience_s):
                        answer = await self._call(host, wire.encode(parcel))
                    receipts = wire.decode_receipts(answer)
                except Exception as error:
                    log.warning("host %s does not take messages yet: %r", host, error)
                    for shipment in parcel.shipments:
                        self._engine.streams.rewind(shipment.source, shipment.target)
                        self._streams[host].add((shipment.source, shipment.target))
                    if isinstance(error, TimeoutError):
                        patience_s = min(2 * patience_s, ANSWER_S_MAX)
                    await asyncio.sleep(delay_s)
                    delay_s = min(2 * delay_s, RETRY_S_MAX)
                    continue
                delay_s, patience_s = RETRY_S_MIN, ANSWER_S_MIN
                self._settle(host, parcel, receipts)

    def _settle(self, host: str, parcel: wire.Parcel, receipts: list[wire.Receipt]) -> None:
        """Delete what arrived. Where the receiver took less than it was sent (its disk is full, a
        row is damaged), what is left is shipped again in a while."""
        layer = self._engine.pending.open
        for shipment, receipt in zip(parcel.shipments, receipts, strict=True):
            self.shipped += self._engine.streams.acknowledge(layer, receipt)
            self._engine.arrived(receipt.source, receipt.target)
            if receipt.watermark < shipment.first + len(shipment.envelopes) - 1:
                self._engine.streams.rewind(receipt.source, receipt.target)
                self._ship_later(host, (receipt.source, receipt.target))

    def _ship_later(self, host: str, stream: tuple[int, int]) -> None:
        self._streams[host].discard(stream)
        asyncio.get_running_loop().call_later(RETRY_S_MAX, self.ship, {stream}, {})

    def _fill(self, host: str) -> wire.Parcel | None:
        shipments: list[wire.Shipment] = []
        size = 0
        streams = self._streams.setdefault(host, set())
        while streams and size < PARCEL_BYTES_SOUGHT:
            stream = streams.pop()
            try:
                shipment = self._engine.streams.shipment(*stream)
            except CorruptRow as error:
                # To pass over it would break the order; other streams go on.
                log.error("messages of %d to %d wait: %s", *stream, error)
                self._ship_later(host, stream)
                continue
            if shipment is not None:
                shipments.append(shipment)
                size += sum(len(bytes(raw)) for raw in shipment.envelopes)
        for shipment in shipments:  # there may be more of each: an empty look takes it out
            streams.add((shipment.source, shipment.target))
        ephemeral = self._ephemeral.pop(host, [])
        if not shipments and not ephemeral:
            return None
        return wire.Parcel(shipments, [msgspec.Raw(raw) for raw in ephemeral])
