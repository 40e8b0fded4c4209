"""The picows listener of an edge: sockets under connections."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)

from api import limits
from api.addresses import NO_PROXIES, Callers
from api.ambient import monotonic_s
from api.frames import Close
from api.site import Site
from fronts.connection import CLOSE_S, PARTS_MAX, Connection
from fronts.counted import Accepted, Doors, bytes_of
from fronts.gateway import Gateway
from fronts.sockets import listening

DRAIN_S = 2.0
REFUSED = b"this page's address is not one that the server knows: see its option --origin\n"


class PicowsSocket(WSListener):
    """One socket. Text frames go to the connection; anything else but control frames ends it.

    Frames that are sent in one turn of the loop are written together: a packet from a host holds
    several for the same socket, and a write to a socket is what an edge spends most time on."""

    def __init__(self, listener: Listener, headers: dict[bytes, bytes], token: str) -> None:
        """`token`: what the handshake showed."""
        self._listener = listener
        self._headers = headers
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []
        self._unwritten: list[bytes] = []
        self._unwritten_bytes = 0
        self.connection = Connection(listener.gateway, self, monotonic_s(), token=token)
        self._timer: asyncio.TimerHandle | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._tick()
        peer = transport.underlying_transport.get_extra_info("peername")
        address = self._listener.doors.callers.of(self._headers, peer[0] if peer else "")
        self._headers = {}
        self.connection.network = self._listener.gateway.network(address)
        transport.underlying_transport.set_write_buffer_limits(
            high=4 * limits.SEND_BUFFER_BYTES_MAX
        )
        self._listener.sockets.add(self)

    def _tick(self) -> None:
        due_s = self.connection.tick(monotonic_s())
        if not self.connection.closed:
            self._timer = asyncio.get_running_loop().call_later(due_s, self._tick)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind, connection = frame.msg_type, self.connection
        if kind == WSMsgType.CLOSE:
            self._close_came(transport, frame)
        elif connection.closed:
            return
        elif kind == WSMsgType.TEXT and frame.fin and not self._parts:
            connection.received(frame.get_payload_as_bytes(), monotonic_s())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._part(kind, frame)
        elif kind == WSMsgType.BINARY:
            connection.close(Close.BAD_FRAME, "frames are JSON in text messages")
        elif connection.heard(monotonic_s()) and kind == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            connection.bound_buffer()

    def _close_came(self, transport: WSTransport, frame: WSFrame) -> None:
        """The client closes, or answers our close."""
        if not self.connection.closed:
            self.connection.closed = True
            code = frame.get_close_code()
            transport.send_close(WSCloseCode.OK if code == WSCloseCode.NO_INFO else code)
        transport.disconnect()
        self._hang_up_soon(transport)

    def _part(self, kind: WSMsgType, frame: WSFrame) -> None:
        """A message in several frames."""
        if (kind == WSMsgType.TEXT) == bool(self._parts):
            self.connection.close(Close.BAD_FRAME, "a continuation out of place")
            return
        if not frame.fin and not self.connection.heard(monotonic_s()):
            return
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > limits.FRAME_BYTES_MAX:
            self.connection.close(Close.TOO_LARGE, "the message is too large")
        elif len(self._parts) > PARTS_MAX:
            self.connection.close(Close.BAD_FRAME, "a message in too many parts")
        elif frame.fin:
            whole, self._parts = b"".join(self._parts), []
            self.connection.received(whole, monotonic_s())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._listener.sockets.discard(self)
        self.connection.lost()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._transport = None

    def pause_writing(self) -> None:
        """Bounds are kept by `Connection.push`."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    # --- fronts.connection.Socket ---

    def send(self, frame: bytes) -> None:
        if not self._unwritten:
            self._listener.write_soon(self)
        self._unwritten.append(frame)
        self._unwritten_bytes += len(frame)

    def write(self) -> None:
        """Write what was sent."""
        frames, self._unwritten, self._unwritten_bytes = self._unwritten, [], 0
        transport = self._transport
        if transport is None or transport.is_disconnected:
            return
        if len(frames) == 1:
            transport.send(WSMsgType.TEXT, frames[0])
        elif frames:
            transport.underlying_transport.write(b"".join(map(_framed, frames)))

    def close(self, code: int, reason: str) -> None:
        self.write()
        transport = self._transport
        if transport is not None:
            transport.send_close(WSCloseCode(code), _reason(reason))
            if self.buffered() > limits.SEND_BUFFER_BYTES_MAX:
                transport.disconnect(False)
            else:
                self._hang_up_soon(transport)

    def _hang_up_soon(self, transport: WSTransport) -> None:
        """A client that does not read must not keep its buffer alive."""
        asyncio.get_running_loop().call_later(CLOSE_S, transport.disconnect, False)

    def buffered(self) -> int:
        if self._transport is None:
            return 0
        size: int = self._transport.underlying_transport.get_write_buffer_size()
        return size + self._unwritten_bytes


def _framed(text: bytes) -> bytes:
    """A whole text message as a server sends it (RFC 6455, section 5.2): unmasked, in one frame."""
    size = len(text)
    if size < 126:
        return b"\x81%c%b" % (size, text)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), text)


def _reason(text: str) -> bytes:
    """A reason as a close frame can carry it."""
    return text.encode()[:120].decode(errors="ignore").encode()


class Listener:
    """All sockets of an edge."""

    def __init__(
        self, gateway: Gateway, callers: Callers = NO_PROXIES, site: Site | None = None
    ) -> None:
        self.gateway = gateway
        self._site = site or Site()
        self.sockets: set[PicowsSocket] = set()
        self.doors = Doors(self._accept, callers)
        self._server: asyncio.Server | None = None
        self._unwritten: list[PicowsSocket] = []

    def write_soon(self, sock: PicowsSocket) -> None:
        """Have a socket write at the end of this turn of the loop."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write)
        self._unwritten.append(sock)

    def _write(self) -> None:
        sockets, self._unwritten = self._unwritten, []
        for sock in sockets:
            sock.write()

    async def start(self, host: str, port: int) -> None:
        """Listen; edges of one node share the port (SO_REUSEPORT)."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.doors.protocol, sock=listening(host, port))

    def _accept(self, request: WSUpgradeRequest) -> Accepted:
        if request.path.partition(b"?")[0] not in (b"/ws", b"/"):
            return None
        headers = bytes_of(request.headers)
        shown = self._site.live(headers)
        if shown is None:
            refusal = WSUpgradeResponse.create_error_response(HTTPStatus.FORBIDDEN, REFUSED)
            return WSUpgradeResponseWithListener(refusal, None)
        if b"upgrade" in [
            word.strip() for word in headers.get(b"connection", b"").lower().split(b",")
        ]:
            request.headers["connection"] = "upgrade"  # picows takes no list, as Firefox sends one
        return PicowsSocket(self, headers, shown.token)

    async def drain(self) -> None:
        """Stop listening; ask all clients to come back, spread over some seconds."""
        if self._server is not None:
            self._server.close()
        sockets = list(self.sockets)
        pause_s = DRAIN_S / max(len(sockets), 1)
        for index, sock in enumerate(sockets):
            sock.connection.close(Close.GOING_AWAY, "the server restarts")
            if pause_s > 0.001 or index % 50 == 49:
                await asyncio.sleep(min(pause_s, 0.01))
