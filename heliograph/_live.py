"""One live connection: requests and their answers, and frames that come by themselves."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport

from api.errors import ApiError
from api.methods import Params
from heliograph._errors import ConnectionLost
from heliograph._transport import Connect
from heliograph._wire import Frame, decode_frame, ping_frame, request_frame

FRAME_BYTES_MAX = 16 * 1024 * 1024
"""A difference of 100 long messages is far below."""

OnResult = Callable[[Raw], Any]


class Live(WSListener):
    """See the module. `on_frame` gets what is neither an answer nor a heartbeat. The answer to a
    request is decoded by its `on_result` when it comes, in the order of the frames, even if the
    caller has gone away by then. Once `closed` is set the connection is over, and `close_code` is
    what the server closed it with (0: it broke)."""

    def __init__(self, on_frame: Callable[[Frame], None], connect: Connect) -> None:
        self._connect = connect
        self.closed = asyncio.Event()
        self.close_code = 0
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self._numbers = itertools.count(1)
        self._pending: dict[int, tuple[asyncio.Future[Any], OnResult]] = {}
        self._transport: WSTransport | None = None
        self._parts: list[bytes] = []

    async def open(self, url: str, timeout_s: float, context: ssl.SSLContext | None) -> None:
        """Connect. Raises `ConnectionLost`."""
        secure = context if url.startswith("wss:") else None
        try:
            async with asyncio.timeout(timeout_s):
                self._transport, _ = await self._connect(
                    lambda: self,
                    url,
                    ssl_context=secure,
                    # Sooner than the timeout here, which would leave the socket open.
                    websocket_handshake_timeout=timeout_s / 2,
                    max_frame_size=FRAME_BYTES_MAX,
                    max_redirects=0,  # the address is the one that was chosen as safe
                )
        except (OSError, WSError, TimeoutError, ValueError) as error:
            raise ConnectionLost(f"cannot connect to {url}: {error}", maybe_done=False) from error

    async def request(
        self, params: Params, on_result: OnResult, timeout_s: float | None = None
    ) -> Any:
        """Ask, and wait for the answer. Raises `ApiError`, `ConnectionLost`, `ProtocolError`."""
        if self._transport is None or self.closed.is_set():
            raise ConnectionLost("not connected", maybe_done=False)
        number = next(self._numbers)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._pending[number] = (future, on_result)
        asked_at = self._loop.time()
        self._write(request_frame(number, params))
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            if self.heard_at <= asked_at:
                self.close()  # nothing at all came since: it is dead
            raise ConnectionLost(f"no answer to {params.method.name} in time") from error

    def ping(self, number: int) -> None:
        self._write(ping_frame(number))

    def acknowledge(self, frame: bytes) -> bool:
        """Whether it could be written."""
        if self.closed.is_set():
            return False
        self._write(frame)
        return True

    def close(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)
        self._end()

    # --- what the socket tells ------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self.closed.is_set():  # meanwhile; `ws_connect` goes on when it is cancelled
            self.close()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.heard_at = self._loop.time()
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            self._received(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._part(frame)
        elif kind == WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self.close_code = int.from_bytes(payload[:2], "big")
            self.close()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._end()

    def _part(self, frame: WSFrame) -> None:
        """A message that a proxy split."""
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > FRAME_BYTES_MAX:
            self.close()
        elif frame.fin:
            whole, self._parts = b"".join(self._parts), []
            self._received(whole)

    def _received(self, payload: bytes) -> None:
        if self.closed.is_set():
            return
        try:
            heard = decode_frame(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.close()
            return
        if heard.id is not None:
            self._answered(heard.id, heard)
        elif heard.pong is None:
            self._on_frame(heard)

    def _answered(self, number: int, heard: Frame) -> None:
        pending = self._pending.pop(number, None)
        if pending is None:
            return
        future, on_result = pending
        try:
            if heard.error is not None:
                raise ApiError.from_problem(heard.error)
            result = on_result(heard.result)
        except Exception as error:
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(result)

    def _write(self, frame: bytes) -> None:
        if self._transport is not None and not self.closed.is_set():
            self._transport.send(WSMsgType.TEXT, frame)

    def _end(self) -> None:
        self.closed.set()
        pending, self._pending = self._pending, {}
        for future, _ in pending.values():
            if not future.done():
                future.set_exception(ConnectionLost("the live connection broke"))
