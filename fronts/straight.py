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
import fcntl
import select
import socket
import termios
import threading
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from api import limits
from api.errors import ApiError
from api.requests import ClientGone, Message, Send
from fronts.sockets import held

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
        await self._flush()
        outlet = Outlet(self._cycle.transport)
        try:
            yield outlet
        finally:
            await outlet.close()
        self._cycle.expected_content_length -= outlet.sent
        await send({"type": "http.response.body", "body": b""})

    async def _flush(self) -> None:
        """The head is before the body."""
        transport = self._cycle.transport
        if not transport.is_closing():
            transport.set_write_buffer_limits(high=0)
        while not transport.is_closing() and transport.get_write_buffer_size():
            await self._cycle.flow.drain()
        if transport.is_closing():
            raise ClientGone
        transport.set_write_buffer_limits()


class Outlet:
    """A second hold on the socket of a connection. `sent`: bytes; `stuck`: whether the client takes
    no more just now. Raises ClientGone."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        try:
            self._sock = held(transport)
        except OSError:
            raise ClientGone from None
        self._sock.setblocking(False)
        if self._sock.family != socket.AF_UNIX:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES_MAX)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLOUT)
        self.sent = 0
        self.stuck = False
        self._taken = 0
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
        ready = asyncio.Event()
        self._loop.add_writer(self._sock, ready.set)
        try:
            while not ready.is_set():
                self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due_s):
                        await ready.wait()
        finally:
            self._loop.remove_writer(self._sock)

    def _look(self) -> None:
        """How much the client has taken: the kernel says that there is room for more only when a
        third of what it has is gone."""
        now_s, taken = self._loop.time(), self.sent - self._unsent()
        if taken - self._taken >= limits.HTTP_PIECE_BYTES:
            self._taken, self._due_s = taken, now_s + limits.HTTP_BODY_S_MAX
        elif now_s >= self._due_s:
            raise ApiError("too_slow", "the file is taken too slowly; go on later")

    def _unsent(self) -> int:
        """Bytes that the kernel has and the client has not."""
        left = array("i", [0])
        fcntl.ioctl(self._sock, termios.TIOCOUTQ, left)
        return left[0]

    async def close(self) -> None:
        """Give it back, when no thread has it any more."""
        if self._lock.locked():
            await asyncio.shield(asyncio.to_thread(self._end))
        else:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._sock.close()
