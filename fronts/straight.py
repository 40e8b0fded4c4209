"""A connection's socket, lent to threads for the body of an answer.

    straight = straight_of(scope)                 # None where what serves this lends nothing
    async with straight.sending(send, begin) as outlet:
        while not await asyncio.to_thread(outlet.take, view) == len(view): ...

On its way through ASGI, uvicorn and asyncio each byte is copied several times, and with the
interpreter's lock; here once, by the kernel, without it, and from where it lies. It is an extension
of ASGI (`scope["extensions"]`) that `fronts.unhurried` offers. Ray Serve hands the scope over as it
is, and sees where an answer begins and where it ends; where it sends a scope to another process,
which it does while no front is there, nothing is lent.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from os import dup
from typing import Any, Protocol

from api import limits
from api.errors import ApiError
from api.requests import ClientGone, Message, Send

EXTENSION = "heliograph.straight"
UNSENT_BYTES_MAX = limits.PART_BYTES
"""What the kernel holds of an answer beyond what is on its way: so a client that takes little is
noticed, and costs little."""
PATIENCE_MS = 5
"""How long a thread waits for a client. One that needs longer is waited for without a thread."""


class Cycle(Protocol):
    """A request and its answer (uvicorn's `RequestResponseCycle`)."""

    transport: asyncio.Transport
    flow: Any
    expected_content_length: int


def straight_of(scope: Message) -> Straight | None:
    """What is lent to the application with a request."""
    found: Straight | None = scope.get("extensions", {}).get(EXTENSION)
    return found


def _nothing() -> None:
    """What comes to another process."""


class Straight:
    """See the module."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()

    @asynccontextmanager
    async def sending(self, send: Send, begin: Message) -> AsyncIterator[Outlet]:
        """Begin an answer whose length is told. Its body is what goes to the outlet. Raises
        ClientGone."""
        await send(begin)
        transport = self._cycle.transport
        transport.set_write_buffer_limits(high=0)
        while transport.get_write_buffer_size() and not transport.is_closing():
            await self._cycle.flow.drain()  # the head is before the body
        outlet = Outlet(transport)
        try:
            yield outlet
        finally:
            await outlet.close()
        self._cycle.expected_content_length -= outlet.sent
        await send({"type": "http.response.body", "body": b""})


class Outlet:
    """A second hold on the socket of a connection. `sent`: bytes; `stuck`: whether the client takes
    no more just now. Raises ClientGone."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        try:
            self._sock = socket.socket(fileno=dup(transport.get_extra_info("socket").fileno()))
        except OSError:  # it is closed
            raise ClientGone from None
        self._sock.setblocking(False)
        if self._sock.family != socket.AF_UNIX:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLOUT)
        self.sent = 0
        self.stuck = False
        self._counted = 0
        self._due_s = self._loop.time() + limits.HTTP_BODY_S_MAX

    def take(self, view: memoryview) -> int:
        """In a thread: send as much of it as the client takes without keeping the thread waiting
        for long; returns how many bytes."""
        at = 0
        with self._lock:
            if self._sock.fileno() < 0:
                raise ClientGone  # this was begun before that
            while at < len(view):
                try:
                    at += self._sock.send(view[at:])
                except BlockingIOError:
                    if not self._poll.poll(PATIENCE_MS):
                        break
                except OSError:
                    raise ClientGone from None
        self.sent += at
        self.stuck = at < len(view)
        return at

    async def room(self) -> None:
        """Wait until the client takes more. Raises `too_slow` where it took less than
        `HTTP_PIECE_BYTES` in `HTTP_BODY_S_MAX`."""
        if self.sent - self._counted >= limits.HTTP_PIECE_BYTES:
            self._counted = self.sent
            self._due_s = self._loop.time() + limits.HTTP_BODY_S_MAX
        ready = asyncio.Event()
        self._loop.add_writer(self._sock, ready.set)
        try:
            async with asyncio.timeout_at(self._due_s):
                await ready.wait()
        except TimeoutError:
            raise ApiError("too_slow", "the file is taken too slowly; go on later") from None
        finally:
            self._loop.remove_writer(self._sock)

    async def close(self) -> None:
        """Give it back, when no thread has it any more."""
        if not self._lock.acquire(blocking=False):
            await asyncio.to_thread(self._lock.acquire)
        self._sock.close()
        self._lock.release()
