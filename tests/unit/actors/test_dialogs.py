"""The list of dialogs: one request names everything in it, and shows nothing that is not one's to
see."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors import addresses
from actors.chat import group as group_actor
from actors.chat import reads as chat_reads
from actors.chat.state import MEMBERS
from api import methods as m
from api import types as t
from runtime.refs import Caller
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.device import Device, fetch
from tests.unit.actors.rows import rows_of

OLD = {"title": ""}


def dialogs(city: Cluster, who: Caller) -> dict[str, t.Dialog]:
    page: t.Dialogs = city.call(who, m.GetDialogs())
    return {dialog.chat_id: dialog for dialog in page.dialogs}


def group_of(city: Cluster, owner: Caller, *others: Caller) -> str:
    made: t.Chat = city.call(owner, m.CreateGroup("Hikers", 1, [who.user_id for who in others]))
    city.settle()
    return made.id


def test_every_dialog_has_a_kind_and_a_name() -> None:
    city = Cluster(2)
    alice, bobby = city.register("alice"), city.register("bobby")
    group, private = group_of(city, alice, bobby), city.private(alice, bobby)
    saved = city.private(alice, alice)
    for chat_id in (private, saved):
        city.send(alice, chat_id, "x")
    shown = dialogs(city, alice)
    assert {chat_id: (d.kind, d.title) for chat_id, d in shown.items()} == {
        group: ("group", "Hikers"),
        private: ("private", "Bobby"),
        saved: ("saved", ""),
    }
    assert all(d.message is not None and d.message.id == d.top_id for d in shown.values())


def test_a_group_that_one_has_left_keeps_the_name_that_it_had() -> None:
    city = Cluster(2)
    alice, bobby = city.register("alice"), city.register("bobby")
    group = group_of(city, alice, bobby)
    city.call(alice, m.RenameGroup(group, "Climbers"))
    city.call(bobby, m.LeaveGroup(group))
    city.call(alice, m.RenameGroup(group, "Secret plans"))
    city.settle()
    left = dialogs(city, bobby)[group]
    assert (left.left, left.title) == (True, "Climbers")
    assert dialogs(city, alice)[group].title == "Secret plans"
    city.call(alice, m.AddMember(group, bobby.user_id))
    city.settle()
    assert dialogs(city, bobby)[group].title == "Secret plans"


def test_who_left_before_that_was_noted_is_told_the_name_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows of an earlier version do not have it, but the messages do."""
    monkeypatch.setattr(chat_reads, "TITLE_STEP", 2)
    monkeypatch.setattr(group_actor, "replace", lambda row, **new: replace(row, **new | OLD))
    city = Cluster()
    alice, bobby = city.register("alice"), city.register("bobby")
    group = group_of(city, alice, bobby)
    city.call(bobby, m.LeaveGroup(group))
    monkeypatch.undo()
    monkeypatch.setattr(chat_reads, "TITLE_STEP", 2)
    row = MEMBERS.get(rows_of(city, addresses.chat(group)), bobby.user_id)
    assert row is not None
    assert (row.left_id, row.title) == (3, "")
    city.call(alice, m.RenameGroup(group, "Secret plans"))
    city.settle()
    assert dialogs(city, bobby)[group].title == "Hikers"


def test_a_device_learns_every_name_by_updates() -> None:
    """Whoever is added to a group need not ask what it is called."""
    city = Cluster(2)
    alice, bobby = city.register("alice"), city.register("bobby")
    device = Device(city, bobby)
    group = group_of(city, alice, bobby)
    device.catch_up()
    assert device.shown.dialogs[group].title == "Hikers"
    city.call(alice, m.RenameGroup(group, "Climbers"))
    city.call(alice, m.RemoveMember(group, bobby.user_id))
    city.call(alice, m.RenameGroup(group, "Secret plans"))
    city.settle()
    device.catch_up()
    assert (device.gate.pts, device.shown) == fetch(city, bobby)
    assert device.shown.dialogs[group].title == "Climbers"


def test_the_picture_of_a_person_is_hidden_from_whom_they_block() -> None:
    city = Cluster()
    alice, bobby = city.register("alice"), city.register("bobby")
    private = city.private(alice, bobby)
    city.send(alice, private, "x")
    city.call(bobby, m.Block(alice.user_id))
    city.settle()
    shown = dialogs(city, alice)[private]
    assert (shown.title, shown.photo) == ("Bobby", None)
