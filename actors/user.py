"""A user: profile, credentials, sessions, contacts, dialogs and the mailbox.

Owns everything that one person has. The mailbox is an ordered log of updates, numbered by `pts`
without holes; each number is given once. It points at what happened in chats and never copies a
text. An update is durable before it is pushed. Reads see what is committed. When the host dies,
nothing durable is lost; who is online is told again when fronts attach their connections.

This module holds the state and what concerns the account; `actors.mailbox` holds what comes from
chats, and `actors.user_reads` the reads.
"""

from __future__ import annotations

from msgspec import UNSET, Struct
from msgspec.structs import replace

from actors import flood
from actors.messages import (
    Claimed,
    CreateSession,
    CreateUser,
    EndThisSession,
    ForgetSession,
    MailEntry,
    NetworkUnspent,
    NewLogin,
    NewPassword,
    OpenChat,
    RefuseAccount,
    Rehashed,
    ReleaseHandle,
    SessionOffline,
    SessionOnline,
    SessionUsed,
    SetBlock,
    ShowEvent,
    Spend,
    TellPresence,
    Unspent,
    Verdict,
)
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import encode as to_json
from api.frames import event_frame, update_frame
from api.methods import (
    AddContact,
    Block,
    EndOtherSessions,
    EndSession,
    Logout,
    OpenPrivate,
    RemoveContact,
    Unblock,
    UpdateProfile,
)
from runtime import refs
from runtime.kind import Kind
from runtime.rows import SINGLE, TEXT, U64, Table, View, head_table
from runtime.turn import Turn

RECENT_MAX = 32
TRIM_STEP = 256
"""Old mailbox rows are deleted this many at a time."""
RESTORE_STEP = 1 << 14
RESTORED_FROM = 1 << 36
"""A restored mailbox goes on from a multiple of the step, beyond all that is numbered from 1, that
is higher than any number it ever gave (`heliograph.admin.restore`)."""
ACTIVE_STEP_MS = 3_600_000
PRESENCE_STEP = 500
"""So many are told in a turn that somebody comes or goes, and the others in the next."""
ONLINE_MS_MAX = 900_000
"""A session that was not heard of for so long is not online (its host may have been restarted)."""


class UserHead(Struct, frozen=True, array_like=True):
    username: str
    name: str
    bio: str
    password_hash: str
    created_ms: int
    pts: int = 0
    delivered_pts: int = 0
    last_seen_ms: int = 0
    contacts: int = 0
    claim: int = 0
    """Of the user name, see `actors.handle`."""
    media_bytes: int = 0
    """Of the files that this user has uploaded, see `actors.uploads`."""


class SessionRow(Struct, frozen=True, array_like=True):
    """`connected`: whether it was when this was last heard, so that a host in a new life knows
    whose connections are about to come back."""

    device: str
    created_ms: int
    active_ms: int
    connected: bool = False


class ContactRow(Struct, frozen=True, array_like=True):
    name: str


class BlockRow(Struct, frozen=True, array_like=True):
    since_ms: int


class DialogRow(Struct, frozen=True, array_like=True):
    top_id: int = 0
    top_date_ms: int = 0
    unread: int = 0
    read_inbox_id: int = 0
    read_outbox_id: int = 0
    delivered_id: int = 0
    left: bool = False
    top_pts: int = 0


HEAD = head_table(UserHead)
SESSIONS: Table[int, SessionRow] = Table(1, SessionRow, U64)
CONTACTS: Table[int, ContactRow] = Table(2, ContactRow, U64)
BLOCKED: Table[int, BlockRow] = Table(3, BlockRow, U64)
DIALOGS: Table[str, DialogRow] = Table(4, DialogRow, TEXT)
MAILBOX: Table[int, MailEntry] = Table(5, MailEntry, U64)
PHOTO: Table[None, t.Media] = Table(10, t.Media, SINGLE)
"""The profile picture: not in the head, which is written with every update."""
BUCKETS: flood.Buckets = Table(11, flood.Bucket, TEXT)


class User:
    """In memory: the head (None: there is no such user)."""

    __slots__ = ("_latest", "head", "id", "recent", "recent_after")

    def __init__(self, view: View) -> None:
        self.id = int(view.ref.key)
        self.head = HEAD.get(view, None)
        self.recent: list[tuple[int, str, int]] = []
        """Messages of others that no device has confirmed: (pts, chat, message id); all of those
        after `recent_after`. What is older is found in the mailbox."""
        self.recent_after = self.head.pts if self.head else 0
        self._latest: tuple[str, DialogRow] = ("", DialogRow())
        """The dialog that changed last: most likely it changes next."""

    def remember(self, pts: int, chat_id: str, message_id: int) -> None:
        """Note a message of somebody else until a device confirms it."""
        self.recent.append((pts, chat_id, message_id))
        if len(self.recent) > RECENT_MAX:
            self.recent_after = self.recent.pop(0)[0]

    def access(self) -> UserHead:
        """The gate of a user: they exist."""
        if self.head is None:
            raise ApiError("user_not_found")
        return self.head

    def dialog(self, turn: Turn, chat_id: str) -> DialogRow:
        latest_id, latest = self._latest
        if latest_id == chat_id:
            return latest
        return DIALOGS.get(turn, chat_id) or DialogRow()

    def put_dialog(self, turn: Turn, chat_id: str, row: DialogRow) -> None:
        self._latest = (chat_id, row)
        DIALOGS.put(turn, chat_id, row)

    def put(self, turn: Turn, head: UserHead) -> None:
        self.head = head
        HEAD.put(turn, None, head)

    def record(self, turn: Turn, entry: MailEntry, update: bytes, skip: bool = False) -> int:
        """Number an update, put it into the mailbox and push it to the devices that are online;
        with `skip`, not to the connection that this turn answers. Returns its pts."""
        head = self.access()
        pts = head.pts + 1
        self.put(turn, replace(head, pts=pts))
        MAILBOX.put(turn, pts, entry)
        if pts % TRIM_STEP == 0 and pts > limits.MAILBOX_EVENTS_MAX:
            oldest = pts - limits.MAILBOX_EVENTS_MAX
            for number in range(max(1, oldest - TRIM_STEP + 1), oldest + 1):
                MAILBOX.delete(turn, number)
        if turn.volatile:
            self.show(turn, update_frame(pts, update), skip)
        return pts

    def show(self, turn: Turn, frame: bytes, skip: bool = False) -> None:
        """Push a frame to the live connections of all sessions."""
        skipped = turn.caller.connection if skip else 0
        for connections, _ in turn.volatile.values():
            for front, connection in connections:
                if connection != skipped:
                    turn.push(front, connection, frame)


user = Kind("user", User)


def profile(
    view: View, head: UserHead, status: t.Status | None = None, *, photo: bool = True
) -> t.User:
    """What others see of a user."""
    picture = PHOTO.get(view, None) if photo else None
    return t.User(int(view.ref.key), head.username, head.name, head.bio, status, picture)


def status_of(head: UserHead, view: View) -> t.Status:
    """Online while a session with a live connection was heard of lately."""
    heard = (heard_ms for _, heard_ms in view.volatile.values())
    online = any(view.now_ms - heard_ms < ONLINE_MS_MAX for heard_ms in heard)
    return t.Status(online, view.date_ms if online else head.last_seen_ms)


# --- account and sessions ---------------------------------------------------------------------


def _log_in(
    state: User, head: UserHead, turn: Turn, session_id: int, token_hash: bytes, device: str
) -> None:
    """Add a session; beyond the limit, the one that was used longest ago ends. One that is there
    was added by the same login, which is repeated."""
    rows = SESSIONS.scan(turn, limit=limits.SESSIONS_PER_USER_MAX + 1)
    if session_id not in dict(rows):
        if len(rows) >= limits.SESSIONS_PER_USER_MAX:
            _end(state, turn, _least_used(rows, turn))
        SESSIONS.put(turn, session_id, SessionRow(device, turn.date_ms, turn.now_ms))
    message = CreateSession(token_hash, device, profile(turn, head))
    turn.send(refs.session(state.id, session_id), message, answer=True)


def _least_used(rows: list[tuple[int, SessionRow]], turn: Turn) -> int:
    """The session that was used longest ago. Raises `too_many` where all are connected: nobody's
    device is cut off by a login elsewhere."""
    idle = [(number, row) for number, row in rows if number not in turn.volatile]
    if not idle:
        most = limits.SESSIONS_PER_USER_MAX
        raise ApiError("too_many", f"{most} devices are connected; log one of them out first")
    return min(idle, key=lambda item: (item[1].connected, item[1].active_ms))[0]


def _end(state: User, turn: Turn, session_id: int) -> None:
    SESSIONS.delete(turn, session_id)
    turn.volatile.pop(session_id, None)  # nothing more is pushed to it
    turn.send(refs.session(state.id, session_id), EndThisSession())


def _end_others(state: User, turn: Turn) -> int:
    rows = SESSIONS.scan(turn, limit=limits.SESSIONS_PER_USER_MAX + 1)
    others = [number for number, _ in rows if number != turn.caller.session_id]
    for number in others:
        _end(state, turn, number)
    return len(others)


@user.on(CreateUser)
def create(state: User, message: CreateUser, turn: Turn) -> None:
    account, claim, head = message.account, message.claim, state.head
    if head is not None and head.password_hash != account.password_hash:
        why = "this id was taken by chance; register again"
        refusal = RefuseAccount(account, "unavailable", why, retry_after=0.1, claim=claim)
        turn.send(refs.username(account.username), refusal, answer=True)
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
        turn.send(refs.username(account.username), ReleaseHandle(state.id, claim))
    created = CreateSession(account.token_hash, account.device, profile(turn, head))
    turn.send(refs.session(state.id, account.session_id), created, answer=True)


@user.on(NewLogin)
def log_in(state: User, message: NewLogin, turn: Turn) -> None:
    head = state.head
    if head is None or head.password_hash != message.password_hash:
        raise ApiError("wrong_credentials")
    _log_in(state, head, turn, message.session_id, message.token_hash, message.device)


@user.on(Logout)
def log_out(state: User, message: Logout, turn: Turn) -> t.Ok:
    _end(state, turn, turn.caller.session_id)
    return t.Ok()


@user.on(EndSession)
def end_session(state: User, message: EndSession, turn: Turn) -> t.Ok:
    if message.session_id == turn.caller.session_id:
        words = "this is the session that you use: log out to end it"
        raise ApiError("invalid_params", words, field="/session_id")
    if SESSIONS.get(turn, message.session_id) is None:
        raise ApiError("session_not_found")
    _end(state, turn, message.session_id)
    return t.Ok()


@user.on(EndOtherSessions)
def end_other_sessions(state: User, message: EndOtherSessions, turn: Turn) -> t.Ended:
    return t.Ended(_end_others(state, turn))


@user.on(ForgetSession)
def forget_session(state: User, message: ForgetSession, turn: Turn) -> None:
    _end(state, turn, message.session_id)


@user.on(NewPassword)
def new_password(state: User, message: NewPassword, turn: Turn) -> t.Ok:
    head = state.access()
    if head.password_hash == message.new_hash:
        return t.Ok()
    if head.password_hash != message.old_hash:
        raise ApiError("wrong_credentials")
    _end_others(state, turn)
    state.put(turn, replace(head, password_hash=message.new_hash))
    return t.Ok()


@user.on(Rehashed)
def rehashed(state: User, message: Rehashed, turn: Turn) -> t.Ok:
    head = state.access()
    if head.password_hash == message.old_hash:
        state.put(turn, replace(head, password_hash=message.new_hash))
    return t.Ok()


@user.on(SessionOnline)
def session_online(state: User, message: SessionOnline, turn: Turn) -> t.Hello | None:
    head = state.access()
    appeared = not turn.volatile
    row = SESSIONS.get(turn, message.session_id)
    if row is None:
        # The session ended while its connection was being attached.
        turn.send(refs.session(state.id, message.session_id), EndThisSession())
        return None
    turn.volatile[message.session_id] = (message.connections, turn.now_ms)
    if appeared:
        _show_presence(state, turn)
    if not row.connected or turn.now_ms - row.active_ms > ACTIVE_STEP_MS:
        _active(turn, message.session_id, True)
    return t.Hello(state.id, message.session_id, head.pts, limits.HEARTBEAT_S)


def _active(turn: Turn, session_id: int, connected: bool) -> None:
    """Note that a session is used now, unless it has ended."""
    row = SESSIONS.get(turn, session_id)
    if row is not None:
        SESSIONS.put(turn, session_id, replace(row, active_ms=turn.now_ms, connected=connected))


@user.on(SessionUsed)
def session_used(state: User, message: SessionUsed, turn: Turn) -> None:
    _active(turn, message.session_id, message.session_id in turn.volatile)


@user.on(SessionOffline)
def session_offline(state: User, message: SessionOffline, turn: Turn) -> None:
    head = state.access()
    turn.volatile.pop(message.session_id, None)
    if not turn.volatile:
        state.head = replace(head, last_seen_ms=turn.date_ms)
        _show_presence(state, turn)
        state.put(turn, state.head)
    _active(turn, message.session_id, False)


def _show_presence(state: User, turn: Turn, first: str = "p") -> None:
    """Tell those whom this user has a private chat with, and does not block."""
    rows = DIALOGS.scan(turn, first, "q", limit=PRESENCE_STEP + 1)
    for chat_id, _ in rows[:PRESENCE_STEP]:
        low, high = refs.private_peers(chat_id) or (0, 0)
        peer = high if low == state.id else low
        if peer != state.id and BLOCKED.get(turn, peer) is None:
            _show_presence_to(state, turn, peer)
    if len(rows) > PRESENCE_STEP:
        turn.tell(turn.ref, TellPresence(rows[-1][0]))


def _show_presence_to(state: User, turn: Turn, user_id: int, hidden: bool = False) -> None:
    """`hidden`: take back what they were told."""
    status = status_of(state.access(), turn)
    shown = t.Presence(state.id, t.Status(False, 0) if hidden else status)
    turn.tell(refs.user(user_id), ShowEvent(event_frame(shown)))


@user.on(TellPresence)
def tell_presence(state: User, message: TellPresence, turn: Turn) -> None:
    _show_presence(state, turn, message.first)


@user.on(ShowEvent)
def show_event(state: User, message: ShowEvent, turn: Turn) -> None:
    state.show(turn, message.frame)


# --- profile, contacts, blocks ----------------------------------------------------------------


def profile_changed(state: User, turn: Turn, head: UserHead) -> t.User:
    """Store it, and tell the user's devices; what it looks like now."""
    state.put(turn, head)
    shown = profile(turn, head)
    state.record(turn, MailEntry("profile", "", 0, 0), to_json(t.ProfileChanged(shown)))
    return shown


@user.on(UpdateProfile)
def update_profile(state: User, message: UpdateProfile, turn: Turn) -> t.User:
    head = state.access()
    name = head.name if message.name is UNSET else message.name
    bio = head.bio if message.bio is UNSET else message.bio
    if (name, bio) == (head.name, head.bio):
        return profile(turn, head)
    return profile_changed(state, turn, replace(head, name=name, bio=bio))


@user.on(Claimed)
def claimed(state: User, message: Claimed, turn: Turn) -> t.User:
    head = state.access()
    if head.username.lower() != message.username.lower():
        turn.send(refs.username(head.username), ReleaseHandle(state.id, head.claim))
    claimed_head = replace(head, username=message.username, claim=message.claim)
    if head.username == message.username:
        state.put(turn, claimed_head)
        return profile(turn, head)
    return profile_changed(state, turn, claimed_head)


def _contact_changed(state: User, turn: Turn, user_id: int) -> t.Ok:
    contact = CONTACTS.get(turn, user_id)
    blocked = BLOCKED.get(turn, user_id) is not None
    name = contact.name if contact else ""
    entry = MailEntry("contact", "", user_id, (1 if contact else 0) + (2 if blocked else 0), name)
    update = t.ContactChanged(user_id, name, contact is not None, blocked)
    state.record(turn, entry, to_json(update))
    return t.Ok()


@user.on(AddContact)
def add_contact(state: User, message: AddContact, turn: Turn) -> t.Ok:
    head = state.access()
    old = CONTACTS.get(turn, message.user_id)
    if old is None:
        if head.contacts >= limits.CONTACTS_MAX:
            raise ApiError("too_many", f"you have {limits.CONTACTS_MAX} contacts already")
        state.put(turn, replace(head, contacts=head.contacts + 1))
    elif old.name == message.name:
        return t.Ok()
    CONTACTS.put(turn, message.user_id, ContactRow(message.name))
    return _contact_changed(state, turn, message.user_id)


@user.on(RemoveContact)
def remove_contact(state: User, message: RemoveContact, turn: Turn) -> t.Ok:
    head = state.access()
    if CONTACTS.get(turn, message.user_id) is None:
        return t.Ok()
    state.put(turn, replace(head, contacts=head.contacts - 1))
    CONTACTS.delete(turn, message.user_id)
    return _contact_changed(state, turn, message.user_id)


@user.on(Block)
def block(state: User, message: Block, turn: Turn) -> t.Ok:
    if message.user_id == state.id:
        raise ApiError("forbidden", "you cannot block yourself")
    if BLOCKED.get(turn, message.user_id) is not None:
        return t.Ok()
    if len(BLOCKED.scan(turn, limit=limits.BLOCKED_MAX)) == limits.BLOCKED_MAX:
        raise ApiError("too_many", f"you block {limits.BLOCKED_MAX} users already")
    BLOCKED.put(turn, message.user_id, BlockRow(turn.date_ms))
    return _block_changed(state, turn, message.user_id, True)


@user.on(Unblock)
def unblock(state: User, message: Unblock, turn: Turn) -> t.Ok:
    if BLOCKED.get(turn, message.user_id) is None:
        return t.Ok()
    BLOCKED.delete(turn, message.user_id)
    return _block_changed(state, turn, message.user_id, False)


def _block_changed(state: User, turn: Turn, user_id: int, blocked: bool) -> t.Ok:
    chat = refs.chat(refs.private_chat_id(state.id, user_id))
    turn.send(chat, SetBlock(state.id, blocked))
    _show_presence_to(state, turn, user_id, hidden=blocked)
    return _contact_changed(state, turn, user_id)


@user.on(OpenPrivate)
def open_private(state: User, message: OpenPrivate, turn: Turn) -> None:
    """Routed to the one whom the caller wants to talk to: they exist, so there can be a chat."""
    state.access()
    chat_id = refs.private_chat_id(turn.caller.user_id, state.id)
    turn.send(refs.chat(chat_id), OpenChat(turn.caller.user_id, state.id), answer=True)


# --- flood limits -----------------------------------------------------------------------------


@user.on(Spend)
def spend(state: User, message: Spend, turn: Turn) -> Verdict | None:
    state.access()
    return flood.pass_on(turn, message, flood.spend(BUCKETS, turn, message.charges))


@user.on(Unspent)
def unspent(state: User, message: Unspent, turn: Turn) -> None:
    flood.put_back(BUCKETS, turn, message.charges)
    if message.network:
        turn.send(refs.network(message.network), NetworkUnspent(message.charges))
