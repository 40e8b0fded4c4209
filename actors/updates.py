"""Updates: what an entry of a mailbox says, and the update that devices are told then. Pushes and
differences are both made here.

An entry is a row that says what has happened, or points at it. In its row, and on its way to a
front, it is an array whose first element is its tag; fields are only ever appended, with defaults,
and a tag is never used for something else.

Another update: its type is beside the others of its subject in `api.types`. Where that says all,
it is kept as `SaidEntry`. Where devices are told what is so when they ask (a text that may have
changed or be gone), there is an entry here, and a case in `update_of`, which the type checker asks
for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from api import types as t


class MessageEntry(Struct, frozen=True, array_like=True, tag="message"):
    """There is a message in a chat. `own`: 1 if it is the user's own."""

    chat_id: str
    message_id: int
    own: int


class EditedEntry(Struct, frozen=True, array_like=True, tag="edited"):
    """A message has changed, by this change of its chat."""

    chat_id: str
    message_id: int
    revision: int


class DeletedEntry(Struct, frozen=True, array_like=True, tag="deleted"):
    """Messages were deleted, the last of them by this change of their chat; with `revision` 0, by
    the user for themselves. So many are unread."""

    chat_id: str
    ids: list[int]
    unread: int
    revision: int = 0


class ReadInboxEntry(Struct, frozen=True, array_like=True, tag="read_inbox"):
    """The user has read a chat up to a message; so many are unread."""

    chat_id: str
    max_id: int
    unread: int


class ReadOutboxEntry(Struct, frozen=True, array_like=True, tag="read_outbox"):
    """Somebody has read the user's messages up to this one."""

    chat_id: str
    max_id: int
    user_id: int


class DeliveredEntry(Struct, frozen=True, array_like=True, tag="delivered"):
    """A device of somebody has received the user's messages up to this one."""

    chat_id: str
    max_id: int
    user_id: int


class ContactEntry(Struct, frozen=True, array_like=True, tag="contact"):
    """What somebody is to the user. `flags`: 1 a contact, 2 blocked. (`nowhere` is empty.)"""

    nowhere: str
    user_id: int
    flags: int
    name: str = ""


class ProfileEntry(Struct, frozen=True, array_like=True, tag="profile"):
    """The user's profile has changed. (The fields are what the first version wrote.)"""

    nowhere: str = ""
    first: int = 0
    second: int = 0


class DescribedEntry(Struct, frozen=True, array_like=True, tag="described"):
    """A group has this description now. (It was written before there was `SaidEntry`.)"""

    chat_id: str
    description: str


class SaidEntry(Struct, frozen=True, array_like=True, tag="said"):
    """What has happened is said by the update itself, which is told as it is. (So far, those of
    chats.)"""

    update: t.ChatUpdate


Entry = (
    MessageEntry
    | EditedEntry
    | DeletedEntry
    | ReadInboxEntry
    | ReadOutboxEntry
    | DeliveredEntry
    | ContactEntry
    | ProfileEntry
    | DescribedEntry
    | SaidEntry
)


def points_at(entry: Entry) -> tuple[str, int] | None:
    """Chat and id of the message that `update_of` needs; None if it needs none."""
    if isinstance(entry, MessageEntry | EditedEntry):
        return entry.chat_id, entry.message_id
    return None


def said(entry: DescribedEntry | SaidEntry) -> t.ChatUpdate:
    """The update that an entry says by itself."""
    if isinstance(entry, DescribedEntry):
        return t.ChatDescribed(entry.chat_id, entry.description)
    return entry.update


def update_of(entry: Entry, message: t.Message | None, own: Callable[[], t.User]) -> t.Update:
    """What a device is told. `message`: the one that the entry points at, as it is now; None where
    the user may not read it any more. `own()`: the user's profile as it is now."""
    match entry:
        case MessageEntry(chat_id, message_id):
            return t.MessageNew(message or t.Message(chat_id, message_id, 0, 0))
        case EditedEntry(chat_id, message_id):
            return t.MessageEdited(message or t.Message(chat_id, message_id, 0, 0))
        case DeletedEntry(chat_id, ids, unread):
            return t.MessagesDeleted(chat_id, ids, unread)
        case ReadInboxEntry(chat_id, max_id, unread):
            return t.ReadInbox(chat_id, max_id, unread)
        case ReadOutboxEntry(chat_id, max_id, user_id):
            return t.ReadOutbox(chat_id, max_id, user_id)
        case DeliveredEntry(chat_id, max_id, user_id):
            return t.Delivered(chat_id, max_id, user_id)
        case ContactEntry(_, user_id, flags, name):
            return t.ContactChanged(user_id, name, bool(flags & 1), bool(flags & 2))
        case ProfileEntry():
            return t.ProfileChanged(own())
        case DescribedEntry() | SaidEntry():
            return said(entry)
    assert_never(entry)
