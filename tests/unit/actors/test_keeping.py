"""Every turn keeps what it does not mean to change: rows with all their fields filled go through
each method, and what is another one afterwards is what the table says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors import addresses
from actors.chat import state as c
from actors.session import turns as s
from actors.user import state as u
from api import methods as m
from runtime.refs import KINDS, ActorRef, Caller
from runtime.rows import Table
from storage.keys import actor_prefix
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.rows import rows_of

FILLED: dict[Table[Any, Any], dict[str, Any]] = {
    c.HEAD: {
        "media_bytes": 77,
        "unanswered": c.ANSWERED,
        "description": "about",
        "members_add": False,
    },
    c.MEMBERS: {
        "delivered_id": 2,
        "read_id": 2,
        "title": "before",
        "told_delivered_id": 1,
        "told_read_id": 1,
        "hidden": 3,
    },
    u.HEAD: {
        "bio": "about me",
        "delivered_pts": 1,
        "last_seen_ms": 5,
        "contacts": 2,
        "claim": 4,
        "media_bytes": 6,
    },
    u.DIALOGS: {"unread": 1, "read_inbox_id": 2, "read_outbox_id": 2, "delivered_id": 2},
    s.HEAD: {},
}
"""Fields that stand at their defaults while people only write, and values that fit."""


class Place:
    """Alice owns a group with bobby and carol, and has a private chat with bobby; everybody has
    written, and all rows are filled."""

    def __init__(self) -> None:
        town = self.town = Cluster(1)
        self.alice, self.bobby, self.carol = map(town.register, ("alice", "bobby", "carol"))
        self.outside = town.register("outside")
        self.chat = town.private(self.alice, self.bobby)
        invited = [self.bobby.user_id, self.carol.user_id]
        self.group = town.call(self.alice, m.CreateGroup("Group", 1, invited)).id
        town.settle()
        for chat_id in (self.chat, self.group):
            for who in (self.alice, self.bobby):
                town.send(who, chat_id, "hello")
        town.settle()
        self._fill()

    @property
    def actors(self) -> list[ActorRef]:
        people = (self.alice, self.bobby, self.carol)
        sessions = [addresses.session(who.user_id, who.session_id) for who in people]
        users = [addresses.user(who.user_id) for who in people]
        return [addresses.chat(self.chat), addresses.chat(self.group), *users, *sessions]

    def rows(self) -> dict[tuple[ActorRef, int, Any], Any]:
        """By actor, number of the table, and key."""
        self.town.settle()
        return {
            (ref, table.number, key): row
            for ref in self.actors
            for table in FILLED
            if table in TABLES[ref.kind]
            for key, row in table.all(rows_of(self.town, ref))
        }

    def _fill(self) -> None:
        (name,) = self.town.names
        for (ref, number, key), row in self.rows().items():
            (table,) = (table for table in TABLES[ref.kind] if table.number == number)
            prefix = actor_prefix(KINDS[ref.kind], ref.key) + bytes([number])
            filled = msgspec.msgpack.encode(replace(row, **FILLED[table]))
            partition = self.town.placement.partition(ref)
            writes = {partition: {prefix + table.key.encode(key): filled}}
            self.town.stores[name].append(writes)
        self.town.crash(name, appended=True)


TABLES: dict[str, list[Table[Any, Any]]] = {
    "chat": [c.HEAD, c.MEMBERS],
    "user": [u.HEAD, u.DIALOGS],
    "session": [s.HEAD],
}
NAMES = {
    ("chat", c.HEAD.number): "chat",
    ("chat", c.MEMBERS.number): "member",
    ("user", u.HEAD.number): "user",
    ("user", u.DIALOGS.number): "dialog",
    ("session", s.HEAD.number): "session",
}
NEW = "chat.last_id dialog.top_id dialog.top_date_ms dialog.top_pts dialog.unread user.pts"
"""What a message changes."""
READ = "member.read_id dialog.read_inbox_id dialog.read_outbox_id dialog.unread"
GONE = NEW + " member.left_id member.title dialog.left dialog.read_inbox_id"
Sample = Callable[[Place], tuple[Caller, m.Params]]


SAMPLES: dict[str, tuple[Sample, str]] = {
    "send": (lambda p: (p.alice, m.SendMessage(p.group, "hi", 9)), NEW),
    "send in private": (lambda p: (p.alice, m.SendMessage(p.chat, "hi", 9)), NEW),
    "edit": (lambda p: (p.alice, m.EditMessage(p.chat, 1, "hi")), "chat.changes user.pts"),
    "delete": (lambda p: (p.alice, m.DeleteMessages(p.chat, [2], True)), "chat.changes user.pts"),
    "hide": (lambda p: (p.bobby, m.DeleteMessages(p.chat, [1], False)), "member.hidden user.pts"),
    "read": (lambda p: (p.bobby, m.MarkRead(p.group, 5)), READ + " user.pts"),
    "type": (lambda p: (p.alice, m.SetTyping(p.group)), ""),
    "rename": (lambda p: (p.alice, m.RenameGroup(p.group, "Other")), NEW + " chat.title"),
    "describe": (
        lambda p: (p.alice, m.SetDescription(p.group, "new")),
        "chat.description user.pts",
    ),
    "say who adds": (
        lambda p: (p.alice, m.SetMemberRights(p.group, True)),
        "chat.members_add user.pts",
    ),
    "photo": (lambda p: (p.alice, m.SetChatPhoto(p.group)), ""),
    "add": (lambda p: (p.alice, m.AddMember(p.group, p.outside.user_id)), NEW),
    "admin": (
        lambda p: (p.alice, m.SetAdmin(p.group, p.bobby.user_id, True)),
        NEW + " member.role",
    ),
    "hand over": (
        lambda p: (p.alice, m.TransferOwnership(p.group, p.bobby.user_id)),
        NEW + " member.role",
    ),
    "remove": (lambda p: (p.alice, m.RemoveMember(p.group, p.bobby.user_id)), GONE),
    "leave": (lambda p: (p.carol, m.LeaveGroup(p.group)), GONE),
    "block": (
        lambda p: (p.alice, m.Block(p.bobby.user_id)),
        "chat.blocked_by member.told_delivered_id member.told_read_id user.pts",
    ),
    "profile": (lambda p: (p.alice, m.UpdateProfile(name="Al")), "user.name user.pts"),
    "name": (lambda p: (p.alice, m.SetUsername("alice2")), "user.claim user.username user.pts"),
    "contact": (lambda p: (p.alice, m.AddContact(p.carol.user_id)), "user.contacts user.pts"),
    "ack": (lambda p: (p.alice, m.Ack(4)), "user.delivered_pts"),
}


@pytest.mark.parametrize("what", SAMPLES)
def test_what_is_not_meant_to_change_stays(what: str) -> None:
    place = Place()
    sample, meant = SAMPLES[what]
    before = place.rows()
    caller, params = sample(place)
    place.town.now_ms += 1_000
    place.town.call(caller, params)
    after = place.rows()
    assert before.keys() <= after.keys()
    changed = {
        f"{NAMES[ref.kind, number]}.{name}"
        for (ref, number, key), row in before.items()
        for name in row.__struct_fields__
        if getattr(row, name) != getattr(after[ref, number, key], name)
    }
    assert changed == set(meant.split())


def test_every_field_is_filled() -> None:
    """So that one that is dropped is missed: a new field gets a value in `FILLED`."""
    place = Place()
    for (ref, number, _), row in place.rows().items():
        left = {
            field.name
            for field in msgspec.structs.fields(row)
            if not field.required and getattr(row, field.name) == field.default
        }
        assert left <= {"blocked_by", "changes", "left_id", "left"}, (NAMES[ref.kind, number], left)
