"""The core of a live connection: what a client may say, and what is said back. It knows nothing of
sockets: the picows listener (`fronts.listener`) and the ASGI adapter (`fronts.asgi`)
drive the same code through `Socket`.

A connection is bounded in everything: size and rate of frames, requests in flight, bytes waiting
to be sent, silence. What breaks a bound is closed with a code that says why; nothing is lost by
it, because the client comes back and asks for the difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Protocol

import msgspec
from msgspec import UNSET

from actors import addresses
from actors.session.messages import Attach, Detach, KeepAlive
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.frames import ClientFrame, Close, decode_client_frame, error_frame, result_frame
from fronts.gateway import Gateway
from fronts.tokens import parse_token
from runtime import wire
from runtime.link import Answer, HostLink
from runtime.refs import NOBODY, ActorRef, Caller

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 240.0
PARTS_MAX = 64
"""Frames that one message may come in."""
CLOSE_S = 2.0
"""How long a client has to take a close frame. Hanging up at once would often destroy the frame on
its way: TCP answers what a client still sends to a closed socket by a reset."""
HELLO_LOOK_S = 1.0
"""How often to look whether hello, which is on its way, has failed."""
BY_HOST = {
    Close.SESSION_ENDED: "the session has ended",
    Close.TOO_MANY: f"more than {limits.CONNECTIONS_PER_SESSION_MAX} connections of this session",
}
"""Why a host has a connection closed."""
_ACK = m.Ack.method.name
_HELLO = m.SayHello.method.name
_decode_hello = msgspec.json.Decoder(t.Hello).decode
_tasks: set[asyncio.Task[None]] = set()


class Socket(Protocol):
    """The transport under a connection."""

    def send(self, frame: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and hang up when the client has answered it or `CLOSE_S` later;
        nothing is sent after."""

    def buffered(self) -> int:
        """Bytes that wait to be sent."""


class Gone:
    """A socket that is not there any more."""

    def send(self, frame: bytes) -> None:
        """Nobody gets it."""

    def close(self, code: int, reason: str) -> None:
        """It is closed."""

    def buffered(self) -> int:
        return 0


GONE = Gone()


class Connection:
    """One live connection. `received` takes a text message, `heard` notes any other frame; `lost`
    says that the socket is gone; `tick` is called when it has said that something is due.
    `network`: see `Caller`; `token`: what the handshake showed, for a page that has none to say."""

    __slots__ = (
        "_attached",
        "_attaching",
        "_caller",
        "_gateway",
        "_in_flight",
        "_kept_s",
        "_number",
        "_reads",
        "_session",
        "_shown",
        "_socket",
        "_token_hash",
        "_tokens",
        "_tokens_s",
        "closed",
        "heard_s",
        "network",
        "opened_s",
    )

    def __init__(
        self, gateway: Gateway, socket: Socket, now_s: float, network: str = "", token: str = ""
    ) -> None:
        self._gateway = gateway
        self.network = network
        self._shown = token
        self._socket = socket
        self._caller = NOBODY
        self._session: ActorRef | None = None
        self._token_hash = b""
        self._number = 0
        self._attached = False
        self._attaching = False
        self._in_flight = 0
        self._reads = 0
        self._tokens = float(limits.FRAMES_BURST_MAX)
        self._tokens_s = now_s
        self._kept_s = now_s
        self.opened_s = now_s
        self.heard_s = now_s
        self.closed = False

    # --- what the socket tells ----------------------------------------------------------------

    def heard(self, now_s: float) -> bool:
        """A frame of any kind came: whether it may be acted upon."""
        if self.closed:
            return False
        self.heard_s = now_s
        if not self._within_rate(now_s):
            self.close(Close.FLOOD, "too many frames; come back slower")
        return not self.closed

    def received(self, frame: bytes, now_s: float) -> None:
        """A text message came."""
        if not self.heard(now_s):
            return
        try:
            said = decode_client_frame(frame)
        except msgspec.MsgspecError as error:
            self.close(Close.BAD_FRAME, f"not a frame: {error}")
            return
        if self._session is None and said.method != _HELLO:
            self.close(Close.HELLO_EXPECTED, "say session.hello first")
        elif said.ping is not UNSET:
            self.push(b'{"pong":%d}' % said.ping)
        elif said.ack is not UNSET:
            self._acknowledge(said.ack)
        elif said.method is not UNSET and said.id is not UNSET:
            self._request(said, said.id, said.method)
        else:
            self.close(Close.BAD_FRAME, "a frame holds id and method, or ack, or ping")

    def lost(self) -> None:
        """The socket is gone, and holds this connection: it is not held in turn."""
        self.closed = True
        self._socket = GONE
        if self._session is not None:
            self._gateway.connections.remove(self._number)
            gone = Detach(self._gateway.front, self._number)
            self._gateway.link(self._session).tell(self._session, gone)
            self._session = None

    def tick(self, now_s: float) -> float:
        """Close what is silent; keep the session informed that this connection lives. Returns in
        how many seconds something may be due again."""
        if self._session is None:
            left_s = self.opened_s + limits.HELLO_DEADLINE_S - now_s
            if left_s <= 0:
                self.close(Close.HELLO_EXPECTED, "no session.hello came")
            return left_s
        left_s = self.heard_s + limits.CONNECTION_SILENCE_S_MAX - now_s
        if left_s <= 0:
            self.close(Close.SILENT, "no heartbeat came")
        elif not self._attached:
            return HELLO_LOOK_S
        elif now_s - self._kept_s >= KEEP_ALIVE_S:
            self._kept_s = now_s
            here = KeepAlive(self._gateway.front, self._number)
            self._gateway.link(self._session).tell(self._session, here)
        return min(left_s, self._kept_s + KEEP_ALIVE_S - now_s)

    # --- what is said back --------------------------------------------------------------------

    def push(self, frame: bytes) -> None:
        """Send a frame; a client that does not read is closed, and resumes later."""
        if self.closed:
            return
        self._socket.send(frame)
        self.bound_buffer()

    def bound_buffer(self) -> None:
        """Close if too much waits to be sent."""
        if self._socket.buffered() > limits.SEND_BUFFER_BYTES_MAX:
            self.close(Close.TOO_SLOW, "you read too slowly; come back and resume")

    def close(self, code: int, reason: str = "") -> None:
        if not self.closed:
            self.closed = True
            self._socket.close(code, reason[:120])

    # --- requests -----------------------------------------------------------------------------

    def _within_rate(self, now_s: float) -> bool:
        filled = self._tokens + (now_s - self._tokens_s) * limits.FRAMES_PER_SECOND_MAX
        self._tokens_s = now_s
        self._tokens = min(filled, limits.FRAMES_BURST_MAX) - 1.0
        return self._tokens >= 0.0

    def _acknowledge(self, pts: int) -> None:
        if self._session is None or self._caller is NOBODY:
            self.close(Close.HELLO_EXPECTED, "wait for the answer to session.hello")
            return
        body = b'{"pts":%d}' % pts
        link = self._gateway.link(self._session)
        with contextlib.suppress(ApiError):  # overloaded: the next one says more
            link.request(self._session, _ACK, body, self._caller, _ignore)

    def _request(self, said: ClientFrame, number: int, name: str) -> None:
        try:
            if self._in_flight >= limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX:
                raise ApiError("overloaded", "too many requests without an answer", 0.1)
            method = m.METHODS.get(name)
            if method is None:
                raise ApiError("unknown_method", f"there is no method {name!r}")
            if method.wire == "http":
                raise ApiError("unknown_method", f"{name} is called by POST /api/{name}")
            if method.read:
                self._bound_reads()
            body = bytes(said.params)
            params = m.params_in(method, body)
            if isinstance(params, m.SayHello):
                self._hello(params, number)
                return
            if method.auth and self._caller is NOBODY:
                self.close(Close.HELLO_EXPECTED, "wait for the answer to session.hello")
                return
            answer = self._answerer(number, method.read)
            if not self._gateway.simple(params, body, self._caller, answer):
                task = asyncio.create_task(self._complete(params, answer))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
            self._in_flight += 1
            self._reads += method.read
        except ApiError as error:
            self._refuse(number, error)

    def _refuse(self, number: int, error: ApiError) -> None:
        self.push(error_frame(number, error))
        if error.code == "unauthorized":
            self.close(Close.SESSION_ENDED, "the session has ended, or never was")

    def _bound_reads(self) -> None:
        """Answers to reads may be long: so many are asked for at once that a client that takes them
        as they come never looks like one that does not read."""
        waiting = self._socket.buffered() > limits.SEND_BUFFER_BYTES_MAX // 2
        if waiting or self._reads >= limits.READS_IN_FLIGHT_PER_CONNECTION_MAX:
            raise ApiError("overloaded", "take the answers to earlier reads first", 0.1)

    def _answerer(self, number: int, read: bool) -> Answer:
        def answer(result: bytes | None, error: ApiError | None) -> None:
            self._in_flight -= 1
            self._reads -= read
            if result is not None:
                self.push(result_frame(number, result))
            elif error is not None:
                self._refuse(number, error)

        return answer

    async def _complete(self, params: m.Params, answer: Answer) -> None:
        try:
            answer(await self._gateway.call(params, self._caller), None)
        except ApiError as error:
            answer(None, error)
        except Exception:
            log.exception("%s failed", params.method.name)
            answer(None, ApiError("internal", "the server failed at this; it was logged"))

    # --- hello --------------------------------------------------------------------------------

    def _hello(self, params: m.SayHello, number: int) -> None:
        if self._session is not None:
            raise ApiError("bad_request", "this connection has said hello already")
        token, self._shown = params.token or self._shown, ""
        if not token:
            raise ApiError("unauthorized", "neither hello nor the handshake shows a token")
        user_id, session_id, self._token_hash = parse_token(token)
        self._number = self._gateway.connections.add(self.push, self._closed_by_host, self._renewed)
        self._session = addresses.session(user_id, session_id)
        caller = Caller(user_id, session_id, self._number, self.network)

        def answer(result: bytes | None, error: ApiError | None) -> None:
            if error is not None:
                self._forget()
                self._refuse(number, error)
            elif result is not None:
                self._caller = caller
                self._attached = True
                self.push(result_frame(number, result))

        self._attach(answer)

    def _attach(self, answer: Answer) -> None:
        assert self._session is not None
        session, front, number = self._session, self._gateway.front, self._number
        link = self._gateway.link(session)

        def attached(result: bytes | None, error: ApiError | None) -> None:
            if self.closed and result is not None:
                # A host that was restarted meanwhile was asked again, after `lost` had told it.
                link.tell(session, Detach(front, number))
            else:
                answer(result, error)

        message = Attach(front, number, self._token_hash)
        try:
            link.request(session, "", wire.encode(message), NOBODY, attached)
        except ApiError as error:
            answer(None, error)

    def _renewed(self, link: HostLink) -> None:
        """What a host said may be lost: if it is this session's, attach again, and tell the client
        where the mailbox is, so that it fetches what it missed. Once at a time: what is unanswered
        is asked again by the link."""
        session = self._session
        if not self._attached or session is None or self._gateway.link(session) is not link:
            return
        if self._attaching:
            return
        self._attaching = True

        def answer(result: bytes | None, error: ApiError | None) -> None:
            self._attaching = False
            if result is not None:
                self.push(b'{"pts":%d}' % _decode_hello(result).pts)
            elif error is not None and error.code == "unauthorized":
                self.close(Close.SESSION_ENDED, "the session has ended")
            else:
                self.close(Close.GOING_AWAY, "come back and resume")

        self._attach(answer)

    def _closed_by_host(self, code: int) -> None:
        self.close(code, BY_HOST.get(code, ""))

    def _forget(self) -> None:
        self._gateway.connections.remove(self._number)
        self._session = None


def _ignore(result: bytes | None, error: ApiError | None) -> None:
    """An acknowledgement needs no answer: the next one says more."""
