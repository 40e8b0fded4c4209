"""A city for the model test: people with devices, what is known of them without the server, and
what must always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, rule

from actors import addresses
from actors.verify.walk import verify
from api import methods as m
from api import types as t
from api.errors import ApiError
from runtime.refs import Caller
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.device import PAGE, Device, Shown, fetch, history
from tests.unit.actors.story import PROBES, Story, refusal, rows_of_chat, stripped

PEOPLE = ("alice", "bobby", "carol", "diana")
NOWHERE = "g5"


@dataclass
class Chat:
    """What the model knows of a chat: who is in it, as what."""

    id: str
    roles: dict[int, str]
    title: str = ""
    description: str = ""
    members_add: bool = True


@dataclass
class Asked:
    """A request under way. `expected`: the code of its refusal, or nothing. What a crash leaves
    unanswered is asked again, under another number."""

    device: Device
    params: m.Params
    expected: str
    connection: int
    numbers: list[int] = field(default_factory=list)


class City(RuleBasedStateMachine):
    """The state of the model test; what may happen is added by who tests."""

    hosts = 1
    dedicated: tuple[str, ...] = ()

    def build(self, seed: int) -> None:
        """People and their devices; nothing has happened yet."""
        self.cluster = Cluster(self.hosts, self.dedicated, seed)
        self.people = [self.cluster.register(name) for name in PEOPLE]
        self.names = {
            person.user_id: name for person, name in zip(self.people, PEOPLE, strict=True)
        }
        self.devices = [Device(self.cluster, person) for person in self.people]
        self.connection = 0
        self.chats: dict[str, Chat] = {}
        self.blocks: set[tuple[int, int]] = set()
        self.waiting: list[Asked] = []
        self.sends: list[Asked] = []
        self.ids: dict[tuple[str, int, int], int] = {}
        self.texts: dict[tuple[str, int], str] = {}
        """Of the messages that were changed; empty: deleted."""
        self.hidden: set[tuple[int, str, int]] = set()
        self.differences: list[tuple[Device, int, t.Difference]] = []

    # --- what is asked and not waited for -----------------------------------------------------

    def _ask(self, device: Device, params: m.Params, expected: str = "") -> None:
        asked = Asked(device, params, expected, device.caller.connection)
        asked.numbers.append(self.cluster.begin(device.caller, params))
        self.waiting.append(asked)
        if isinstance(params, m.SendMessage):
            self.sends.append(asked)

    def _hear(self) -> None:
        """Take in what was answered."""
        answers = self.cluster.answers
        for asked in self.waiting.copy():
            found = [answers[number] for number in asked.numbers if number in answers]
            if not found:
                continue
            self.waiting.remove(asked)
            if isinstance(found[0], ApiError):
                # Asked again after a crash, it may come after what was asked later.
                assert found[0].code == asked.expected or len(asked.numbers) > 1, found[0]
            else:
                assert not asked.expected
                if isinstance(asked.params, m.SendMessage):
                    sent = self.cluster.typed(asked.params, found[0])
                    asked.device.sent(asked.params, sent, asked.connection)

    def _chat(self, at: int) -> Chat:
        """A chat, or one that does not exist."""
        if at % 16 == 0 or not self.chats:
            return Chat(NOWHERE, {})
        return list(self.chats.values())[at % len(self.chats)]

    def _chat_of(self, person: int, at: int) -> Chat:
        """Most times one that somebody is in."""
        me = self.people[person].user_id
        theirs = [chat for chat in self.chats.values() if me in chat.roles]
        return theirs[at % len(theirs)] if theirs and at % 8 else self._chat(at)

    def _device(self, at: int) -> Device:
        return self.devices[at % len(self.devices)]

    def _call(self, caller: Caller, params: m.Params, expected: str) -> Any:
        try:
            result = self.cluster.call(caller, params)
        except ApiError as error:
            code = error.code
            result = None
        else:
            code = ""
        assert code == expected
        return result

    def _settled(self, chat: Chat, at: int) -> tuple[Story, int]:
        """The chat as it is when all that was asked is done, and one of its messages, or the one
        after the last."""
        self.cluster.settle()
        self._hear()
        story = self._story(chat)
        return story, 1 + at % (len(story.log) + 1)

    def _sees(self, user_id: int, chat: Chat, story: Story, number: int) -> bool:
        return number in story.stays[user_id][-1] and (user_id, chat.id, number) not in self.hidden

    def _blocked(self, chat: Chat) -> bool:
        peers = addresses.private_peers(chat.id) or ()
        return any(pair in self.blocks for pair in (peers, peers[::-1]))

    # --- what always holds --------------------------------------------------------------------

    @rule()
    def check(self) -> None:
        self.cluster.settle()
        self._hear()
        assert not self.waiting, "everything is answered"
        fresh = {person.user_id: fetch(self.cluster, person) for person in self.people}
        stories = {chat.id: self._story(chat) for chat in self.chats.values()}
        for device in self.devices:
            device.catch_up()
            pts, shown = fresh[device.caller.user_id]
            assert (device.gate.pts, device.shown) == (pts, shown)
        for person in self.people:
            me = self.cluster.call(self.people[0], m.GetUsers([person.user_id])).users[0]
            assert me.username == self.names[person.user_id]
            self._check_mailbox(person, stories)
            for chat in self.chats.values():
                self._check_access(person, chat, stories[chat.id])
                self._check_dialog(chat, stories[chat.id], fresh[person.user_id][1])
        self._check_sends(stories)
        report = verify(self.cluster.placement, self.cluster.stored())
        assert report.clean, report.findings

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.check()

    def _story(self, chat: Chat) -> Story:
        rows = rows_of_chat(self.cluster, chat.id)
        assert list(rows) == list(range(1, len(rows) + 1)), "a hole in the log"
        story = Story(chat.id, rows)
        for message in story.log:
            text = self.texts.get((chat.id, message.id), message.text)
            assert (message.deleted, message.text) == (
                not text and message.action is None,
                text,
            )
        if chat.id.startswith("g"):
            assert (story.title, story.roles) == (chat.title, chat.roles)
        else:
            story.stays = {user_id: [range(1, len(rows) + 1)] for user_id in chat.roles}
        return story

    def _check_access(self, person: Caller, chat: Chat, story: Story) -> None:
        """Members read from their coming to their going; others cannot tell if there is a chat."""
        call, stays = self.cluster.call, story.stays.get(person.user_id)
        ids = list(range(1, len(story.log) + 2))
        if stays is not None:
            theirs = [
                message
                if self._sees(person.user_id, chat, story, message.id)
                else t.Message(chat.id, message.id, 0, message.date_ms, deleted=True)
                for message in story.log
                if message.id in stays[-1]
            ]
            found = call(person, m.GetMessages(chat.id, ids)).messages
            assert list(stripped({message.id: message for message in found}).values()) == theirs
            assert all(
                bool(message.random_id) == (message.from_id == person.user_id)
                for message in found
                if message.text
            )
            assert stripped(history(self.cluster, person, chat.id)) == {
                message.id: message for message in theirs
            }
        if person.user_id in chat.roles:
            seen = call(person, m.GetChat(chat.id))
            roles = {member.user_id: member.role for member in seen.members}
            assert (seen.title, seen.last_id, roles) == (chat.title, len(story.log), chat.roles)
            assert (seen.description, seen.members_add) == (chat.description, chat.members_add)
            return
        for params in PROBES if stays is None else PROBES[:-2]:
            said = refusal(self.cluster, person, params(chat.id))
            assert said == refusal(self.cluster, person, params(NOWHERE))

    def _check_dialog(self, chat: Chat, story: Story, shown: Shown) -> None:
        """What a dialog counts can be counted again."""
        me, dialog = shown.me.id, shown.dialogs.get(chat.id)
        stays = story.stays.get(me)
        if dialog is None or stays is None:
            assert not (stays and stays[0]), "what is there to be read is in the list"
            return
        assert dialog.left == (me not in chat.roles)
        assert dialog.top_id == stays[-1][-1]
        after = max(dialog.read_inbox_id, stays[-1].start - 1)
        assert dialog.unread == sum(
            one.from_id != me and not one.deleted and self._sees(me, chat, story, one.id)
            for one in story.log[after : dialog.top_id]
        )
        if me not in chat.roles:
            assert not dialog.unread
            return
        seen: t.Chat = self.cluster.call(Caller(me, 0), m.GetChat(chat.id))
        mine, *others = sorted(seen.members, key=lambda member: member.user_id != me)
        if len(stays) == 1:
            assert dialog.read_inbox_id == mine.read_id
        if chat.id.startswith("p") and others:
            marks = (dialog.read_outbox_id, dialog.delivered_id)
            assert marks == (others[0].read_id, others[0].delivered_id)
            return
        read = {other.user_id: other.read_id for other in others}
        delivered = {other.user_id: other.delivered_id for other in others}
        self._check_marks(me, story, dialog.read_outbox_id, read)
        self._check_marks(me, story, dialog.delivered_id, delivered)

    def _check_marks(self, me: int, story: Story, mark: int, marks: dict[int, int]) -> None:
        """What another has seen who may looks seen to me; and where nobody has gone, if something
        looks seen, the last of it is."""
        mine = [
            message.id
            for message in story.log[story.stays[me][-1].start - 1 :]
            if story.senders[message.id] == me and message.action is None
        ]
        seen = {
            number
            for number in mine
            for other, theirs in marks.items()
            if story.stays[other][-1].start <= number <= theirs
        }
        assert max(seen, default=0) <= mark
        if len(marks) + 1 == len(story.stays) and all(len(s) == 1 for s in story.stays.values()):
            assert max((number for number in mine if number <= mark), default=0) in {0, *seen}

    def _check_mailbox(self, person: Caller, stories: dict[str, Story]) -> None:
        """Every number once; of every chat just what was told while they were in it."""
        pts, kind, told = 0, "slice", []
        while kind == "slice":
            answer: t.Difference = self.cluster.call(person, m.GetDifference(pts, PAGE))
            told += answer.updates
            pts, kind = answer.pts, answer.kind
        assert [numbered.pts for numbered in told] == list(range(1, pts + 1))
        assert self.cluster.call(person, m.GetState()).pts == pts
        new = [
            numbered.update.message
            for numbered in told
            if isinstance(numbered.update, t.MessageNew)
        ]
        for chat_id, story in stories.items():
            stays = story.stays.get(person.user_id, [])
            ids = [message.id for message in new if message.chat_id == chat_id]
            assert ids == [number for stay in stays for number in stay]

    def _check_sends(self, stories: dict[str, Story]) -> None:
        """What was answered is there once; who sent one after the other reads it in that order."""
        stored = Counter(
            (chat_id, message.from_id, message.text)
            for chat_id, story in stories.items()
            for message in story.log
            if message.text
        )
        assert not stored or max(stored.values()) == 1
        for asked in self.sends:
            chat_id, sender = asked.params.chat_id, asked.device.caller.user_id
            found = [self.cluster.answers.get(number) for number in asked.numbers]
            sent = [
                self.cluster.typed(asked.params, raw) for raw in found if isinstance(raw, bytes)
            ]
            assert len({(answer.id, answer.date_ms) for answer in sent}) <= 1
            for answer in sent:
                message = stories[chat_id].log[answer.id - 1]
                text = self.texts.get((chat_id, answer.id), asked.params.text)
                assert (message.text, stories[chat_id].senders[answer.id]) == (text, sender)
                assert message.date_ms == answer.date_ms
                first = self.ids.setdefault((chat_id, sender, asked.params.random_id), answer.id)
                assert answer.id == first
