"""The shipper: durable messages reach other hosts whatever becomes of the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import msgspec
import pytest

from runtime import shipper as module
from runtime import streams, wire
from runtime.engine import Engine
from runtime.refs import NOBODY, ActorRef
from runtime.shipper import Shipper
from runtime.wire import Envelope, Parcel, Receipt
from tests.unit.runtime import fake_time
from tests.unit.runtime.fake_time import fake_loop, idle
from tests.unit.runtime.kit import Add, LookAll, Relay, Rig

HOME, NEAR, FAR = "host-0", "host-1", "host-2"


async def unguarded(work: Callable[[], Awaitable[None]]) -> None:
    await work()


class Road:
    """A shipper of the first host, whose calls wait until the test says what becomes of them, or
    fail at once while the road is `down`. `at_s` is when they were made."""

    def __init__(self) -> None:
        self.rig = Rig(hosts=3)
        self.calls: list[tuple[str, Parcel, asyncio.Future[bytes]]] = []
        self.at_s: list[float] = []
        self.down = False
        self.sender = self.rig.at(HOME)[0]
        self.shipper = Shipper(self.engine, self._call, unguarded)

    @property
    def engine(self) -> Engine:
        return self.rig.engines[HOME]

    async def _call(self, host: str, parcel: bytes) -> bytes:
        self.at_s.append(fake_loop().time())
        if self.down:
            raise ConnectionError("as told")
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.calls.append((host, wire.decode_parcel(parcel), future))
        return await future

    def stream(self, to: ActorRef) -> tuple[int, int]:
        home = self.rig.placement.partition
        return home(self.sender), home(to)

    def send(self, to: ActorRef, *amounts: int) -> None:
        """Durably, and tell the shipper."""
        for amount in amounts:
            self.rig.post(self.sender, Relay(amount, [to]))
        self.rig.commit(HOME)
        self.shipper.ship({self.stream(to)}, {})

    def tell(self, host: str, *amounts: int) -> None:
        (to,) = self.rig.at(host)
        raws = [
            wire.encode(Envelope(to, NOBODY, None, msgspec.Raw(wire.encode(Add(amount)))))
            for amount in amounts
        ]
        self.shipper.ship(set(), {host: raws})

    def arrive(self, number: int = -1) -> list[Receipt]:
        """A call reaches its host; its receipts are not answered yet."""
        host, parcel, _ = self.calls[number]
        receipts = [self.rig.engines[host].receive(shipment) for shipment in parcel.shipments]
        for raw in parcel.ephemeral:
            self.rig.engines[host].receive_ephemeral(raw)
        self.rig.commit(host)
        return receipts

    def answer(self, receipts: list[Receipt], number: int = -1) -> None:
        self.calls[number][2].set_result(wire.encode(receipts))

    def fail(self) -> None:
        self.calls[-1][2].set_exception(ConnectionError("as told"))

    async def deliver_all(self) -> None:
        """Until nothing is on its way."""
        await idle()
        while not self.calls[-1][2].done():
            self.answer(self.arrive())
            await idle()
        self.rig.commit(HOME)

    def firsts(self) -> list[int]:
        """The first number of each call's only shipment."""
        return [parcel.shipments[0].first for _, parcel, _ in self.calls]

    def received(self, host: str = NEAR) -> list[int]:
        (ref,) = self.rig.at(host)
        found: list[int] = self.rig.ask(ref, LookAll())
        return found


def on_road(test: Callable[[Road], Awaitable[None]]) -> None:
    async def main() -> None:
        road = Road()
        road.shipper.start()
        try:
            await test(road)
        finally:
            await road.shipper.stop()

    fake_time.run(main)


def near(road: Road) -> ActorRef:
    return road.rig.at(NEAR)[0]


def test_what_the_outbox_holds_from_before_is_shipped_at_the_start() -> None:
    async def test(road: Road) -> None:
        await road.shipper.stop()
        road.send(near(road), 1, 2)
        road.rig.start(HOME)
        await idle()
        assert road.calls == []
        road.shipper = Shipper(road.engine, road._call, unguarded)
        road.shipper.start()
        await road.deliver_all()
        assert road.received() == [1, 2]
        assert road.engine.streams.waiting(road.engine.led) == set()

    on_road(test)


def test_one_call_at_a_time_for_each_host_and_the_next_takes_all_that_came() -> None:
    async def test(road: Road) -> None:
        far = road.rig.at(FAR)[0]
        road.send(near(road), 1)
        await idle()
        road.send(near(road), 2)
        road.send(near(road), 3)
        road.send(far, 4)
        await idle()
        assert [host for host, _, _ in road.calls] == [NEAR, FAR], "hosts do not wait for others"
        road.answer(road.arrive(0), 0)
        await idle()
        assert [host for host, _, _ in road.calls] == [NEAR, FAR, NEAR]
        (shipment,) = road.calls[2][1].shipments
        assert (shipment.first, len(shipment.envelopes)) == (2, 2)
        await road.deliver_all()
        assert road.received() == [1, 2, 3]
        assert len(road.calls) == 3

    on_road(test)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_call_that_failed_is_made_again_and_takes_effect_once(arrives: bool) -> None:
    async def test(road: Road) -> None:
        road.send(near(road), 1, 2)
        await idle()
        if arrives:
            road.arrive()
        road.fail()
        await asyncio.sleep(1)
        road.send(near(road), 3)
        assert road.firsts() == [1, 1]
        await road.deliver_all()
        assert road.received() == [1, 2, 3]
        assert road.shipper.shipped == 3

    on_road(test)


@pytest.mark.parametrize("arrives", [False, True])
def test_a_call_that_is_never_answered_is_made_again_and_takes_effect_once(arrives: bool) -> None:
    """A short cut of the network may swallow a call that nobody notices is lost."""

    async def test(road: Road) -> None:
        road.send(near(road), 1, 2)
        await idle()
        if arrives:
            road.arrive()
        await asyncio.sleep(module.ANSWER_S_MIN + module.RETRY_S_MAX)
        assert road.firsts() == [1, 1]
        await road.deliver_all()
        assert road.received() == [1, 2]
        assert road.shipper.shipped == 2

    on_road(test)


def test_a_host_that_does_not_answer_is_tried_less_and_less_often() -> None:
    async def test(road: Road) -> None:
        road.send(near(road), 1)
        await idle()
        road.down = True
        road.fail()
        await asyncio.sleep(10)
        road.down = False
        pauses = [later - earlier for earlier, later in pairwise(road.at_s)]
        assert pauses[0] == pytest.approx(module.RETRY_S_MIN, rel=0.1)
        assert pauses[1] == pytest.approx(2 * module.RETRY_S_MIN, rel=0.1)
        assert pauses[-1] == pytest.approx(module.RETRY_S_MAX, rel=0.1)
        await asyncio.sleep(module.RETRY_S_MAX)
        await road.deliver_all()
        assert road.received() == [1]

    on_road(test)


def test_what_was_taken_in_part_is_shipped_again_from_there() -> None:
    """The receiver's disk was full: its receipt says less than it was sent."""

    async def test(road: Road) -> None:
        road.send(near(road), 1)
        await road.deliver_all()
        road.send(near(road), 2, 3)
        await idle()
        stream = road.stream(near(road))
        road.answer([Receipt(*stream, 1)])
        await asyncio.sleep(module.RETRY_S_MAX / 2)
        assert len(road.calls) == 2, "not at once"
        await asyncio.sleep(module.RETRY_S_MAX)
        assert road.firsts() == [1, 2, 2]
        road.answer([Receipt(*stream, 2)])
        await idle()
        road.rig.commit(HOME)
        await asyncio.sleep(2 * module.RETRY_S_MAX)
        assert road.firsts() == [1, 2, 2, 3]

    on_road(test)


def test_a_receipt_deletes_from_the_outbox_only_what_it_says() -> None:
    async def test(road: Road) -> None:
        far = road.rig.at(FAR)[0]
        road.send(near(road), 1, 2)
        road.send(far, 3)
        await idle()
        road.answer([Receipt(*road.stream(near(road)), 1)], 0)
        await idle()
        road.rig.commit(HOME)
        numbers = [key[-1] for key, _ in road.rig.system_rows(streams.OUTBOX)]
        assert sorted(numbers) == [1, 2], "one of each"

    on_road(test)


def test_parcels_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARCEL_BYTES_SOUGHT", 1)
    monkeypatch.setattr(streams, "SHIPMENT_MESSAGES_MAX", 2)

    async def test(road: Road) -> None:
        targets = road.rig.at(NEAR, 2)
        for target in targets:
            road.send(target, 1, 2, 3)
        await road.deliver_all()
        assert [len(parcel.shipments) for _, parcel, _ in road.calls] == [1] * 4
        for target in targets:
            assert road.rig.ask(target, LookAll()) == [1, 2, 3]
        assert road.engine.streams.waiting(road.engine.led) == set()

    on_road(test)


def test_many_streams_share_a_parcel() -> None:
    async def test(road: Road) -> None:
        for target in road.rig.at(NEAR, 2):
            road.send(target, 1)
        await road.deliver_all()
        assert [len(parcel.shipments) for _, parcel, _ in road.calls] == [2]

    on_road(test)


def test_ephemeral_messages_are_sent_once_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EPHEMERAL_QUEUED_MAX", 3)

    async def test(road: Road) -> None:
        road.tell(NEAR, 1)
        await idle()
        road.tell(NEAR, 2, 3)
        road.tell(NEAR, 4, 5)
        road.tell(NEAR, 6)
        road.fail()
        await asyncio.sleep(1)
        assert [len(parcel.ephemeral) for _, parcel, _ in road.calls] == [1, 3]
        await road.deliver_all()
        assert road.received() == [2, 3, 4]
        road.tell(NEAR, 7)
        await road.deliver_all()
        assert road.received() == [2, 3, 4, 7]

    on_road(test)


def test_nothing_is_shipped_once_stopped_and_nothing_is_lost_by_it() -> None:
    async def test(road: Road) -> None:
        road.send(near(road), 1)
        await idle()
        await road.shipper.stop()
        road.send(near(road), 2)
        road.tell(NEAR, 3)
        await asyncio.sleep(5)
        assert len(road.calls) == 1
        assert road.engine.streams.waiting(road.engine.led) == {road.stream(near(road))}

    on_road(test)


def test_looking_again_at_every_outbox_ships_nothing_twice() -> None:
    async def test(road: Road) -> None:
        road.send(near(road), 1)
        await idle()
        road.shipper.retry_all()
        await road.deliver_all()
        assert (road.received(), len(road.calls)) == ([1], 1)
        assert road.shipper.waiting == 0

    on_road(test)
