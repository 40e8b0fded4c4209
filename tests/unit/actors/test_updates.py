"""The mailbox: its numbers, states and differences, and the marks that devices set."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from actors import mailbox
from actors import messages as i
from actors.chat import MEMBERS
from actors.runtime import refs
from actors.runtime.refs import Caller
from actors.user import HEAD, MAILBOX, RECENT_MAX, TRIM_STEP
from api import limits
from api import methods as m
from api import types as t
from tests.unit.actors.rows import refused, refused_call, rows_of, unchanged
from tests.unit.actors.town import Town

TOWNS = {"one host": (1, 100_000), "three hosts": (3, 100_000), "forgetful": (1, 1)}
"""Hosts, and how many actors each keeps in memory: the forgetful one drops every actor as soon as
another is spoken to."""


@pytest.fixture(params=TOWNS.values(), ids=TOWNS)
def town(request: pytest.FixtureRequest) -> Town:
    hosts, resident_max = request.param
    town = Town(hosts=hosts)
    for engine in town.engines.values():
        engine.resident_max = resident_max
    return town


class Pair:
    """Two people and their chat."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.alice, self.bobby = town.register("alice"), town.register("bobby")
        self.chat = town.private(self.alice, self.bobby)

    def write(self, number: int) -> None:
        """Alice writes so many messages."""
        for _ in range(number):
            self.town.send(self.alice, self.chat, "hello")
        self.town.settle()


@pytest.fixture
def pair(town: Town) -> Pair:
    return Pair(town)


def difference(town: Town, caller: Caller, pts: int, limit: int = 100) -> i.MailSlice:
    answer = town.ask(refs.user(caller.user_id), m.GetDifference(pts, limit), caller)
    return msgspec.convert(answer, i.MailSlice)


def pts_of(town: Town, caller: Caller) -> int:
    state: t.State = town.call(caller, m.GetState())
    return state.pts


def walk(town: Town, caller: Caller, pts: int = 0, limit: int = 100) -> list[tuple[int, Any]]:
    """All updates after `pts`, asked for page by page as a client does."""
    found: list[tuple[int, Any]] = []
    while True:
        page = difference(town, caller, pts, limit)
        found += page.entries
        if page.kind in ("empty", "full"):
            return found
        assert page.kind == "slice"
        assert len(page.entries) == limit, "a slice is as long as was asked for"
        pts = page.pts


def told(town: Town, caller: Caller, pts: int = 0) -> list[tuple[str, int, int]]:
    """All updates after `pts`: what happened, and the two numbers."""
    return [(entry.kind, entry.first, entry.second) for _, entry in walk(town, caller, pts)]


def dialogs(town: Town, caller: Caller, offset: int = 0, limit: int = 50) -> t.Dialogs:
    answer = town.ask(refs.user(caller.user_id), m.GetDialogs(offset, limit), caller)
    return msgspec.convert(answer, t.Dialogs)


def dialog(town: Town, caller: Caller, chat_id: str) -> t.Dialog:
    page = dialogs(town, caller)
    return next(found for found in page.dialogs if found.chat_id == chat_id)


def fill(town: Town, caller: Caller, updates: int) -> None:
    """That many updates of the cheapest kind."""
    start = pts_of(town, caller)
    for number in range(start, start + updates):
        town.post(refs.user(caller.user_id), m.UpdateProfile(bio=f"{number}"), caller)
    town.settle()


def acknowledge(town: Town, caller: Caller, pts: int) -> None:
    assert town.call(caller, m.Ack(pts)) == t.Ok()
    town.settle()


def read(town: Town, caller: Caller, chat_id: str, max_id: int) -> t.ReadMark:
    mark: t.ReadMark = town.call(caller, m.MarkRead(chat_id, max_id))
    town.settle()
    return mark


def log_in(town: Town, caller: Caller, session_id: int) -> Caller:
    """Another device of somebody."""
    message = i.NewLogin(session_id, b"token", "another", "hash")
    town.ask(refs.user(caller.user_id), message)
    return Caller(caller.user_id, session_id)


def group_of(town: Town, owner: Caller, *others: Caller) -> str:
    invited = [other.user_id for other in others]
    made: t.Chat = town.call(owner, m.CreateGroup("Group", 1, invited))
    town.settle()
    return made.id


# --- states and differences -------------------------------------------------------------------


def test_a_new_mailbox_is_empty(town: Town) -> None:
    alice = town.register("alice")
    assert town.call(alice, m.GetState()) == t.State(0, town.now_ms)
    me = t.User(alice.user_id, "alice", "Alice")
    assert difference(town, alice, 0) == i.MailSlice("empty", 0, [], me)


def test_nobody_has_no_mailbox(town: Town) -> None:
    nobody = Caller(5, 1)
    for params in (m.GetState(), m.GetDifference(0)):
        assert refused(town, refs.user(5), params, nobody).code == "user_not_found"


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
    me = refs.user(pair.alice.user_id)
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
    view = rows_of(town, refs.user(alice.user_id))
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
    me, bob = refs.user(alice.user_id), bobby.user_id
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
        (1, i.MailEntry("message", chat, 1, 1)),
        (2, i.MailEntry("message", chat, 2, 0)),
        (3, i.MailEntry("delivered", chat, 1, bob)),
        (4, i.MailEntry("read_outbox", chat, 1, bob)),
        (5, i.MailEntry("read_inbox", chat, 2, 0)),
        (6, i.MailEntry("profile", "", 0, 0)),
        (7, i.MailEntry("contact", "", bob, 1, "Bob")),
        (8, i.MailEntry("contact", "", bob, 3, "Bob")),
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
        town.post(refs.chat(chat), m.SendMessage(chat, f"{number}", number + 1), sender)
        for number in range(20)
        for chat, other in zip(chats, others, strict=True)
        for sender in (alice, other)
    ]
    town.settle()
    answers = [msgspec.json.decode(town.answers[number], type=t.Sent) for number in asked]
    entries = walk(town, alice)
    assert [number for number, _ in entries] == [*range(1, 121)]
    for chat in chats:
        assert [e.first for _, e in entries if e.chat_id == chat] == [*range(1, 41)]
    mine = {(sent.chat_id, sent.id): sent.pts for sent in answers[::2]}
    assert mine == {(e.chat_id, e.first): pts for pts, e in entries if e.second}


def test_what_is_refused_or_repeated_takes_no_number(pair: Pair) -> None:
    town, alice, bobby, chat = pair.town, pair.alice, pair.bobby, pair.chat
    first = town.send(alice, chat, "one", 1)
    town.ask(refs.user(bobby.user_id), m.Block(alice.user_id), bobby)
    assert refused_call(town, alice, m.SendMessage(chat, "two", 2)) == "blocked"
    read(town, bobby, chat, 1)
    again = unchanged(town, refs.chat(chat), m.SendMessage(chat, "one", 1), alice)
    assert (first.pts, again.get("pts", 0)) == (1, 0), "from memory, without a number"
    for ref, params, caller in (
        (refs.chat(chat), m.MarkRead(chat, 1), bobby),
        (refs.user(bobby.user_id), m.Block(alice.user_id), bobby),
        (refs.user(alice.user_id), m.Unblock(bobby.user_id), alice),
        (refs.user(alice.user_id), m.RemoveContact(bobby.user_id), alice),
        (refs.user(alice.user_id), m.UpdateProfile(name="Alice"), alice),
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
    head = HEAD.get(rows_of(town, refs.user(bob)), None)
    assert head is not None
    assert head.delivered_pts == 3, "what came before is not looked at again"
    acknowledge(town, bobby, 3)
    unchanged(town, refs.session(bob, bobby.session_id), m.Ack(3), bobby)


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
            town.post(refs.chat(chat), send, rng.choice([alice, other, other]))
        town.settle()
        if restarted:
            _restart(town)
        confirmed = rng.randint(before, pts_of(town, alice))
        acknowledge(town, alice, confirmed)
        theirs = [(pts, e) for pts, e in walk(town, alice) if e.kind == "message" and not e.second]
        for chat in chats:
            ids = [e.first for pts, e in theirs if e.chat_id == chat and pts <= confirmed]
            assert _delivered(town, chat, alice) == max(ids, default=0)


def _restart(town: Town) -> None:
    for name in town.names:
        resident_max = town.engines[name].resident_max
        town.start(name)
        town.engines[name].resident_max = resident_max


def _delivered(town: Town, chat: str, caller: Caller) -> int:
    """Up to where the chat knows that somebody has it."""
    row = MEMBERS.get(rows_of(town, refs.chat(chat)), caller.user_id)
    assert row is not None
    return row.delivered_id


def test_of_very_much_confirmed_at_once_the_latest_is_looked_at(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "RECEIVED_ROWS_MAX", 10)
    town, bobby = pair.town, pair.bobby
    carol = town.register("carol")
    quiet = town.private(carol, bobby)
    town.send(carol, quiet, "long ago")
    pair.write(RECENT_MAX + 20)
    acknowledge(town, bobby, pts_of(town, bobby))
    assert _delivered(town, pair.chat, bobby) == RECENT_MAX + 20
    assert _delivered(town, quiet, bobby) == 0
    town.send(carol, quiet, "now")
    acknowledge(town, bobby, pts_of(town, bobby))
    assert _delivered(town, quiet, bobby) == 2, "the next one of a chat makes up for it"


def test_what_is_not_there_cannot_be_confirmed(pair: Pair) -> None:
    pair.write(1)
    acknowledge(pair.town, pair.bobby, 5)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 0
    acknowledge(pair.town, pair.bobby, 1)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 1


def test_a_confirmation_that_came_too_early_does_not_hide_the_same_one_later(pair: Pair) -> None:
    """The server was restored from a copy, and the device still was where it had been before."""
    pair.write(1)
    session = refs.session(pair.bobby.user_id, pair.bobby.session_id)
    unchanged(pair.town, session, m.Ack(2), pair.bobby)
    pair.write(1)
    acknowledge(pair.town, pair.bobby, 2)
    assert _delivered(pair.town, pair.chat, pair.bobby) == 2


def test_a_session_that_ended_confirms_nothing(pair: Pair) -> None:
    town, bobby = pair.town, pair.bobby
    pair.write(1)
    town.call(bobby, m.Logout())
    unchanged(town, refs.session(bobby.user_id, bobby.session_id), m.Ack(1), bobby)


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
        mark = unchanged(town, refs.chat(chat), m.MarkRead(chat, max_id), bobby)
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


def test_of_too_many_dialogs_the_latest_are_shown(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, chats = _acquaint(town, 6)
    monkeypatch.setattr(limits, "DIALOGS_MAX", 3)
    for limit in (1, 2, 3, 50):
        found: list[str] = []
        offset = 0
        while not found or offset:
            page = dialogs(town, alice, offset, limit)
            found += [dialog.chat_id for dialog in page.dialogs]
            offset = page.next_offset
        assert found == chats[:3]
    assert dialogs(town, alice, 3, 2) == t.Dialogs([], 0, 6)
