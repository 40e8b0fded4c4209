"""Contacts, blocks, presence, and who sees it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors import addresses
from actors.session.messages import Detach, KeepAlive
from actors.user import presence
from actors.user.messages import GetProfile, NewLogin
from actors.user.state import BLOCKED, HEAD, ONLINE_MS_MAX
from api import limits
from api import methods as m
from api import types as t
from runtime.refs import ActorRef, Caller
from tests.unit.actors import mailboxes
from tests.unit.actors.mailboxes import acknowledge, pts_of, read
from tests.unit.actors.rows import refused, refused_call, rows_of, unchanged
from tests.unit.actors.town import FRONT, OK, Town


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def own(caller: Caller) -> ActorRef:
    return addresses.user(caller.user_id)


def do(town: Town, caller: Caller, params: m.Params) -> Any:
    answer = town.ask(own(caller), params, caller)
    town.settle()
    return answer


def people(town: Town, *names: str) -> list[Caller]:
    return [town.register(name) for name in names]


def contacts(town: Town, caller: Caller) -> dict[int, str]:
    return {one.user_id: one.name for one in town.call(caller, m.GetContacts()).contacts}


def told(town: Town, caller: Caller, pts: int = 0) -> list[tuple[int, int, str]]:
    """What the mailbox says of contacts: whom, 1 contact + 2 blocked, name."""
    entries = [entry for _, entry in town.mail(caller, pts)]
    assert {entry.kind for entry in entries} <= {"contact"}
    return [(entry.first, entry.second, entry.text) for entry in entries]


def status(town: Town, viewer: Caller, of: Caller) -> t.Status | None:
    """How somebody sees somebody."""
    answer = town.ask(own(of), GetProfile(), viewer, read=True)
    return msgspec.convert(answer, t.User).status


def detach(town: Town, caller: Caller, connection: int) -> None:
    ref = addresses.session(caller.user_id, caller.session_id)
    town.post(ref, Detach(FRONT, connection))
    town.settle()


def seen(town: Town, connection: int) -> list[tuple[int, bool]]:
    """Whom a connection was told to be online or not, since it was asked last."""
    frames = town.pushed.pop(connection, [])
    events = [frame["event"] for frame in frames if "event" in frame]
    return [(event["user_id"], event["status"]["online"]) for event in events]


def acquainted(town: Town, *names: str) -> list[Caller]:
    """The first one has written to all others, and is connected as 1."""
    first, *others = people(town, *names)
    for other in others:
        town.send(first, town.private(first, other), "hello")
    town.attach(first, 1)
    town.settle()
    town.pushed.clear()
    return [first, *others]


# --- contacts ---------------------------------------------------------------------------------


def test_contacts_come_are_renamed_and_go(town: Town) -> None:
    alice, bobby, carol = people(town, "alice", "bobby", "carol")
    do(town, alice, m.AddContact(bobby.user_id, "Bob"))
    do(town, alice, m.AddContact(carol.user_id))
    do(town, alice, m.AddContact(bobby.user_id, "Robert"))
    assert contacts(town, alice) == {bobby.user_id: "Robert", carol.user_id: ""}
    do(town, alice, m.RemoveContact(bobby.user_id))
    assert contacts(town, alice) == {carol.user_id: ""}
    assert told(town, alice) == [
        (bobby.user_id, 1, "Bob"),
        (carol.user_id, 1, ""),
        (bobby.user_id, 1, "Robert"),
        (bobby.user_id, 0, ""),
    ]
    assert contacts(town, bobby) == {}
    assert town.mail(bobby) == [], "whose contact one is, one is not told"


def test_what_is_so_already_changes_nothing(town: Town) -> None:
    alice, bobby, carol = people(town, "alice", "bobby", "carol")
    do(town, alice, m.AddContact(bobby.user_id, "Bob"))
    do(town, alice, m.Block(carol.user_id))
    for params in (
        m.AddContact(bobby.user_id, "Bob"),
        m.RemoveContact(carol.user_id),
        m.Block(carol.user_id),
        m.Unblock(bobby.user_id),
    ):
        assert unchanged(town, own(alice), params, alice) == OK


def test_contacts_are_listed_in_pages(town: Town) -> None:
    (alice,) = people(town, "alice")
    for user_id in (50, 10, 40, 20, 30):
        do(town, alice, m.AddContact(user_id))
    pages, after, more = [], 0, True
    while more:
        page: t.Contacts = town.call(alice, m.GetContacts(after, 2))
        pages.append([one.user_id for one in page.contacts])
        after, more = pages[-1][-1], page.more
    assert pages == [[10, 20], [30, 40], [50]]


def test_so_many_contacts_and_no_more(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONTACTS_MAX", 2)
    (alice,) = people(town, "alice")
    do(town, alice, m.AddContact(10))
    do(town, alice, m.AddContact(20))
    assert refused(town, own(alice), m.AddContact(30), alice).code == "too_many"
    do(town, alice, m.AddContact(10, "renamed"))
    do(town, alice, m.RemoveContact(20))
    do(town, alice, m.AddContact(30))
    assert contacts(town, alice) == {10: "renamed", 30: ""}
    head = HEAD.get(rows_of(town, own(alice)), None)
    assert head is not None
    assert head.contacts == 2


# --- blocks -----------------------------------------------------------------------------------


def test_blocks_come_and_go_beside_contacts(town: Town) -> None:
    alice, bobby = people(town, "alice", "bobby")
    do(town, alice, m.AddContact(bobby.user_id, "Bob"))
    do(town, alice, m.Block(bobby.user_id))
    assert town.call(alice, m.GetBlocked()).user_ids == [bobby.user_id]
    do(town, alice, m.RemoveContact(bobby.user_id))
    do(town, alice, m.Unblock(bobby.user_id))
    assert town.call(alice, m.GetBlocked()).user_ids == []
    assert BLOCKED.scan(rows_of(town, own(alice)), limit=9) == []
    assert told(town, alice) == [
        (bobby.user_id, 1, "Bob"),
        (bobby.user_id, 3, "Bob"),
        (bobby.user_id, 2, ""),
        (bobby.user_id, 0, ""),
    ]
    assert town.mail(bobby) == [], "by whom one is blocked, one is not told"


def test_nobody_blocks_themselves_or_too_many(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCKED_MAX", 2)
    (alice,) = people(town, "alice")
    assert refused(town, own(alice), m.Block(alice.user_id), alice).code == "forbidden"
    do(town, alice, m.Block(10))
    do(town, alice, m.Block(20))
    assert refused(town, own(alice), m.Block(30), alice).code == "too_many"
    do(town, alice, m.Unblock(10))
    do(town, alice, m.Block(30))
    assert town.call(alice, m.GetBlocked()).user_ids == [20, 30]


@pytest.mark.parametrize("first_back", ["alice", "bobby"])
def test_a_block_stops_messages_both_ways_until_both_take_theirs_back(
    town: Town, first_back: str
) -> None:
    alice, bobby = people(town, "alice", "bobby")
    chat = town.private(alice, bobby)
    first = town.send(alice, chat, "before", 1)
    ways = ((alice, 2), (bobby, 3))
    do(town, alice, m.Block(bobby.user_id))
    do(town, bobby, m.Block(alice.user_id))
    blocks = [(alice, bobby), (bobby, alice)]
    for blocker, other in blocks if first_back == "alice" else blocks[::-1]:
        for sender, random_id in ways:
            refusal = refused_call(town, sender, m.SendMessage(chat, "hello", random_id))
            assert refusal == "blocked"
        assert town.send(alice, chat, "before", 1).id == first.id, "a resend is answered"
        do(town, blocker, m.Unblock(other.user_id))
    for sender, random_id in ways:
        town.send(sender, chat, "hello", random_id)
    history: t.History = town.call(bobby, m.GetHistory(chat))
    assert [message.text for message in history.messages] == ["before", "hello", "hello"]


def test_who_is_blocked_reads_on_but_is_not_heard(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    chat = addresses.private_chat_id(alice.user_id, bobby.user_id)
    do(town, alice, m.Block(bobby.user_id))
    town.pushed.clear()
    town.call(bobby, m.SetTyping(chat))
    town.settle()
    assert town.pushed == {}, "not even typing"
    assert len(town.call(bobby, m.GetHistory(chat)).messages) == 1
    do(town, alice, m.Unblock(bobby.user_id))
    town.pushed.clear()
    town.call(bobby, m.SetTyping(chat))
    town.settle()
    assert town.pushed == {
        1: [{"event": {"type": "typing", "chat_id": chat, "user_id": bobby.user_id}}]
    }


def test_a_chat_of_two_who_block_is_not_there_for_others(town: Town) -> None:
    """A block makes a row of a chat that nobody has opened."""
    alice, bobby, eve = people(town, "alice", "bobby", "evelyn")
    do(town, alice, m.Block(bobby.user_id))
    chat = addresses.private_chat_id(alice.user_id, bobby.user_id)
    for make in (m.GetChat, m.GetHistory, lambda chat_id: m.SendMessage(chat_id, "x", 1)):
        refusals = {
            refused(town, addresses.chat(chat_id), make(chat_id), caller).args
            for caller in (alice, bobby, eve)
            for chat_id in (chat, "p1-2")
        }
        assert [code for code, *_ in refusals] == ["chat_not_found"]


# --- presence ---------------------------------------------------------------------------------


def test_those_one_has_written_with_see_one_come_and_go(town: Town) -> None:
    alice, bobby, carol = acquainted(town, "alice", "bobby", "carol")
    phone = Caller(bobby.user_id, 2)
    town.ask(own(bobby), NewLogin(2, b"token", "phone", "hash"))
    assert status(town, alice, bobby) == t.Status(False, town.now_ms)
    town.attach(bobby, 2)
    town.settle()
    assert seen(town, 1) == [(bobby.user_id, True)]
    town.now_ms += 1_000
    town.attach(phone, 3)
    town.attach(phone, 4)
    detach(town, bobby, 2)
    detach(town, phone, 3)
    assert seen(town, 1) == [], "another device of theirs makes no difference"
    assert status(town, carol, bobby) == t.Status(True, town.now_ms), "who asks may know"
    town.now_ms += 1_000
    detach(town, phone, 4)
    assert seen(town, 1) == [(bobby.user_id, False)]
    gone_ms = town.now_ms
    town.now_ms += 1_000
    assert status(town, alice, bobby) == t.Status(False, gone_ms)


def test_strangers_and_members_of_a_group_are_not_told(town: Town) -> None:
    alice, bobby, carol = people(town, "alice", "bobby", "carol")
    group = town.call(alice, m.CreateGroup("Group", 1, [bobby.user_id])).id
    town.send(alice, group, "hello")
    town.send(alice, town.private(alice, alice), "to myself")
    town.private(bobby, alice)  # nothing was ever written
    for caller, connection in ((bobby, 2), (carol, 3)):
        town.attach(caller, connection)
    town.settle()
    town.pushed.clear()
    town.attach(alice, 1)
    town.settle()
    detach(town, alice, 1)
    assert town.pushed == {}


def test_who_is_blocked_sees_nothing_of_it(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    do(town, bobby, m.Block(alice.user_id))
    town.pushed.clear()
    town.attach(bobby, 2)
    town.settle()
    detach(town, bobby, 2)
    assert seen(town, 1) == []
    assert status(town, alice, bobby) is None
    assert status(town, bobby, alice) == t.Status(True, town.now_ms), "whoever blocks may see"
    assert status(town, bobby, bobby) is not None
    do(town, bobby, m.Unblock(alice.user_id))
    town.attach(bobby, 2)
    town.settle()
    assert seen(town, 1) == [(bobby.user_id, False), (bobby.user_id, True)]
    assert status(town, alice, bobby) == t.Status(True, town.now_ms)


def test_a_block_takes_back_what_was_seen_and_its_end_shows_it_again(town: Town) -> None:
    """Who is online when they block somebody does not stay online for them."""
    alice, bobby = acquainted(town, "alice", "bobby")
    town.attach(bobby, 2)
    town.settle()
    town.pushed.clear()
    do(town, alice, m.Block(bobby.user_id))
    (event,) = (frame["event"] for frame in town.pushed[2])
    assert event["status"] == {"online": False, "last_seen_ms": 0}, "nor when they were there"
    assert seen(town, 2) == [(alice.user_id, False)]
    do(town, alice, m.Unblock(bobby.user_id))
    assert seen(town, 2) == [(alice.user_id, True)]


def marks(chat: t.Chat, of: Caller) -> tuple[int, int]:
    """What somebody has received and read, as the chat was shown."""
    (member,) = (member for member in chat.members if member.user_id == of.user_id)
    return member.delivered_id, member.read_id


def test_who_blocks_tells_by_no_mark_that_they_are_there(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    chat = town.private(alice, bobby)
    for _ in range(2):
        town.send(bobby, chat, "hello")
    acknowledge(town, alice, 1)
    do(town, alice, m.Block(bobby.user_id))
    before = pts_of(town, bobby)
    acknowledge(town, alice, pts_of(town, alice))
    assert read(town, alice, chat, 2) == t.ReadMark(2, 0)
    assert pts_of(town, bobby) == before
    shown = town.call(bobby, m.GetChat(chat))
    assert marks(shown, alice) == (1, 0), "they stay where they were"
    opened = town.ask(own(alice), m.OpenPrivate(alice.user_id), bobby)
    assert msgspec.convert(opened, t.Chat) == shown
    assert marks(town.call(alice, m.GetChat(chat)), alice) == (2, 2)
    dialog = mailboxes.dialog(town, bobby, chat)
    assert (dialog.delivered_id, dialog.read_outbox_id) == (1, 0), "and so they are in every read"
    do(town, alice, m.Unblock(bobby.user_id))
    assert marks(town.call(bobby, m.GetChat(chat)), alice) == (2, 2)
    assert mailboxes.told(town, bobby, before) == [
        ("delivered", 2, alice.user_id),
        ("read_outbox", 2, alice.user_id),
    ]


def test_who_is_blocked_tells_theirs_and_in_a_group_all_do(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    chat = town.private(alice, bobby)
    group = town.call(alice, m.CreateGroup("Group", 1, [bobby.user_id])).id
    town.send(alice, chat, "hello")
    do(town, alice, m.Block(bobby.user_id))
    read(town, bobby, chat, 1)
    read(town, alice, group, 2)
    assert marks(town.call(alice, m.GetChat(chat)), bobby) == (0, 1)
    assert marks(town.call(bobby, m.GetChat(group)), alice) == (0, 2)


def test_however_many_one_has_written_with_all_are_told(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "PRESENCE_STEP", 2)
    alice, *others = (town.register(f"person{at}") for at in range(8))
    for number, other in enumerate(others):
        town.private(alice, other)
        town.send(alice, town.private(alice, other), "hello")
        town.attach(other, 10 + number)
    town.attach(alice, 1)
    town.settle()
    for number in range(len(others)):
        assert seen(town, 10 + number)[-1] == (alice.user_id, True)


def test_the_end_of_the_last_session_is_a_going(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    town.attach(bobby, 2)
    town.settle()
    town.pushed.clear()
    town.call(bobby, m.Logout())
    town.settle()
    assert seen(town, 1) == [(bobby.user_id, False)]
    assert status(town, alice, bobby) == t.Status(False, town.now_ms)


def test_a_front_that_is_gone_takes_its_connections_with_it(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    town.attach(bobby, 2)
    town.attach(bobby, 3)
    town.settle()
    town.engine(own(bobby)).forget_front("another")
    town.settle()
    assert status(town, alice, bobby) == t.Status(True, town.now_ms)
    town.engine(own(bobby)).forget_front(FRONT)
    town.settle()
    assert status(town, alice, bobby) == t.Status(False, town.now_ms)


def test_who_is_not_heard_of_for_long_is_not_online(town: Town) -> None:
    """As when the front of the only connection died together with the host of the user."""
    alice, bobby = acquainted(town, "alice", "bobby")
    town.attach(bobby, 2)
    town.now_ms += ONLINE_MS_MAX - 1
    assert status(town, alice, bobby) == t.Status(True, town.now_ms)
    town.now_ms += 1
    shown = status(town, alice, bobby)
    assert shown is not None
    assert not shown.online
    beat = KeepAlive(FRONT, 2)
    town.ask(addresses.session(bobby.user_id, bobby.session_id), beat)
    assert status(town, alice, bobby) == t.Status(True, town.now_ms)


def test_a_host_that_restarts_learns_by_heartbeats_who_is_online(town: Town) -> None:
    alice, bobby = acquainted(town, "alice", "bobby")
    town.attach(bobby, 2)
    for name in town.names:
        town.start(name)
    shown = status(town, alice, bobby)
    assert shown is not None
    assert not shown.online
    ref = addresses.session(bobby.user_id, bobby.session_id)
    hello = msgspec.convert(town.ask(ref, KeepAlive(FRONT, 2)), t.Hello)
    assert hello.pts == len(town.mail(bobby))
    assert status(town, alice, bobby) == t.Status(True, town.now_ms)
    town.send(alice, addresses.private_chat_id(alice.user_id, bobby.user_id), "again")
    town.settle()
    assert [frame["pts"] for frame in town.pushed[2] if "pts" in frame] == [hello.pts + 1]
