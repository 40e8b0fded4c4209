"""The commit pipeline: nothing leaves a host before it is durable, and nothing that left is lost,
whether disks are slow or full or fail, and whoever dies when."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import front_streams, pipeline, wire
from runtime.front_streams import FRONT_SILENCE_S_MAX
from runtime.journal import LocalJournal
from runtime.pipeline import COMMANDS_PER_STEP, HOUSEKEEPING_S, READ_ONLY_S
from runtime.refs import NOBODY, ActorRef
from runtime.wire import Envelope, Packet, Parcel, Receipt, Shipment
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from storage.port import Writes
from tests.profile import tries
from tests.unit.runtime.fake_time import fake_loop, idle
from tests.unit.runtime.kit import Add, Attach, Look, LookAll, Relay, Said, Tell
from tests.unit.runtime.running import Front, Running, on_running, pending, refused

ONE, TWO = ActorRef("user", 1), ActorRef("user", 2)


def shipment(running: Running, *messages: Said, first: int = 1) -> tuple[ActorRef, Shipment]:
    """Messages of a partition of host-0 to an actor of host-1, and that actor."""
    here, there = running.at("host-0"), running.at("host-1")
    home = running.placement.partition
    raws = [
        msgspec.Raw(wire.encode(Envelope(there, NOBODY, None, msgspec.Raw(wire.encode(message)))))
        for message in messages
    ]
    return there, Shipment(home(here), home(there), first, raws)


def receive(running: Running, *shipments: Shipment) -> asyncio.Task[list[Receipt]]:
    """Have host-1 receive a parcel."""

    async def call() -> list[Receipt]:
        parcel = wire.encode(Parcel(list(shipments), []))
        return wire.decode_receipts(await running.hosts["host-1"].receive(parcel))

    return asyncio.create_task(call())


# --- release ------------------------------------------------------------------------------------


def test_nothing_is_released_before_it_is_durable() -> None:
    """No answer, no push, no row to reads, no message to another host."""

    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        front, other = (Front(running.hosts["host-0"], name) for name in ("front", "other"))
        for caller in (front, other):
            caller.listen()
        loop = fake_loop()
        loop.hold()
        calls = [other.say(here, message) for message in (Add(5), Attach(1), Relay(1, [there]))]
        assert await pending(*calls)
        assert (len(loop.jobs), running.hosts["host-0"].store.disk) == (1, [])
        look = other.request(here, Look())
        calls.append(other.submit(look))
        assert await pending(*calls)
        assert (front.outs, other.outs) == ([], [])
        assert running.hosts["host-1"].pipeline.engine.turns == 0
        loop.let_go()
        await asyncio.gather(*calls)
        assert front.pushed == [b"5"]
        assert other.answers()[look.number] == 0, "a read does not see what may yet be lost"
        await idle()
        assert await running.ask(there, Look()) == 1

    on_running(test, hosts=2)


def test_turns_go_on_while_a_batch_is_written_and_are_in_the_next_one() -> None:
    async def test(running: Running) -> None:
        loop, engine = fake_loop(), running.host.pipeline.engine
        loop.hold()
        first = Front(running.host, "a").say(ONE, Add(1))
        assert await pending(first)
        later = [Front(running.host, name).say(ONE, Add(2), Add(3)) for name in ("b", "c")]
        assert await pending(first, *later)
        assert (engine.turns, len(loop.jobs)) == (5, 1)
        loop.work()
        await first
        assert await pending(*later)
        assert len(loop.jobs) == 1, "one batch of both"
        loop.work()
        await asyncio.gather(*later)
        assert len(running.host.store.disk) == 2
        assert running.host.pipeline.commits.count == 2

    on_running(test)


def test_what_writes_nothing_costs_no_batch_but_waits_for_those_before() -> None:
    async def test(running: Running) -> None:
        loop = fake_loop()
        loop.hold()
        front, other = Front(running.host, "a"), Front(running.host, "b")
        assert await front.ask(ONE, Look()) == 0
        assert not loop.jobs
        add = front.say(ONE, Add(1))
        assert await pending(add)
        look = other.say(ONE, Look())
        assert await pending(add, look)
        loop.let_go()
        await asyncio.gather(add, look)
        assert len(running.host.store.disk) == 1

    on_running(test)


def test_a_large_batch_does_not_hold_up_what_was_before_it() -> None:
    async def test(running: Running) -> None:
        loop = fake_loop()
        loop.hold()
        count = 2 * pipeline.COMMANDS_PER_STEP + 1
        large = Front(running.host, "large").say(ONE, *[Add(1)] * count)
        assert await pending(large)
        assert len(loop.jobs) == 1
        loop.work()
        assert await pending(large), "its beginning is durable, and not the rest"
        assert len(loop.jobs) == 1
        loop.let_go()
        await large
        assert await running.ask(ONE, Look()) == count

    on_running(test)


def test_a_batch_that_cannot_be_read_is_the_end_of_its_stream() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        listening = front.listen()
        await idle()
        running.host.submit(front.name, front.stream.name, 1, b"nonsense")
        await listening
        assert isinstance(front.stream.error, msgspec.MsgspecError)
        assert await front.ask(ONE, Add(1)) == 1

    on_running(test)


def test_the_loop_is_idle_when_all_that_came_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it may sync the log itself (`test_journal`)."""
    told: list[bool] = []
    commit = LocalJournal.commit

    async def noted(self: LocalJournal, writes: Writes, idle: bool) -> bool:
        told.append(idle)
        return await commit(self, writes, idle)

    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.ask(ONE, Add(1))
        assert told == [True]
        told.clear()
        await front.say(ONE, *[Add(1)] * (4 * COMMANDS_PER_STEP))
        assert told[0] is False, "more of the batch is to be executed"
        assert told[-1] is True

    monkeypatch.setattr(LocalJournal, "commit", noted)
    on_running(test)


# --- the order of a front's batches -------------------------------------------------------------


@settings(max_examples=tries(50), deadline=None)
@given(sizes=st.lists(st.integers(1, 3 * COMMANDS_PER_STEP), min_size=1, max_size=5))
def test_batches_are_executed_in_the_order_in_which_they_come(sizes: list[int]) -> None:
    """Also where one lets others run before it is through."""

    async def test(running: Running) -> None:
        front = Front(running.host)
        amounts = [[1000 * batch + index for index in range(s)] for batch, s in enumerate(sizes)]
        await asyncio.gather(*(front.say(ONE, *map(Add, each)) for each in amounts))
        assert await running.ask(ONE, LookAll()) == [amount for each in amounts for amount in each]

    on_running(test)


@pytest.mark.parametrize("number", [1, 3])
def test_a_batch_that_comes_out_of_turn_is_the_end_of_its_stream_and_leaves_no_trace(
    number: int,
) -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.say(ONE, Add(1))
        odd = front.submit(front.request(ONE, Add(number)), number=number)
        behind = front.submit(front.request(ONE, Add(2)), number=2)
        if number == 3:
            assert await refused(odd) == "unavailable"
            assert await refused(behind) == "unavailable"
        else:
            await asyncio.gather(odd, return_exceptions=True)
            assert await refused(behind) == "unavailable"
        assert await running.ask(ONE, LookAll()) == [1]
        await front.say(ONE, Add(2))
        assert await running.ask(ONE, LookAll()) == [1, 2], "in another stream"

    on_running(test)


def test_a_new_stream_begins_at_once_and_ends_the_one_before() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.say(ONE, Attach(1))
        before, name = front.listening, front.stream.name
        front.listen()
        await idle()
        assert before is not None
        assert before.done()
        running.host.submit(front.name, name, 2, wire.encode([front.request(ONE, Add(9))]))
        assert await front.ask(ONE, Add(2)) == 2
        await front.ask(ONE, Attach(1))
        assert front.pushed == [b"0", b"2"], "once"

    on_running(test)


def test_a_batch_whose_stream_ends_meanwhile_is_left_where_it_is() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.say(ONE, Add(1))
        steps = 50
        large = front.say(ONE, *[Add(1)] * (steps * COMMANDS_PER_STEP))
        while running.host.pipeline.engine.turns < 1 + COMMANDS_PER_STEP:  # noqa: ASYNC110
            await asyncio.sleep(0)
        front.listen()
        assert await refused_or_lost(large)
        await asyncio.sleep(1.0)
        assert len(await running.ask(ONE, LookAll())) < steps // 2 * COMMANDS_PER_STEP

    on_running(test)


async def refused_or_lost(call: asyncio.Task[None]) -> bool:
    (result,) = await asyncio.gather(call, return_exceptions=True)
    return isinstance(result, Exception)


def test_what_comes_by_no_stream_is_ignored() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        running.host.submit("front", "stream", 1, wire.encode([front.request(ONE, Add(1))]))
        await idle()
        assert await running.ask(ONE, LookAll()) == []

    on_running(test)


# --- what a stream tells ------------------------------------------------------------------------


def test_a_stream_begins_with_an_empty_packet_and_tells_what_there_is_at_once() -> None:
    async def test(running: Running) -> None:
        packets: list[Packet] = []
        told = asyncio.Event()

        def take(raw: bytes) -> None:
            packets.append(wire.decode_packet(raw))
            if len(packets) == 2:
                told.set()

        listening = asyncio.create_task(running.host.listen("front", "a", take))
        await idle()
        assert packets == [Packet(0, [])]
        other = Front(running.host, "other")
        await other.ask(ONE, Add(7))
        assert len(packets) == 1
        attach = other.request(ONE, Attach(1))
        running.host.submit("front", "a", 1, wire.encode([attach]))
        await told.wait()
        assert packets[1].durable == 1
        assert [o.payload for o in packets[1].outs if o.op > wire.REFUSE] == [b"7"]
        assert not listening.done()

    on_running(test)


def test_a_batch_is_told_to_be_durable_once_it_is_also_where_nothing_comes_of_it() -> None:
    async def test(running: Running) -> None:
        loop, front = fake_loop(), Front(running.host)
        await front.submit()
        assert (front.stream.durable, front.outs) == (1, [])
        loop.hold()
        call = front.say(ONE, Add(1))
        empty = front.submit()
        assert await pending(call, empty), "in their order"
        assert front.stream.durable == 1
        loop.let_go()
        await asyncio.gather(call, empty)
        assert front.stream.durable == 3

    on_running(test)


def test_packets_are_bounded_and_in_the_order_of_what_happened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(front_streams, "PACKET_BYTES_MAX", 100)

    async def test(running: Running) -> None:
        front = Front(running.host)
        requests = [front.request(ONE, Add(1)) for _ in range(50)]
        calls = [front.submit(*requests[start : start + 10]) for start in range(0, 50, 10)]
        await asyncio.gather(*calls)
        assert max(len(outs) for outs in front.packets) == 5, "17 bytes each"
        assert list(front.answers()) == [request.number for request in requests]

    on_running(test)


def test_a_front_without_a_stream_is_forgotten_in_a_while_and_its_connections_with_it() -> None:
    async def test(running: Running) -> None:
        front, other = Front(running.host), Front(running.host, "other")
        await front.ask(ONE, Attach(1))
        await asyncio.sleep(2 * FRONT_SILENCE_S_MAX)
        assert await other.ask(ONE, Look()) == 0, "it listens"
        assert front.listening is not None
        front.listening.cancel()
        await asyncio.sleep(FRONT_SILENCE_S_MAX - 1)
        assert await other.ask(ONE, Look()) == 0
        await asyncio.sleep(2)
        assert await other.ask(ONE, Look()) == 7, "told that the front is lost"
        assert len(running.host.pipeline.fronts) == 1

    on_running(test)


def test_a_front_that_comes_back_in_time_is_not_forgotten() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.ask(ONE, Attach(1))
        assert front.listening is not None
        front.listening.cancel()
        await asyncio.sleep(FRONT_SILENCE_S_MAX - 1)
        front.listen()
        await asyncio.sleep(2)
        assert await front.ask(ONE, Look()) == 0, "nothing is lost"

    on_running(test)


# --- messages of other hosts --------------------------------------------------------------------


def test_receipts_are_given_for_what_is_durable() -> None:
    async def test(running: Running) -> None:
        loop = fake_loop()
        there, both = shipment(running, Add(1), Add(2))
        loop.hold()
        call = receive(running, both)
        assert await pending(call)
        again = receive(running, both)
        assert await pending(again), "it is not durable yet, although it has been executed"
        loop.let_go()
        for receipts in (await call, await again):
            assert receipts == [Receipt(both.source, both.target, 2)]
        assert await running.ask(there, LookAll()) == [1, 2]

    on_running(test, hosts=2)


def test_a_parcel_that_found_the_disk_full_is_not_receipted_and_taken_later() -> None:
    async def test(running: Running) -> None:
        there, first = shipment(running, Add(1))
        _, second = shipment(running, Add(2), first=2)
        assert (await receive(running, first))[0].watermark == 1
        assert (await receive(running, second))[0].watermark == 1
        assert (await receive(running, second))[0].watermark == 1, "it only reads"
        await asyncio.sleep(READ_ONLY_S + 1)
        assert (await receive(running, second))[0].watermark == 2
        assert await running.ask(there, LookAll()) == [1, 2]

    on_running(test, hosts=2, host_1=FaultyStore(MemoryStore(), full=[2]))


def test_messages_between_hosts_arrive_and_their_outbox_becomes_empty() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        front = Front(running.hosts["host-0"])
        for amount in range(1, 6):
            await front.say(here, Relay(amount, [there]), Tell(there, 100 * amount))
        await asyncio.sleep(1)
        amounts = [1, 100, 2, 200, 3, 300, 4, 400, 5, 500]
        assert sorted(await running.ask(there, LookAll())) == sorted(amounts)
        engine = running.hosts["host-0"].pipeline.engine
        assert engine.streams.waiting(engine.led) == set()
        assert running.hosts["host-0"].pipeline.shipper.shipped == 5

    on_running(test, hosts=2)


def test_what_arrived_is_deleted_with_the_next_batch_or_a_little_later() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        pipeline = running.hosts["host-0"].pipeline
        front = Front(running.hosts["host-0"])
        await asyncio.sleep(3 * HOUSEKEEPING_S)  # timers were looked for
        await front.say(here, Relay(1, [there]))
        while pipeline.shipper.shipped == 0:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.001)
        assert pipeline.commits.count == 1
        assert pipeline.engine.streams.waiting(pipeline.engine.led) != set()
        await front.say(here, Add(1))
        assert pipeline.commits.count == 2
        assert pipeline.engine.streams.waiting(pipeline.engine.led) == set()

        await front.say(here, Relay(2, [there]))
        while pipeline.shipper.shipped == 1:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await asyncio.sleep(HOUSEKEEPING_S + 0.01)
        assert pipeline.commits.count == 4
        assert pipeline.engine.streams.waiting(pipeline.engine.led) == set()

    on_running(test, hosts=2)


def test_what_is_only_told_needs_no_batch_to_leave_with() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        await Front(running.hosts["host-0"]).say(here, Tell(there, 4))
        await asyncio.sleep(1)
        assert await running.ask(there, LookAll()) == [4]
        assert running.hosts["host-0"].store.disk == []

    on_running(test, hosts=2)


def test_messages_arrive_once_whichever_host_dies_on_the_way() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        near, far = running.hosts["host-0"], running.hosts["host-1"]
        await far.crash()
        await Front(near).say(here, Relay(1, [there]))
        await asyncio.sleep(1)
        await near.crash()
        await near.start()
        await far.start()
        await asyncio.sleep(3)
        assert await running.ask(there, LookAll()) == [1]
        assert near.pipeline.engine.streams.waiting(near.pipeline.engine.led) == set()
        await far.crash()
        await far.start()
        await Front(near).say(here, Relay(2, [there]))
        await asyncio.sleep(3)
        assert await running.ask(there, LookAll()) == [1, 2]

    on_running(test, hosts=2)


def test_the_last_one_of_a_way_answers_to_a_front_that_listens_to_its_host() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        front, back = (Front(running.hosts[name]) for name in ("host-0", "host-1"))
        back.listen()
        request = front.request(here, Relay(3, [there]))
        await front.submit(request)
        await back.news(lambda: bool(back.outs))
        assert (front.answers(), back.answers()) == ({}, {request.number: 3})

    on_running(test, hosts=2)
