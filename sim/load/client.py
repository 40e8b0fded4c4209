"""One user's device: a connection that comes back by itself, and the `pts` rules of a client.

The path of a frame is plain calls, without a task or a future per message. An update is applied
when its number follows the last one; a gap is held for `GAP_S` and then closed by a difference.
Everything that is applied is acknowledged: at once where the last acknowledgement is
`ACK_INTERVAL_S` old, and otherwise when it will be.
"""

from __future__ import annotations

import asyncio
import random
from time import monotonic
from typing import Any, TypeVar

import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from api import limits
from api import types as t
from api.errors import ApiError
from sim.load.endpoint import Endpoint
from sim.load.ledger import Receipts
from sim.load.meter import Meter
from sim.load.sender import Sender
from sim.load.wire import (
    CONTROL_ID,
    PREFIX_CHARS,
    SEQ_END,
    Answer,
    Frame,
    decode_answer,
    decode_frame,
    request,
)

ACK_INTERVAL_S = 0.25
GAP_S = 0.5
ANSWER_S_MAX = limits.REQUEST_DEADLINE_S + 5
BACKOFF_S_MIN = 0.05
BACKOFF_S_MAX = 2.0

TEXT = WSMsgType.TEXT
CLOSE = WSMsgType.CLOSE
R = TypeVar("R")


class TokenRefused(Exception):
    """The server does not know this user's token (any more)."""


class Listener(WSListener):  # type: ignore[misc, unused-ignore]
    """The socket's end of a client; one per connection."""

    def __init__(self, client: Client, connection: int) -> None:
        self.client = client
        self.connection = connection

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.client.listener is not self:  # `ws_connect` goes on when it is cancelled
            transport.disconnect(graceful=False)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        client = self.client
        if client.listener is not self:
            return
        try:
            heard = decode_frame(frame.get_payload_as_memoryview())
        except msgspec.MsgspecError:
            client.on_other_frame(frame)
            return
        update = heard.update
        if update is not None:
            client.on_update(heard.pts, update.message, self.connection)
        elif heard.id:
            client.on_answer(heard, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.client.on_lost(self)


class Client:
    """A user with a token. `sender` is set by the run for those who send, `peer` and
    `receipts` (by `receive_from`) for those who receive."""

    def __init__(self, user_id: int, token: str, endpoint: Endpoint, meter: Meter) -> None:
        self.user_id = user_id
        self.token = token
        self.endpoint = endpoint
        self.meter = meter
        self.pts = 0
        self.online = False
        self.sender: Sender | None = None
        self.peer: Sender | None = None
        self.receipts: Receipts | None = None
        self.expected = " " * PREFIX_CHARS
        self.listener: Listener | None = None
        self.last_push = 0.0
        self.refused = False
        self._transport: WSTransport | None = None
        self._connections = 0
        self._greeted = False
        self._ahead: set[int] = set()
        self._ahead_since = 0.0
        self._acked_at = 0.0
        self._ack_planned = False
        self._futures: dict[int, asyncio.Future[Answer]] = {}
        self._next_id = CONTROL_ID
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self._closed = False
        self._catching_up = False
        self._later = asyncio.get_running_loop().call_later

    # --- what the run asks for ------------------------------------------------------------------

    def receive_from(self, sender: Sender, receipts: Receipts) -> None:
        self.peer = sender
        self.receipts = receipts
        self.expected = sender.prefix

    def write(self, frame: bytes) -> None:
        assert self._transport is not None
        self._transport.send(TEXT, frame)

    async def stay_connected(self) -> None:
        """Connect, and connect again whenever the connection is lost, until `close`."""
        backoff_s = BACKOFF_S_MIN
        while not self._closed:
            try:
                async with self.endpoint.connecting:
                    await self._connect()
                backoff_s = BACKOFF_S_MIN
                self._ready.set()
                await self._lost.wait()
            except ApiError as error:
                self.meter.errors[error.code] += 1
                if error.code == "unauthorized":
                    self.refused = True
                    self._ready.set()
                    return
            except (OSError, WSError, TimeoutError):
                self.meter.errors["connect"] += 1
                self.endpoint.failed()
            finally:
                self._drop()
            if not self._closed:
                await asyncio.sleep(backoff_s * (0.5 + random.random()))
                backoff_s = min(2 * backoff_s, BACKOFF_S_MAX)

    async def ready(self, within_s: float) -> None:
        """Wait until this client is connected and up to date."""
        await asyncio.wait_for(self._ready.wait(), within_s)
        if self.refused:
            raise TokenRefused(self.user_id)

    def reconnect(self) -> None:
        """Drop the connection; `stay_connected` opens the next one."""
        self._drop()

    def close(self) -> None:
        self._closed = True
        self._drop()

    async def call(self, method: str, params: dict[str, Any], result: type[R]) -> R:
        """One request other than a send."""
        if self._transport is None:
            raise ConnectionResetError("not connected")
        request_id = self._next_id
        self._next_id += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._futures[request_id] = future
        self.write(request(request_id, method, params))
        try:
            answer = await asyncio.wait_for(future, ANSWER_S_MAX)
        finally:
            self._futures.pop(request_id, None)
        if answer.error is not None:
            raise ApiError.from_problem(answer.error)
        return msgspec.json.decode(answer.result, type=result)

    def look_after(self, now: float) -> None:
        """Called now and then: close gaps, give up on a connection that answers nothing."""
        if not self.online:
            return
        gap = self._ahead and now - self._ahead_since > GAP_S
        peer = self.peer
        starved = (
            peer is not None
            and now - max(self.last_push, peer.last_ack) > 4 * GAP_S
            and peer.awaits_receipt()
        )
        if (gap or starved) and not self._catching_up:
            self._catching_up = True
            self.endpoint.spawn(self._close_gap())
        sender = self.sender
        if sender is not None and sender.waited_s(now) > ANSWER_S_MAX:
            self.meter.errors["no_answer"] += 1
            self.reconnect()

    def ping(self) -> None:
        if self.online:
            self.write(b'{"ping":1}')

    # --- connecting -----------------------------------------------------------------------------

    async def _connect(self) -> None:
        self._lost.clear()
        self._connections += 1
        listener = Listener(self, self._connections)
        self.listener = listener
        self._transport, _ = await ws_connect(lambda: listener, await self.endpoint.ws_url())
        hello = await self.call("session.hello", {"token": self.token}, t.Hello)
        if not self._greeted:
            self._greeted = True
            self._advance_to(hello.pts)
        else:
            await self._catch_up(hello.pts)
        if self.listener is not listener or self._lost.is_set():
            raise ConnectionResetError("lost while catching up")
        self.online = True
        if self.sender is not None:
            self.sender.resume(monotonic())

    async def _catch_up(self, until: int) -> None:
        """Fetch what happened after `pts`, at least up to `until`."""
        while True:
            params = {"pts": self.pts, "limit": limits.DIFFERENCE_PAGE_MAX}
            difference = await self.call("updates.difference", params, t.Difference)
            if difference.kind == "too_long" and self.receipts is not None:
                self.receipts.from_history = True
            for numbered in difference.updates:
                if isinstance(numbered.update, t.MessageNew):
                    self._caught_up(numbered.update.message.text, numbered.pts)
            self._advance_to(difference.pts)
            if difference.kind != "slice" or self.pts >= until:
                return

    def _caught_up(self, text: str, pts: int) -> None:
        if not text.startswith(self.expected):
            return
        assert self.receipts is not None
        seq = int(text[PREFIX_CHARS:SEQ_END])
        if self.receipts.caught_up(seq, pts):
            self._received(seq)

    async def _close_gap(self) -> None:
        try:
            before = self.pts
            await self._catch_up(0)
            self.meter.gaps += self.pts > before
        except (ApiError, OSError, TimeoutError):
            self.reconnect()
        finally:
            self._catching_up = False
            self.last_push = monotonic()

    def _drop(self) -> None:
        self.online = False
        self.listener = None
        if not self.refused:
            self._ready.clear()
        self._ahead.clear()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.disconnect(graceful=False)
        for future in self._futures.values():
            if not future.done():
                future.set_exception(ConnectionResetError("connection lost"))
        self._lost.set()

    # --- frames ---------------------------------------------------------------------------------

    def on_update(self, pts: int, message: Any, connection: int) -> None:
        now = self.last_push = monotonic()
        if pts == self.pts + 1:
            self.pts = pts
            if self._ahead:
                self._advance_to(pts)
        elif pts > self.pts:
            self._hold(pts, now)
        if message is not None and message.text.startswith(self.expected):
            seq = int(message.text[PREFIX_CHARS:SEQ_END])
            if self.receipts.live(seq, pts, connection):  # type: ignore[union-attr]
                self._received(seq)
        if not self._ack_planned:
            wait_s = self._acked_at + ACK_INTERVAL_S - now
            if wait_s <= 0.0:
                self._acknowledge()
            else:
                self._ack_planned = True
                self._later(wait_s, self._acknowledge)

    def on_answer(self, heard: Frame, frame: WSFrame) -> None:
        if heard.id >= CONTROL_ID:
            self.on_other_frame(frame)
            return
        assert self.sender is not None
        now = monotonic()
        result = heard.result
        if result is not None:
            pts = result.pts
            if pts == self.pts + 1:
                self.pts = pts
                if self._ahead:
                    self._advance_to(pts)
            elif pts > self.pts:
                self._hold(pts, now)
            self.sender.on_sent(heard.id, result.id, now)
        elif heard.error is not None:
            self.sender.on_error(heard.id, heard.error, now)

    def on_other_frame(self, frame: WSFrame) -> None:
        """Anything that is neither an update nor the answer to a send."""
        if frame.msg_type == TEXT:
            answer = decode_answer(frame.get_payload_as_bytes())
            future = self._futures.get(answer.id)
            if future is not None and not future.done():
                future.set_result(answer)
        elif frame.msg_type == CLOSE:
            code = int.from_bytes(frame.get_payload_as_bytes()[:2], "big")
            self.meter.errors[f"closed_{code}"] += 1
            self._drop()

    def on_lost(self, listener: Listener) -> None:
        if self.listener is listener:
            self.meter.errors["connection_lost"] += 1
            self._drop()

    def _received(self, seq: int) -> None:
        peer = self.peer
        assert peer is not None
        self.meter.deliveries.append(monotonic() - peer.times[seq])
        peer.part_done(seq)

    def _hold(self, pts: int, now: float) -> None:
        if not self._ahead:
            self._ahead_since = now
        self._ahead.add(pts)

    def _advance_to(self, pts: int) -> None:
        """Everything up to `pts` is applied, and so is what was held and follows it."""
        pts = max(pts, self.pts)
        ahead = self._ahead
        while pts + 1 in ahead:
            pts += 1
        self.pts = pts
        if ahead:
            self._ahead = {held for held in ahead if held > pts}
            self._ahead_since = monotonic()

    def _acknowledge(self) -> None:
        self._ack_planned = False
        if self.online:
            self._acked_at = monotonic()
            self.write(b'{"ack":%d}' % self.pts)
