"""Streams between hosts: every message takes effect once and in order, whatever becomes of
shipments, receipts and hosts on the way."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from api.errors import ApiError
from runtime import streams, wire
from runtime.refs import NOBODY, ActorRef
from runtime.streams import NUMBERS, OUTBOX, WATERMARKS
from runtime.wire import Envelope, Receipt, Shipment
from tests.profile import tries
from tests.unit.runtime.kit import Add, LookAll, Relay, Rig

FROM, TO = "host-0", "host-1"
FULL = ApiError("storage_full", "no room", 1.0)


class Pair:
    """Senders on one host, of different partitions, that all write to one actor of the other."""

    def __init__(self, senders: int = 2) -> None:
        self.rig = Rig(hosts=2)
        self.senders = self.rig.at(FROM, senders)
        (self.receiver,) = self.rig.at(TO)
        home = self.rig.placement.partition
        self.streams = [(home(sender), home(self.receiver)) for sender in self.senders]
        assert len(set(self.streams)) == senders

    def send(self, sender: int, amount: int) -> None:
        self.rig.post(self.senders[sender], Relay(amount, [self.receiver]))

    def shipment(self, sender: int = 0) -> Shipment | None:
        return self.rig.engines[FROM].streams.shipment(*self.streams[sender])

    def shipped(self, sender: int = 0) -> Shipment:
        shipment = self.shipment(sender)
        assert shipment is not None
        return shipment

    def receive(self, shipment: Shipment) -> int:
        """Receive durably; returns the watermark."""
        receipt = self.rig.engines[TO].receive(shipment)
        self.rig.commit(TO)
        return receipt.watermark

    def acknowledge(self, mark: int, sender: int = 0) -> int:
        engine = self.rig.engines[FROM]
        receipt = Receipt(*self.streams[sender], mark)
        deleted = engine.streams.acknowledge(engine.pending.open, receipt)
        self.rig.commit(FROM)
        return deleted

    def received(self) -> list[int]:
        found: list[int] = self.rig.ask(self.receiver, LookAll())
        return found


# --- one step after the other -------------------------------------------------------------------


def test_only_what_is_durable_is_shipped() -> None:
    pair = Pair()
    pair.send(0, 5)
    assert pair.shipment() is None
    flying = pair.rig.engines[FROM].cut()
    assert flying is not None
    assert flying.streams == {pair.streams[0]}
    assert pair.shipment() is None


def test_what_is_shipped_is_not_shipped_again_until_it_may_be_lost() -> None:
    pair = Pair()
    for amount in (1, 2):
        pair.send(0, amount)
        pair.rig.commit(FROM)
    first = pair.shipped()
    assert (first.first, len(first.envelopes)) == (1, 2)
    assert pair.shipment() is None
    pair.send(0, 3)
    pair.rig.commit(FROM)
    assert pair.shipped().first == 3
    pair.rig.engines[FROM].streams.rewind(*pair.streams[0])
    assert (again := pair.shipped()).first == 1
    assert len(again.envelopes) == 3


def test_a_redelivery_does_nothing() -> None:
    pair = Pair()
    pair.send(0, 7)
    pair.rig.commit(FROM)
    shipment = pair.shipped()
    assert [pair.receive(shipment) for _ in range(3)] == [1, 1, 1]
    assert pair.received() == [7]


def test_a_shipment_behind_a_lost_one_is_not_taken() -> None:
    pair = Pair()
    shipments = []
    for amount in (1, 2):
        pair.send(0, amount)
        pair.rig.commit(FROM)
        shipments.append(pair.shipped())
    assert pair.receive(shipments[1]) == 0
    assert pair.receive(shipments[0]) == 1
    assert pair.receive(shipments[1]) == 2
    assert pair.received() == [1, 2]


def test_a_shipment_that_is_half_known_is_taken_from_where_it_is_new() -> None:
    pair = Pair()
    pair.send(0, 1)
    pair.rig.commit(FROM)
    pair.receive(pair.shipped())
    pair.send(0, 2)
    pair.rig.commit(FROM)
    pair.rig.engines[FROM].streams.rewind(*pair.streams[0])
    whole = pair.shipped()
    assert len(whole.envelopes) == 2
    assert pair.receive(whole) == 2
    assert pair.received() == [1, 2]


def test_the_watermark_is_durable_with_the_effects() -> None:
    pair = Pair()
    pair.send(0, 7)
    pair.rig.commit(FROM)
    shipment = pair.shipped()
    pair.rig.engines[TO].receive(shipment)
    assert pair.rig.rows(TO) == []
    pair.rig.start(TO)  # it died before the commit: both are gone
    assert pair.rig.engines[TO].streams.watermark(*pair.streams[0]) == 0
    assert pair.receive(shipment) == 1
    assert len(pair.rig.disks[TO]) == 1, "in one batch"
    ((key, mark),) = pair.rig.system_rows(WATERMARKS, TO)
    assert int.from_bytes(key[11:], "big") == pair.streams[0][0]
    assert int.from_bytes(mark, "big") == 1
    pair.rig.start(TO)
    assert pair.receive(shipment) == 1
    assert pair.received() == [7]


def test_what_was_acknowledged_is_deleted_and_nothing_else() -> None:
    pair = Pair()
    for amount in range(1, 6):
        pair.send(0, amount)
        pair.send(1, amount)
    pair.rig.commit(FROM)
    assert pair.acknowledge(3) == 3
    waiting = [(key[2:10], key[19:]) for key, _ in pair.rig.system_rows(OUTBOX)]
    numbers = [int.from_bytes(number, "big") for _, number in waiting]
    assert sorted(numbers) == [1, 2, 3, 4, 4, 5, 5]
    assert pair.acknowledge(3) == 0, "a receipt that comes twice"
    assert pair.acknowledge(2) == 0, "one that was overtaken"
    assert pair.shipped().first == 4
    assert pair.acknowledge(5) == 2
    assert pair.rig.engines[FROM].streams.waiting([p for p, _ in pair.streams]) == {pair.streams[1]}


def test_however_many_had_arrived_before_the_sender_lost_that_it_knew_all_are_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where nothing more is ever sent on this stream."""
    monkeypatch.setattr(streams, "SHIPMENT_MESSAGES_MAX", 1)
    pair = Pair()
    for amount in range(1, 21):
        pair.send(0, amount)
        pair.rig.commit(FROM)
        pair.receive(pair.shipped())  # and its receipt is lost
    pair.rig.start(FROM)
    while (shipment := pair.shipment()) is not None:
        pair.acknowledge(pair.receive(shipment))
    assert pair.rig.system_rows(OUTBOX) == []
    assert pair.received() == [*range(1, 21)]


def test_numbers_go_on_after_everything_was_acknowledged_and_a_restart() -> None:
    pair = Pair()
    pair.send(0, 1)
    pair.rig.settle()
    assert pair.rig.system_rows(OUTBOX) == []
    assert [int.from_bytes(row, "big") for _, row in pair.rig.system_rows(NUMBERS)] == [1]
    pair.rig.start(FROM)
    pair.send(0, 2)
    pair.rig.commit(FROM)
    second = pair.shipped()
    assert second.first == 2
    assert pair.receive(second) == 2
    assert pair.received() == [1, 2]


def test_streams_that_wait_are_found_at_the_start() -> None:
    rig = Rig(hosts=4)
    (here,) = rig.at("host-0")
    others = [ref for name in rig.names[1:] for ref in rig.at(name, 2)]
    for ref in others:
        for amount in (1, 2):
            rig.post(here, Relay(amount, [ref]))
    rig.commit("host-0")
    engine = rig.start("host-0")
    home = rig.placement.partition(here)
    assert engine.streams.waiting(engine.led) == {
        (home, rig.placement.partition(ref)) for ref in others
    }


def test_shipments_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SHIPMENT_MESSAGES_MAX", 3)
    pair = Pair()
    for amount in range(7):
        pair.send(0, amount)
    pair.rig.commit(FROM)
    found = [pair.shipped() for _ in range(3)]
    assert [(s.first, len(s.envelopes)) for s in found] == [(1, 3), (4, 3), (7, 1)]
    assert pair.shipment() is None


def test_shipments_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one message that is larger than that alone still goes."""
    pair = Pair()
    for amount in range(4):
        pair.send(0, amount)
    pair.rig.commit(FROM)
    size = len(pair.rig.system_rows(OUTBOX)[0][1])
    monkeypatch.setattr(streams, "SHIPMENT_BYTES_MAX", 2 * size)
    assert [len(pair.shipped().envelopes) for _ in range(2)] == [2, 2]
    monkeypatch.setattr(streams, "SHIPMENT_BYTES_MAX", 1)
    pair.rig.engines[FROM].streams.rewind(*pair.streams[0])
    assert [len(pair.shipped().envelopes) for _ in range(4)] == [1] * 4


def test_a_host_that_only_reads_takes_nothing_and_says_so() -> None:
    pair = Pair()
    pair.send(0, 7)
    pair.rig.commit(FROM)
    shipment = pair.shipped()
    pair.rig.engines[TO].read_only = True
    assert pair.receive(shipment) == 0
    pair.rig.engines[TO].read_only = False
    assert pair.receive(shipment) == 1
    assert pair.received() == [7]


def test_a_shipment_to_a_partition_that_is_not_led_here_does_nothing() -> None:
    pair = Pair()
    pair.send(0, 7)
    pair.rig.commit(FROM)
    receipt = pair.rig.engines[FROM].receive(pair.shipped())
    assert receipt.watermark == 0
    assert not pair.rig.commit(FROM)


def test_a_message_that_breaks_takes_its_number() -> None:
    """It is kept apart, and those behind it are not held up."""
    pair = Pair()
    source, target = pair.streams[0]
    raws = [
        msgspec.Raw(wire.encode(Envelope(ref, NOBODY, None, msgspec.Raw(wire.encode(message)))))
        for ref, message in (
            (pair.receiver, Add(1)),
            (pair.receiver, Add(2, "refuse")),
            (pair.receiver, Add(3, "break")),
            (ActorRef("user", -1), Add(4)),
            (pair.receiver, Add(5)),
        )
    ]
    assert pair.receive(Shipment(source, target, 1, raws)) == 5
    assert pair.received() == [1, 5]
    assert len(pair.rig.system_rows(streams.DEAD, TO)) == 2


def test_a_message_that_cannot_be_read_is_waited_for() -> None:
    """A newer version may have sent it. What came before it took effect, and only once; what comes
    after it waits, until a version that can read it takes it."""
    pair = Pair()
    source, target = pair.streams[0]
    envelopes = [
        msgspec.Raw(wire.encode(Envelope(pair.receiver, NOBODY, None, msgspec.Raw(raw))))
        for raw in (wire.encode(Add(1)), wire.encode(["Newer", 1]), wire.encode(Add(3)))
    ]
    shipment = Shipment(source, target, 1, envelopes)
    assert [pair.receive(shipment) for _ in range(3)] == [1, 1, 1]
    assert pair.received() == [1]
    known = Shipment(source, target, 2, [envelopes[0], envelopes[2]])
    assert pair.receive(known) == 3
    assert pair.received() == [1, 1, 3]


# --- in any order -------------------------------------------------------------------------------


class StreamsMachine(RuleBasedStateMachine):
    """`durable` is what each sender has sent for good; `open` and `flying` may still be lost. The
    network may hold, lose, repeat and overtake."""

    @initialize()
    def make(self) -> None:
        self.pair = Pair()
        self.numbers = itertools.count(1)
        self.open: list[list[int]] = [[], []]
        self.durable: list[list[int]] = [[], []]
        self.network: list[Shipment] = []
        self.unsure: list[Receipt] = []
        self.receipts: list[Receipt] = []

    @rule(sender=st.integers(0, 1), count=st.integers(1, 3))
    def send(self, sender: int, count: int) -> None:
        for _ in range(count):
            amount = 10 * next(self.numbers) + sender
            self.pair.send(sender, amount)
            self.open[sender].append(amount)

    @rule()
    def commit_sender(self) -> None:
        self.pair.rig.commit(FROM)
        for durable, sent in zip(self.durable, self.open, strict=True):
            durable.extend(sent)
            sent.clear()

    @rule()
    def commit_receiver(self) -> None:
        self.pair.rig.commit(TO)
        self.receipts += self.unsure
        self.unsure = []

    @rule(sender=st.integers(0, 1))
    def ship(self, sender: int) -> None:
        shipment = self.pair.shipment(sender)
        if shipment is not None:
            self.network.append(shipment)

    @rule(sender=st.integers(0, 1))
    def rewind(self, sender: int) -> None:
        self.pair.rig.engines[FROM].streams.rewind(*self.pair.streams[sender])

    @precondition(lambda self: self.network)
    @rule(data=st.data(), again=st.booleans())
    def deliver(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.network) - 1))
        shipment = self.network[at] if again else self.network.pop(at)
        self.unsure.append(self.pair.rig.engines[TO].receive(shipment))

    @precondition(lambda self: self.network)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.network.pop(data.draw(st.integers(0, len(self.network) - 1)))

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), again=st.booleans())
    def acknowledge(self, data: st.DataObject, again: bool) -> None:
        at = data.draw(st.integers(0, len(self.receipts) - 1))
        receipt = self.receipts[at] if again else self.receipts.pop(at)
        engine = self.pair.rig.engines[FROM]
        engine.streams.acknowledge(engine.pending.open, receipt)

    @rule(full=st.booleans())
    def lose_what_the_sender_did(self, full: bool) -> None:
        """It crashed, or its disk is full."""
        if full:
            self.pair.rig.engines[FROM].cut()
            self.pair.rig.engines[FROM].give_up(FULL)
        else:
            self.pair.rig.start(FROM)
        self.open = [[], []]

    @rule(full=st.booleans())
    def lose_what_the_receiver_did(self, full: bool) -> None:
        if full:
            self.pair.rig.engines[TO].cut()
            self.pair.rig.engines[TO].give_up(FULL)
        else:
            self.pair.rig.start(TO)
        self.unsure = []

    @rule()
    def check(self) -> None:
        """What has taken effect for good is a beginning of what was sent for good."""
        number = self.pair.rig.post(self.pair.receiver, LookAll())
        outs = self.pair.rig.engines[TO].pending.open.outs
        payload = next(out.payload for _, out in outs if out.number == number)
        received = msgspec.json.decode(payload, type=list[int])
        for sender, durable in enumerate(self.durable):
            mine = [amount for amount in received if amount % 10 == sender]
            assert mine == durable[: len(mine)]

    def teardown(self) -> None:
        """In the end all arrives, and nothing is left over."""
        self.commit_sender()
        self.commit_receiver()
        engine = self.pair.rig.start(FROM)
        self.pair.rig.settle()
        received = self.pair.received()
        for sender, durable in enumerate(self.durable):
            assert [amount for amount in received if amount % 10 == sender] == durable
        assert engine.streams.waiting(engine.led) == set()


StreamsMachine.TestCase.settings = settings(
    max_examples=tries(150), stateful_step_count=40, deadline=None
)
TestStreams = StreamsMachine.TestCase


def test_nothing_overtakes_what_was_sent_when_both_ends_were_elsewhere() -> None:
    """A backup is dealt out anew: what still waits in an outbox is for a partition of the same
    host now."""
    before = Pair(1)
    before.send(0, 1)
    before.rig.commit(FROM)
    (sender,), receiver = before.senders, before.receiver
    rig = Rig(hosts=1)
    rig._numbers = before.rig._numbers
    rig.disks[FROM].extend(writes for disk in before.rig.disks.values() for writes in disk)
    engine = rig.start(FROM)
    engine.keep_apart(engine.streams.waiting(engine.led))
    rig.post(sender, Relay(2, [receiver]))
    rig.commit()
    rig.post(sender, Relay(3, [receiver]))
    rig.settle()
    assert rig.ask(receiver, LookAll()) == [1, 2, 3]
    assert rig.system_rows(OUTBOX) == []
    rig.post(sender, Relay(4, [receiver]))
    rig.commit()
    assert rig.system_rows(OUTBOX) == [], "from then on it is at once"
    assert rig.ask(receiver, LookAll()) == [1, 2, 3, 4]
