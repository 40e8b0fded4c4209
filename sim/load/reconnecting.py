"""A user's connection that comes back by itself, and requests on it.

It is wanted from when it was lost on, or, where its user went away, from when that one comes back;
how long it then takes until it is there counts from then (see `Meter.connects`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from abc import abstractmethod
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from api import limits
from api import types as t
from api.errors import ApiError
from sim.load.endpoint import Endpoint, connect_error
from sim.load.meter import Meter
from sim.load.plan import Account, Backoff
from sim.load.wire import (
    CONTROL_ID,
    Answer,
    Frame,
    NewMessage,
    decode_answer,
    decode_frame,
    request,
)

ANSWER_S_MAX = limits.REQUEST_DEADLINE_S + 5

TEXT = WSMsgType.TEXT
CLOSE = WSMsgType.CLOSE
R = TypeVar("R")


class TokenRefused(Exception):
    """The server does not know this user's token (any more)."""


class Listener(WSListener):  # type: ignore[misc, unused-ignore]
    """The socket's end of a connection; each has its own."""

    def __init__(self, owner: Reconnecting, connection: int) -> None:
        self.owner = owner
        self.connection = connection

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.owner.listener is not self:  # `ws_connect` goes on when it is cancelled
            transport.disconnect(graceful=False)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        owner = self.owner
        if owner.listener is not self:
            return
        try:
            heard = decode_frame(frame.get_payload_as_memoryview())
        except msgspec.MsgspecError:
            owner.on_other_frame(frame)
            return
        update = heard.update
        if update is not None:
            owner.on_update(heard.pts, update.message, self.connection)
        elif heard.id:
            owner.on_answer(heard, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.owner.on_lost(self)


class Reconnecting:
    """See the module. Who inherits from it says what happens with frames and with a connection that
    was opened or opened again."""

    def __init__(
        self, account: Account, endpoint: Endpoint, meter: Meter, backoff: Backoff
    ) -> None:
        self.user_id = account.user_id
        self.token = account.token
        self.endpoint = endpoint
        self.meter = meter
        self.online = False
        self.away = False
        """Gone by its own will; what it then missed is no fault of the server."""
        self.refused = False
        self.listener: Listener | None = None
        self._backoff = backoff
        self._backoff_s = 0.0
        self._transport: WSTransport | None = None
        self._connections = 0
        self._known = False
        self._wanted_at = 0.0
        self._on_back: Callable[[float], None] | None = None
        self._futures: dict[int, asyncio.Future[Answer]] = {}
        self._next_id = CONTROL_ID
        self._lost = asyncio.Event()
        self._ready = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closed = False
        self._given_up = False
        """Of the connection that is being opened: nobody wants it any more."""

    @abstractmethod
    async def _greeted(self, hello: t.Hello, first: bool) -> None:
        """The server knows who this is: fetch what was missed."""

    @abstractmethod
    def _opened(self, now: float) -> None:
        """Nothing is missed any more."""

    @abstractmethod
    def on_update(self, pts: int, message: NewMessage | None, connection: int) -> None: ...

    @abstractmethod
    def on_answer(self, heard: Frame, frame: WSFrame) -> None: ...

    # --- what the run asks for ------------------------------------------------------------------

    async def stay_connected(self) -> None:
        """Connect, and connect again whenever the connection is lost, until `close`."""
        while not self._closed and not self.refused:
            try:
                await self._connect_in_turn()
                self._backoff_s = 0.0
                self._ready.set()
                await self._lost.wait()
            except ApiError as error:
                self.meter.errors[error.code] += 1
                self._failed()
                self.refused = error.code == "unauthorized"
            except (OSError, WSError, TimeoutError) as problem:
                if not self._given_up:
                    self.meter.errors[connect_error(problem)] += 1
                    self.endpoint.failed()
                    self._failed()
            finally:
                self._drop()
            if self.refused:
                self._ready.set()
            elif not self._closed:
                await self._pause(self._wait_s())

    def _failed(self) -> None:
        self._backoff_s = min(2 * self._backoff_s, self._backoff.max_s) or self._backoff.first_s

    def _wait_s(self) -> float:
        """Until the next attempt."""
        if self.away:
            away_s = self._wanted_at - monotonic()
            return max(away_s, self._backoff_s * (0.5 + random.random()))
        return (self._backoff_s or self._backoff.first_s) * (0.5 + random.random())

    async def _pause(self, seconds: float) -> None:
        """Until then, or until it is wanted at once."""
        self._hurry.clear()
        if seconds <= 0.0:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    async def ready(self, within_s: float) -> None:
        """Wait until this client is connected and up to date."""
        await asyncio.wait_for(self._ready.wait(), within_s)
        if self.refused:
            raise TokenRefused(self.user_id)

    def reconnect(self) -> None:
        """Drop the connection; `stay_connected` opens the next one."""
        self._given_up = True
        self._drop()
        self.away = False
        self._hurry.set()

    def go_away(self, seconds: float, on_back: Callable[[float], None] | None = None) -> bool:
        """Lose the connection, and want one again after so long; `on_back` is then told how long
        it took to get it. False: there is none to lose."""
        if not self.online:
            return False
        self._drop()
        self.away = True
        self._wanted_at = monotonic() + seconds
        self._on_back = on_back
        return True

    def close(self) -> None:
        self._closed = self._given_up = True
        self._drop()

    def write(self, frame: bytes) -> None:
        assert self._transport is not None
        self._transport.send(TEXT, frame)

    def ping(self) -> None:
        if self.online:
            self.write(b'{"ping":1}')

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

    # --- connecting -----------------------------------------------------------------------------

    async def _connect_in_turn(self) -> None:
        if self._known:
            await self._connect()
        else:
            async with self.endpoint.connecting:
                await self._connect()

    async def _connect(self) -> None:
        self._lost.clear()
        self._given_up = False
        self._connections += 1
        listener = Listener(self, self._connections)
        self.listener = listener
        begun = monotonic()
        self._transport, _ = await ws_connect(lambda: listener, await self.endpoint.ws_url())
        hello = await self.call("session.hello", {"token": self.token}, t.Hello)
        first, self._known = not self._known, True
        await self._greeted(hello, first)
        if self.listener is not listener or self._lost.is_set():
            raise ConnectionResetError("lost while catching up")
        self.online = True
        self._came_back(monotonic(), begun)

    def _came_back(self, now: float, begun: float) -> None:
        if self.meter.start <= self._wanted_at < self.meter.stop:
            self.meter.connects.add(now, self._wanted_at, begun)
        self.away = False
        on_back, self._on_back = self._on_back, None
        if on_back is not None:
            on_back(now - self._wanted_at)
        self._opened(now)

    def _drop(self) -> None:
        if self.online:
            self._wanted_at = monotonic()
        self.online = False
        self.listener = None
        if not self.refused:
            self._ready.clear()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.disconnect(graceful=False)
        for future in self._futures.values():
            if not future.done():
                future.set_exception(ConnectionResetError("connection lost"))
        self._lost.set()

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
