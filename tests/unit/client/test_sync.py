"""The gate under everything that a network and a server may do to numbered updates."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Raw

from api import types as t
from heliograph._sync import Gate, Passed, own_message
from heliograph._wire import UnknownUpdate, WireDifference, WireNumbered
from tests.profile import tries

HELD_MAX = 4
PAGE = 3


def item(history: int, pts: int) -> UnknownUpdate:
    """The update `pts` of a mailbox; another `history` follows a restored backup."""
    return UnknownUpdate(b'{"type":"test","history":%d,"pts":%d}' % (history, pts))


def wire(kind: str, pts: int, items: list[tuple[int, UnknownUpdate]]) -> WireDifference:
    numbered = [WireNumbered(number, Raw(update.json)) for number, update in items]
    return WireDifference(kind, pts, numbered)  # type: ignore[arg-type]


class Mailbox(RuleBasedStateMachine):
    """A mailbox of which the last `kept` updates are on the server, and a network that loses,
    doubles and reorders pushes, also across reconnects, and delays one difference."""

    @initialize(begin=st.none() | st.integers(0, 3), size=st.integers(3, 6))
    def start(self, begin: int | None, size: int) -> None:
        self.history = 0
        self.mailbox = [item(0, pts) for pts in range(1, size + 1)]
        self.gone = 0
        self.gate = Gate(begin, HELD_MAX)
        self.shown: int | None = begin
        """The number of the last update that passed; None before the first hello."""
        self.flying: list[int] = []
        self.answer: tuple[int, WireDifference] | None = None

    def check(self, passed: Passed) -> None:
        """What passes continues what passed, or begins again with a resync."""
        if passed.resync:
            first = passed.updates[0][0] - 1 if passed.updates else self.gate.pts
            self.shown = first
        for pts, update in passed.updates:
            assert self.shown is not None
            assert pts == self.shown + 1
            assert update == self.mailbox[pts - 1]
            self.shown = pts
        assert self.gate.pts == self.shown

    def difference(self, after: int) -> WireDifference:
        size = len(self.mailbox)
        if after == size:
            return wire("empty", size, [])
        if after > size or after < self.gone:
            return wire("too_long", size, [])
        end = min(after + PAGE, size)
        items = [(pts, self.mailbox[pts - 1]) for pts in range(after + 1, end + 1)]
        return wire("full" if end == size else "slice", end, items)

    @rule(count=st.integers(1, 2 * HELD_MAX))
    def happen(self, count: int) -> None:
        """Updates happen, and their pushes are on their way."""
        for _ in range(count):
            self.mailbox.append(item(self.history, len(self.mailbox) + 1))
            self.flying.append(len(self.mailbox))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), doubled=st.booleans())
    def arrive(self, data: st.DataObject, doubled: bool) -> None:
        pts = data.draw(st.sampled_from(self.flying))
        if not doubled:
            self.flying.remove(pts)
        self.check(Passed(self.gate.push(pts, self.mailbox[pts - 1])))

    @precondition(lambda self: self.flying)
    @rule()
    def lose(self) -> None:
        self.flying.pop()

    @rule()
    def arrive_in_order(self) -> None:
        """Pushes are seldom reordered; a gap that they close needs no difference."""
        for pts in sorted(self.flying):
            self.check(Passed(self.gate.push(pts, self.mailbox[pts - 1])))
        self.flying.clear()

    @rule()
    def connect(self) -> None:
        """The hello of another connection. A difference that was asked for on the last is lost."""
        self.answer = None
        if self.shown is None:
            self.shown = len(self.mailbox)
        needed = self.gate.hello(len(self.mailbox))
        assert needed == (self.shown != len(self.mailbox))
        assert self.gate.pts == self.shown

    @rule()
    def hear(self) -> None:
        """A frame with a number and no update."""
        self.gate.heard_of(len(self.mailbox))

    @precondition(lambda self: self.answer is None and self.gate.pts is not None)
    @rule()
    def ask(self) -> None:
        assert self.gate.pts is not None
        self.answer = (self.gate.pts, self.difference(self.gate.pts))

    @precondition(lambda self: self.answer is not None)
    @rule()
    def be_answered(self) -> None:
        assert self.answer is not None
        (asked, difference), self.answer = self.answer, None
        self.check(self.gate.difference(asked, difference))

    @rule()
    def trim(self) -> None:
        """The server forgets the older half."""
        self.gone = len(self.mailbox) // 2

    @precondition(lambda self: self.shown is not None and self.gone < len(self.mailbox))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """The server comes back from a backup: the connection and all in flight are gone, and the
        updates after the backup never happened."""
        size = data.draw(st.integers(self.gone, len(self.mailbox) - 1))
        self.history += 1
        del self.mailbox[size:]
        self.flying.clear()
        self.connect()
        # Nothing happens before the difference is answered: after that nobody could tell.
        if self.gate.pts != size:
            self.ask()
            self.be_answered()

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "gate"):
            assert len(self.gate._held) <= HELD_MAX
            assert all(pts > (self.gate.pts or 0) for pts in self.gate._held)

    def teardown(self) -> None:
        """Pushes stop; as long as the gate says so, a difference is asked for. Nothing may be
        missing then that the gate was told of."""
        if not hasattr(self, "gate"):
            return
        if self.gate.pts is None:
            self.connect()
        self.gate.heard_of(len(self.mailbox))
        self.answer = None
        rounds = 0
        while self.gate.missing:
            self.ask()
            self.be_answered()
            rounds += 1
            assert rounds <= len(self.mailbox), "it goes round in circles"
        assert self.shown == len(self.mailbox)


TestMailbox = Mailbox.TestCase
TestMailbox.settings = settings(max_examples=tries(300), stateful_step_count=30, deadline=None)


def test_a_push_in_order_passes() -> None:
    gate = Gate(0)
    assert gate.push(1, item(0, 1)) == [(1, item(0, 1))]
    assert not gate.missing


def test_before_hello_nothing_passes() -> None:
    gate = Gate()
    assert gate.push(1, item(0, 1)) == []
    assert not gate.missing
    assert not gate.hello(7)
    assert gate.pts == 7


def test_a_gap_holds_what_follows_until_it_closes() -> None:
    gate = Gate(0)
    assert gate.push(2, item(0, 2)) == []
    assert gate.missing
    assert gate.push(1, item(0, 1)) == [(1, item(0, 1)), (2, item(0, 2))]
    assert not gate.missing


def test_what_was_not_held_is_missed_after_a_resync() -> None:
    gate = Gate(5, held_max=1)
    gate.push(11, item(0, 11))
    gate.push(12, item(0, 12))
    passed = gate.difference(5, wire("too_long", 10, []))
    assert passed == Passed([(11, item(0, 11))], resync=True)
    assert gate.missing, "12 came, and was not held"


def test_a_difference_that_was_overtaken_by_pushes_changes_nothing() -> None:
    gate = Gate(5)
    for pts in (6, 7, 8):
        gate.push(pts, item(0, pts))
    assert gate.difference(5, wire("too_long", 7, [])) == Passed([])
    assert gate.pts == 8


def test_a_restored_mailbox_begins_again_behind() -> None:
    gate = Gate(9)
    assert gate.hello(4)
    assert gate.difference(9, wire("too_long", 4, [])) == Passed([], resync=True)
    assert gate.pts == 4
    assert gate.push(5, item(1, 5)) == [(5, item(1, 5))]


def test_a_slice_is_not_the_end() -> None:
    gate = Gate(0)
    gate.difference(0, wire("slice", 1, [(1, item(0, 1))]))
    assert gate.missing
    gate.difference(1, wire("full", 2, [(2, item(0, 2))]))
    assert not gate.missing


def test_an_own_message_is_the_update_that_others_get() -> None:
    sent = t.Sent("p1-2", 3, 1000, 8)
    message = t.Message("p1-2", 3, 1, 1000, "hello", reply_to=2, random_id=77)
    assert own_message(sent, 1, "hello", 2, 77) == t.MessageNew(message)
