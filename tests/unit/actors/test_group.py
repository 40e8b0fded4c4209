"""Groups: who may do what, what everybody is told of it, and who may read what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec
import pytest

from actors import addresses
from actors.chat.messages import Joined
from actors.chat.state import MEMBERS, MemberRow
from actors.tickets import Seal, Ticket
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from runtime.refs import Caller
from tests.unit.actors.rows import refused, refused_call, rows_of, unchanged
from tests.unit.actors.town import OK, Town

ROLES = ("owner", "admin", "member", "past", "stranger")
NOWHERE = "g5"


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def town(request: pytest.FixtureRequest) -> Town:
    return Town(hosts=request.param)


def group_of(town: Town, owner: Caller, *others: Caller, random_id: int = 1) -> str:
    """A new group; everybody is in it."""
    invited = [other.user_id for other in others]
    made: t.Chat = town.call(owner, m.CreateGroup("Group", random_id, invited))
    town.settle()
    return made.id


def roles(town: Town, caller: Caller, group: str) -> dict[int, str]:
    chat: t.Chat = town.call(caller, m.GetChat(group))
    return {member.user_id: member.role for member in chat.members}


def read(town: Town, caller: Caller, group: str) -> list[int]:
    """The ids of what somebody may read, by whatever way."""
    chat: t.History = town.call(caller, m.GetHistory(group))
    ids = [message.id for message in chat.messages]
    later: t.History = town.call(caller, m.GetHistory(group, after_id=0))
    picked: t.History = town.call(caller, m.GetMessages(group, list(range(1, 101))))
    assert [message.id for message in later.messages] == ids
    assert [message.id for message in picked.messages] == ids
    return ids


def actions(town: Town, caller: Caller, group: str) -> list[t.Action | None]:
    return [message.action for message in town.call(caller, m.GetHistory(group)).messages]


class Circle:
    """A group with somebody of every role, two of some, and two who are not in it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        names = ("owner", "admin", "admin2", "member", "member2", "past", "stranger", "another")
        self.people = {name: town.register(f"the_{name}") for name in names}
        owner, *others = (self.people[name] for name in names[:6])
        self.group = group_of(town, owner, *others)
        for name in ("admin", "admin2"):
            town.call(owner, m.SetAdmin(self.group, self.id(name), True))
        town.call(self.people["past"], m.LeaveGroup(self.group))
        town.settle()

    def id(self, name: str) -> int:
        return self.people[name].user_id


PHOTO = Seal(bytes(32)).close(
    Ticket(2**50, 0, t.Media("photo", "f" * 43, 5, "me.jpg", "image/jpeg"))
)
ACTIONS: dict[str, tuple[Callable[[Circle], m.Params], str]] = {
    # What is done; and how it goes for each of ROLES: y(es), f(orbidden), n(ot a member, whom it
    # is about), - (there is no such chat).
    "add": (lambda c: m.AddMember(c.group, c.id("another")), "yyy--"),
    "remove a member": (lambda c: m.RemoveMember(c.group, c.id("member2")), "yyf--"),
    "remove an admin": (lambda c: m.RemoveMember(c.group, c.id("admin2")), "yff--"),
    "remove the owner": (lambda c: m.RemoveMember(c.group, c.id("owner")), "nff--"),
    "remove somebody outside": (lambda c: m.RemoveMember(c.group, c.id("another")), "nnf--"),
    "rename": (lambda c: m.RenameGroup(c.group, "New"), "yyf--"),
    "describe": (lambda c: m.SetDescription(c.group, "About"), "yyf--"),
    "say who adds": (lambda c: m.SetMemberRights(c.group, False), "yyf--"),
    "photo": (lambda c: m.SetChatPhoto(c.group, PHOTO), "yyf--"),
    "make an admin": (lambda c: m.SetAdmin(c.group, c.id("member2"), True), "yff--"),
    "make no admin": (lambda c: m.SetAdmin(c.group, c.id("admin2"), False), "yff--"),
    "make an admin outside": (lambda c: m.SetAdmin(c.group, c.id("another"), True), "nff--"),
    "make the owner an admin": (lambda c: m.SetAdmin(c.group, c.id("owner"), True), "nff--"),
    "hand over": (lambda c: m.TransferOwnership(c.group, c.id("member2")), "yff--"),
    "hand over to an admin": (lambda c: m.TransferOwnership(c.group, c.id("admin2")), "yff--"),
    "hand over outside": (lambda c: m.TransferOwnership(c.group, c.id("another")), "nff--"),
    "hand over to the owner": (lambda c: m.TransferOwnership(c.group, c.id("owner")), "nff--"),
    "leave": (lambda c: m.LeaveGroup(c.group), "fyy--"),
    "send": (lambda c: m.SendMessage(c.group, "hello", 1), "yyy--"),
    "edit": (lambda c: m.EditMessage(c.group, 9, "was"), "fff--"),
    "delete": (lambda c: m.DeleteMessages(c.group, [9], True), "fff--"),
    "mark": (lambda c: m.MarkRead(c.group, 3), "yyy--"),
    "type": (lambda c: m.SetTyping(c.group), "yyy--"),
    "see the chat": (lambda c: m.GetChat(c.group), "yyy--"),
    "read history": (lambda c: m.GetHistory(c.group), "yyyy-"),
    "read messages": (lambda c: m.GetMessages(c.group, [1]), "yyyy-"),
}
CODES = {"f": "forbidden", "n": "not_member", "-": "chat_not_found"}
WRITES_NOTHING = (m.MarkRead, m.SetTyping, m.GetChat, m.GetHistory, m.GetMessages)


@pytest.mark.parametrize("what", ACTIONS)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_do_what(town: Town, role: str, what: str) -> None:
    circle = Circle(town)
    caller, group = circle.people[role], circle.group
    make, allowed = ACTIONS[what]
    params, verdict = make(circle), allowed[ROLES.index(role)]
    if verdict != "y":
        assert refused_call(town, caller, params) == CODES[verdict]
        return
    members = roles(town, circle.people["owner"], group)
    mail = {user_id: len(_mail(town, user_id)) for user_id in members}
    town.call(caller, params)
    town.settle()
    if not isinstance(params, WRITES_NOTHING):
        told = {user_id: len(_mail(town, user_id)) - mail[user_id] for user_id in members}
        assert told == dict.fromkeys(members, 1), "everybody who was there is told, once"


def _mail(town: Town, user_id: int) -> list[object]:
    told = [entry for _, entry in town.mail(Caller(user_id, 1))]
    return [entry for entry in told if entry.kind in ("message", "said")]


@pytest.mark.parametrize("role", ["past", "stranger"])
def test_who_is_outside_cannot_tell_the_group_from_none(town: Town, role: str) -> None:
    circle = Circle(town)
    caller = circle.people[role]
    for what, (make, allowed) in ACTIONS.items():
        if allowed[ROLES.index(role)] == "-":
            params = make(circle)
            real = refused(town, addresses.chat(circle.group), params, caller)
            circle.group, kept = NOWHERE, circle.group
            none = refused(town, addresses.chat(NOWHERE), make(circle), caller)
            circle.group = kept
            assert real.args == none.args, what


def test_every_change_is_a_service_message_that_all_see(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    for caller, params in (
        (alice, m.RenameGroup(group, "Renamed")),
        (alice, m.SetAdmin(group, bobby.user_id, True)),
        (bobby, m.AddMember(group, carol.user_id)),
        (bobby, m.RemoveMember(group, carol.user_id)),
        (alice, m.SetAdmin(group, bobby.user_id, False)),
        (alice, m.TransferOwnership(group, bobby.user_id)),
        (alice, m.LeaveGroup(group)),
    ):
        town.call(caller, params)
        town.settle()
    messages = town.call(bobby, m.GetHistory(group, after_id=0)).messages
    assert [(message.from_id, message.action) for message in messages] == [
        (alice.user_id, t.Action("member_added", bobby.user_id, "Group")),
        (alice.user_id, t.Action("renamed", 0, "Renamed")),
        (alice.user_id, t.Action("admin_added", bobby.user_id)),
        (bobby.user_id, t.Action("member_added", carol.user_id, "Renamed")),
        (bobby.user_id, t.Action("member_removed", carol.user_id)),
        (alice.user_id, t.Action("admin_removed", bobby.user_id)),
        (alice.user_id, t.Action("owner_changed", bobby.user_id)),
        (alice.user_id, t.Action("member_left", alice.user_id)),
    ]
    first = town.call(alice, m.GetMessages(group, [1])).messages[0]
    assert first.action == t.Action("group_created", 0, "Group")
    told = [(entry.kind, entry.first) for _, entry in town.mail(bobby)]
    assert told == [("message", number) for number in range(2, 10)]
    told = [(entry.kind, entry.first, entry.second) for _, entry in town.mail(carol)]
    assert told == [("message", 5, 0), ("message", 6, 0), ("read_inbox", 6, 0)]
    chat = town.call(bobby, m.GetChat(group))
    assert (chat.title, chat.last_id) == ("Renamed", 9)


# --- create -----------------------------------------------------------------------------------


def test_creating_again_finds_the_group(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    again = m.CreateGroup("Another title", 1, [carol.user_id])
    found = unchanged(town, addresses.chat(group), again, alice)
    assert (found["id"], found["title"]) == (group, "Group")
    assert group_of(town, alice, random_id=2) != group
    assert group_of(town, bobby) != group, "another's equal random_id is another group"


def test_creating_at_once_creates_once(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    params = m.CreateGroup("Group", 7, [bobby.user_id])
    ref = addresses.chat(addresses.group_id(alice.user_id, 7))
    numbers = [town.post(ref, params, alice) for _ in range(3)]
    town.settle()
    answers = [msgspec.json.decode(town.answers[number], type=t.Chat) for number in numbers]
    assert {answer.id for answer in answers} == {ref.key}
    assert len(town.mail(bobby)) == 1
    assert len(read(town, alice, str(ref.key))) == 2


def test_whoever_cannot_be_added_is_left_out_of_a_new_group(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    town.ask(addresses.user(bobby.user_id), m.Block(alice.user_id), bobby)
    invited = [bobby.user_id, 2**50, alice.user_id, carol.user_id, carol.user_id]
    group = town.call(alice, m.CreateGroup("Group", 1, invited)).id
    town.settle()
    assert roles(town, alice, group) == {alice.user_id: "owner", carol.user_id: "member"}
    assert [action and action.kind for action in actions(town, alice, group)] == [
        "group_created",
        "member_added",
    ]


def test_a_group_that_was_left_by_all_stays_closed(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice)
    town.call(alice, m.LeaveGroup(group))
    assert refused_call(town, alice, m.CreateGroup("Group", 1)) == "chat_not_found"
    assert refused_call(town, alice, m.AddMember(group, bobby.user_id)) == "chat_not_found"
    assert read(town, alice, group) == [1, 2], "what was theirs stays readable"


# --- membership -------------------------------------------------------------------------------


def test_what_is_so_already_changes_nothing(town: Town) -> None:
    circle = Circle(town)
    owner, group, ref = circle.people["owner"], circle.group, addresses.chat(circle.group)
    for params in (
        m.AddMember(group, circle.id("member")),
        m.AddMember(group, circle.id("owner")),
        m.SetAdmin(group, circle.id("admin"), True),
        m.SetAdmin(group, circle.id("member"), False),
        m.RenameGroup(group, "Group"),
        m.SetDescription(group, ""),
        m.SetMemberRights(group, True),
    ):
        assert unchanged(town, ref, params, owner) == OK


def test_a_description_is_told_by_an_update_and_by_no_message(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, carol)
    town.call(carol, m.LeaveGroup(group))
    town.settle()
    town.attach(bobby, 7)
    people = (alice, bobby, carol)
    before = [len(town.mail(person)) for person in people]
    last_id, texts = town.call(alice, m.GetChat(group)).last_id, ("Boats,\nold ones", "", "Boats")
    for text in texts:
        assert msgspec.to_builtins(town.call(alice, m.SetDescription(group, text))) == OK
        town.settle()
        chat: t.Chat = town.call(bobby, m.GetChat(group))
        assert (chat.description, chat.last_id) == (text, last_id)
    again = m.SetDescription(group, "Boats")
    assert unchanged(town, addresses.chat(group), again, alice) == OK
    said = [t.ChatDescribed(group, text) for text in texts]
    told = [("said", msgspec.to_builtins(update)) for update in said]
    for person, number, right in zip(people, before, (told, told, []), strict=True):
        assert [entry[:2] for _, entry in town.mail(person)[number:]] == right
    assert [msgspec.convert(frame["update"], t.Update) for frame in town.pushed[7]] == said
    town.call(alice, m.AddMember(group, carol.user_id))
    assert town.call(carol, m.GetChat(group)).description == "Boats"


def test_where_only_admins_add_members_do_not(town: Town) -> None:
    circle = Circle(town)
    group, another = circle.group, circle.id("another")
    admin, member = circle.people["admin"], circle.people["member"]
    assert town.call(member, m.GetChat(group)).members_add
    town.call(admin, m.SetMemberRights(group, False))
    town.settle()
    assert not town.call(member, m.GetChat(group)).members_add
    assert refused_call(town, member, m.AddMember(group, another)) == "forbidden"
    there = m.AddMember(group, circle.id("admin"))
    assert unchanged(town, addresses.chat(group), there, member) == OK
    town.call(admin, m.AddMember(group, another))
    assert another in roles(town, admin, group)
    town.call(admin, m.SetMemberRights(group, True))
    town.call(admin, m.RemoveMember(group, another))
    town.call(member, m.AddMember(group, another))
    assert another in roles(town, admin, group)
    said = [entry.chat_id for _, entry in town.mail(member) if entry.kind == "said"]
    assert said == [
        {"type": "member_rights", "chat_id": group, "add": add} for add in (False, True)
    ]


def test_whom_a_member_has_invited_does_not_come_after_only_admins_add(town: Town) -> None:
    """The one who is invited agrees after the right was taken back."""
    circle = Circle(town)
    group, another = circle.group, circle.id("another")
    ref, member = addresses.chat(group), circle.people["member"]
    town.call(circle.people["owner"], m.SetMemberRights(group, False))
    assert refused(town, ref, Joined(another, member.user_id)).code == "forbidden"
    assert another not in roles(town, member, group)


def test_whoever_blocks_is_not_added_by_whom_they_block(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    block = addresses.user(carol.user_id)
    town.ask(block, m.Block(alice.user_id), carol)
    assert refused_call(town, alice, m.AddMember(group, carol.user_id)) == "blocked"
    assert refused_call(town, alice, m.AddMember(group, 2**50)) == "user_not_found"
    town.call(bobby, m.AddMember(group, carol.user_id))
    town.settle()
    assert carol.user_id in roles(town, alice, group), "another one may add them"
    # Blocks are between two: in a group, all hear all.
    assert town.send(alice, group, "hello").id == 4
    assert read(town, carol, group) == [3, 4]


def test_handing_over(town: Town) -> None:
    circle = Circle(town)
    owner, member, group = circle.people["owner"], circle.people["member"], circle.group
    town.call(owner, m.TransferOwnership(group, member.user_id))
    now = roles(town, owner, group)
    assert (now[owner.user_id], now[member.user_id]) == ("admin", "owner")
    assert list(now.values()).count("owner") == 1
    assert refused_call(town, owner, m.SetAdmin(group, circle.id("member2"), True)) == "forbidden"
    town.call(member, m.RemoveMember(group, owner.user_id))
    assert refused_call(town, owner, m.GetChat(group)) == "chat_not_found"


def test_a_removed_member_reads_up_to_that_and_nothing_later(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    town.call(alice, m.AddMember(group, carol.user_id))
    town.attach(bobby, 7)
    town.send(alice, group, "before")  # 4
    town.call(alice, m.RemoveMember(group, bobby.user_id))  # 5
    town.settle()
    pts = len(town.mail(bobby))
    town.pushed.clear()
    for number in range(3):
        town.send(alice, group, f"after {number}")
    town.call(carol, m.SetTyping(group))
    town.settle()
    assert read(town, bobby, group) == [2, 3, 4, 5]
    assert len(town.mail(bobby)) == pts
    assert town.pushed.get(7) is None
    last: t.History = town.call(bobby, m.GetHistory(group, limit=1))
    assert last.messages[0].action == t.Action("member_removed", bobby.user_id)
    dialog = town.ask(addresses.user(bobby.user_id), m.GetDialogs(), bobby)["dialogs"][0]
    assert (dialog["left"], dialog["top_id"]) == (True, 5)
    assert read(town, carol, group) == [3, 4, 5, 6, 7, 8]


def test_a_later_member_reads_from_their_coming(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice)
    first = town.send(alice, group, "before").id
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.send(alice, group, "after")
    assert read(town, bobby, group) == [3, 4]
    page: t.History = town.call(bobby, m.GetHistory(group, before_id=first + 1))
    assert (page.messages, page.more) == ([], False)
    assert town.call(bobby, m.GetMessages(group, [1, first])).messages == []


def test_whoever_comes_back_is_a_member_as_at_first(town: Town) -> None:
    """What was before is no longer read; rights are not kept; sends still are."""
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    town.call(alice, m.SetAdmin(group, bobby.user_id, True))
    mine = town.send(bobby, group, "mine", 5)
    town.call(bobby, m.LeaveGroup(group))
    assert refused_call(town, bobby, m.SendMessage(group, "mine", 5)) == "chat_not_found"
    town.send(alice, group, "meanwhile")
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.settle()
    assert roles(town, alice, group)[bobby.user_id] == "member"
    assert read(town, bobby, group) == [7]
    dialog = town.ask(addresses.user(bobby.user_id), m.GetDialogs(), bobby)["dialogs"][0]
    assert not dialog.get("left")
    assert town.send(bobby, group, "mine", 5).id == mine.id, "a resend stays a resend"
    assert town.send(bobby, group, "again", 6).id == 8
    town.call(bobby, m.LeaveGroup(group))
    assert read(town, bobby, group) == [7, 8, 9]


# --- races and limits -------------------------------------------------------------------------


def test_an_invitation_of_somebody_who_is_gone_meanwhile_is_refused() -> None:
    """The one who adds is removed while the one to be added, in another host, is asked."""
    town = Town(hosts=3)
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    ref = addresses.chat(group)
    home = town.placement.home(ref)
    others = (town.register(f"other{number}") for number in range(50))
    carol = next(o for o in others if town.placement.home(addresses.user(o.user_id)) != home)
    adding = town.post(ref, m.AddMember(group, carol.user_id), bobby)
    town.commit(home)
    removing = town.post(ref, m.RemoveMember(group, bobby.user_id), alice)
    town.settle()
    assert town.answers[removing] == b'{"ok":true}'
    answer = town.answers[adding]
    assert isinstance(answer, ApiError)
    assert answer.code == "chat_not_found"
    assert carol.user_id not in roles(town, alice, group)
    assert town.mail(carol) == []


def test_the_last_place_is_given_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bobby, *others = (town.register(f"person{number}") for number in range(8))
    group = group_of(town, alice, bobby)
    monkeypatch.setattr(limits, "GROUP_MEMBERS_MAX", 3)
    ref = addresses.chat(group)
    asked = [town.post(ref, m.AddMember(group, other.user_id), alice) for other in others]
    town.settle()
    answers = [town.answers[number] for number in asked]
    refusals = [answer.code for answer in answers if isinstance(answer, ApiError)]
    assert refusals == ["group_full"] * 5
    assert len(roles(town, alice, group)) == 3
    town.call(bobby, m.LeaveGroup(group))
    town.call(alice, m.AddMember(group, bobby.user_id))


def test_a_group_has_at_most_200_members_and_50_admins() -> None:
    town = Town()
    owner, *others = (town.register(f"person{number}") for number in range(202))
    group = group_of(town, owner)
    for other in others[:199]:
        town.call(owner, m.AddMember(group, other.user_id))
    late = m.AddMember(group, others[199].user_id)
    assert refused_call(town, owner, late) == "group_full"
    for other in others[:50]:
        town.call(owner, m.SetAdmin(group, other.user_id, True))
    another = m.SetAdmin(group, others[50].user_id, True)
    assert refused_call(town, owner, another) == "too_many"
    now = list(roles(town, owner, group).values())
    assert (len(now), now.count("admin")) == (200, 50)
    town.call(owner, m.SetAdmin(group, others[0].user_id, False))
    town.call(owner, another)
    town.call(others[3], m.LeaveGroup(group))
    town.call(owner, late)
    assert len(roles(town, owner, group)) == 200


def test_handing_over_keeps_the_limit_of_admins(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    circle = Circle(town)
    owner, group = circle.people["owner"], circle.group
    monkeypatch.setattr(limits, "GROUP_ADMINS_MAX", 2)
    with contextlib.suppress(ApiError):
        town.call(owner, m.TransferOwnership(group, circle.id("member")))
    assert list(roles(town, owner, group).values()).count("admin") <= 2


# --- marks ------------------------------------------------------------------------------------


def test_the_first_to_see_a_message_of_a_group_is_told_to_its_sender(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, carol)
    sent = town.send(alice, group, "hello").id
    pts = len(town.mail(alice))
    for reader in (bobby, carol):
        town.call(reader, m.MarkRead(group, sent))
        town.settle()
    told = [(entry.kind, entry.first, entry.second) for _, entry in town.mail(alice, pts)]
    assert told == [("read_outbox", sent, bobby.user_id)]
    marks = {row.user_id: row.read_id for row in town.call(alice, m.GetChat(group)).members}
    assert marks == {alice.user_id: 0, bobby.user_id: sent, carol.user_id: sent}


def test_whoever_joins_has_read_nothing_that_was_before(town: Town) -> None:
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    sent = town.send(alice, group, "hello").id
    town.call(alice, m.AddMember(group, carol.user_id))
    town.settle()
    pts = len(town.mail(alice))
    town.call(bobby, m.MarkRead(group, sent))
    town.settle()
    told = [(entry.kind, entry.first, entry.second) for _, entry in town.mail(alice, pts)]
    assert told == [("read_outbox", sent, bobby.user_id)]


def _see(town: Town, caller: Caller, group: str, max_id: int) -> None:
    """Receive and read."""
    town.call(caller, m.Ack(len(town.mail(caller))))
    town.call(caller, m.MarkRead(group, max_id))
    town.settle()


def _marks(town: Town, caller: Caller, pts: int = 0) -> list[tuple[str, int, int]]:
    """What somebody was told of others' marks."""
    told = [(entry.kind, entry.first, entry.second) for _, entry in town.mail(caller, pts)]
    return [mark for mark in told if mark[0] in ("read_outbox", "delivered")]


@pytest.mark.parametrize("back", [False, True], ids=["comes", "comes back"])
def test_what_was_before_looks_unseen_by_whoever_came_later(town: Town, back: bool) -> None:
    """To the one who wrote it, and who added them: the message that tells of that is no text."""
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby, *[carol] * back)
    if back:
        town.send(alice, group, "seen by carol before")
        town.settle()
        _see(town, carol, group, 100)
        town.call(carol, m.LeaveGroup(group))
    before = town.send(alice, group, "before").id
    town.call(alice, m.AddMember(group, carol.user_id))
    between = town.send(bobby, group, "between").id
    town.settle()
    row = {member.user_id: member for member in town.call(alice, m.GetChat(group)).members}
    assert (row[carol.user_id].delivered_id, row[carol.user_id].read_id) == (0, 0)
    pts = {who: len(town.mail(who)) for who in (alice, bobby)}
    _see(town, carol, group, between)
    assert _marks(town, alice, pts[alice]) == []
    told = [("delivered", between, carol.user_id), ("read_outbox", between, carol.user_id)]
    assert sorted(_marks(town, bobby, pts[bobby])) == told
    town.call(bobby, m.MarkRead(group, before))
    town.settle()
    assert _marks(town, alice, pts[alice]) == [("read_outbox", before, bobby.user_id)]


def test_marks_of_a_sender_never_go_back(town: Town) -> None:
    """Carol, who came later, is the first to see a later message; then bobby sees the first one."""
    alice, bobby, carol = (town.register(name) for name in ("alice", "bobby", "carol"))
    group = group_of(town, alice, bobby)
    first = town.send(alice, group, "first").id
    town.call(alice, m.AddMember(group, carol.user_id))
    later = town.send(alice, group, "later").id
    town.settle()
    pts = len(town.mail(alice))
    town.call(carol, m.MarkRead(group, later))
    for max_id in (first, later):
        town.call(bobby, m.MarkRead(group, max_id))
    town.settle()
    assert _marks(town, alice, pts) == [("read_outbox", later, carol.user_id)]


def test_whoever_joins_has_to_read_what_they_may(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice)
    for _ in range(5):
        town.send(alice, group, "before")
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.send(alice, group, "after")
    town.settle()
    dialog = town.ask(addresses.user(bobby.user_id), m.GetDialogs(), bobby)["dialogs"][0]
    assert dialog["unread"] == 2
    for early in (1, 6):
        mark = unchanged(town, addresses.chat(group), m.MarkRead(group, early), bobby)
        assert mark == {"max_id": 6, "unread": 2}
    assert town.call(bobby, m.MarkRead(group, 7)) == t.ReadMark(7, 1)
    assert _marks(town, alice) == [], "nor do the first ones look read, in a group of two either"
    assert town.call(bobby, m.MarkRead(group, 8)) == t.ReadMark(8, 0)
    assert _marks(town, alice) == [("read_outbox", 8, bobby.user_id)]


@pytest.mark.parametrize("how", ["removed", "left"])
def test_nothing_is_unread_to_whoever_is_out(town: Town, how: str) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice, bobby)
    for _ in range(3):
        town.send(alice, group, "hello")
    town.settle()
    town.attach(bobby, 7)
    leaves = how == "left"
    away = m.LeaveGroup(group) if leaves else m.RemoveMember(group, bobby.user_id)
    town.call(bobby if leaves else alice, away)
    town.settle()
    dialog = town.ask(addresses.user(bobby.user_id), m.GetDialogs(), bobby)["dialogs"][0]
    assert (dialog["left"], dialog["read_inbox_id"], dialog.get("unread", 0)) == (True, 6, 0)
    told = [frame["update"] for frame in town.pushed[7]]
    assert told[0]["message"]["action"]["kind"] == f"member_{how}"
    assert told[1:] == [{"type": "read_inbox", "chat_id": group, "max_id": 6, "unread": 0}]
    row = MEMBERS.get(rows_of(town, addresses.chat(group)), bobby.user_id)
    assert row is not None
    assert row.read_id == 0, "nobody is told that they have read it"
    assert _marks(town, alice) == []
    assert read(town, bobby, group) == [2, 3, 4, 5, 6]


def test_rows_of_members_tell_when_they_were_there(town: Town) -> None:
    alice, bobby = town.register("alice"), town.register("bobby")
    group = group_of(town, alice)
    town.now_ms += 1_000
    town.call(alice, m.AddMember(group, bobby.user_id))
    town.call(bobby, m.LeaveGroup(group))
    view = rows_of(town, addresses.chat(group))
    row = MEMBERS.get(view, bobby.user_id)
    assert row == MemberRow("member", town.now_ms, 2, left_id=3, title="Group")
