"""The one-port fallback: the same connections over an ASGI WebSocket, behind the HTTP front."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from api import limits
from api.ambient import monotonic_s
from api.frames import Close
from fronts.connection import CLOSE_S, Connection
from fronts.gateway import Gateway

log = logging.getLogger(__name__)

CONTROL = "heliograph.control"
"""The type of a message that tells of so many `frames` without saying what was in them:
`fronts.bounded` tells so of pings, pongs and parts of messages, which count like any frame."""
Message = MutableMapping[str, Any]


class AsgiSocket:
    """Frames to send wait in a queue. What serves the application takes them all and never tells
    how far the client has read, so `buffered` is what was sent since the client last said anything:
    one that reads acknowledges, asks or sends heartbeats. One that speaks and does not read is cut
    off by `fronts.bounded`."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._close: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake.set()

    def heard(self) -> None:
        """The client said something."""
        self._bytes = 0

    def close(self, code: int, reason: str) -> None:
        self._close = (code, reason)
        self._wake.set()
        self._closing.set()

    def buffered(self) -> int:
        return self._bytes

    async def write(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Send what is queued until closed."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._frames and (self._close is None or self._close[0] != Close.TOO_SLOW):
                frames, self._frames = self._frames, []
                for frame in frames:
                    await send({"type": "websocket.send", "text": frame.decode()})
            if self._close is not None:
                code, reason = self._close
                await send({"type": "websocket.close", "code": code, "reason": reason})
                return

    async def give_up(self) -> None:
        """Comes back when a client had its time to take the close frame."""
        await self._closing.wait()
        await asyncio.sleep(CLOSE_S)


async def websocket(
    gateway: Gateway,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
    network: str = "",
    token: str = "",
) -> None:
    """Serve one WebSocket connection until it ends; `network`, `token`: see `Connection`."""
    first = await receive()
    assert first["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    socket = AsgiSocket()
    connection = Connection(gateway, socket, monotonic_s(), network, token)
    ends = [
        asyncio.create_task(_read(connection, socket, receive)),
        asyncio.create_task(socket.write(send)),
        asyncio.create_task(socket.give_up()),
    ]
    ticker = asyncio.create_task(_tick(connection))
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        connection.lost()
        for task in (ticker, *ends):
            task.cancel()
        results = await asyncio.gather(ticker, *ends, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            log.info("a connection ended: %r", result)


async def _read(
    connection: Connection, socket: AsgiSocket, receive: Callable[[], Awaitable[Message]]
) -> None:
    """Take what comes until the client is gone."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        socket.heard()
        if message["type"] == CONTROL:
            for _ in range(message["frames"]):
                if not connection.heard(monotonic_s()):
                    break  # it is closed
            continue
        text = message.get("text")
        if text is None:
            connection.close(Close.BAD_FRAME, "frames are JSON in text messages")
            continue
        frame = text.encode()
        if len(frame) > limits.FRAME_BYTES_MAX:
            connection.close(Close.TOO_LARGE, "the message is too large")
        else:
            connection.received(frame, monotonic_s())


async def _tick(connection: Connection) -> None:
    while True:
        due_s = connection.tick(monotonic_s())
        if connection.closed:
            return
        await asyncio.sleep(due_s)
