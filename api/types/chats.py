"""Chats, their members, and the list of chats."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record
from api.types.media import Media
from api.types.messages import Message

Role = Literal["owner", "admin", "member"]


class Member(Record, frozen=True):
    """A member of a chat with the marks up to which they received and read it."""

    user_id: int
    role: Role
    joined_ms: int
    delivered_id: int = 0
    read_id: int = 0


ChatKind = Literal["private", "saved", "group"]


class Chat(Record, frozen=True):
    """`photo`: a group's picture, its name left out. `description`: what a group is about, as its
    owner and admins say. `members_add`: also members who are no admins may add others."""

    id: str
    kind: ChatKind
    title: str
    created_ms: int
    last_id: int
    members: list[Member]
    photo: Media | None = None
    description: str = ""
    members_add: bool = True


class Dialog(Record, frozen=True):
    """A chat as its owner's list shows it. `title` and `photo` are those of the group, or the name
    and the picture of the other person of a private chat; of a group that its owner is not in any
    more (`left`), there is the title that it had then. `delivered_id` and `read_outbox_id` are
    what somebody else has received and read of the owner's messages, `read_inbox_id` what the owner
    has read.
    `top_pts`: the number of the update that brought the top message, which the list is ordered by
    (0: it came before all those that have one)."""

    chat_id: str
    kind: ChatKind
    top_id: int
    top_date_ms: int
    unread: int = 0
    read_inbox_id: int = 0
    read_outbox_id: int = 0
    delivered_id: int = 0
    left: bool = False
    message: Message | None = None
    top_pts: int = 0
    title: str = ""
    photo: Media | None = None


class Dialogs(Record, frozen=True):
    """A page of dialogs, latest first; `next_offset` is 0 at the end. `pts` is the state of the
    mailbox that the page reflects."""

    dialogs: list[Dialog]
    next_offset: int
    pts: int


class ChatDescribed(Record, frozen=True, tag="chat_described", tag_field="type"):
    """A group of yours has this description now; empty: none."""

    chat_id: str
    description: str


class MemberRights(Record, frozen=True, tag="member_rights", tag_field="type"):
    """What members of a group of yours who are no admins may do now. `add`: add others."""

    chat_id: str
    add: bool


ChatUpdate = ChatDescribed | MemberRights
"""What all devices learn of chats that no message tells. They are kept in mailboxes as they are:
fields are only ever appended, with defaults."""
