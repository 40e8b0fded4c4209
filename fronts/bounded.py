"""uvicorn's WebSocket, bounded like a live connection of an edge.

uvicorn answers pings, joins messages and keeps what a client does not read by itself, before the
application (`fronts.asgi`) knows of it: 16 MiB for a message, and no end of pongs and answers
for a client that takes none. Ray Serve passes none of its options on. Its two queues between the
socket and the application have no bounds either, so the bounds are kept here, at the socket; the
rate and silence are left to `Connection`, which is told of every frame.
"""

from __future__ import annotations

from asyncio import BaseTransport, TimerHandle
from typing import Any

from uvicorn.protocols.http import auto as http_auto
from uvicorn.protocols.websockets import auto
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from api import limits
from api.frames import Close
from fronts.asgi import CONTROL
from fronts.connection import CLOSE_S, PARTS_MAX
from fronts.unhurried import UnhurriedHttp


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One socket. A client that takes less than it is sent is cut off without a code: one would
    not get through."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn.max_message_size = limits.FRAME_BYTES_MAX
        self.ping_interval = None  # `Connection` judges silence, and answered pings are none
        self._untold = 0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        # `send` never waits: what would wait for it is in a queue of Serve's that nobody counts.
        self.transport.set_write_buffer_limits(high=4 * limits.SEND_BUFFER_BYTES_MAX)

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._hang_up_soon()

    # --- what comes ---------------------------------------------------------------------------

    def handle_events(self) -> None:
        """What came in one piece, which may be tens of thousands of frames: the connection is told
        of them by one message, or these would be what takes the memory. What comes next is read
        when that is taken, as uvicorn does it with texts: others have their turn in between."""
        super().handle_events()
        if self._untold and not self.close_sent:
            told: Any = {"type": CONTROL, "frames": self._untold}
            self.queue.put_nowait(told)
            self.read_paused = True
            self.transport.pause_reading()
        self._untold = 0

    def handle_ping(self) -> None:
        self._untold += 1
        if self.close_sent:
            self.conn.data_to_send()
        else:
            super().handle_ping()
            self._bound_buffer()

    def handle_pong(self, event: Frame) -> None:
        self._untold += 1

    def handle_cont(self, event: Frame) -> None:
        """The first part of a message counts when the whole does."""
        self._untold += 1
        if len(self.frames) < PARTS_MAX:
            super().handle_cont(event)
        else:
            self.conn.fail(Close.BAD_FRAME, "a message in too many parts")
            self.handle_parser_exception()

    # --- what is sent -------------------------------------------------------------------------

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message.get("code") == Close.FLOOD:
            self.transport.pause_reading()  # for good: to read on would be what keeps us busy
        self._bound_buffer()

    def _bound_buffer(self) -> None:
        if self.transport.get_write_buffer_size() > limits.SEND_BUFFER_BYTES_MAX:
            self.transport.abort()

    # --- the end ------------------------------------------------------------------------------

    def handle_parser_exception(self) -> None:
        """Hanging up at once would often destroy the close frame on its way (see `CLOSE_S`)."""
        if self.close_sent:
            return
        close = self.conn.close_sent
        assert close is not None
        self.close_sent = True
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": close.code, "reason": close.reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_timer = self._hang_up_soon()

    def _hang_up_soon(self) -> TimerHandle:
        """A client that does not read must not keep its buffer alive."""
        return self.loop.call_later(CLOSE_S, self.transport.abort)


def bound_uvicorn() -> None:
    """Have uvicorn serve WebSockets so in this process, and HTTP as `fronts.unhurried` does:
    before it is started (`fronts.guard.middleware`)."""
    auto.AutoWebSocketsProtocol = BoundedWebSocket
    http_auto.AutoHTTPProtocol = UnhurriedHttp
