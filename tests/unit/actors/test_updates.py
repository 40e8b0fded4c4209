"""The mailbox: its numbers, states and differences."""

from __future__ import annotations

import msgspec
import pytest

from actors import addresses
from actors.updates import (
    ContactEntry,
    DeliveredEntry,
    MessageEntry,
    ProfileEntry,
    ReadInboxEntry,
    ReadOutboxEntry,
)
from actors.user.messages import MailSlice
from actors.user.state import MAILBOX, TRIM_STEP
from api import limits
from api import methods as m
from api import types as t
from runtime.refs import Caller
from tests.unit.actors.mailboxes import (
    Pair,
    acknowledge,
    difference,
    fill,
    log_in,
    pts_of,
    read,
    told,
    walk,
)
from tests.unit.actors.rows import refused, refused_call, rows_of, unchanged
from tests.unit.actors.town import Town

# --- states and differences -------------------------------------------------------------------


def test_a_new_mailbox_is_empty(town: Town) -> None:
    alice = town.register("alice")
    assert town.call(alice, m.GetState()) == t.MailboxState(0, town.now_ms)
    me = t.User(alice.user_id, "alice", "Alice")
    assert difference(town, alice, 0) == MailSlice("empty", 0, [], me)


def test_nobody_has_no_mailbox(town: Town) -> None:
    nobody = Caller(5, 1)
    for params in (m.GetState(), m.GetDifference(0)):
        assert refused(town, addresses.user(5), params, nobody).code == "user_not_found"


def test_a_difference_is_empty_full_or_a_slice(town: Town) -> None:
    alice = town.register("alice")
    fill(town, alice, 7)
    shapes = {
        (asked, limit): (page.kind, page.pts, [pts for pts, _ in page.entries])
        for asked, limit in ((7, 3), (6, 1), (4, 3), (3, 3), (0, 7), (0, 6), (0, 1))
        if (page := difference(town, alice, asked, limit))
    }
    assert shapes == {
        (7, 3): ("empty", 7, []),
        (6, 1): ("full", 7, [7]),
        (4, 3): ("full", 7, [5, 6, 7]),
        (3, 3): ("slice", 6, [4, 5, 6]),
        (0, 7): ("full", 7, [1, 2, 3, 4, 5, 6, 7]),
        (0, 6): ("slice", 6, [1, 2, 3, 4, 5, 6]),
        (0, 1): ("slice", 1, [1]),
    }


def test_slices_put_together_are_the_mailbox(pair: Pair) -> None:
    pair.write(23)
    whole = difference(pair.town, pair.bobby, 0).entries
    assert [pts for pts, _ in whole] == [*range(1, 24)]
    for limit in (1, 5, 23):
        assert walk(pair.town, pair.bobby, 0, limit) == whole


@pytest.mark.parametrize("params", [m.GetDifference(-1), m.GetDifference(0, 0), m.Ack(-1)])
def test_numbers_that_make_no_sense_are_refused(pair: Pair, params: m.Params) -> None:
    me = addresses.user(pair.alice.user_id)
    assert refused(pair.town, me, params, pair.alice).code == "bad_request"


def test_whoever_is_ahead_of_the_server_starts_afresh(town: Town) -> None:
    """It was restored from a copy."""
    alice = town.register("alice")
    fill(town, alice, 2)
    for asked in (3, 10**15):
        page = difference(town, alice, asked)
        assert (page.kind, page.pts, page.entries) == ("too_long", 2, [])


@pytest.mark.parametrize("limit", [20, TRIM_STEP - 1, TRIM_STEP, TRIM_STEP + 44])
def test_old_updates_are_dropped_and_never_those_within_the_limit(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAILBOX_EVENTS_MAX", limit)
    town = Town()
    alice = town.register("alice")
    view = rows_of(town, addresses.user(alice.user_id))
    step = TRIM_STEP
    for pts in (limit, limit + 1, 2 * step - 1, 2 * step, 2 * step + 1, 3 * step, 4 * step + 9):
        fill(town, alice, pts - pts_of(town, alice))
        kept = [number for number, _ in MAILBOX.scan(view, limit=10**6)]
        assert kept == [*range(kept[0], pts + 1)], "no holes"
        assert limit <= len(kept) < limit + step
        oldest = pts - limit
        assert [number for number, _ in walk(town, alice, oldest)] == [*range(oldest + 1, pts + 1)]
        for asked in {0, oldest // 2, oldest - 1} & {*range(oldest)}:
            page = difference(town, alice, asked)
            assert (page.kind, page.pts, page.entries) == ("too_long", pts, []), asked


def test_what_was_dropped_is_in_no_answer_also_when_the_limit_was_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    alice = town.register("alice")
    with monkeypatch.context() as lowered:
        lowered.setattr(limits, "MAILBOX_EVENTS_MAX", TRIM_STEP)
        fill(town, alice, 2 * TRIM_STEP + 5)
    for asked in (0, TRIM_STEP // 2, TRIM_STEP - 1, TRIM_STEP, TRIM_STEP + 1):
        page = difference(town, alice, asked, 1)
        if asked < TRIM_STEP:
            assert (page.kind, page.entries) == ("too_long", [])
        else:
            assert (page.kind, page.pts, len(page.entries)) == ("slice", asked + 1, 1)


# --- numbers ----------------------------------------------------------------------------------


def test_every_update_takes_one_number_and_is_pushed_with_it(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    town.attach(alice, 7)
    me, bob = addresses.user(alice.user_id), bobby.user_id
    town.send(alice, chat, "one")
    alice = Caller(alice.user_id, alice.session_id, 7)
    town.send(bobby, chat, "two")
    town.settle()
    acknowledge(town, bobby, 1)
    read(town, bobby, chat, 1)
    read(town, alice, chat, 2)
    town.call(alice, m.UpdateProfile(bio="Hello"))
    town.ask(me, m.AddContact(bob, "Bob"), alice)
    town.ask(me, m.Block(bob), alice)
    assert difference(town, alice, 0).entries == [
        (1, MessageEntry(chat, 1, 1)),
        (2, MessageEntry(chat, 2, 0)),
        (3, DeliveredEntry(chat, 1, bob)),
        (4, ReadOutboxEntry(chat, 1, bob)),
        (5, ReadInboxEntry(chat, 2, 0)),
        (6, ProfileEntry()),
        (7, ContactEntry("", bob, 1, "Bob")),
        (8, ContactEntry("", bob, 3, "Bob")),
    ]
    frames = town.pushed[7]
    assert [frame["pts"] for frame in frames] == [*range(1, 9)]
    updates = [msgspec.convert(frame["update"], t.Update) for frame in frames]
    texts = [update.message.text for update in updates[:2] if isinstance(update, t.MessageNew)]
    assert texts == ["one", "two"]
    assert updates[2:] == [
        t.Delivered(chat, 1, bob),
        t.ReadOutbox(chat, 1, bob),
        t.ReadInbox(chat, 2, 0),
        t.ProfileChanged(t.User(alice.user_id, "alice", "Alice", "Hello")),
        t.ContactChanged(bob, "Bob", contact=True),
        t.ContactChanged(bob, "Bob", contact=True, blocked=True),
    ]
    assert told(town, bobby) == [
        ("message", 1, 0),
        ("message", 2, 1),
        ("read_inbox", 1, 0),
        ("read_outbox", 2, alice.user_id),
    ]


def test_devices_get_every_number_once_and_in_order(pair: Pair) -> None:
    """The one that sends gets its own by the answers; one that comes later, from its hello on."""
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    tablet, phone = log_in(town, alice, 2), Caller(alice.user_id, alice.session_id, 1)
    assert (town.attach(alice, 1).pts, town.attach(tablet, 2).pts) == (0, 0)
    answers: set[int] = set()
    for number in range(20):
        if number == 10:
            late = town.attach(tablet, 3)
        answers.add(town.send(phone, chat, f"mine {number}").pts)
        town.send(bobby, chat, f"yours {number}")
        read(town, bobby, chat, 2 * number + 1)
    pts = pts_of(town, alice)
    heard = {at: [f["pts"] for f in town.pushed[at] if "pts" in f] for at in (1, 2, 3)}
    assert (pts, len(answers), late.pts) == (60, 20, 30)
    assert heard == {
        1: [number for number in range(1, pts + 1) if number not in answers],
        2: [*range(1, pts + 1)],
        3: [*range(late.pts + 1, pts + 1)],
    }
    assert [number for number, _ in walk(town, alice)] == [*range(1, pts + 1)]


def test_sends_at_once_are_numbered_in_their_order(town: Town) -> None:
    alice, *others = (town.register(name) for name in ("alice", "bobby", "carol", "david"))
    chats = [town.private(alice, other) for other in others]
    asked = [
        town.post(addresses.chat(chat), m.SendMessage(chat, f"{number}", number + 1), sender)
        for number in range(20)
        for chat, other in zip(chats, others, strict=True)
        for sender in (alice, other)
    ]
    town.settle()
    answers = [msgspec.json.decode(town.answers[number], type=t.Sent) for number in asked]
    entries = [(pts, entry) for pts, entry in walk(town, alice) if isinstance(entry, MessageEntry)]
    assert [number for number, _ in entries] == [*range(1, 121)]
    for chat in chats:
        assert [e.message_id for _, e in entries if e.chat_id == chat] == [*range(1, 41)]
    mine = {(sent.chat_id, sent.id): sent.pts for sent in answers[::2]}
    assert mine == {(e.chat_id, e.message_id): pts for pts, e in entries if e.own}


def test_what_is_refused_or_repeated_takes_no_number(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    first = town.send(alice, chat, "one", 1)
    town.ask(addresses.user(bobby.user_id), m.Block(alice.user_id), bobby)
    assert refused_call(town, alice, m.SendMessage(chat, "two", 2)) == "blocked"
    read(town, bobby, chat, 1)
    again = unchanged(town, addresses.chat(chat), m.SendMessage(chat, "one", 1), alice)
    assert (first.pts, again.get("pts", 0)) == (1, 0), "from memory, without a number"
    for ref, params, caller in (
        (addresses.chat(chat), m.MarkRead(chat, 1), bobby),
        (addresses.user(bobby.user_id), m.Block(alice.user_id), bobby),
        (addresses.user(alice.user_id), m.Unblock(bobby.user_id), alice),
        (addresses.user(alice.user_id), m.RemoveContact(bobby.user_id), alice),
        (addresses.user(alice.user_id), m.UpdateProfile(name="Alice"), alice),
    ):
        unchanged(town, ref, params, caller)


def test_the_latest_sends_of_a_chat_are_remembered(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RANDOM_IDS_PER_CHAT_MAX", 3)
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    senders = (alice, bobby, alice)
    ids = [town.send(who, chat, "hello", at + 1).id for at, who in enumerate(senders)]
    assert [town.send(who, chat, "hello", at + 1).id for at, who in enumerate(senders)] == ids
    assert town.send(bobby, chat, "another", 4).id == 4
    assert town.send(alice, chat, "hello", 1).id == 5, "forgotten, so it is a new one"
    assert [town.send(who, chat, "x", at).id for who, at in ((alice, 3), (bobby, 4))] == [3, 4]
