"""A user: profile, credentials, sessions, contacts, dialogs and the mailbox.

Owns everything that one person has. The mailbox is an ordered log of updates, numbered by `pts`
without holes; each number is given once. It points at what happened in chats and never copies a
text. An update is durable before it is pushed. Reads see what is committed. When the host dies,
nothing durable is lost; who is online is told again when fronts attach their connections.

This module holds the state; the turns are in `account`, `presence`, `people`, `photo`, `mailbox`
(what comes from chats), `uploads` and `floods`, the reads in `reads`.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors import flood
from actors.updates import Entry, update_of
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import encode as to_json
from api.frames import update_frame
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
    """Of the user name, see `actors.handle.turns`."""
    media_bytes: int = 0
    """Of the files that this user has uploaded, see `actors.user.uploads`."""


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
MAILBOX: Table[int, Entry] = Table(5, Entry, U64)
PHOTO: Table[None, t.Media] = Table(10, t.Media, SINGLE)
"""The profile picture: not in the head, which is written with every update."""
BUCKETS: flood.Buckets = Table(11, flood.Bucket, TEXT)


class UserActor:
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

    def record(self, turn: Turn, entry: Entry, update: bytes = b"", skip: bool = False) -> int:
        """Number an update, put it into the mailbox and push it to the devices that are online;
        with `skip`, not to the connection that this turn answers. Returns its pts. `update` is its
        JSON where a chat has made it for all its members."""
        head = self.access()
        pts = head.pts + 1
        self.put(turn, replace(head, pts=pts))
        MAILBOX.put(turn, pts, entry)
        if pts % TRIM_STEP == 0 and pts > limits.MAILBOX_EVENTS_MAX:
            oldest = pts - limits.MAILBOX_EVENTS_MAX
            for number in range(max(1, oldest - TRIM_STEP + 1), oldest + 1):
                MAILBOX.delete(turn, number)
        if turn.volatile:
            update = update or to_json(update_of(entry, None, lambda: profile(turn, head)))
            self.show(turn, update_frame(pts, update), skip)
        return pts

    def show(self, turn: Turn, frame: bytes, skip: bool = False) -> None:
        """Push a frame to the live connections of all sessions."""
        skipped = turn.caller.connection if skip else 0
        for connections, _ in turn.volatile.values():
            for front, connection in connections:
                if connection != skipped:
                    turn.push(front, connection, frame)


user = Kind("user", UserActor)


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
