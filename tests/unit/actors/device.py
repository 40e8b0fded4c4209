"""A device: a snapshot, kept up to date by nothing but updates that pass the client's gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from actors import addresses
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.frames import encode
from heliograph._sync import Gate, own_message
from heliograph._wire import decode_difference
from runtime.refs import Caller
from tests.unit.actors.cluster import Cluster

PAGE = 7


@dataclass
class Shown:
    """What a client shows of an account, in full. `descriptions`: of the groups that have one;
    `closed`: groups to which only admins add others; `entered`: groups of which both have to be
    asked for."""

    me: t.User
    dialogs: dict[str, t.Dialog] = field(default_factory=dict)
    messages: dict[str, dict[int, t.Message]] = field(default_factory=dict)
    contacts: dict[int, str] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    descriptions: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    entered: set[str] = field(default_factory=set, compare=False)

    def apply(self, update: t.Update, pts: int) -> None:
        """What docs/protocol.md says that an update means."""
        match update:
            case t.MessageNew(message=message):
                self._message(message, pts)
            case t.MessageEdited(message=message):
                held = self.messages.get(message.chat_id, {})
                if message.id in held and (message.from_id or message.deleted):
                    held[message.id] = message
            case t.MessagesDeleted(chat_id=chat_id, ids=ids, unread=unread):
                held = self.messages.get(chat_id, {})
                for number in held.keys() & set(ids):
                    date_ms = held[number].date_ms
                    held[number] = t.Message(chat_id, number, 0, date_ms, deleted=True)
                self._dialog(chat_id, unread=unread)
            case t.ReadInbox(chat_id=chat_id, max_id=max_id, unread=unread):
                self._dialog(chat_id, read_inbox_id=max_id, unread=unread)
            case t.ReadOutbox(chat_id=chat_id, max_id=max_id):
                known = self._known(chat_id).read_outbox_id
                self._dialog(chat_id, read_outbox_id=max(known, max_id))
            case t.Delivered(chat_id=chat_id, max_id=max_id):
                known = self._known(chat_id).delivered_id
                self._dialog(chat_id, delivered_id=max(known, max_id))
            case t.ProfileChanged(user=user):
                self.me = user
            case t.ContactChanged(user_id=user_id, name=name, contact=contact, blocked=blocked):
                self.contacts.pop(user_id, None)
                if contact:
                    self.contacts[user_id] = name
                (self.blocked.add if blocked else self.blocked.discard)(user_id)
            case t.ChatDescribed(chat_id=chat_id, description=description):
                self.describe(chat_id, description)
            case t.MemberRights(chat_id=chat_id, add=add):
                (self.closed.discard if add else self.closed.add)(chat_id)
            case _:
                raise AssertionError(f"an unknown update: {update}")

    def learn(self, chat: t.Chat | None) -> None:
        """What no message tells of a chat that was fetched."""
        if chat is not None:
            self.describe(chat.id, chat.description)
            (self.closed.discard if chat.members_add else self.closed.add)(chat.id)

    def describe(self, chat_id: str, description: str) -> None:
        self.descriptions.pop(chat_id, None)
        if description:
            self.descriptions[chat_id] = description

    def _known(self, chat_id: str) -> t.Dialog:
        return self.dialogs.get(chat_id) or t.Dialog(chat_id, addresses.chat_kind(chat_id), 0, 0)

    def _dialog(self, chat_id: str, **changes: Any) -> None:
        self.dialogs[chat_id] = replace(self._known(chat_id), **changes)

    def _message(self, message: t.Message, pts: int) -> None:
        chat_id, action = message.chat_id, message.action
        mine = action is not None and action.user_id == self.me.id
        if mine and action is not None and action.kind == "member_added":
            self.messages[chat_id] = {}  # what came before is not there to be read any more
            self.entered.add(chat_id)
        if mine and action is not None and action.kind in ("member_removed", "member_left"):
            self.describe(chat_id, "")
            self.closed.discard(chat_id)
        # Without either it may not be read: whoever it was for is not in that chat now.
        if message.from_id or message.deleted:
            self.messages.setdefault(chat_id, {})[message.id] = message
        title = self._known(chat_id).title
        if action is not None and action.kind in ("group_created", "renamed", "member_added"):
            title = action.text
        self._dialog(
            chat_id,
            title=title,
            top_id=message.id,
            top_date_ms=message.date_ms,
            top_pts=pts,
            unread=self._known(chat_id).unread + (message.from_id != self.me.id),
            left=mine and action is not None and action.kind in ("member_removed", "member_left"),
        )


def fetch(cluster: Cluster, caller: Caller) -> tuple[int, Shown]:
    """What a client shows that has just logged in, and the pts that it goes on from."""
    shown = Shown(cluster.call(caller, m.GetMe()))
    page = t.Dialogs([], 0, 0)
    while True:
        page = cluster.call(caller, m.GetDialogs(page.next_offset, 2))
        for dialog in page.dialogs:
            chat = shown.messages[dialog.chat_id] = history(cluster, caller, dialog.chat_id)
            assert dialog.message == chat.get(dialog.top_id)
            assert dialog.title or dialog.kind == "saved"
            # The name of a person changes without an update to others, and a message that a
            # picture has changed does not hold it: a client asks for both.
            title = dialog.title if dialog.kind == "group" else ""
            plain = replace(dialog, message=None, title=title, photo=None)
            shown.dialogs[dialog.chat_id] = plain
            shown.learn(chat_of(cluster, caller, dialog.chat_id))
        if not page.next_offset:
            break
    contacts = cluster.call(caller, m.GetContacts()).contacts
    shown.contacts = {contact.user_id: contact.name for contact in contacts}
    shown.blocked = set(cluster.call(caller, m.GetBlocked()).user_ids)
    return page.pts, shown


def chat_of(cluster: Cluster, caller: Caller, chat_id: str) -> t.Chat | None:
    """Nothing, for who is not in it any more."""
    try:
        chat: t.Chat = cluster.call(caller, m.GetChat(chat_id))
    except ApiError as error:
        if error.code != "chat_not_found":
            raise
        return None
    return chat


def history(cluster: Cluster, caller: Caller, chat_id: str) -> dict[int, t.Message]:
    """All that somebody may read of a chat."""
    found: dict[int, t.Message] = {}
    more, last_id = True, 0
    while more:
        page: t.History = cluster.call(caller, m.GetHistory(chat_id, after_id=last_id, limit=PAGE))
        found.update((message.id, message) for message in page.messages)
        more, last_id = page.more, max(found, default=0)
    return found


class Device:
    """One login. `arrived` holds what was pushed and not yet looked at; `doubt`: the client has
    reason to ask for the difference."""

    def __init__(self, cluster: Cluster, caller: Caller) -> None:
        self.cluster = cluster
        self.caller = caller
        pts, self.shown = fetch(cluster, caller)
        self.gate = Gate(pts, held_max=3)
        self.arrived: list[tuple[int, t.Update]] = []
        self.doubt = False

    @property
    def attached(self) -> bool:
        return bool(self.caller.connection)

    def attach(self, connection: int) -> None:
        hello = self.cluster.attach(self.caller, connection)
        self.caller = Caller(self.caller.user_id, self.caller.session_id, connection)
        self.gate.hello(hello.pts)

    def hang_up(self) -> None:
        """What is on the way is lost."""
        self.cluster.pushed.pop(self.caller.connection, None)
        self.arrived.clear()
        self.caller = Caller(self.caller.user_id, self.caller.session_id)

    def listen(self) -> None:
        """Take in what was pushed to the connection, without looking at it."""
        for frame in self.cluster.pushed.pop(self.caller.connection, []):
            if "pts" in frame:
                self.arrived.append((frame["pts"], msgspec.convert(frame["update"], t.Update)))

    def sent(self, params: m.SendMessage, answer: t.Sent, connection: int) -> None:
        """An own send was answered: its update, on the connection that sent it, is the answer."""
        if not answer.pts:
            self.doubt = True
        elif connection and connection == self.caller.connection:
            me = self.caller.user_id
            update = own_message(answer, me, params.text, params.reply_to, params.random_id)
            self.arrived.append((answer.pts, update))

    def look(self, at: int, again: bool) -> None:
        """Look at something that has arrived, whichever; perhaps it will come again."""
        if self.arrived:
            at %= len(self.arrived)
            pts, update = self.arrived[at] if again else self.arrived.pop(at)
            self._apply(self.gate.push(pts, update))

    def ask(self, limit: int = PAGE) -> tuple[int, t.Difference]:
        """A question, and its answer on the way."""
        asked = self.gate.pts
        assert asked is not None
        return asked, self.cluster.call(self.caller, m.GetDifference(asked, limit))

    def answered(self, asked: int, answer: t.Difference) -> None:
        passed = self.gate.difference(asked, decode_difference(Raw(encode(answer))))
        if passed.resync:
            self.gate.pts, self.shown = fetch(self.cluster, self.caller)
        self._apply(passed.updates)

    def _apply(self, passed: list[tuple[int, Any]]) -> None:
        for pts, update in passed:
            self.shown.apply(update, pts)
        while self.shown.entered:
            chat_id = self.shown.entered.pop()
            self.shown.learn(chat_of(self.cluster, self.caller, chat_id))

    def catch_up(self) -> None:
        """Look at everything, and ask if there is a reason to. A live connection gives one
        whenever something is missing; without one, the client asks anyway."""
        self.listen()
        while self.arrived:
            self.look(0, again=False)
        while self.doubt or self.gate.missing or not self.attached:
            asked, answer = self.ask()
            self.answered(asked, answer)
            self.doubt = False
            if answer.kind in ("empty", "full") and not self.gate.missing:
                break
