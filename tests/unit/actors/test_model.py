"""People, devices, chats and crashing hosts, in any order, against a simple model.

Whatever happens, and whenever a device looks: updates lead an old snapshot to what a fresh one
shows; numbers have no holes; what is resent is stored once; nobody reads what is not theirs.
"""

from __future__ import annotations

import typing

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actors import addresses
from actors.session.messages import Detach
from actors.tickets import Seal, Ticket
from actors.user.messages import NewLogin
from api import methods as m
from api import types as t
from runtime.refs import Caller
from tests.profile import tries
from tests.unit.actors.city import NOWHERE, PEOPLE, Chat, City
from tests.unit.actors.device import Device, Shown

NAMES = ("alice", "ALICE", "bobby", "somebody", "Somebody2")
NO_USER = 2**50
FACES = ("", "f" * 43, "g" * 43)
NUMBERS = st.integers(0, 2**16)
PERSON = st.integers(0, len(PEOPLE) - 1)


def ticket_of(face: str) -> str:
    """Of a photo with this id; who checks its seal is not here."""
    if not face:
        return ""
    return Seal(bytes(32)).close(Ticket(2**50, 0, t.Media("photo", face, 5, "", "image/jpeg")))


class CityMachine(City):
    """What people, devices and hosts do."""

    @initialize(seed=NUMBERS)
    def make(self, seed: int) -> None:
        self.build(seed)
        self.open(0, 1)
        self.create(0, 1, [1, 2, 3])
        self.appoint(0, 1, 1, "admin")
        self.appoint(0, 2, 1, "admin")
        self.describe_group(0, 1, "about")
        self.connect(0)
        self.connect(1)
        for chat in (1, 2):
            for device in range(4):
                self.send(device, chat, 1)

    @rule(device=NUMBERS, chat=NUMBERS, random_id=st.integers(1, 5))
    def send(self, device: int, chat: int, random_id: int) -> None:
        sender, to = self._device(device), self._chat(chat)
        user_id = sender.caller.user_id
        text = f"{random_id} of {user_id}"
        again = any(
            asked.params.random_id == random_id
            for asked in self.sends
            if (asked.params.chat_id, asked.device.caller.user_id) == (to.id, user_id)
            and not asked.expected
        )
        expected = ""
        if user_id not in to.roles:
            expected = "chat_not_found"
        elif not again and self._blocked(to):
            expected = "blocked"
        self._ask(sender, m.SendMessage(to.id, text, random_id), expected)

    @rule(device=NUMBERS, chat=NUMBERS, max_id=st.integers(1, 9))
    def read(self, device: int, chat: int, max_id: int) -> None:
        reader, of = self._device(device), self._chat(chat)
        inside = reader.caller.user_id in of.roles
        self._ask(reader, m.MarkRead(of.id, max_id), "" if inside else "chat_not_found")

    @rule(device=NUMBERS)
    def acknowledge(self, device: int) -> None:
        confirming = self._device(device)
        self._ask(confirming, m.Ack(confirming.gate.pts or 0))

    @rule(device=NUMBERS, chat=NUMBERS)
    def type(self, device: int, chat: int) -> None:
        typist, to = self._device(device), self._chat(chat)
        inside = typist.caller.user_id in to.roles
        self._ask(typist, m.SetTyping(to.id), "" if inside else "chat_not_found")

    # --- what is asked and waited for ---------------------------------------------------------

    @rule(person=PERSON, chat=NUMBERS, at=NUMBERS, again=st.booleans(), own=st.integers(0, 3))
    def edit(self, person: int, chat: int, at: int, again: bool, own: int) -> None:
        """Most times one's own message."""
        who, of = self.people[person], self._chat_of(person, chat)
        story, number = self._settled(of, at)
        mine = [n for n, sender in story.senders.items() if sender == who.user_id]
        if own and mine:
            number = mine[at % len(mine)]
        me, message = who.user_id, story.log[number - 1] if number <= len(story.log) else None
        text = f"edit {len(self.texts)} of {at}"
        if me not in of.roles:
            expected = "chat_not_found"
        elif message is None or not self._sees(me, of, story, number) or message.deleted:
            expected = "message_not_found"
        elif message.from_id != me or message.action is not None:
            expected = "forbidden"
        elif self._blocked(of):
            expected = "blocked"
        else:
            expected = ""
            text = message.text if again else text
        changed = self._call(who, m.EditMessage(of.id, number, text), expected)
        if not expected and message is not None:
            assert (changed.text, changed.from_id) == (text, me)
            assert (changed.revision > message.revision) == (not again)
            self.texts[of.id, number] = text

    @rule(
        person=PERSON,
        chat=NUMBERS,
        at=NUMBERS,
        count=st.integers(1, 3),
        for_all=st.booleans(),
        fit=st.integers(0, 3),
    )
    def delete(self, person: int, chat: int, at: int, count: int, for_all: bool, fit: int) -> None:
        """Most times messages that may be deleted."""
        who, of = self.people[person], self._chat_of(person, chat)
        story, first = self._settled(of, at)
        me, ids = who.user_id, list(range(first, first + count))
        there = [one.id for one in story.log if one.action is None] if me in story.stays else []
        there = [number for number in there if number in story.stays[me][-1]]
        if fit and there:
            ids = sorted({there[(at + step) % len(there)] for step in range(count)})
        stays = story.stays.get(me)
        left = [message for message in story.log if message.id in ids and not message.deleted]
        strange = of.id.startswith("g") and any(message.from_id != me for message in left)
        if stays is None or (for_all and me not in of.roles):
            expected = "chat_not_found"
        elif not all(number in stays[-1] for number in ids):
            expected = "message_not_found"
        elif any(message.action is not None for message in left):
            expected = "forbidden"
        else:
            expected = "forbidden" if for_all and strange and of.roles[me] == "member" else ""
        self._call(who, m.DeleteMessages(of.id, ids, for_all), expected)
        if expected:
            return
        for message in left:
            if for_all:
                self.texts[of.id, message.id] = ""
            else:
                self.hidden.add((me, of.id, message.id))

    @rule(person=PERSON, other=PERSON)
    def open(self, person: int, other: int) -> None:
        a, b = self.people[person], self.people[other]
        chat_id = self.cluster.private(a, b)
        roles = {a.user_id: "member", b.user_id: "member"}
        self.chats.setdefault(chat_id, Chat(chat_id, roles))

    @rule(person=PERSON, random_id=st.integers(1, 2), others=st.lists(PERSON, max_size=3))
    def create(self, person: int, random_id: int, others: list[int]) -> None:
        creator = self.people[person]
        me, chat_id = creator.user_id, addresses.group_id(creator.user_id, random_id)
        known = self.chats.get(chat_id)
        expected = "chat_not_found" if known and me not in known.roles else ""
        invited = [self.people[other].user_id for other in others]
        params = m.CreateGroup(f"group {random_id}", random_id, [*invited, NO_USER])
        self._call(creator, params, expected)
        self.cluster.settle()
        if known is None:
            members = [user for user in invited if user != me and (user, me) not in self.blocks]
            roles = {me: "owner", **dict.fromkeys(members, "member")}
            self.chats[chat_id] = Chat(chat_id, roles, params.title)

    @rule(person=PERSON, other=st.integers(0, len(PEOPLE)), chat=NUMBERS)
    def add(self, person: int, other: int, chat: int) -> None:
        by, group = self.people[person], self._group(chat)
        whom = self.people[other].user_id if other < len(PEOPLE) else NO_USER
        expected = ""
        if by.user_id not in group.roles:
            expected = "chat_not_found"
        elif whom in group.roles:
            expected = ""
        elif group.roles[by.user_id] == "member" and not group.members_add:
            expected = "forbidden"
        elif whom == NO_USER:
            expected = "user_not_found"
        elif (whom, by.user_id) in self.blocks:
            expected = "blocked"
        self._call(by, m.AddMember(group.id, whom), expected)
        if not expected:
            group.roles.setdefault(whom, "member")

    @rule(person=PERSON, other=PERSON, chat=NUMBERS)
    def remove(self, person: int, other: int, chat: int) -> None:
        by, whom, group = self.people[person], self.people[other].user_id, self._group(chat)
        role, theirs = group.roles.get(by.user_id), group.roles.get(whom)
        if role in (None, "member"):
            expected = "forbidden" if role else "chat_not_found"
        elif theirs is None or whom == by.user_id:
            expected = "not_member"
        else:
            weak = theirs == "owner" or (theirs == "admin" and role == "admin")
            expected = "forbidden" if weak else ""
        self._call(by, m.RemoveMember(group.id, whom), expected)
        if not expected:
            del group.roles[whom]

    @rule(person=PERSON, chat=NUMBERS)
    def leave(self, person: int, chat: int) -> None:
        who, group = self.people[person], self._group(chat)
        role = group.roles.get(who.user_id)
        stuck = "forbidden" if role == "owner" and len(group.roles) > 1 else ""
        expected = stuck if role else "chat_not_found"
        self._call(who, m.LeaveGroup(group.id), expected)
        if not expected:
            del group.roles[who.user_id]

    @rule(other=PERSON, chat=NUMBERS)
    def come_back(self, other: int, chat: int) -> None:
        """What happens seldom by itself: somebody is removed, and added again."""
        group, whom = self._group(chat), self.people[other].user_id
        owner = next((at for at, who in enumerate(self.people) if self._owns(who, group)), None)
        if owner is not None and whom in group.roles and owner != other:
            self.remove(owner, other, chat)
            self.add(owner, other, chat)

    def _owns(self, person: Caller, group: Chat) -> bool:
        return group.roles.get(person.user_id) == "owner"

    def _manage(self, person: int, group: Chat, params: m.Params) -> bool:
        """What owner and admins may do; whether it was done."""
        by = self.people[person]
        role = group.roles.get(by.user_id)
        expected = {None: "chat_not_found", "member": "forbidden"}.get(role, "")
        self._call(by, params, expected)
        return not expected

    @rule(person=PERSON, chat=NUMBERS, title=st.sampled_from(["new", "newer"]))
    def rename(self, person: int, chat: int, title: str) -> None:
        group = self._group(chat)
        if self._manage(person, group, m.RenameGroup(group.id, title)):
            group.title = title

    @rule(person=PERSON, chat=NUMBERS, text=st.sampled_from(["", "about", "in two\nlines"]))
    def describe_group(self, person: int, chat: int, text: str) -> None:
        group = self._group(chat)
        if self._manage(person, group, m.SetDescription(group.id, text)):
            group.description = text

    @rule(person=PERSON, chat=NUMBERS, add=st.booleans())
    def allow(self, person: int, chat: int, add: bool) -> None:
        group = self._group(chat)
        if self._manage(person, group, m.SetMemberRights(group.id, add)):
            group.members_add = add

    @rule(
        person=PERSON, other=PERSON, chat=NUMBERS, how=st.sampled_from(["admin", "member", "owner"])
    )
    def appoint(self, person: int, other: int, chat: int, how: str) -> None:
        by, whom, group = self.people[person], self.people[other].user_id, self._group(chat)
        role = group.roles.get(by.user_id)
        if role != "owner":
            expected = "forbidden" if role else "chat_not_found"
        else:
            expected = "" if whom in group.roles and whom != by.user_id else "not_member"
        if how == "owner":
            self._call(by, m.TransferOwnership(group.id, whom), expected)
        else:
            self._call(by, m.SetAdmin(group.id, whom, how == "admin"), expected)
        if not expected:
            group.roles[whom] = how
            if how == "owner":
                group.roles[by.user_id] = "admin"

    def _group(self, at: int) -> Chat:
        groups = [chat for chat in self.chats.values() if chat.id.startswith("g")]
        return groups[at % len(groups)] if groups and at % 8 else Chat(NOWHERE, {})

    @rule(person=PERSON, text=st.sampled_from(["", "one", "two"]))
    def describe(self, person: int, text: str) -> None:
        who = self.people[person]
        assert self.cluster.call(who, m.UpdateProfile(bio=text)).bio == text

    @rule(person=PERSON, face=st.sampled_from(FACES))
    def show_face(self, person: int, face: str) -> None:
        photo = self.cluster.call(self.people[person], m.SetPhoto(ticket_of(face))).photo
        assert (photo.file_id if photo else "") == face

    @rule(person=PERSON, chat=NUMBERS, face=st.sampled_from(FACES))
    def give_picture(self, person: int, chat: int, face: str) -> None:
        group = self._group(chat)
        if self._manage(person, group, m.SetChatPhoto(group.id, ticket_of(face))):
            photo = self.cluster.call(self.people[person], m.GetChat(group.id)).photo
            assert (photo.file_id if photo else "") == face

    @rule(person=PERSON, name=st.sampled_from(NAMES))
    def take_name(self, person: int, name: str) -> None:
        user_id = self.people[person].user_id
        others = {held.lower() for holder, held in self.names.items() if holder != user_id}
        expected = "username_taken" if name.lower() in others else ""
        self._call(self.people[person], m.SetUsername(name), expected)
        self.cluster.settle()
        if not expected:
            self.names[user_id] = name

    @rule(person=PERSON, other=PERSON, name=st.sampled_from([None, "", "A friend"]))
    def list_contact(self, person: int, other: int, name: str | None) -> None:
        user_id = self.people[other].user_id
        change = m.RemoveContact(user_id) if name is None else m.AddContact(user_id, name)
        self._call(self.people[person], change, "")

    @rule(person=PERSON, other=PERSON, off=st.booleans())
    def block(self, person: int, other: int, off: bool) -> None:
        """After what was sent before: a first message to somebody waits for being paid for, and a
        block that comes meanwhile refuses it."""
        self.cluster.settle()
        me, them = self.people[person], self.people[other].user_id
        expected = "forbidden" if me.user_id == them and not off else ""
        self._call(me, m.Unblock(them) if off else m.Block(them), expected)
        self.cluster.settle()
        if not expected:
            (self.blocks.discard if off else self.blocks.add)((me.user_id, them))

    # --- devices ------------------------------------------------------------------------------

    @precondition(lambda self: len(self.devices) < 7)
    @rule(person=PERSON)
    def log_in(self, person: int) -> None:
        user_id, session_id = self.people[person].user_id, len(self.devices) + 1
        login = NewLogin(session_id, b"token", "another", "hash")
        self.cluster.ask(addresses.user(user_id), login)
        self.devices.append(Device(self.cluster, Caller(user_id, session_id)))

    @rule(device=NUMBERS)
    def connect(self, device: int) -> None:
        coming = self._device(device)
        self._gone(coming)
        self.connection += 1
        coming.attach(self.connection)

    @rule(device=NUMBERS)
    def disconnect(self, device: int) -> None:
        self._gone(self._device(device))

    def _gone(self, device: Device) -> None:
        user_id, session_id, connection = device.caller.user_id, device.caller.session_id, 0
        connection = device.caller.connection
        if connection:
            left = Detach("front", connection)
            self.cluster.post(addresses.session(user_id, session_id), left)
        device.hang_up()

    @rule(
        device=NUMBERS,
        order=st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=6),
    )
    def look(self, device: int, order: list[tuple[int, bool]]) -> None:
        looking = self._device(device)
        self._hear()
        looking.listen()
        for at, again in order:
            looking.look(at, again)

    @rule(device=NUMBERS, limit=st.integers(1, 5))
    def ask_difference(self, device: int, limit: int) -> None:
        asking = self._device(device)
        self.differences.append((asking, *asking.ask(limit)))

    @precondition(lambda self: self.differences)
    @rule(at=NUMBERS)
    def hear_difference(self, at: int) -> None:
        asking, asked, answer = self.differences.pop(at % len(self.differences))
        asking.answered(asked, answer)

    @rule(device=NUMBERS)
    def start_afresh(self, device: int) -> None:
        """The program is started anew without its state. (A connection would begin anew too.)"""
        fresh = self._device(device)
        self._gone(fresh)
        self.devices[self.devices.index(fresh)] = Device(self.cluster, fresh.caller)
        self.differences = [kept for kept in self.differences if kept[0] is not fresh]

    # --- hosts --------------------------------------------------------------------------------

    @rule(steps=st.integers(1, 20), ms=st.integers(0, 5_000))
    def work(self, steps: int, ms: int) -> None:
        self.cluster.now_ms += ms
        for _ in range(steps):
            self.cluster.step()

    @rule(host=NUMBERS, appended=st.booleans())
    def crash(self, host: int, appended: bool) -> None:
        cluster = self.cluster
        name = cluster.names[host % len(cluster.names)]
        cluster.crash(name, appended)
        self._hear()
        for asked in self.waiting:
            asked.numbers.append(cluster.begin(asked.device.caller, asked.params))
        for device in self.devices:
            user_id, session_id = device.caller.user_id, device.caller.session_id
            homes = (addresses.user(user_id), addresses.session(user_id, session_id))
            if device.attached and name in map(cluster.placement.home, homes):
                device.listen()
                hello = cluster.attach(device.caller, device.caller.connection)
                device.gate.heard_of(hello.pts)


SETTINGS = settings(
    max_examples=tries(25),
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),
)
"""Without shrinking, which takes minutes here; the steps are printed as they were."""
PLACEMENTS: dict[str, tuple[int, tuple[str, ...]]] = {
    "one host": (1, ()),
    "two hosts": (2, ()),
    "dedicated chats": (1, ("chat",)),
    "dedicated chats and sessions": (2, ("chat", "session")),
}


@pytest.mark.draws
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_any_order_of_events(placement: str) -> None:
    class Machine(CityMachine):
        hosts, dedicated = PLACEMENTS[placement]

    run_state_machine_as_test(Machine, settings=SETTINGS)


def test_every_type_of_update_occurs_and_changes_what_a_client_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fixed run of it, for draws may leave one out."""
    changed: set[type] = set()
    apply = Shown.apply

    def noted(self: Shown, update: t.Update, pts: int) -> None:
        before = repr(self)
        apply(self, update, pts)
        if repr(self) != before:
            changed.add(type(update))

    monkeypatch.setattr(Shown, "apply", noted)
    city = CityMachine()
    city.make(1)
    city.check()
    for device in range(4):
        city.acknowledge(device)
        city.read(device, 1, 9)
        city.read(device, 2, 9)
    city.check()
    for person in range(2):
        city.edit(person, 1, 0, again=False, own=1)
        city.check()
        city.delete(person, 2, 0, 1, for_all=True, fit=1)
    city.describe(0, "two")
    city.describe_group(0, 1, "about us")
    city.allow(0, 1, add=False)
    city.list_contact(0, 1, "A friend")
    city.teardown()
    assert changed == set(typing.get_args(t.Update))
