"""A chat: a private chat, the saved messages, or a group of up to 200 members.

Owns the members with their rights and marks, and the message log, numbered from 1 without holes in
the order in which the messages came; this is the order for everybody. A message is durable before
it is answered or shown to anybody. A send is remembered by (sender, random_id): repeated, it is
answered with the first's result. Under overload, sends are refused before they get here. When the
host dies, what was acknowledged is there, and what was not is repeated by the client.

This module holds the state, sending and marks; `actors.group` holds membership of groups, and
`actors.chat_reads` the reads.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from actors import flood
from actors.messages import (
    CountUnread,
    FileReferred,
    MarkDelivered,
    MarksChanged,
    NewMessage,
    OpenChat,
    ReadOn,
    SentBefore,
    SetBlock,
    ShowEvent,
    Spent,
)
from actors.tickets import media_in
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import encode as to_json
from api.frames import event_frame
from api.methods import MarkRead, SendMessage, SetTyping
from runtime import refs
from runtime.kind import Kind
from runtime.rows import SINGLE, U64, U64_PAIR, Table, View, head_table
from runtime.turn import Turn

MARK_STEP = 1_000
"""A mark moves over so many messages in a turn; one that has further to go goes on in the next."""
UNREAD_ROWS_MAX = 1_000
"""So many messages after a mark are counted; of more, it is counted how many it passes."""


class ChatHead(Struct, frozen=True, array_like=True):
    """`created_ms` 0: the chat is not open yet, only a block is known. `unanswered`: who has
    written in a private chat in which nobody has answered; `ANSWERED` if somebody has; 0 if nobody
    has written, or nobody noted it when they did."""

    kind: str
    title: str
    created_ms: int
    last_id: int = 0
    blocked_by: tuple[int, ...] = ()
    media_bytes: int = 0
    unanswered: int = 0


class MemberRow(Struct, frozen=True, array_like=True):
    """`first_id`: the first message that this member may read; the marks tell nothing of earlier
    ones. `left_id`: the last one, of a member who left; 0 while in the chat. `title`: what the
    group was called when they left. `told_delivered_id`, `told_read_id`: where the marks were when
    this member blocked the other one of a private chat, who sees no more of them until they take
    the block back."""

    role: str
    joined_ms: int
    first_id: int
    left_id: int = 0
    delivered_id: int = 0
    read_id: int = 0
    title: str = ""
    told_delivered_id: int = 0
    told_read_id: int = 0


class MessageRow(Struct, frozen=True, array_like=True):
    from_id: int
    date_ms: int
    text: str
    random_id: int = 0
    reply_to: int = 0
    action: tuple[str, int, str] | None = None
    media: t.Media | None = None
    album: int = 0


class SendRow(Struct, frozen=True, array_like=True):
    """What a `random_id` of a sender became."""

    message_id: int
    date_ms: int


class AlbumRow(Struct, frozen=True, array_like=True):
    """How many messages somebody has put into an album of theirs. (Of one that was begun before
    this was noted: since then.)"""

    messages: int


ANSWERED = -1
HEAD = head_table(ChatHead)
MEMBERS: Table[int, MemberRow] = Table(1, MemberRow, U64)
MESSAGES: Table[int, MessageRow] = Table(2, MessageRow, U64)
SENDS: Table[tuple[int, int], SendRow] = Table(3, SendRow, U64_PAIR)
PHOTO: Table[None, t.Media] = Table(4, t.Media, SINGLE)
"""A group's picture."""
ALBUMS: Table[tuple[int, int], AlbumRow] = Table(5, AlbumRow, U64_PAIR)
"""By sender and number."""


class Chat:
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
            turn.send(refs.user(sender), message, answer=True)
        for user_id in self.members:
            if user_id != sender or not row.random_id:
                turn.send(refs.user(user_id), message)
        if gone:
            turn.send(refs.user(gone), replace(message, left=True))
        return message_id


chat = Kind("chat", Chat)


def shown(chat_id: str, message_id: int, row: MessageRow, viewer: int = 0) -> t.Message:
    """A message as `viewer` sees it."""
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
    )


ACTS: dict[type, flood.Carry] = {}
"""What is carried out when it is paid for."""


@chat.on(Spent)
def spent(state: Chat, message: Spent, turn: Turn) -> Any:
    act = flood.act_of(message)
    return ACTS[type(act)](state, act, turn, message)


def view_of(state: Chat, view: View) -> t.Chat:
    """The chat as the caller, a member, sees it."""
    head = state.head
    assert head is not None
    members = [
        _shown_member(user_id, row, user_id in head.blocked_by and user_id != view.caller.user_id)
        for user_id, row in sorted(state.members.items())
    ]
    photo = PHOTO.get(view, None) if head.kind == "group" else None
    return t.Chat(state.id, head.kind, head.title, head.created_ms, head.last_id, members, photo)  # type: ignore[arg-type]


def _shown_member(user_id: int, row: MemberRow, hidden: bool) -> t.Member:
    """`hidden`: from whoever asks, whom they block."""
    delivered_id = row.told_delivered_id if hidden else row.delivered_id
    read_id = row.told_read_id if hidden else row.read_id
    return t.Member(user_id, row.role, row.joined_ms, delivered_id, read_id)  # type: ignore[arg-type]


# --- private chats ----------------------------------------------------------------------------


@chat.on(OpenChat)
def open_chat(
    state: Chat, message: OpenChat, turn: Turn, spent: flood.Paid = None
) -> t.Chat | None:
    """Both users exist. Opening an open chat changes nothing."""
    head = state.head
    if head is not None and head.created_ms:
        flood.give_back(turn, spent)
    else:
        saved = message.opener_id == message.peer_id
        if not saved and not flood.paid(turn, message, (("chats", 1),), spent):
            return None
        blocked_by = () if head is None else head.blocked_by
        state.put(turn, ChatHead("saved" if saved else "private", "", turn.date_ms, 0, blocked_by))
        for user_id in {message.opener_id, message.peer_id}:
            state.put_member(turn, user_id, MemberRow("member", turn.date_ms, 1))
    return view_of(state, turn)


@chat.on(SetBlock)
def set_block(state: Chat, message: SetBlock, turn: Turn) -> None:
    """Where the chat is not open yet, the block is kept for when it is."""
    head = state.head or ChatHead("private", "", 0)
    others = tuple(user_id for user_id in head.blocked_by if user_id != message.blocker_id)
    blocked_by = (*others, message.blocker_id) if message.blocked else others
    state.put(turn, replace(head, blocked_by=blocked_by))
    row = state.members.get(message.blocker_id)
    if row is None:
        return
    if not message.blocked:
        _tell_marks(state, message.blocker_id, row, turn)
    elif message.blocker_id not in head.blocked_by:
        told = replace(row, told_delivered_id=row.delivered_id, told_read_id=row.read_id)
        state.put_member(turn, message.blocker_id, told)


def _tell_marks(state: Chat, user_id: int, row: MemberRow, turn: Turn) -> None:
    """What somebody has received and read, also while they told nobody of it."""
    for other in state.members:
        if other != user_id:
            for kind, max_id in (("delivered", row.delivered_id), ("read_outbox", row.read_id)):
                turn.send(refs.user(other), MarksChanged(state.id, kind, max_id, user_id))


# --- sending ----------------------------------------------------------------------------------


@chat.on(SendMessage)
def send(state: Chat, message: SendMessage, turn: Turn, spent: flood.Paid = None) -> None:
    """Answered by the sender's user, whose mailbox numbers it."""
    sender = turn.caller.user_id
    head, _ = state.access(sender)
    _check_content(message)
    known = SENDS.get(turn, (sender, message.random_id))
    if known is not None:
        flood.give_back(turn, spent)
        again = SentBefore(state.id, known.message_id, known.date_ms)
        turn.send(refs.user(sender), again, answer=True)
        return
    if head.blocked_by:
        if sender in head.blocked_by:
            raise ApiError("blocked", "you block this user; take the block back to write to them")
        raise ApiError("blocked")
    if message.reply_to > head.last_id:
        raise ApiError("message_not_found", "the message to reply to is not there")
    media = _media(head, message) if message.media else None
    album = _album(message, turn) if message.album else None
    if head.kind == "private" and head.unanswered != ANSWERED:
        unanswered = _unanswered(state, head, turn)
        if unanswered == sender and not flood.paid(turn, message, (("strangers", 1),), spent):
            return
        if unanswered != head.unanswered:
            state.put(turn, replace(head, unanswered=unanswered))
    for file_id in media.file_ids() if media is not None else ():
        turn.send(refs.file(file_id), FileReferred(state.id))
    SENDS.put(turn, (sender, message.random_id), SendRow(head.last_id + 1, turn.date_ms))
    if album is not None:
        ALBUMS.put(turn, (sender, message.album), album)
    row = MessageRow(
        sender,
        turn.date_ms,
        message.text,
        message.random_id,
        message.reply_to,
        media=media,
        album=message.album,
    )
    state.append(turn, row)


def _unanswered(state: Chat, head: ChatHead, turn: Turn) -> int:
    """Who will have written without an answer when the caller has written."""
    sender = turn.caller.user_id
    if head.unanswered:
        return sender if head.unanswered == sender else ANSWERED
    if not head.last_id:
        return sender
    # The chat is older than this. Sends are remembered for long; what is older counts as answered.
    (peer,) = (user_id for user_id in state.members if user_id != sender)
    wrote = SENDS.scan(turn, (peer, 0), (peer + 1, 0), limit=1)
    return ANSWERED if wrote or head.last_id > limits.RANDOM_IDS_PER_CHAT_MAX else sender


def _check_content(message: SendMessage) -> None:
    if not message.text and not message.media:
        raise ApiError("invalid_params", "a message has a text, a file, or both", field="/text")
    if message.media and len(message.text) > limits.CAPTION_CHARS_MAX:
        words = f"the text of a file has at most {limits.CAPTION_CHARS_MAX} characters"
        raise ApiError("invalid_params", words, field="/text")


def _media(head: ChatHead, message: SendMessage) -> t.Media:
    """The file that goes with a message. The ticket was checked by the gateway."""
    media = media_in(message.media)
    if head.media_bytes + media.size > limits.MEDIA_BYTES_PER_CHAT_MAX:
        raise ApiError("quota_exceeded", "the files of this chat take all the room it may take")
    return media


def _album(message: SendMessage, turn: Turn) -> AlbumRow:
    """The album that the message goes into, with it."""
    known = ALBUMS.get(turn, (turn.caller.user_id, message.album)) or AlbumRow(0)
    if known.messages >= limits.ALBUM_MESSAGES_MAX:
        raise ApiError("too_many", f"an album has at most {limits.ALBUM_MESSAGES_MAX} messages")
    return AlbumRow(known.messages + 1)


def _forget_send(turn: Turn, message_id: int) -> None:
    """Of whatever became that message, if anything did."""
    if message_id > 0:
        old = MESSAGES.get(turn, message_id)
        if old is not None and old.random_id:
            SENDS.delete(turn, (old.from_id, old.random_id))


ACTS.update({OpenChat: open_chat, SendMessage: send})


@chat.on(SetTyping)
def typing(state: Chat, message: SetTyping, turn: Turn) -> t.Ok:
    user_id = turn.caller.user_id
    head, _ = state.access(user_id)
    if not head.blocked_by:
        frame = event_frame(t.Typing(state.id, user_id))
        for other in state.members:
            if other != user_id:
                turn.tell(refs.user(other), ShowEvent(frame))
    return t.Ok()


# --- marks ------------------------------------------------------------------------------------


@chat.on(MarkRead)
def mark_read(state: Chat, message: MarkRead, turn: Turn) -> t.ReadMark | None:
    state.access(turn.caller.user_id)
    return read_on(state, ReadOn(turn.caller.user_id, message.max_id), turn)


@chat.on(ReadOn)
def read_on(state: Chat, message: ReadOn, turn: Turn) -> t.ReadMark | None:
    """One step. Where few messages are left after the mark, they are counted here, exactly; where
    there are many, what this step passes is counted, and the user knows how many there were. Each
    step tells of itself alone: another mark may pass between two of them."""
    user_id = message.user_id
    head, member = state.access(user_id)
    old_id = max(member.read_id, member.first_id - 1)
    goal = max(old_id, min(message.max_id, head.last_id))
    few = head.last_id - goal <= UNREAD_ROWS_MAX
    max_id = goal if few and head.kind != "group" else min(goal, old_id + MARK_STEP)
    unread = _of_others(user_id, goal, head.last_id, turn) if few and max_id == goal else 0
    if max_id == old_id:
        if few:
            return t.ReadMark(goal, unread)
        turn.send(refs.user(user_id), CountUnread(state.id, goal), answer=True)
        return None
    arrived = max_id == goal
    seen = -1 if few and arrived else _of_others(user_id, old_id, max_id, turn)
    senders = _senders(state, user_id, old_id, max_id, "read_id", turn)
    state.put_member(turn, user_id, replace(member, read_id=max_id))
    for sender in senders:
        turn.send(refs.user(sender), MarksChanged(state.id, "read_outbox", goal, user_id))
    mark = MarksChanged(state.id, "read_inbox", max_id, user_id, unread, seen)
    turn.send(refs.user(user_id), mark, answer=arrived and not few)
    if not arrived:
        turn.send(turn.ref, ReadOn(user_id, goal), answer=True)
    return t.ReadMark(goal, unread) if arrived and few else None


@chat.on(MarkDelivered)
def mark_delivered(state: Chat, message: MarkDelivered, turn: Turn) -> None:
    """One step."""
    user_id = message.user_id
    member = state.members.get(user_id)
    if state.head is None or member is None:
        return
    old_id = max(member.delivered_id, member.first_id - 1)
    goal = min(message.max_id, state.head.last_id)
    max_id = min(goal, old_id + MARK_STEP)
    if max_id <= old_id:
        return
    senders = _senders(state, user_id, old_id, max_id, "delivered_id", turn)
    state.put_member(turn, user_id, replace(member, delivered_id=max_id))
    for sender in senders:
        turn.send(refs.user(sender), MarksChanged(state.id, "delivered", goal, user_id))
    if max_id < goal:
        turn.send(turn.ref, message)


def _senders(
    state: Chat, user_id: int, old_id: int, max_id: int, mark: str, turn: Turn
) -> list[int]:
    """To whom it is news that a member has seen (old_id, max_id]. The first to see a message
    counts: to those of whom nobody else has seen the latest one in there. Service messages are
    nobody's. In a private chat there is only one to tell, unless the member blocks them."""
    if state.head is not None and state.head.kind != "group":
        hidden = user_id in state.head.blocked_by
        return [] if hidden else [other for other in state.members if other != user_id]
    latest: dict[int, int] = {}
    rows = MESSAGES.scan(turn, old_id + 1, max_id + 1, limit=max_id - old_id, reverse=True)
    for message_id, row in rows:
        if row.from_id != user_id and row.from_id in state.members and row.action is None:
            latest.setdefault(row.from_id, message_id)
    return [
        sender
        for sender, message_id in latest.items()
        if not any(
            member.first_id <= message_id <= getattr(member, mark)
            for other, member in state.members.items()
            if other != sender
        )
    ]


def _of_others(user_id: int, after_id: int, last_id: int, turn: Turn) -> int:
    """How many messages in (after_id, last_id] are of others."""
    if last_id <= after_id:
        return 0
    rows = MESSAGES.scan(turn, after_id + 1, last_id + 1, limit=last_id - after_id)
    return sum(row.from_id != user_id for _, row in rows)
