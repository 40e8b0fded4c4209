"""When a user is there: their sessions say so, and those who may know are told."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses
from actors.session.messages import EndThisSession
from actors.user.messages import (
    SessionOffline,
    SessionOnline,
    SessionUsed,
    ShowEvent,
    TellPresence,
)
from actors.user.state import BLOCKED, DIALOGS, SESSIONS, UserActor, status_of, user
from api import limits
from api import types as t
from api.frames import event_frame
from runtime.turn import Turn

ACTIVE_STEP_MS = 3_600_000
PRESENCE_STEP = 500
"""So many are told in a turn that somebody comes or goes, and the others in the next."""


@user.on(SessionOnline)
def session_online(state: UserActor, message: SessionOnline, turn: Turn) -> t.Hello | None:
    head = state.access()
    appeared = not turn.volatile
    row = SESSIONS.get(turn, message.session_id)
    if row is None:
        # The session ended while its connection was being attached.
        turn.send(addresses.session(state.id, message.session_id), EndThisSession())
        return None
    turn.volatile[message.session_id] = (message.connections, turn.now_ms)
    if appeared:
        show_presence(state, turn)
    if not row.connected or turn.now_ms - row.active_ms > ACTIVE_STEP_MS:
        _active(turn, message.session_id, True)
    return t.Hello(state.id, message.session_id, head.pts, limits.HEARTBEAT_S)


def _active(turn: Turn, session_id: int, connected: bool) -> None:
    """Note that a session is used now, unless it has ended."""
    row = SESSIONS.get(turn, session_id)
    if row is not None:
        SESSIONS.put(turn, session_id, replace(row, active_ms=turn.now_ms, connected=connected))


@user.on(SessionUsed)
def session_used(state: UserActor, message: SessionUsed, turn: Turn) -> None:
    _active(turn, message.session_id, message.session_id in turn.volatile)


@user.on(SessionOffline)
def session_offline(state: UserActor, message: SessionOffline, turn: Turn) -> None:
    head = state.access()
    turn.volatile.pop(message.session_id, None)
    if not turn.volatile:
        state.head = replace(head, last_seen_ms=turn.date_ms)
        show_presence(state, turn)
        state.put(turn, state.head)
    _active(turn, message.session_id, False)


def show_presence(state: UserActor, turn: Turn, first: str = "p") -> None:
    """Tell those whom this user has a private chat with, and does not block."""
    rows = DIALOGS.scan(turn, first, "q", limit=PRESENCE_STEP + 1)
    for chat_id, _ in rows[:PRESENCE_STEP]:
        low, high = addresses.private_peers(chat_id) or (0, 0)
        peer = high if low == state.id else low
        if peer != state.id and BLOCKED.get(turn, peer) is None:
            show_presence_to(state, turn, peer)
    if len(rows) > PRESENCE_STEP:
        turn.tell(turn.ref, TellPresence(rows[-1][0]))


def show_presence_to(state: UserActor, turn: Turn, user_id: int, hidden: bool = False) -> None:
    """`hidden`: take back what they were told."""
    status = status_of(state.access(), turn)
    shown = t.Presence(state.id, t.Status(False, 0) if hidden else status)
    turn.tell(addresses.user(user_id), ShowEvent(event_frame(shown)))


@user.on(TellPresence)
def tell_presence(state: UserActor, message: TellPresence, turn: Turn) -> None:
    show_presence(state, turn, message.first)


@user.on(ShowEvent)
def show_event(state: UserActor, message: ShowEvent, turn: Turn) -> None:
    state.show(turn, message.frame)
