"""Marks of what devices have and readers read, and the dialogs that show them."""

from __future__ import annotations

import random

import pytest

from actors import addresses
from actors.chat import marks
from actors.chat.state import MEMBERS
from actors.updates import MessageEntry
from actors.user import mailbox
from actors.user import state as user
from actors.user.state import HEAD, RECENT_MAX
from api import limits
from api import methods as m
from api import types as t
from runtime import rows
from runtime.refs import Caller
from tests.unit.actors.mailboxes import (
    Pair,
    acknowledge,
    dialog,
    dialogs,
    group_of,
    log_in,
    pts_of,
    read,
    told,
    walk,
)
from tests.unit.actors.rows import rows_of, unchanged
from tests.unit.actors.town import Town

# --- delivered --------------------------------------------------------------------------------


def test_what_devices_confirm_is_delivered_once_and_only_forward(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    pair.write(4)
    tablet = log_in(town, bobby, 2)
    for device, pts in ((bobby, 2), (bobby, 2), (tablet, 1), (tablet, 3), (bobby, 3), (bobby, 1)):
        acknowledge(town, device, pts)
    bob = bobby.user_id
    assert told(town, alice, 4) == [("delivered", 2, bob), ("delivered", 3, bob)]
    assert dialog(town, alice, chat).delivered_id == 3
    marks = {row.user_id: row.delivered_id for row in town.call(alice, m.GetChat(chat)).members}
    assert marks == {alice.user_id: 0, bob: 3}
    assert pts_of(town, bobby) == 4, "one does not deliver to oneself"
    head = HEAD.get(rows_of(town, addresses.user(bob)), None)
    assert head is not None
    assert head.delivered_pts == 3, "what came before is not looked at again"
    acknowledge(town, bobby, 3)
    unchanged(town, addresses.session(bob, bobby.session_id), m.Ack(3), bobby)


def test_own_messages_are_not_delivered_by_own_devices(pair: Pair) -> None:
    town, alice = pair.town, pair.alice
    saved = town.private(alice, alice)
    pair.write(1)
    town.send(alice, saved, "a note")
    acknowledge(town, alice, 2)
    assert [pts_of(town, person) for person in (alice, pair.bobby)] == [2, 1]
    for chat in (pair.chat, saved):
        assert dialog(town, alice, chat).delivered_id == 0


@pytest.mark.parametrize("count", [1, RECENT_MAX, RECENT_MAX + 1, RECENT_MAX + 2, 4 * RECENT_MAX])
@pytest.mark.parametrize("restarted", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("seed", range(3))
def test_however_much_is_confirmed_at_once_every_chat_is_told(
    town: Town, count: int, restarted: bool, seed: int
) -> None:
    """Before and after more messages than are kept in memory."""
    rng = random.Random(seed)
    alice, *others = (town.register(name) for name in ("alice", "bobby", "carol", "david"))
    chats = {town.private(alice, other): other for other in others}
    for _ in range(3):
        before = pts_of(town, alice)
        for _ in range(count):
            chat, other = rng.choice([*chats.items()])
            send = m.SendMessage(chat, "hello", rng.randrange(1, 2**53))
            town.post(addresses.chat(chat), send, rng.choice([alice, other, other]))
        town.settle()
        if restarted:
            _restart(town)
        confirmed = rng.randint(before, pts_of(town, alice))
        acknowledge(town, alice, confirmed)
        theirs = [
            (pts, e) for pts, e in walk(town, alice) if isinstance(e, MessageEntry) and not e.own
        ]
        for chat in chats:
            ids = [e.message_id for pts, e in theirs if e.chat_id == chat and pts <= confirmed]
            assert _delivered(town, chat, alice) == max(ids, default=0)


def _restart(town: Town) -> None:
    for name in town.names:
        resident_max = town.engines[name].resident_max
        town.start(name)
        town.engines[name].resident_max = resident_max


def _delivered(town: Town, chat: str, caller: Caller) -> int:
    """Up to where the chat knows that somebody has it."""
    row = MEMBERS.get(rows_of(town, addresses.chat(chat)), caller.user_id)
    assert row is not None
    return row.delivered_id


def test_of_very_much_confirmed_at_once_every_chat_is_told(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "RECEIVED_STEP", 10)
    town, bobby = pair.town, pair.bobby
    carol = town.register("carol")
    quiet = town.private(carol, bobby)
    town.send(carol, quiet, "long ago")
    pair.write(RECENT_MAX + 20)
    acknowledge(town, bobby, pts_of(town, bobby))
    assert _delivered(town, pair.chat, bobby) == RECENT_MAX + 20
    assert _delivered(town, quiet, bobby) == 1


def test_what_is_not_there_cannot_be_confirmed(pair: Pair) -> None:
    pair.write(1)
    acknowledge(pair.town, pair.bobby, 5)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 0
    acknowledge(pair.town, pair.bobby, 1)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 1


def test_a_confirmation_that_came_too_early_does_not_hide_the_same_one_later(pair: Pair) -> None:
    """The server was restored from a copy, and the device still was where it had been before."""
    pair.write(1)
    session = addresses.session(pair.bobby.user_id, pair.bobby.session_id)
    unchanged(pair.town, session, m.Ack(2), pair.bobby)
    pair.write(1)
    acknowledge(pair.town, pair.bobby, 2)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 2


def test_a_session_that_ended_confirms_nothing(pair: Pair) -> None:
    town, bobby = pair.town, pair.bobby
    pair.write(1)
    town.call(bobby, m.Logout())
    unchanged(town, addresses.session(bobby.user_id, bobby.session_id), m.Ack(1), bobby)


def test_in_a_group_the_first_device_of_anybody_counts(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, carol)
    sent = town.send(alice, group, "one")
    town.settle()
    for reader in (carol, bobby):
        acknowledge(town, reader, pts_of(town, reader))
    assert told(town, alice, sent.pts) == [("delivered", sent.id, carol.user_id)]
    assert dialog(town, alice, group).delivered_id == sent.id


def test_whoever_left_delivers_nothing(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    town.send(alice, group, "one")
    town.call(bobby, m.LeaveGroup(group))
    start = pts_of(town, alice)
    acknowledge(town, bobby, pts_of(town, bobby))
    assert pts_of(town, alice) == start


# --- read and unread --------------------------------------------------------------------------


def test_unread_counts_what_others_wrote_after_the_mark(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    written = "abbaabab"
    for who in written:
        town.send(alice if who == "a" else bobby, chat, "hello")
    assert dialog(town, bobby, chat).unread == 4
    marks = [(at, written[at:].count("a")) for at in range(1, len(written) + 1)]
    start = pts_of(town, bobby)
    for max_id, unread in marks:
        assert read(town, bobby, chat, max_id) == t.ReadMark(max_id, unread)
        found = dialog(town, bobby, chat)
        assert (found.read_inbox_id, found.unread) == (max_id, unread)
    assert told(town, bobby, start) == [("read_inbox", *mark) for mark in marks]
    town.send(bobby, chat, "mine")
    assert dialog(town, bobby, chat).unread == 0
    pair.write(2)
    assert dialog(town, bobby, chat).unread == 2


def test_marks_only_move_forward_and_not_beyond_the_end(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    pair.write(3)
    assert read(town, bobby, chat, 2) == t.ReadMark(2, 1)
    for max_id in (1, 2):
        mark = unchanged(town, addresses.chat(chat), m.MarkRead(chat, max_id), bobby)
        assert mark == {"max_id": 2, "unread": 1}
    assert read(town, bobby, chat, 10**15) == t.ReadMark(3, 0)
    bob = bobby.user_id
    assert told(town, alice, 3) == [("read_outbox", 2, bob), ("read_outbox", 3, bob)]
    assert told(town, bobby, 3) == [("read_inbox", 2, 1), ("read_inbox", 3, 0)]
    assert dialog(town, alice, chat).read_outbox_id == 3
    pair.write(1)
    assert dialog(town, bobby, chat).unread == 1, "a mark beyond the end covers nothing to come"


def test_all_devices_hear_of_what_one_has_read(pair: Pair) -> None:
    town, bobby = pair.town, pair.bobby
    pair.write(2)
    town.attach(bobby, 1)
    town.attach(log_in(town, bobby, 2), 2)
    town.pushed.clear()
    read(town, Caller(bobby.user_id, bobby.session_id, 1), pair.chat, 1)
    update = {"type": "read_inbox", "chat_id": pair.chat, "max_id": 1, "unread": 1}
    assert town.pushed == {at: [{"pts": 3, "update": update}] for at in (1, 2)}


def test_of_a_group_each_sender_is_told_of_their_own(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, carol)
    first, second = (town.send(sender, group, "hello").id for sender in (alice, bobby))
    town.settle()
    start = {who: pts_of(town, who) for who in (alice, bobby)}
    read(town, carol, group, first)
    assert told(town, alice, start[alice]) == [("read_outbox", first, carol.user_id)]
    assert told(town, bobby, start[bobby]) == []
    read(town, carol, group, second)
    assert told(town, bobby, start[bobby]) == [("read_outbox", second, carol.user_id)]
    assert pts_of(town, alice) == start[alice] + 1, "nothing of hers was read now"


def test_saved_messages_are_neither_unread_nor_told_to_anybody(town: Town) -> None:
    alice = town.register("alice")
    saved = town.private(alice, alice)
    town.send(alice, saved, "a note")
    assert dialog(town, alice, saved).unread == 0
    acknowledge(town, alice, 1)
    assert read(town, alice, saved, 1) == t.ReadMark(1, 0)
    assert told(town, alice) == [("message", 1, 1), ("read_inbox", 1, 0)]


def test_service_messages_of_others_are_unread(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    town.call(alice, m.RenameGroup(group, "Renamed"))
    town.settle()
    assert [dialog(town, person, group).unread for person in (alice, bobby)] == [0, 2]
    assert read(town, bobby, group, 2) == t.ReadMark(2, 1)


def test_unread_of_one_who_came_back_is_what_they_may_read(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    for _ in range(5):
        town.send(alice, group, "hello")
    town.call(bobby, m.LeaveGroup(group))
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.settle()
    assert len(town.call(bobby, m.GetHistory(group)).messages) == 1
    assert dialog(town, bobby, group).unread == 1


# --- bounds, lowered until they matter, against counting everything ----------------------------


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn looks at next to nothing."""
    monkeypatch.setattr(marks, "MARK_STEP", 2)
    monkeypatch.setattr(marks, "UNREAD_ROWS_MAX", 1)
    monkeypatch.setattr(mailbox, "RECEIVED_STEP", 2)
    monkeypatch.setattr(user, "RECENT_MAX", 1)
    monkeypatch.setattr(rows, "PAGE", 2)


def test_whoever_wrote_long_ago_is_told_that_it_was_read(town: Town, tiny: None) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, carol)
    sent = town.send(alice, group, "long ago").id
    for _ in range(20):
        town.send(bobby, group, "hello")
    assert read(town, carol, group, sent + 11) == t.ReadMark(sent + 11, 9)
    assert dialog(town, alice, group).read_outbox_id == sent + 11
    assert dialog(town, bobby, group).read_outbox_id == sent + 11
    acknowledge(town, carol, pts_of(town, carol))
    assert dialog(town, alice, group).delivered_id >= sent


def test_of_very_many_unread_all_are_counted(pair: Pair, tiny: None) -> None:
    town, bobby, chat_id = pair.town, pair.bobby, pair.chat
    pair.write(40)
    before = pts_of(town, bobby)
    assert read(town, bobby, chat_id, 1) == t.ReadMark(1, 39)
    assert read(town, bobby, chat_id, 1) == t.ReadMark(1, 39)
    assert dialog(town, bobby, chat_id).unread == 39
    assert told(town, bobby, before) == [("read_inbox", 1, 39)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hosts", [1, 2])
def test_marks_are_what_counting_everything_says(tiny: None, seed: int, hosts: int) -> None:
    town, rng = Town(hosts=hosts), random.Random(seed)
    people = [town.register(name) for name in ("alice", "bobby", "carol", "david")]
    group = group_of(town, *people)
    for _ in range(60):
        who = rng.choice(people)
        match rng.choice("sssssrad"):
            case "s":
                town.send(rng.choice(people[:2]) if rng.random() < 0.8 else who, group, "hello")
            case "r":
                read(town, who, group, rng.randint(1, 60))
            case "a":
                acknowledge(town, who, rng.randint(0, pts_of(town, who)))
            case "d":
                town.call(people[0], m.RenameGroup(group, f"{rng.random()}"))
        town.settle()
        _check_marks(town, people, group)


def _check_marks(town: Town, people: list[Caller], group: str) -> None:
    history = town.call(people[0], m.GetHistory(group, limit=100)).messages
    members = {row.user_id: row for row in town.call(people[0], m.GetChat(group)).members}
    for person in people:
        me = members[person.user_id]
        shown = dialog(town, person, group)
        joined = next(
            (row.id for row in history if row.action and row.action.user_id == me.user_id), 1
        )
        after = max(me.read_id, joined - 1)
        unread = sum(row.id > after and row.from_id != me.user_id for row in history)
        assert shown.unread == unread
        own = [row.id for row in history if row.from_id == me.user_id and row.action is None]
        others = [row for user_id, row in members.items() if user_id != me.user_id]
        for told_id, marked in (
            (shown.read_outbox_id, [row.read_id for row in others]),
            (shown.delivered_id, [row.delivered_id for row in others]),
        ):
            seen = max((number for number in own if number <= max(marked)), default=0)
            assert seen <= told_id <= max(marked)


# --- dialogs ----------------------------------------------------------------------------------


def _acquaint(town: Town, number: int) -> tuple[Caller, list[str]]:
    """Somebody, and their chats, those first to whom somebody wrote last."""
    alice, *others = (town.register(f"person{at}") for at in range(number + 1))
    chats = [town.private(alice, other) for other in others]
    for other, chat in zip(others, chats, strict=True):
        town.now_ms += 1_000
        town.send(other, chat, "hello")
    return alice, chats[::-1]


def test_dialogs_come_latest_first_and_in_pages(town: Town) -> None:
    alice, chats = _acquaint(town, 5)
    pages = [dialogs(town, alice, offset, 2) for offset in (0, 2, 4)]
    assert [[found.chat_id for found in page.dialogs] for page in pages] == [
        chats[:2],
        chats[2:4],
        chats[4:],
    ]
    assert [page.next_offset for page in pages] == [2, 4, 0]
    assert {page.pts for page in pages} == {5}
    whole = dialogs(town, alice, 0, 5)
    assert ([found.chat_id for found in whole.dialogs], whole.next_offset) == (chats, 0)
    town.send(alice, chats[-1], "and you?")
    assert dialogs(town, alice, 0, 1).dialogs[0].chat_id == chats[-1]


def test_dialogs_come_in_the_order_of_their_messages_whatever_the_clock_says(town: Town) -> None:
    """Set back by an hour, forward by years, and back again."""
    alice, chats = _acquaint(town, 5)
    hour_ms = 3_600_000
    for chat, jump_ms in zip(chats, (-hour_ms, 10**12, -(10**12), 0, 1), strict=True):
        town.now_ms += jump_ms
        town.send(alice, chat, "hello")
        town.settle()
    assert [found.chat_id for found in dialogs(town, alice).dialogs] == chats[::-1]


def test_of_too_many_dialogs_the_latest_are_shown(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, chats = _acquaint(town, 6)
    monkeypatch.setattr(limits, "DIALOGS_MAX", 3)
    monkeypatch.setattr(rows, "PAGE", 2)
    for limit in (1, 2, 3, 50):
        found: list[str] = []
        offset = 0
        while not found or offset:
            page = dialogs(town, alice, offset, limit)
            found += [dialog.chat_id for dialog in page.dialogs]
            offset = page.next_offset
        assert found == chats[:3]
    assert dialogs(town, alice, 3, 2) == t.Dialogs([], 0, 6)
