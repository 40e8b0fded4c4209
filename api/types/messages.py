"""Messages."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record
from api.types.media import Media


class Action(Record, frozen=True):
    """What a service message tells: `user_id` is whom it is about, `text` the title of the group:
    the new one, or to somebody who is added the one that it has."""

    kind: Literal[
        "group_created",
        "member_added",
        "member_removed",
        "member_left",
        "renamed",
        "admin_added",
        "admin_removed",
        "owner_changed",
        "photo_changed",
        "photo_removed",
    ]
    user_id: int = 0
    text: str = ""


class Forward(Record, frozen=True):
    """Who wrote a message that was forwarded, and when."""

    from_id: int
    date_ms: int


class Message(Record, frozen=True):
    """One message: `id` counts from 1 in its chat, without holes. Those with the same `album` of
    one sender are shown together. What is known of a message is what it is as of its last change:
    of two states of it, the one with the higher `revision` is the later one, and one that is
    `deleted` the last."""

    chat_id: str
    id: int
    from_id: int
    date_ms: int
    text: str = ""
    action: Action | None = None
    reply_to: int = 0
    random_id: int = 0
    """Shown to the sender only: which of their sends this is."""
    media: Media | None = None
    album: int = 0
    edited_ms: int = 0
    """When its text was changed last; 0: never."""
    revision: int = 0
    """The number that its chat gave to its last change; 0: it is as it was sent."""
    deleted: bool = False
    """Of what was deleted, nothing is left but its id and when it was sent."""
    forward: Forward | None = None
    """It was forwarded, and is as it was then: `from_id` has not written it."""


class Sent(Record, frozen=True):
    """A message is durable: its id, date, and the number (`pts`) its update has in the sender's
    mailbox; `pts` is 0 when a resend is answered from memory."""

    chat_id: str
    id: int
    date_ms: int
    pts: int = 0


class SentAll(Record, frozen=True):
    """What became of each message that was forwarded, in their order."""

    sent: list[Sent]


class History(Record, frozen=True):
    """A page of messages in ascending order of id; `more` tells whether there are others in the
    direction asked for."""

    messages: list[Message]
    more: bool


class ReadMark(Record, frozen=True):
    """Up to which message a chat is read, and how many are unread."""

    max_id: int
    unread: int


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


MessageUpdate = MessageNew | MessageEdited | MessagesDeleted | ReadInbox | ReadOutbox | Delivered
"""What all devices learn of messages."""
