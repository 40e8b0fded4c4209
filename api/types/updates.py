"""What happens: updates, which are numbered, and events."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record
from api.types.chats import ChatUpdate
from api.types.messages import MessageUpdate
from api.types.users import Status, UserUpdate

Update = MessageUpdate | ChatUpdate | UserUpdate
"""Durable updates, by subject: each takes one `pts` of the receiver's mailbox."""


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
