"""Entries of mailboxes, and the updates that they are told as."""

from __future__ import annotations

import typing

import msgspec
import pytest

from actors.updates import (
    ContactEntry,
    DeletedEntry,
    DeliveredEntry,
    DescribedEntry,
    EditedEntry,
    Entry,
    MessageEntry,
    ProfileEntry,
    ReadInboxEntry,
    ReadOutboxEntry,
    SaidEntry,
    points_at,
    update_of,
)
from actors.user.state import MAILBOX
from api import types as t

CHAT = "p1-2"
ME = t.User(1, "alice", "Alice")
MESSAGE = t.Message(CHAT, 5, 2, 1_000, "hello")
TOLD: list[tuple[Entry, t.Update, str]] = [
    (MessageEntry(CHAT, 5, 0), t.MessageNew(MESSAGE), "95a76d657373616765a470312d320500a0"),
    (EditedEntry(CHAT, 5, 9), t.MessageEdited(MESSAGE), "94a6656469746564a470312d320509"),
    (
        DeletedEntry(CHAT, [4, 5], 2, 9),
        t.MessagesDeleted(CHAT, [4, 5], 2),
        "95a764656c65746564a470312d329204050209",
    ),
    (
        ReadInboxEntry(CHAT, 5, 3),
        t.ReadInbox(CHAT, 5, 3),
        "95aa726561645f696e626f78a470312d320503a0",
    ),
    (
        ReadOutboxEntry(CHAT, 5, 2),
        t.ReadOutbox(CHAT, 5, 2),
        "95ab726561645f6f7574626f78a470312d320502a0",
    ),
    (
        DeliveredEntry(CHAT, 5, 2),
        t.Delivered(CHAT, 5, 2),
        "95a964656c697665726564a470312d320502a0",
    ),
    (
        ContactEntry("", 2, 3, "Bob"),
        t.ContactChanged(2, "Bob", True, True),
        "95a7636f6e74616374a00203a3426f62",
    ),
    (ProfileEntry(), t.ProfileChanged(ME), "95a770726f66696c65a00000a0"),
    (
        DescribedEntry("g5", "About\nboats"),
        t.ChatDescribed("g5", "About\nboats"),
        "93a9646573637269626564a26735ab41626f75740a626f617473",
    ),
    (
        SaidEntry(t.ChatDescribed("g5", "Boats")),
        t.ChatDescribed("g5", "Boats"),
        "92a47361696483a474797065ae636861745f646573637269626564a7636861745f6964a26735ab6465736372697074"
        "696f6ea5426f617473",
    ),
    (
        SaidEntry(t.MemberRights("g5", False)),
        t.MemberRights("g5", False),
        "92a47361696483a474797065ad6d656d6265725f726967687473a7636861745f6964a26735a3616464c2",
    ),
]
"""Each with its update, and the row that the first version wrote."""


@pytest.mark.parametrize(("entry", "update", "written"), TOLD)
def test_an_entry_is_told_and_read_again(entry: Entry, update: t.Update, written: str) -> None:
    assert update_of(entry, MESSAGE, lambda: ME) == update
    assert MAILBOX.decode(bytes.fromhex(written)) == entry
    assert MAILBOX.decode(msgspec.msgpack.encode(entry)) == entry
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry


def test_every_entry_and_every_update_is_here() -> None:
    assert {type(entry) for entry, _, _ in TOLD} == set(typing.get_args(Entry))
    assert {type(update) for _, update, _ in TOLD} == set(typing.get_args(t.Update))


def test_of_a_message_that_may_not_be_read_only_its_place_is_told() -> None:
    place = t.Message(CHAT, 5, 0, 0)
    assert update_of(MessageEntry(CHAT, 5, 0), None, lambda: ME) == t.MessageNew(place)
    assert update_of(EditedEntry(CHAT, 5, 9), None, lambda: ME) == t.MessageEdited(place)


def test_what_points_at_a_message_says_at_which() -> None:
    pointing = {type(entry) for entry, update, _ in TOLD if hasattr(update, "message")}
    assert pointing == {type(entry) for entry, _, _ in TOLD if points_at(entry) == (CHAT, 5)}
