"""Verification: silent on what a busy town leaves, and each sort of damage is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from actors import addresses
from actors.chat import state as c
from actors.handle import turns as handle
from actors.invitation.messages import MakeInvitation
from actors.session import turns as s
from actors.throttle.messages import Admit
from actors.updates import MessageEntry
from actors.user import state as u
from actors.user.messages import NewLogin
from actors.verify.report import FINDINGS_MAX, Finding, Report
from actors.verify.walk import verify
from api import limits
from api import methods as m
from runtime.refs import KINDS, ActorRef
from runtime.rows import Table
from runtime.streams import DEAD, NUMBERS, OUTBOX, WATERMARKS, system_prefix
from storage.keys import actor_prefix, split_key, u64
from tests.unit.actors.cluster import Cluster

TEXTS = 6


class Busy:
    """Two hosts after a while of everything, with rows to damage: alice and bobby talk to each
    other and in a group that carol has left."""

    def __init__(self, hosts: int = 2, dedicated: tuple[str, ...] = ()) -> None:
        town = self.town = Cluster(hosts, dedicated, seed=3)
        self.alice, self.bobby, self.carol = map(town.register, ("alice", "bobby", "carol"))
        self.private = town.private(self.alice, self.bobby)
        invited = [self.bobby.user_id, self.carol.user_id]
        self.group = town.call(self.alice, m.CreateGroup("Group", 1, invited)).id
        town.settle()
        for number in range(1, TEXTS + 1):
            for chat_id in (self.private, self.group):
                album = 7 if number > 4 else 0
                send = m.SendMessage(chat_id, f"message {number}", number, album=album)
                town.call(self.alice, send)
        town.settle()
        town.call(self.bobby, m.MarkRead(self.private, 3))
        town.call(self.bobby, m.Ack(4))
        town.call(self.carol, m.LeaveGroup(self.group))
        town.call(self.alice, m.AddContact(self.bobby.user_id, "Bob"))
        town.call(self.alice, m.Block(self.carol.user_id))
        town.call(self.carol, m.SetUsername("caroline"))
        town.ask(addresses.user(self.bobby.user_id), NewLogin(5, b"token", "phone", "hash"))
        town.ask(ActorRef("throttle", "account:alice"), Admit("127.0.0.1"))
        town.ask(ActorRef("invitation", "code"), MakeInvitation(2))
        town.settle()
        self.sources = town.stored()

    def verify(self) -> Report:
        return verify(self.town.placement, self.sources)

    def rows(self, ref: ActorRef) -> dict[bytes, bytes | None]:
        """All rows of the partition of an actor."""
        return self._partition(self.town.placement.partition(ref))

    def put(self, ref: ActorRef, table: Table[Any, Any], key: Any, row: Any) -> None:
        self.rows(ref)[_key(ref, table, key)] = msgspec.msgpack.encode(row)

    def change(self, ref: ActorRef, table: Table[Any, Any], key: Any, **changes: Any) -> None:
        raw = self.rows(ref)[_key(ref, table, key)]
        assert raw is not None
        self.put(ref, table, key, replace(table.decode(raw), **changes))

    def drop(self, ref: ActorRef, table: Table[Any, Any], key: Any) -> None:
        del self.rows(ref)[_key(ref, table, key)]

    def damage_stream(self, table: int, change: Callable[[int], int | None]) -> str:
        """Change or drop (None) a number of the first stream that was used; returns its name."""
        for _, source in self.sources:
            for partition, rows in source.by_partition.items():
                for key in sorted(rows):
                    kind, _, number, suffix = split_key(key)
                    if kind or number != NUMBERS:
                        continue
                    target = int.from_bytes(suffix, "big")
                    at, other = (partition, target) if table == NUMBERS else (target, partition)
                    numbers = self._partition(at)
                    where = system_prefix(at) + bytes([table]) + u64(other)
                    new = change(int.from_bytes(numbers[where] or b"", "big"))
                    if new is None:
                        del numbers[where]
                    else:
                        numbers[where] = u64(new)
                    return f"stream {partition} to {target}"
        raise AssertionError("nothing went from host to host")

    def wait_in_outbox(self, source: int, target: int, number: int) -> None:
        key = system_prefix(source) + bytes([OUTBOX]) + u64(target) + u64(number)
        self._partition(source)[key] = b"a message"

    def _partition(self, partition: int) -> dict[bytes, bytes | None]:
        return dict(self.sources)[self.town.placement.host(partition)].by_partition[partition]


def _key(ref: ActorRef, table: Table[Any, Any], key: Any) -> bytes:
    return actor_prefix(KINDS[ref.kind], ref.key) + bytes([table.number]) + table.key.encode(key)


@pytest.fixture
def busy() -> Busy:
    return Busy()


Damage = Callable[[Busy], Any]


def chat(busy: Busy) -> ActorRef:
    return addresses.chat(busy.private)


def bobby(busy: Busy) -> ActorRef:
    return addresses.user(busy.bobby.user_id)


def phone(busy: Busy) -> ActorRef:
    return addresses.session(busy.bobby.user_id, 5)


def moved(busy: Busy) -> None:
    """Put an actor into a partition that is not its."""
    ref = chat(busy)
    right = busy.town.placement.partition(ref)
    here = busy.rows(ref)
    wrong = next(
        p for p in busy.town.placement.led_by(busy.town.placement.host(right)) if p != right
    )
    prefix = actor_prefix(KINDS["chat"], ref.key)
    for key in [key for key in here if key.startswith(prefix)]:
        busy._partition(wrong)[key] = here.pop(key)


def forgotten(busy: Busy) -> None:
    """Drop every row of a member."""
    rows = busy.rows(bobby(busy))
    prefix = actor_prefix(KINDS["user"], busy.bobby.user_id)
    for key in [key for key in rows if key.startswith(prefix)]:
        del rows[key]


def raw(ref_of: Callable[[Busy], ActorRef], table: int, suffix: bytes, row: bytes | None) -> Damage:
    """Write a row as it comes."""

    def damage(busy: Busy) -> None:
        ref = ref_of(busy)
        key = actor_prefix(KINDS[ref.kind], ref.key) + bytes([table]) + suffix
        busy.rows(ref)[key] = row

    return damage


DAMAGES: dict[str, Damage] = {
    # chats
    "message 2 is missing": lambda b: b.drop(chat(b), c.MESSAGES, 2),
    "6 messages were numbered, and 5 are there": lambda b: b.drop(chat(b), c.MESSAGES, 6),
    "has the role 'king'": lambda b: b.change(chat(b), c.MEMBERS, b.bobby.user_id, role="king"),
    "left_id of user": lambda b: b.change(chat(b), c.MEMBERS, b.bobby.user_id, left_id=7),
    "delivered_id of user": lambda b: b.change(chat(b), c.MEMBERS, b.bobby.user_id, delivered_id=7),
    "read_id of user": lambda b: b.change(chat(b), c.MEMBERS, b.bobby.user_id, read_id=7),
    "message 2 is from user 9, who was never a member": lambda b: b.change(
        chat(b), c.MESSAGES, 2, from_id=9
    ),
    "messages 1 and 2 are one send": lambda b: b.change(chat(b), c.MESSAGES, 2, random_id=1),
    "a resend of message 2 of user": lambda b: b.drop(chat(b), c.SENDS, (b.alice.user_id, 2)),
    "points at message 3": lambda b: b.change(chat(b), c.SENDS, (b.alice.user_id, 2), message_id=3),
    "3 messages of an album were counted, and 2 are there": lambda b: b.change(
        chat(b), c.ALBUMS, (b.alice.user_id, 7), messages=3
    ),
    # users
    "there are rows of a user who does not exist": lambda b: b.drop(bobby(b), u.HEAD, None),
    "updates were numbered to 99": lambda b: b.change(bobby(b), u.HEAD, None, pts=99),
    "more updates are confirmed than there are": lambda b: b.change(
        bobby(b), u.HEAD, None, delivered_pts=99
    ),
    "5 contacts were counted, and 0 are there": lambda b: b.change(
        bobby(b), u.HEAD, None, contacts=5
    ),
    "does not end with its last message 6": lambda b: b.change(
        bobby(b), u.DIALOGS, b.private, top_id=5
    ),
    "is beyond its last message": lambda b: b.change(
        bobby(b), u.DIALOGS, b.private, read_outbox_id=7
    ),
    "update 3 is missing": lambda b: b.drop(bobby(b), u.MAILBOX, 3),
    "updates before 2 are missing": lambda b: b.drop(bobby(b), u.MAILBOX, 1),
    "is there twice, or too late": lambda b: b.put(
        bobby(b), u.MAILBOX, 9, MessageEntry(b.private, 1, 0)
    ),
    # rows
    "not a key: 01": lambda b: b.rows(chat(b)).update({b"\x01": b"row"}),
    "row 0000000000000002 of table 2 fails its check": raw(chat, 2, u64(2), None),
    "actors of kind 99 are unknown": lambda b: b.rows(chat(b)).update(
        {actor_prefix(99, 1) + b"\x00": b"row"}
    ),
    "has rows in table 77": raw(chat, 77, b"", b"row"),
    "row 0000000000000002 of table 2: ": raw(chat, 2, u64(2), b"no message"),
    "lies in partition": moved,
    # across
    "is called bobby but does not hold the name": lambda b: b.drop(
        addresses.username("bobby"), handle.HEAD, None
    ),
    "is held by user 9, not called so": lambda b: b.put(
        addresses.username("nobody"), handle.HEAD, None, handle.HandleHead(9)
    ),
    "is not listed by its user": lambda b: b.drop(bobby(b), u.SESSIONS, 5),
    "is listed by its user but not there": lambda b: b.drop(phone(b), s.HEAD, None),
    "does not exist": forgotten,
    "up to message 5 of 6": lambda b: b.change(bobby(b), u.DIALOGS, b.private, top_id=5),
    # streams
    "took effect, but only 0 were sent": lambda b: b.damage_stream(NUMBERS, lambda n: 0),
    "are lost": lambda b: b.damage_stream(WATERMARKS, lambda n: n - 1),
    "there is a hole in what waits": lambda b: b.wait_in_outbox(
        *_ends(b.damage_stream(NUMBERS, lambda n: 99)), 98
    ),
    "messages wait that were never numbered": lambda b: b.wait_in_outbox(0, 77, 1),
}


def _ends(stream: str) -> tuple[int, int]:
    _, source, _, target = stream.split()
    return int(source), int(target)


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_found(busy: Busy, what: str) -> None:
    assert busy.verify().clean
    DAMAGES[what](busy)
    report = busy.verify()
    assert not report.clean
    assert what in "\n".join(map(str, report.findings))


@pytest.fixture
def changed() -> Busy:
    """After two edits of message 1, a deletion of message 2, and bobby's of message 3 for
    himself."""
    busy = Busy()
    for text in ("once", "twice"):
        busy.town.call(busy.alice, m.EditMessage(busy.private, 1, text))
    busy.town.call(busy.alice, m.DeleteMessages(busy.private, [2], True))
    busy.town.call(busy.bobby, m.DeleteMessages(busy.private, [3], False))
    busy.town.settle()
    busy.sources = busy.town.stored()
    return busy


CHANGES: dict[str, Damage] = {
    "change 10 of message 1 is none": lambda b: b.change(
        chat(b), c.MESSAGES, 1, change=c.Change(10)
    ),
    "message 1 is not as change 8 has left it": lambda b: b.change(
        chat(b), c.MESSAGES, 1, change=c.Change(7)
    ),
    "message 2 is not as change 9 has left it": lambda b: b.change(
        chat(b), c.MESSAGES, 2, change=None
    ),
    "change 7 of message 4 is missing": lambda b: b.change(
        chat(b), c.MESSAGES, 4, change=c.Change(7)
    ),
    "3 changes were numbered, and 2 are there": lambda b: b.drop(chat(b), c.EVENTS, 3),
    "the change before 3 is missing": lambda b: b.drop(chat(b), c.EVENTS, 2),
    "changes before 2 are missing": lambda b: b.drop(chat(b), c.EVENTS, 1),
    "more deletions of user": lambda b: b.drop(chat(b), c.HIDDEN, (b.bobby.user_id, 3)),
    "fewer deletions of user": lambda b: b.change(chat(b), c.MEMBERS, b.bobby.user_id, hidden=0),
    "has deleted message 7, which is not there": lambda b: b.put(
        chat(b), c.HIDDEN, (b.bobby.user_id, 7), c.HiddenRow(1)
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_damage_to_changes_is_found(changed: Busy, what: str) -> None:
    assert changed.verify().clean
    CHANGES[what](changed)
    report = changed.verify()
    assert what in "\n".join(map(str, report.findings))


def test_changes_that_were_forgotten_in_time_are_no_finding(
    changed: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHAT_EVENTS_MAX", 1)
    for number in (1, 2):
        changed.drop(chat(changed), c.EVENTS, number)
    assert changed.verify().clean


@pytest.mark.parametrize(
    ("hosts", "dedicated"), [(1, ()), (2, ()), (1, ("chat",)), (2, ("chat", "session", "user"))]
)
def test_a_busy_town_is_clean_and_everything_is_looked_at(
    hosts: int, dedicated: tuple[str, ...]
) -> None:
    report = Busy(hosts, dedicated).verify()
    assert report.clean, report.findings
    counts = report.counts
    assert (counts["users"], counts["sessions"], counts["chats"]) == (3, 4, 3)
    assert counts["messages"] == 6 + 10
    assert counts["messages under way"] == 0


def test_what_is_under_way_is_no_finding() -> None:
    """At every moment between two steps of the hosts, also after a crash."""
    busy = Busy()
    town = busy.town
    under_way = 0
    for number in range(20, 40):
        town.begin(busy.alice, m.SendMessage(busy.group, "on its way", number))
        town.begin(busy.bobby, m.MarkRead(busy.group, 8))
        town.step()
        if number % 5 == 0:
            town.crash("host-0", appended=True)
        report = verify(town.placement, town.stored())
        assert report.clean, report.findings
        under_way += report.counts["messages under way"]
    assert under_way


def test_what_waits_for_an_administrator_is_counted(busy: Busy) -> None:
    busy.rows(chat(busy))[system_prefix(0) + bytes([DEAD]) + u64(1)] = b"a letter"
    report = busy.verify()
    assert report.clean
    assert report.counts["dead letters"] == 1


def test_a_partition_in_the_wrong_host_is_found() -> None:
    """The rows are there, but in a folder where no host looks for them."""
    busy = Busy()
    (_, first), (_, second) = busy.sources
    report = verify(busy.town.placement, [("host-1", first), ("host-0", second)])
    assert Finding("host-1", "partition 0 belongs to host-0") in report.findings


def test_a_mailbox_that_was_trimmed_is_whole(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAILBOX_EVENTS_MAX", 10)
    busy.drop(bobby(busy), u.MAILBOX, 1)
    assert busy.verify().clean


def test_a_send_that_was_forgotten_in_time_is_no_finding(
    busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RANDOM_IDS_PER_CHAT_MAX", 4)
    for chat_id, forgotten_sends in ((busy.private, (1, 2)), (busy.group, (1, 2, 3))):
        for number in forgotten_sends:
            busy.drop(addresses.chat(chat_id), c.SENDS, (busy.alice.user_id, number))
    assert busy.verify().clean


def test_an_album_from_before_they_were_counted_is_no_finding(busy: Busy) -> None:
    busy.drop(chat(busy), c.ALBUMS, (busy.alice.user_id, 7))
    assert busy.verify().clean


def test_nor_is_one_that_was_forgotten_late(busy: Busy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a service message forgot a send too, some stayed."""
    monkeypatch.setattr(limits, "RANDOM_IDS_PER_CHAT_MAX", 4)
    assert busy.verify().clean


def test_of_too_many_findings_only_the_number_is_told() -> None:
    report = Report()
    for number in range(FINDINGS_MAX + 5):
        report.add("here", f"thing {number}")
    assert (len(report.findings), report.findings_total) == (FINDINGS_MAX, FINDINGS_MAX + 5)
    assert report.lasting(Report()) is report, "what cannot be compared is not dropped"


def test_only_what_is_found_twice_lasts() -> None:
    first, second = Report(), Report()
    first.add("user/1", "is odd")
    first.add("user/2", "is odd")
    second.add("user/2", "is odd")
    second.add("user/3", "is odd")
    lasting = second.lasting(first)
    assert lasting.findings == [Finding("user/2", "is odd")]
    assert (lasting.clean, lasting.findings_total) == (False, 1)
    assert first.lasting(Report()).clean


BAD_KEYS = {
    "a row of a table of numbers": actor_prefix(KINDS["user"], 5) + bytes([5]) + b"short",
    "a session that is called by a number": actor_prefix(KINDS["session"], 5) + b"\0",
    "a session without a user": actor_prefix(KINDS["session"], "what") + b"\0",
    "a user name that is a number": actor_prefix(KINDS["handle"], 5) + b"\0",
}


@pytest.mark.parametrize("key", BAD_KEYS)
def test_keys_that_cannot_be_are_found(busy: Busy, key: str) -> None:
    busy.rows(chat(busy))[BAD_KEYS[key]] = b"row"
    assert not busy.verify().clean
