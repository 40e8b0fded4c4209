"""A user's account: it is made, logged in to, and its sessions end."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses
from actors.handle.messages import RefuseAccount, ReleaseHandle
from actors.session.messages import CreateSession, EndThisSession
from actors.user.messages import (
    CreateUser,
    ForgetSession,
    NewLogin,
    NewPassword,
    Rehashed,
)
from actors.user.state import SESSIONS, SessionRow, UserActor, UserHead, profile, user
from api import limits
from api import types as t
from api.errors import ApiError
from api.methods import (
    EndOtherSessions,
    EndSession,
    Logout,
)
from runtime.turn import Turn


def _log_in(
    state: UserActor, head: UserHead, turn: Turn, session_id: int, token_hash: bytes, device: str
) -> None:
    """Add a session; beyond the limit, the one that was used longest ago ends. One that is there
    was added by the same login, which is repeated."""
    rows = SESSIONS.scan(turn, limit=limits.SESSIONS_PER_USER_MAX + 1)
    if session_id not in dict(rows):
        if len(rows) >= limits.SESSIONS_PER_USER_MAX:
            _end(state, turn, _least_used(rows, turn))
        SESSIONS.put(turn, session_id, SessionRow(device, turn.date_ms, turn.now_ms))
    message = CreateSession(token_hash, device, profile(turn, head))
    turn.send(addresses.session(state.id, session_id), message, answer=True)


def _least_used(rows: list[tuple[int, SessionRow]], turn: Turn) -> int:
    """The session that was used longest ago. Raises `too_many` where all are connected: nobody's
    device is cut off by a login elsewhere."""
    idle = [(number, row) for number, row in rows if number not in turn.volatile]
    if not idle:
        most = limits.SESSIONS_PER_USER_MAX
        raise ApiError("too_many", f"{most} devices are connected; log one of them out first")
    return min(idle, key=lambda item: (item[1].connected, item[1].active_ms))[0]


def _end(state: UserActor, turn: Turn, session_id: int) -> None:
    SESSIONS.delete(turn, session_id)
    turn.volatile.pop(session_id, None)  # nothing more is pushed to it
    turn.send(addresses.session(state.id, session_id), EndThisSession())


def _end_others(state: UserActor, turn: Turn) -> int:
    rows = SESSIONS.scan(turn, limit=limits.SESSIONS_PER_USER_MAX + 1)
    others = [number for number, _ in rows if number != turn.caller.session_id]
    for number in others:
        _end(state, turn, number)
    return len(others)


@user.on(CreateUser)
def create(state: UserActor, message: CreateUser, turn: Turn) -> None:
    account, claim, head = message.account, message.claim, state.head
    if head is not None and head.password_hash != account.password_hash:
        why = "this id was taken by chance; register again"
        refusal = RefuseAccount(account, "unavailable", why, retry_after=0.1, claim=claim)
        turn.send(addresses.username(account.username), refusal, answer=True)
        return
    if head is None:
        head = UserHead(
            account.username,
            account.name,
            "",
            account.password_hash,
            turn.date_ms,
            last_seen_ms=turn.date_ms,
            claim=claim,
        )
        state.put(turn, head)
        SESSIONS.put(
            turn, account.session_id, SessionRow(account.device, turn.date_ms, turn.now_ms)
        )
    elif claim:  # repeated so late that they are called otherwise by now
        turn.send(addresses.username(account.username), ReleaseHandle(state.id, claim))
    created = CreateSession(account.token_hash, account.device, profile(turn, head))
    turn.send(addresses.session(state.id, account.session_id), created, answer=True)


@user.on(NewLogin)
def log_in(state: UserActor, message: NewLogin, turn: Turn) -> None:
    head = state.head
    if head is None or head.password_hash != message.password_hash:
        raise ApiError("wrong_credentials")
    _log_in(state, head, turn, message.session_id, message.token_hash, message.device)


@user.on(Logout)
def log_out(state: UserActor, message: Logout, turn: Turn) -> t.Ok:
    _end(state, turn, turn.caller.session_id)
    return t.Ok()


@user.on(EndSession)
def end_session(state: UserActor, message: EndSession, turn: Turn) -> t.Ok:
    if message.session_id == turn.caller.session_id:
        words = "this is the session that you use: log out to end it"
        raise ApiError("invalid_params", words, field="/session_id")
    if SESSIONS.get(turn, message.session_id) is None:
        raise ApiError("session_not_found")
    _end(state, turn, message.session_id)
    return t.Ok()


@user.on(EndOtherSessions)
def end_other_sessions(state: UserActor, message: EndOtherSessions, turn: Turn) -> t.Ended:
    return t.Ended(_end_others(state, turn))


@user.on(ForgetSession)
def forget_session(state: UserActor, message: ForgetSession, turn: Turn) -> None:
    _end(state, turn, message.session_id)


@user.on(NewPassword)
def new_password(state: UserActor, message: NewPassword, turn: Turn) -> t.Ok:
    head = state.access()
    if head.password_hash == message.new_hash:
        return t.Ok()
    if head.password_hash != message.old_hash:
        raise ApiError("wrong_credentials")
    _end_others(state, turn)
    state.put(turn, replace(head, password_hash=message.new_hash))
    return t.Ok()


@user.on(Rehashed)
def rehashed(state: UserActor, message: Rehashed, turn: Turn) -> t.Ok:
    head = state.access()
    if head.password_hash == message.old_hash:
        state.put(turn, replace(head, password_hash=message.new_hash))
    return t.Ok()
