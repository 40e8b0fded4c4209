"""A session: one login of one device.

Owns the hash of the session's token, the device's name, and (not stored) the live connections it
has on which fronts. It tells its user of them, who pushes updates to them, in order, and passes on
what the device confirms: only the user knows whether that is there. Its end is durable before it
is answered, and its connections are closed with it. When its host dies, fronts attach their
connections again.
"""

from __future__ import annotations

import hmac
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses
from actors.session.messages import (
    Attach,
    Checked,
    CheckToken,
    CreateSession,
    Detach,
    EndThisSession,
    ExpireSession,
    KeepAlive,
    TokenUsed,
)
from actors.user.messages import ForgetSession, Received, SessionOffline, SessionOnline, SessionUsed
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import Close
from api.methods import Ack
from runtime.kind import Kind
from runtime.rows import View, head_table
from runtime.turn import Turn

ACTIVE_STEP_MS = 3_600_000
"""Last activity is stored at most this often while a device is connected, which shows by itself
that it is used."""
USED_STEP_MS = 60_000
"""The same of a device that is not connected."""
IDLE_MS_MAX = 180 * 24 * 3_600_000
"""A session that was not used for this long ends."""


class SessionHead(Struct, frozen=True, array_like=True):
    token_hash: bytes
    device: str
    created_ms: int
    active_ms: int


HEAD = head_table(SessionHead)


class SessionActor:
    """In memory: the head (None: there is no such session), and whose session it is."""

    __slots__ = ("head", "session_id", "user_id")

    def __init__(self, view: View) -> None:
        user_id, _, session_id = str(view.ref.key).partition(".")
        self.user_id = int(user_id)
        self.session_id = int(session_id)
        self.head = HEAD.get(view, None)

    def put(self, turn: Turn, head: SessionHead) -> None:
        self.head = head
        HEAD.put(turn, None, head)

    def used(self, turn: Turn, step_ms: int = ACTIVE_STEP_MS) -> bool:
        """The device was here now. Whether that was stored."""
        head = self.head
        if head is None or turn.now_ms - head.active_ms <= step_ms:
            return False
        self.put(turn, replace(head, active_ms=turn.now_ms))
        return True


def _front_lost(front: str, volatile: dict[Any, Any]) -> list[Any]:
    return [Detach(front, connection) for name, connection in volatile if name == front]


session = Kind("session", SessionActor, _front_lost)


def _access(head: SessionHead | None, token_hash: bytes) -> SessionHead:
    """The gate of a session: its token."""
    if head is None or not hmac.compare_digest(head.token_hash, token_hash):
        raise ApiError("unauthorized", "the token is not, or no longer, valid; log in again")
    return head


@session.on(CreateSession)
def create(state: SessionActor, message: CreateSession, turn: Turn) -> t.Authorization:
    if state.head is None:
        now_ms = turn.now_ms
        state.put(turn, SessionHead(message.token_hash, message.device, turn.date_ms, now_ms))
        turn.set_timer("expire", now_ms + IDLE_MS_MAX, ExpireSession())
    return t.Authorization(state.session_id, message.user)


@session.reads(CheckToken)
def check(view: View, message: CheckToken) -> Checked:
    head = _access(HEAD.get(view, None), message.token_hash)
    return Checked(not view.volatile and view.now_ms - head.active_ms > USED_STEP_MS)


@session.on(TokenUsed)
def used(state: SessionActor, message: TokenUsed, turn: Turn) -> None:
    if not turn.volatile and state.used(turn, USED_STEP_MS):
        turn.tell(addresses.user(state.user_id), SessionUsed(state.session_id))


def _online(state: SessionActor, turn: Turn) -> SessionOnline:
    return SessionOnline(state.session_id, tuple(turn.volatile))


def _connect(turn: Turn, front: str, connection: int) -> None:
    """Note a live connection; of too many, the oldest goes away, and is told why: if it came back
    at once, they would send each other away for ever."""
    connections = turn.volatile
    connections[(front, connection)] = True
    while len(connections) > limits.CONNECTIONS_PER_SESSION_MAX:
        oldest_front, oldest = next(iter(connections))
        del connections[(oldest_front, oldest)]
        turn.close(oldest_front, oldest, Close.TOO_MANY)


@session.on(Attach)
def attach(state: SessionActor, message: Attach, turn: Turn) -> None:
    _access(state.head, message.token_hash)
    state.used(turn)
    _connect(turn, message.front, message.connection)
    turn.send(addresses.user(state.user_id), _online(state, turn), answer=True)


@session.on(KeepAlive)
def keep_alive(state: SessionActor, message: KeepAlive, turn: Turn) -> None:
    if state.head is None:
        if turn.answer_to is not None:
            raise ApiError("unauthorized", "the session has ended; log in again")
        turn.close(message.front, message.connection, Close.SESSION_ENDED)
        return
    state.used(turn)
    _connect(turn, message.front, message.connection)
    turn.send(addresses.user(state.user_id), _online(state, turn), answer=True)


@session.on(Detach)
def detach(state: SessionActor, message: Detach, turn: Turn) -> None:
    if turn.volatile.pop((message.front, message.connection), None) is None:
        return
    state.used(turn, 0 if not turn.volatile else ACTIVE_STEP_MS)
    owner = addresses.user(state.user_id)
    if turn.volatile:
        turn.tell(owner, _online(state, turn))
    else:
        turn.send(owner, SessionOffline(state.session_id))


@session.on(Ack)
def acknowledge(state: SessionActor, message: Ack, turn: Turn) -> t.Ok:
    if state.head is not None:
        turn.send(addresses.user(state.user_id), Received(message.pts))
    return t.Ok()


@session.on(EndThisSession)
def end(state: SessionActor, message: EndThisSession, turn: Turn) -> None:
    if state.head is None:
        return
    state.head = None
    HEAD.delete(turn, None)
    turn.cancel_timer("expire")
    for front, connection in turn.volatile:
        turn.close(front, connection, Close.SESSION_ENDED)
    if turn.volatile:
        turn.volatile.clear()
        turn.send(addresses.user(state.user_id), SessionOffline(state.session_id))


@session.on(ExpireSession)
def expire(state: SessionActor, message: ExpireSession, turn: Turn) -> None:
    if state.head is None:
        return
    last_ms = turn.now_ms if turn.volatile else state.head.active_ms
    if turn.now_ms - last_ms >= IDLE_MS_MAX:
        turn.send(addresses.user(state.user_id), ForgetSession(state.session_id))
    else:
        turn.set_timer("expire", last_ms + IDLE_MS_MAX, ExpireSession())
