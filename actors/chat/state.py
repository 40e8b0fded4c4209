"""A chat: a private chat, the saved messages, or a group of up to 200 members.

Owns the members with their rights and marks, and the message log, numbered from 1 without holes in
the order in which the messages came; this is the order for everybody. A message is durable before
it is answered or shown to anybody. A send is remembered by (sender, random_id): repeated, it is
answered with the first's result. Under overload, sends are refused before they get here. When the
host dies, what was acknowledged is there, and what was not is repeated by the client.

What was sent may be edited and deleted: each change has a number of its own, and a row says which
was its last, so that of two states of a message it is known which is the later one.

This module holds the state; the turns are in `private`, `sending`, `changing`, `marks` and `group`,
the reads in `reads`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses, flood
from actors.chat.messages import Spent
from actors.user.messages import NewMessage
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import encode as to_json
from runtime.kind import Kind
from runtime.rows import SINGLE, U64, U64_PAIR, Table, View, head_table
from runtime.turn import Turn


class ChatHead(Struct, frozen=True, array_like=True):
    """`created_ms` 0: the chat is not open yet, only a block is known. `unanswered`: who has
    written in a private chat in which nobody has answered; `ANSWERED` if somebody has; 0 if nobody
    has written, or nobody noted it when they did. `changes`: how often one of its messages was
    changed. `description`: a group's. `members_add`: not only its owner and admins add others."""

    kind: str
    title: str
    created_ms: int
    last_id: int = 0
    blocked_by: tuple[int, ...] = ()
    media_bytes: int = 0
    unanswered: int = 0
    changes: int = 0
    description: str = ""
    members_add: bool = True

    @property
    def pts(self) -> int:
        """How much has happened: every message and every change of one has the next number."""
        return self.last_id + self.changes


class MemberRow(Struct, frozen=True, array_like=True):
    """`first_id`: the first message that this member may read; the marks tell nothing of earlier
    ones. `left_id`: the last one, of a member who left; 0 while in the chat. `title`: what the
    group was called when they left. `told_delivered_id`, `told_read_id`: where the marks were when
    this member blocked the other one of a private chat, who sees no more of them until they take
    the block back. `hidden`: how many messages this member has deleted for themselves."""

    role: str
    joined_ms: int
    first_id: int
    left_id: int = 0
    delivered_id: int = 0
    read_id: int = 0
    title: str = ""
    told_delivered_id: int = 0
    told_read_id: int = 0
    hidden: int = 0


class Change(Struct, frozen=True, array_like=True):
    """What has become of a message. `revision`: the chat's `pts` of its last change."""

    revision: int
    edited_ms: int = 0
    deleted_ms: int = 0


class MessageRow(Struct, frozen=True, array_like=True):
    """`change`: None if it is as it was sent. Of a deleted one nothing is left that anybody is
    shown: only whose send it was, which keeps a repetition of that from bringing it back."""

    from_id: int
    date_ms: int
    text: str
    random_id: int = 0
    reply_to: int = 0
    action: tuple[str, int, str] | None = None
    media: t.Media | None = None
    album: int = 0
    change: Change | None = None
    forward: t.Forward | None = None

    @property
    def deleted(self) -> bool:
        return self.change is not None and self.change.deleted_ms > 0


class EventRow(Struct, frozen=True, array_like=True):
    """A change of a message, and the last message then; its `pts` is its number among the changes
    and `last_id` together. (Between two changes there are new messages only, so these need no rows:
    what has the number `pts` is message `pts - n`, if n changes came before it.)"""

    message_id: int
    last_id: int
    date_ms: int
    deleted: bool = False


class HiddenRow(Struct, frozen=True, array_like=True):
    """Since when a member has deleted a message for themselves."""

    date_ms: int


class SendRow(Struct, frozen=True, array_like=True):
    """What a `random_id` of a sender became."""

    message_id: int
    date_ms: int


class AlbumRow(Struct, frozen=True, array_like=True):
    """How many messages somebody has put into an album of theirs. (Of one that was begun before
    this was noted: since then.)"""

    messages: int


ANSWERED = -1
UNCHANGED = Change(0)
HEAD = head_table(ChatHead)
MEMBERS: Table[int, MemberRow] = Table(1, MemberRow, U64)
MESSAGES: Table[int, MessageRow] = Table(2, MessageRow, U64)
SENDS: Table[tuple[int, int], SendRow] = Table(3, SendRow, U64_PAIR)
PHOTO: Table[None, t.Media] = Table(4, t.Media, SINGLE)
"""A group's picture."""
ALBUMS: Table[tuple[int, int], AlbumRow] = Table(5, AlbumRow, U64_PAIR)
"""By sender and number."""
EVENTS: Table[int, EventRow] = Table(6, EventRow, U64)
"""The latest changes, numbered from 1."""
HIDDEN: Table[tuple[int, int], HiddenRow] = Table(7, HiddenRow, U64_PAIR)
"""By member and message."""


class ChatActor:
    """In memory: the head (None: nothing is known of this chat) and those who are members now."""

    __slots__ = ("head", "id", "members")

    def __init__(self, view: View) -> None:
        self.id = str(view.ref.key)
        self.head = HEAD.get(view, None)
        self.members: dict[int, MemberRow] = {}
        if self.head is not None and self.head.created_ms:
            rows = MEMBERS.all(view)  # past ones included
            self.members = {user_id: row for user_id, row in rows if not row.left_id}

    def access(self, user_id: int) -> tuple[ChatHead, MemberRow]:
        """The gate of a chat: only members pass, and others cannot tell whether it exists."""
        member = self.members.get(user_id)
        if self.head is None or member is None:
            raise ApiError("chat_not_found")
        return self.head, member

    def put(self, turn: Turn, head: ChatHead) -> None:
        self.head = head
        HEAD.put(turn, None, head)

    def put_member(self, turn: Turn, user_id: int, row: MemberRow) -> None:
        if row.left_id:
            self.members.pop(user_id, None)
        else:
            self.members[user_id] = row
        MEMBERS.put(turn, user_id, row)

    def append(self, turn: Turn, row: MessageRow, *, gone: int = 0) -> int:
        """Store the next message and tell every member, the one who waits for an answer first.
        `gone` is somebody who is no member any more but is told this last message."""
        head = self.head
        assert head is not None
        message_id = head.last_id + 1
        size = row.media.size if row.media is not None else 0
        self.put(turn, replace(head, last_id=message_id, media_bytes=head.media_bytes + size))
        MESSAGES.put(turn, message_id, row)
        _forget_send(turn, message_id - limits.RANDOM_IDS_PER_CHAT_MAX)
        sender = row.from_id
        update = to_json(t.MessageNew(shown(self.id, message_id, row)))
        message = NewMessage(
            self.id, message_id, sender, row.date_ms, update, random_id=row.random_id
        )
        if row.random_id:
            turn.send(addresses.user(sender), message, answer=True)
        for user_id in self.members:
            if user_id != sender or not row.random_id:
                turn.send(addresses.user(user_id), message)
        if gone:
            turn.send(addresses.user(gone), replace(message, left=True))
        return message_id

    def change(self, turn: Turn, message_id: int, row: MessageRow, change: Change) -> MessageRow:
        """Put a message into another state, by the next change of the chat; returns its row."""
        head = self.head
        assert head is not None
        head = replace(head, changes=head.changes + 1)
        row = replace(row, change=replace(change, revision=head.pts))
        self.put(turn, head)
        MESSAGES.put(turn, message_id, row)
        event = EventRow(message_id, head.last_id, turn.date_ms, row.deleted)
        EVENTS.put(turn, head.changes, event)
        if head.changes > limits.CHAT_EVENTS_MAX:
            EVENTS.delete(turn, head.changes - limits.CHAT_EVENTS_MAX)
        return row


def readable(head: ChatHead, member: MemberRow) -> range:
    """The ids of the messages that a member, or past member, may read."""
    return range(member.first_id, (member.left_id or head.last_id) + 1)


def hidden_of(view: View, user_id: int, member: MemberRow, ids: Collection[int]) -> set[int]:
    """Which of these messages a member has deleted for themselves."""
    if not member.hidden or not ids:
        return set()
    first, last = (ids[0], ids[-1]) if isinstance(ids, range) else (min(ids), max(ids))
    if last - first + 1 == len(ids):
        rows = HIDDEN.all(view, (user_id, first), (user_id, last + 1))
        return {message_id for (_, message_id), _ in rows}
    return {number for number in ids if HIDDEN.get(view, (user_id, number)) is not None}


def _forget_send(turn: Turn, message_id: int) -> None:
    """Of whatever became that message, if anything did."""
    if message_id > 0:
        old = MESSAGES.get(turn, message_id)
        if old is not None and old.random_id:
            SENDS.delete(turn, (old.from_id, old.random_id))


chat = Kind("chat", ChatActor, movable=True)


def shown(
    chat_id: str, message_id: int, row: MessageRow, viewer: int = 0, *, hidden: bool = False
) -> t.Message:
    """A message as `viewer`, who may have deleted it for themselves, sees it."""
    if hidden or row.deleted:
        return t.Message(chat_id, message_id, 0, row.date_ms, deleted=True)
    change = row.change or UNCHANGED
    action = None if row.action is None else t.Action(*row.action)  # type: ignore[arg-type]
    return t.Message(
        chat_id,
        message_id,
        row.from_id,
        row.date_ms,
        row.text,
        action,
        row.reply_to,
        row.random_id if viewer == row.from_id else 0,
        row.media,
        row.album,
        change.edited_ms,
        change.revision,
        forward=row.forward,
    )


ACTS: dict[type, flood.Carry] = {}
"""What is carried out when it is paid for."""


@chat.on(Spent)
def spent(state: ChatActor, message: Spent, turn: Turn) -> Any:
    act = flood.act_of(message)
    return ACTS[type(act)](state, act, turn, message)


def view_of(state: ChatActor, view: View) -> t.Chat:
    """The chat as the caller, a member, sees it."""
    head = state.head
    assert head is not None
    members = [
        _shown_member(user_id, row, user_id in head.blocked_by and user_id != view.caller.user_id)
        for user_id, row in sorted(state.members.items())
    ]
    photo = PHOTO.get(view, None) if head.kind == "group" else None
    return t.Chat(
        state.id,
        head.kind,  # type: ignore[arg-type]
        head.title,
        head.created_ms,
        head.last_id,
        members,
        photo,
        head.description,
        head.members_add,
    )


def _shown_member(user_id: int, row: MemberRow, hidden: bool) -> t.Member:
    """`hidden`: from whoever asks, whom they block."""
    delivered_id = row.told_delivered_id if hidden else row.delivered_id
    read_id = row.told_read_id if hidden else row.read_id
    return t.Member(user_id, row.role, row.joined_ms, delivered_id, read_id)  # type: ignore[arg-type]
