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


class Message(Record, frozen=True):
    """One message: `id` counts from 1 in its chat, without holes. Those with the same `album` of
    one sender are shown together."""

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


class Sent(Record, frozen=True):
    """A message is durable: its id, date, and the number (`pts`) its update has in the sender's
    mailbox; `pts` is 0 when a resend is answered from memory."""

    chat_id: str
    id: int
    date_ms: int
    pts: int = 0


class History(Record, frozen=True):
    """A page of messages in ascending order of id; `more` tells whether there are others in the
    direction asked for."""

    messages: list[Message]
    more: bool


class ReadMark(Record, frozen=True):
    """Up to which message a chat is read, and how many are unread."""

    max_id: int
    unread: int
