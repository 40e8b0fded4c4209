"""What the client shows, as updates change it. Pure: no clock, no terminal, no connection.

`load` takes what was fetched afresh, `apply` what happened since. Updates may be handed in again
that a fetch reflected already (the client repeats some after a restart): marks only move forward,
messages are counted by their ids, of two states of a message the later one is kept, and what an
update says of a number is passed over where the fetch came after it, so applying those changes
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

import heliograph as h
from api import limits
from api.visible import is_visible
from heliograph.terminal.meter import Meter

RECENT_MAX = 1_000
KEPT_MAX = 200
"""Messages kept of a chat that is not open."""

Tick = Literal["sending", "failed", "sent", "delivered", "read"]


def later(one: h.Message | None, other: h.Message) -> h.Message:
    """Of two states of a message, the later one; a deletion keeps when it was sent."""
    if one is None:
        return other
    if one.deleted:
        return replace(one, date_ms=one.date_ms or other.date_ms)
    if not one.from_id:
        return other
    if other.deleted:
        return replace(other, date_ms=one.date_ms)
    return other if other.from_id and other.revision >= one.revision else one


@dataclass(slots=True)
class Outgoing:
    """A file of an own message: it is uploaded first, and then there is a `ticket`."""

    path: Path
    kind: h.MediaKind
    meter: Meter
    upload_id: int
    album: int = 0
    ticket: str = ""


@dataclass(slots=True)
class Pending:
    """An own message on its way. `error` in words: it failed. `sent`: it is on the server, and the
    update that tells so is on its way."""

    chat_id: str
    random_id: int
    text: str
    date_ms: int
    error: str = ""
    sent: bool = False
    file: Outgoing | None = None
    reply_to: int = 0

    @property
    def tick(self) -> Tick:
        if self.error:
            return "failed"
        return "sent" if self.sent else "sending"


@dataclass(slots=True)
class ChatState:
    """A chat as it is shown: its dialog, and the latest messages without holes (from the first one
    loaded) once it was opened."""

    id: str
    top_id: int = 0
    top_date_ms: int = 0
    unread: int = 0
    read_inbox_id: int = 0
    read_outbox_id: int = 0
    delivered_id: int = 0
    left: bool = False
    top: h.Message | None = None
    title: str = ""
    members: dict[int, str] | None = None
    """Roles by user id; None: not fetched."""
    messages: dict[int, h.Message] = field(default_factory=dict)
    quoted: dict[int, h.Message | None] = field(default_factory=dict)
    """What is replied to and not among the messages, where it was asked for; None: out of reach."""
    recent: dict[int, h.Message] = field(default_factory=dict)
    """What messages were changed to lately: what is fetched meanwhile may be older."""
    pts: int = 0
    """Its dialog was fetched when all updates up to this one had happened."""
    opened: bool = False
    """Messages are kept as they come."""
    loaded: bool = False
    """The latest page was fetched."""
    more: bool = False
    """There are older ones."""
    marker_id: int = 0
    """The line "new messages" stands before the first message above this; 0: nowhere."""
    typing: dict[int, int] = field(default_factory=dict)
    """Until when (ms), by user id."""
    draft: str = ""
    rank: int = 0
    """The list is ordered by this: whatever happened last has the highest. (Clocks differ, and are
    set back.)"""

    @property
    def group(self) -> bool:
        return self.id.startswith("g")

    @property
    def people(self) -> tuple[int, ...]:
        """The two users of a private chat."""
        if self.group:
            return ()
        low, _, high = self.id.removeprefix("p").partition("-")
        return int(low), int(high)

    def latest(self, message: h.Message) -> h.Message:
        """A message that was fetched, or what it was changed to since."""
        for known in (self.messages.get(message.id), self.recent.get(message.id)):
            message = later(known, message)
        return message

    @property
    def first_id(self) -> int:
        return min(self.messages, default=0)


class Model:
    """Everything that is shown to the user `me`."""

    def __init__(self, me: int) -> None:
        self.me = me
        self.users: dict[int, h.User] = {}
        self.names: dict[int, str] = {}
        """The user's own names for their contacts."""
        self.blocked: set[int] = set()
        self.chats: dict[str, ChatState] = {}
        self.outbox: dict[int, Pending] = {}
        self.unknown: set[int | str] = set()
        """Users and groups that were asked for in vain."""
        self._rank = 0

    # --- what was fetched -----------------------------------------------------------------------

    def load(self, pages: Iterable[h.Dialogs]) -> None:
        """The dialogs as they are now; what was known of them before is void, except what is being
        written. (One that changes places meanwhile may be on two pages.)"""
        old = self.chats
        self.chats = {}
        found = [(dialog, page.pts) for page in pages for dialog in page.dialogs]
        for dialog, pts in found:
            before = old.get(dialog.chat_id)
            if dialog.chat_id in self.chats:
                continue
            self.chats[dialog.chat_id] = ChatState(
                dialog.chat_id,
                dialog.top_id,
                dialog.top_date_ms,
                dialog.unread,
                dialog.read_inbox_id,
                dialog.read_outbox_id,
                dialog.delivered_id,
                dialog.left,
                dialog.message,
                title=dialog.title or (before.title if before else ""),
                draft=before.draft if before else "",
                pts=pts,
            )
        for state in reversed(self.chats.values()):
            self._rise(state)
        for chat in old.values():
            if chat.id not in self.chats and not chat.top_id:
                self.chats[chat.id] = chat
                self._rise(chat)
        for pending in self.outbox.values():
            self._rise(self._chat(pending.chat_id))
        self.unknown.clear()

    def _rise(self, chat: ChatState) -> None:
        self._rank += 1
        chat.rank = self._rank

    def know_users(self, users: Iterable[h.User]) -> None:
        self.users.update({user.id: user for user in users})

    def know_chat(self, chat: h.Chat) -> ChatState:
        """A chat with its members; one without messages is new to the list."""
        state = self.chats.get(chat.id)
        if state is None:
            state = self.chats[chat.id] = ChatState(chat.id, top_date_ms=chat.created_ms)
            self._rise(state)
        state.title = chat.title
        state.members = {member.user_id: member.role for member in chat.members}
        return state

    def know_contacts(self, contacts: Iterable[h.Contact], blocked: Iterable[int]) -> None:
        self.names = {contact.user_id: contact.name for contact in contacts}
        self.blocked = set(blocked)

    def add_history(self, chat_id: str, page: h.History, *, latest: bool) -> None:
        """A page of history: the latest one, or the one before what is loaded."""
        chat = self.chats[chat_id]
        if latest:
            first = page.messages[0].id if page.messages else 0
            chat.messages = {number: m for number, m in chat.messages.items() if number >= first}
            chat.loaded = True
        for message in page.messages:
            chat.messages[message.id] = chat.latest(message)
        chat.messages = dict(sorted(chat.messages.items()))
        chat.more = page.more

    def missing_users(self) -> list[int]:
        """Users whose names are needed and not known."""
        wanted: set[int] = {self.me}
        for chat in self.chats.values():
            wanted.update(chat.people, chat.typing)
            for message in (chat.top, *chat.messages.values()):
                if message is not None:
                    wanted.add(message.from_id)
                    if message.forward is not None:
                        wanted.add(message.forward.from_id)
                    if message.action is not None:
                        wanted.add(message.action.user_id)
        return sorted(wanted - {0} - self.users.keys() - self.unknown)

    def missing_quotes(self, chat_id: str) -> list[int]:
        """Messages that others reply to, and that are not loaded."""
        chat = self.chats[chat_id]
        replied_to = {message.reply_to for message in chat.messages.values()}
        return sorted(replied_to - {0} - chat.messages.keys() - chat.quoted.keys())

    def know_quotes(self, chat_id: str, ids: Iterable[int], found: Iterable[h.Message]) -> None:
        """These were asked for, and found, or are out of reach."""
        chat = self.chats[chat_id]
        chat.quoted |= dict.fromkeys(ids) | {message.id: chat.latest(message) for message in found}

    def missing_groups(self) -> list[str]:
        """Groups whose members, or titles, are needed and not known."""
        return [
            chat.id
            for chat in self.chats.values()
            if chat.group
            and chat.members is None
            and (chat.opened or not chat.title)
            and not chat.left
            and chat.id not in self.unknown
        ]

    # --- what happened --------------------------------------------------------------------------

    def apply(self, item: h.Delivery, now_ms: int, pts: int = 0) -> None:
        """Take in an update, with its number if that is known, or an event. (`Resync` is for
        whoever can fetch.)"""
        match item:
            case h.MessageNew(message=message):
                self._message(message)
            case h.MessageEdited(message=message):
                self._changed(message)
            case h.MessagesDeleted(chat_id=chat_id, ids=ids, unread=unread):
                for number in ids:
                    self._changed(h.Message(chat_id, number, 0, 0, deleted=True))
                chat = self._chat(chat_id)
                if not 0 < pts <= chat.pts:
                    chat.unread = unread
            case h.ReadInbox(chat_id=chat_id, max_id=max_id, unread=unread):
                chat = self._chat(chat_id)
                if max_id > chat.read_inbox_id:
                    chat.read_inbox_id, chat.unread = max_id, unread
            case h.ReadOutbox(chat_id=chat_id, max_id=max_id):
                chat = self._chat(chat_id)
                chat.read_outbox_id = max(chat.read_outbox_id, max_id)
            case h.Delivered(chat_id=chat_id, max_id=max_id):
                chat = self._chat(chat_id)
                chat.delivered_id = max(chat.delivered_id, max_id)
            case h.ProfileChanged(user=user):
                status = self.users[user.id].status if user.id in self.users else None
                self.users[user.id] = replace(user, status=user.status or status)
            case h.ContactChanged():
                self._contact(item)
            case h.Typing(chat_id=chat_id, user_id=user_id):
                if chat_id in self.chats:
                    self.chats[chat_id].typing[user_id] = now_ms + limits.TYPING_S * 1000
            case h.Presence(user_id=user_id, status=status):
                if user_id in self.users:
                    self.users[user_id] = replace(self.users[user_id], status=status)

    def _chat(self, chat_id: str) -> ChatState:
        if chat_id not in self.chats:
            self.chats[chat_id] = ChatState(chat_id)
        return self.chats[chat_id]

    def _contact(self, change: h.ContactChanged) -> None:
        if change.contact:
            self.names[change.user_id] = change.name
        else:
            self.names.pop(change.user_id, None)
        (self.blocked.add if change.blocked else self.blocked.discard)(change.user_id)

    def _message(self, message: h.Message) -> None:
        chat = self._chat(message.chat_id)
        if message.from_id == self.me and message.random_id:
            self.outbox.pop(message.random_id, None)
        chat.typing.pop(message.from_id, None)
        if chat.opened:
            chat.messages[message.id] = later(chat.messages.get(message.id), message)
        if message.id <= chat.top_id:
            return
        chat.top_id, chat.top_date_ms, chat.top = message.id, message.date_ms, message
        self._rise(chat)
        chat.left = False
        if message.from_id != self.me:
            chat.unread += 1
        if message.action is not None:
            self._action(chat, message.action)

    def _changed(self, message: h.Message) -> None:
        """What is shown of a message is this now. (Without a sender, it may not be read.)"""
        if not message.from_id and not message.deleted:
            return
        chat, number = self._chat(message.chat_id), message.id
        chat.recent[number] = later(chat.recent.pop(number, None), message)
        if len(chat.recent) > RECENT_MAX:
            del chat.recent[next(iter(chat.recent))]
        for shown in (chat.messages, chat.quoted):
            if number in shown:
                shown[number] = later(shown[number], message)
        if chat.top is not None and number == chat.top_id:
            chat.top = later(chat.top, message)

    def _action(self, chat: ChatState, action: h.Action) -> None:
        if action.kind in ("group_created", "renamed", "member_added"):
            chat.title = action.text or chat.title
        gone = action.kind in ("member_removed", "member_left")
        if action.user_id == self.me and (gone or action.kind == "member_added"):
            chat.left = gone
            chat.members = None
            self.unknown.discard(chat.id)
        if chat.members is None:
            return
        match action.kind:
            case "member_added" | "admin_removed":
                chat.members[action.user_id] = "member"
            case "admin_added":
                chat.members[action.user_id] = "admin"
            case "owner_changed":
                owners = [user_id for user_id, role in chat.members.items() if role == "owner"]
                chat.members.update(dict.fromkeys(owners, "admin"))
                chat.members[action.user_id] = "owner"
            case "member_removed" | "member_left":
                chat.members.pop(action.user_id, None)

    # --- what the user does ---------------------------------------------------------------------

    def open(self, chat_id: str) -> ChatState:
        """The user looks at a chat: what is unread now stands below a line."""
        chat = self._chat(chat_id)
        chat.opened = True
        chat.marker_id = chat.read_inbox_id if chat.unread else 0
        if chat.unread and not chat.read_inbox_id:
            chat.marker_id = -1  # before the first message of all
        return chat

    def close(self, chat_id: str) -> None:
        """The user looks elsewhere: keep only the latest messages."""
        chat = self.chats.get(chat_id)
        if chat is None:
            return
        chat.marker_id = 0
        old = sorted(chat.messages)[:-KEPT_MAX]
        for number in old:
            del chat.messages[number]
        chat.more = chat.more or bool(old)

    def send(self, pending: Pending) -> None:
        """An own message is on its way."""
        self.outbox[pending.random_id] = pending
        chat = self._chat(pending.chat_id)
        chat.marker_id = 0
        self._rise(chat)

    def pending(self, chat_id: str) -> list[Pending]:
        """Own messages on their way to a chat, or failed, as they were written."""
        return [pending for pending in self.outbox.values() if pending.chat_id == chat_id]

    def ready(self, pending: Pending) -> bool:
        """It can be sent now: its file is uploaded, and those of its album are."""
        if pending.tick != "sending":
            return False
        file = pending.file
        return file is None or all(
            other.ticket
            for other in (pending.file for pending in self.pending(pending.chat_id))
            if other is not None and (other is file or (file.album and other.album == file.album))
        )

    def forget(self, pending: Pending) -> None:
        """Not to be sent any more; the text of an album stays with those that are left."""
        self.outbox.pop(pending.random_id, None)
        file = pending.file
        for other in self.pending(pending.chat_id):
            if file and file.album and other.file and other.file.album == file.album:
                other.text = other.text or pending.text
                return

    # --- what is shown --------------------------------------------------------------------------

    def dialogs(self) -> list[ChatState]:
        """The chats, latest first."""
        return sorted(self.chats.values(), key=lambda chat: chat.rank, reverse=True)

    def peer(self, chat: ChatState) -> int:
        """The other one of a private chat; oneself for the saved messages; 0 for a group."""
        low, high = chat.people or (0, 0)
        return high if low == self.me else low

    def saved(self, chat: ChatState) -> bool:
        return self.peer(chat) == self.me

    def name(self, user_id: int) -> str:
        """How a user is called: by one's own name for them, or theirs."""
        own = self.names.get(user_id, "")
        if is_visible(own):
            return own
        user = self.users.get(user_id)
        if user is None:
            return f"user {user_id}"
        return user.name if is_visible(user.name) else f"@{user.username}"

    def title(self, chat: ChatState) -> str:
        if chat.group:
            return chat.title or ("a group you left" if chat.left else "Group")
        return "Saved messages" if self.saved(chat) else self.name(self.peer(chat))

    def tick(self, message: h.Message) -> Tick | None:
        """How far an own message came; None for others' messages and service messages."""
        if message.from_id != self.me or message.action is not None:
            return None
        chat = self.chats[message.chat_id]
        if message.id <= chat.read_outbox_id or self.saved(chat):
            return "read"
        return "delivered" if message.id <= chat.delivered_id else "sent"

    def typing(self, chat: ChatState, now_ms: int) -> list[int]:
        """Who is typing in a chat."""
        most_ms = limits.TYPING_S * 1000  # a clock that is set back must not show it for longer
        return [who for who, until_ms in chat.typing.items() if 0 < until_ms - now_ms <= most_ms]

    def online(self, user_id: int) -> bool:
        user = self.users.get(user_id)
        return user is not None and user.status is not None and user.status.online
