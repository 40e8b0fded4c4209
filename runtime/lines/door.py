"""Connections between the processes of a server: TCP, frames with their length before
them. A host listens at its *door*. Where that is, and the key to it, which is another one in each
life of the host, it says on the roster; a connection begins with that key. asyncio, but no Ray.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import Struct

from api.ambient import random_bytes
from runtime.lines.lines import Station, Wire

log = logging.getLogger(__name__)

LENGTH_BYTES = 4
FRAME_BYTES_MAX = 256 * 1024 * 1024
BUFFER_BYTES = 1024 * 1024
"""A wire with so much to be sent is full."""
RECEIVE_BYTES, KEPT_BYTES = 64 * 1024, 1024 * 1024
"""What a wire receives into at first, and at most when nothing larger comes."""
KEY_BYTES = 32
KEY_S_MAX = 5.0
STRANGERS_MAX = 64
"""Connections that have not shown the key yet."""
BACKLOG = 1024


class Address(Struct, frozen=True, array_like=True):
    """Where a host's door is, and its key."""

    host: str
    port: int
    key: bytes


decode_address = msgspec.msgpack.Decoder(Address).decode


class SocketWire(asyncio.BufferedProtocol):
    """See `runtime.lines.lines.Wire`. A frame is received where it is read: in a
    buffer that grows to what a frame needs."""

    def __init__(self, station: Station | None = None) -> None:
        self.station = station
        self.frame_bytes_max = FRAME_BYTES_MAX
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._have = 0
        self._paused = False

    @property
    def full(self) -> bool:
        return self._paused

    @property
    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def send(self, frame: bytes) -> None:
        if self._transport is not None and not self._closing:
            self._transport.writelines((len(frame).to_bytes(LENGTH_BYTES, "big"), frame))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=BUFFER_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._have :]

    def buffer_updated(self, nbytes: int) -> None:
        self._have += nbytes
        buffer, have = self._buffer, self._have
        start, needed = 0, RECEIVE_BYTES
        while have - start >= LENGTH_BYTES and not self._closing:
            size = int.from_bytes(buffer[start : start + LENGTH_BYTES], "big")
            if size > self.frame_bytes_max:
                log.warning("a frame of %d bytes is refused", size)
                self.abort()
                return
            end = start + LENGTH_BYTES + size
            if have < end:
                needed = end - start
                break
            self._take(buffer[start + LENGTH_BYTES : end])
            start = end
        self._keep(start, needed)

    def _keep(self, start: int, needed: int) -> None:
        """What begins at `start` is the beginning of a frame that needs so much room."""
        old, rest = self._buffer, self._have - start
        if needed > len(old) or needed <= KEPT_BYTES < len(old):
            self._buffer = memoryview(bytearray(needed))
        if start or self._buffer is not old:
            self._buffer[:rest] = old[start : self._have]
        self._have = rest

    def _take(self, frame: memoryview) -> None:
        if self.station is not None:
            self.station.received(frame)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.station is not None:
            self.station.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.station is not None:
            self.station.lost(str(exc) if exc else "the connection ended")


class _Visitor(SocketWire):
    """A connection to a door; nobody is at its station before it has shown the key."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.frame_bytes_max = KEY_BYTES
        self._door = door
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        strangers = self._door.strangers
        if len(strangers) >= STRANGERS_MAX:
            self.abort()
            return
        strangers.add(self)
        self._timer = asyncio.get_running_loop().call_later(KEY_S_MAX, self.abort)

    def _take(self, frame: memoryview) -> None:
        if self.station is not None:
            self.station.received(frame)
        elif hmac.compare_digest(frame, self._door.key):
            self.frame_bytes_max = FRAME_BYTES_MAX
            self._leave()
            self._door.visitors.add(self)
            self.station = self._door.receive(self)
        else:
            log.warning("a connection shows a wrong key")
            self.abort()

    def _leave(self) -> None:
        self._door.strangers.discard(self)
        self._door.visitors.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)


class Door:
    """See the module. `receive(wire)` gives each connection its station."""

    def __init__(self, receive: Callable[[Wire], Station]) -> None:
        self.receive = receive
        self.key = random_bytes(KEY_BYTES)
        self.strangers: set[_Visitor] = set()
        self.visitors: set[_Visitor] = set()
        self._server: asyncio.Server | None = None

    async def open(self, host: str) -> Address:
        """Listen at an address of this machine, on a port that is free."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Visitor(self), host, 0, backlog=BACKLOG)
        port: int = self._server.sockets[0].getsockname()[1]
        return Address(host, port, self.key)

    def close(self) -> None:
        """Listen no more; what has been sent still arrives."""
        if self._server is not None:
            self._server.close()
        for visitor in [*self.strangers, *self.visitors]:
            visitor.close()


async def connect(address: Address, station: Station) -> Wire:
    """A connection to a door. Raises OSError."""
    loop = asyncio.get_running_loop()
    wire = SocketWire(station)
    await loop.create_connection(lambda: wire, address.host, address.port)
    wire.send(address.key)
    return wire
