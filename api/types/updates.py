"""What happens: updates, which are numbered, and events."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record
from api.types.messages import Message
from api.types.users import Status, User


class MessageNew(Record, frozen=True, tag="message_new", tag_field="type"):
    """A message in a chat of yours, your own ones too. One without text, file and action is one
    that you may no longer read."""

    message: Message


class MessageEdited(Record, frozen=True, tag="message_edited", tag_field="type"):
    """A message in a chat of yours has changed: it is this now. One that was deleted since is told
    as `deleted`, and one that you may no longer read without `from_id`."""

    message: Message


class MessagesDeleted(Record, frozen=True, tag="messages_deleted", tag_field="type"):
    """Messages in a chat of yours were deleted, for all or by you for yourself: they are `deleted`
    now, as `messages.get` has them. `unread` remain."""

    chat_id: str
    ids: list[int]
    unread: int


class ReadInbox(Record, frozen=True, tag="read_inbox", tag_field="type"):
    """You read a chat up to `max_id` (on this or another device); `unread` remain."""

    chat_id: str
    max_id: int
    unread: int


class ReadOutbox(Record, frozen=True, tag="read_outbox", tag_field="type"):
    """`user_id` read your messages up to `max_id`."""

    chat_id: str
    max_id: int
    user_id: int


class Delivered(Record, frozen=True, tag="delivered", tag_field="type"):
    """A device of `user_id` received your messages up to `max_id`."""

    chat_id: str
    max_id: int
    user_id: int


class ProfileChanged(Record, frozen=True, tag="profile", tag_field="type"):
    """Your own profile changed."""

    user: User


class ContactChanged(Record, frozen=True, tag="contact", tag_field="type"):
    """Your list of contacts or blocked users changed."""

    user_id: int
    name: str = ""
    contact: bool = False
    blocked: bool = False


class ChatDescribed(Record, frozen=True, tag="chat_described", tag_field="type"):
    """A group of yours has this description now; empty: none."""

    chat_id: str
    description: str


Update = (
    MessageNew
    | MessageEdited
    | MessagesDeleted
    | ReadInbox
    | ReadOutbox
    | Delivered
    | ProfileChanged
    | ContactChanged
    | ChatDescribed
)
"""Durable updates: each takes one `pts` of the receiver's mailbox."""


class Typing(Record, frozen=True, tag="typing", tag_field="type"):
    """Somebody is writing in a chat; it fades after `typing_s` of `help.limits`."""

    chat_id: str
    user_id: int


class Presence(Record, frozen=True, tag="presence", tag_field="type"):
    """Somebody with whom you have a private chat has come or gone. How they are when you connect is
    not told: ask `users.get`, and again after every new connection."""

    user_id: int
    status: Status


Event = Typing | Presence
"""Ephemeral events: pushed to whoever is connected, never stored, without `pts`."""


class Numbered(Record, frozen=True):
    """An update with its number in the mailbox."""

    pts: int
    update: Update


class MailboxState(Record, frozen=True):
    """Where a mailbox is: the number of its last update; and what time it is for the server."""

    pts: int
    date_ms: int


class Difference(Record, frozen=True):
    """What happened after the `pts` asked for.

    `empty`: nothing. `full`: these updates, and then you are at `pts`. `slice`: these, and then
    ask again from `pts`. `too_long`: the mailbox no longer holds what you miss; fetch the dialogs
    and go on from `pts`.
    """

    kind: Literal["empty", "full", "slice", "too_long"]
    pts: int
    updates: list[Numbered]


class Hello(Record, frozen=True):
    """The answer to `session.hello`: who you are, and the state of your mailbox at the moment from
    which live updates flow to this connection."""

    user_id: int
    session_id: int
    pts: int
    heartbeat_s: int
