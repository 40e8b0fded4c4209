"""The commit pipeline when something goes wrong or comes to its end: full and failing disks,
checkpoints, draining, crashes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import pipeline, wire
from runtime.pipeline import READ_ONLY_S
from runtime.refs import ActorRef
from runtime.wire import Parcel
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from storage.port import StorageFailed, StorageFull, Writes
from tests.profile import tries
from tests.unit.runtime.fake_time import fake_loop, idle
from tests.unit.runtime.kit import Add, Attach, Look, LookAll, Once, Relay, Remind, refusal
from tests.unit.runtime.running import Front, Running, on_running, pending, refused

ONE, TWO = ActorRef("user", 1), ActorRef("user", 2)


# --- a full disk --------------------------------------------------------------------------------


def test_a_full_disk_refuses_all_that_is_not_durable_and_forgets_it() -> None:
    store = FaultyStore(MemoryStore(), full=[2])

    async def test(running: Running) -> None:
        loop, front = fake_loop(), Front(running.host)
        assert await front.ask(ONE, Add(1)) == 1
        loop.hold()
        begun = [front.request(ONE, message) for message in (Add(10), Attach(1), Remind("r", 1))]
        calls = [front.submit(*begun)]
        assert await pending(*calls)
        begun += [front.request(TWO, Add(100)), front.request(ONE, Look())]
        calls.append(front.submit(*begun[3:]))
        assert await pending(*calls)
        loop.let_go()
        await asyncio.gather(*calls)
        answers = front.answers()
        assert [answers[request.number] for request in begun] == ["storage_full"] * 5
        assert front.pushed == []
        assert await front.ask(ONE, Add(1)) == "storage_full"
        assert await front.ask(ONE, LookAll()) == [1], "it reads"
        await asyncio.sleep(READ_ONLY_S + 1)
        assert await front.ask(ONE, Add(2)) == 3, "and goes on from what is durable"
        assert await front.ask(TWO, Look()) == 0

    on_running(test, host_0=store)
    assert store.appends == 3


def test_a_disk_that_stays_full_is_tried_again_and_again() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        answers = []
        for _ in range(3):
            answers.append(await front.ask(ONE, Add(1)))
            await asyncio.sleep(READ_ONLY_S + 1)
        assert answers == ["storage_full", "storage_full", 1]

    on_running(test, host_0=FaultyStore(MemoryStore(), full=[1, 2]))


def test_messages_go_on_where_a_full_disk_held_them_up() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        engine, front = running.hosts["host-0"].pipeline.engine, Front(running.hosts["host-0"])
        await front.say(here, Relay(1, [there]))
        await asyncio.sleep(READ_ONLY_S + 2)
        await front.say(here, Relay(2, [there]))
        await asyncio.sleep(READ_ONLY_S + 2)
        assert await running.ask(there, LookAll()) == [1, 2]
        assert engine.streams.waiting(engine.led) == set()

    deletion_of_what_was_shipped = 2
    store = FaultyStore(MemoryStore(), full=[deletion_of_what_was_shipped])
    on_running(test, hosts=2, host_0=store)


def test_what_arrived_while_the_disk_was_full_is_deleted_when_there_is_room() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        engine = running.hosts["host-0"].pipeline.engine
        await Front(running.hosts["host-0"]).say(here, Relay(1, [there]))
        await asyncio.sleep(60)
        assert engine.streams.waiting(engine.led) == set()

    deletion_of_what_was_shipped = 2
    store = FaultyStore(MemoryStore(), full=[deletion_of_what_was_shipped])
    on_running(test, hosts=2, host_0=store)


def test_what_will_be_delivered_again_is_not_said_to_have_changed_nothing() -> None:
    """The message waits in its outbox and takes effect later: whoever asked shall ask again."""

    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        front, back = (Front(running.hosts[name]) for name in ("host-0", "host-1"))
        back.listen()
        request = front.request(here, Relay(3, [there]))
        await front.submit(request)
        await back.news(lambda: bool(back.outs))
        await asyncio.sleep(60)
        assert await running.ask(there, LookAll()) == [3]
        first = next(out for out in back.outs if out.number == request.number)
        assert refusal(first.payload).code == "unavailable"

    on_running(test, hosts=2, host_1=FaultyStore(MemoryStore(), full=[1]))


def test_a_failed_append_stops_the_host_once_and_releases_nothing() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        assert await front.ask(ONE, Add(1)) == 1
        calls = [front.say(ONE, Attach(1)), Front(running.host, "other").say(ONE, Add(1))]
        assert await pending(*calls)
        await asyncio.sleep(5)
        assert await pending(*calls)
        assert [type(error) for error in running.host.stopped] == [StorageFailed]
        assert front.pushed == []

    on_running(test, host_0=FaultyStore(MemoryStore(), failing=[2]))


def test_a_defect_in_shipping_stops_the_host_instead_of_the_stream() -> None:
    async def test(running: Running) -> None:
        here, there = running.at("host-0"), running.at("host-1")
        host = running.hosts["host-0"]
        host.pipeline.engine.streams.acknowledge = broken
        await Front(host).say(here, Relay(1, [there]))
        await asyncio.sleep(1)
        assert [type(error) for error in host.stopped] == [RuntimeError]

    def broken(*_: Any) -> Any:
        raise RuntimeError("as told")

    on_running(test, hosts=2)


# --- checkpoints --------------------------------------------------------------------------------


class SlowCheckpoint:
    """Takes `steps` steps, and notes what it is told."""

    def __init__(self, store: SlowStore) -> None:
        self._store = store
        self._steps = store.steps
        store.due_now = False

    def open(self) -> None:
        self._store.fail_at("open")

    def step(self, rows_max: int) -> bool:
        self._store.fail_at("step")
        self._steps -= 1
        return self._steps > 0

    def commit(self) -> None:
        self._store.fail_at("commit")

    def abort(self) -> None:
        self._store.fail_at("abort")

    def finish(self) -> None:
        self._store.fail_at("finish")


class SlowStore(MemoryStore):
    """A checkpoint is due when told so; `errors` are raised by its calls of that name."""

    def __init__(self, **errors: Exception) -> None:
        super().__init__()
        self.steps = 50
        self.due_now = False
        self.closed = False
        self.called: list[str] = []
        self._errors = errors

    def fail_at(self, call: str) -> None:
        self.called.append(call)
        if call in self._errors:
            raise self._errors[call]

    def append(self, writes: Writes) -> None:
        assert not self.closed
        super().append(writes)

    def due(self, now_s: float) -> bool:
        return self.due_now

    def begin_checkpoint(self) -> Any:
        return SlowCheckpoint(self)

    def close(self) -> None:
        self.closed = True


async def checkpointed(store: SlowStore) -> None:
    """Have a checkpoint made; it takes no time, but those who are held have to be let go."""
    store.due_now = True
    await asyncio.sleep(1)
    assert not store.due_now


def test_turns_and_batches_go_on_during_a_checkpoint() -> None:
    store = SlowStore()

    async def test(running: Running) -> None:
        loop, front = fake_loop(), Front(running.host)
        loop.hold()
        await checkpointed(store)
        begun_s, seen = loop.time(), []
        loop.let_go()
        while store.called[-1:] != ["finish"]:
            seen.append((len(store.called), await front.ask(ONE, Add(1))))
        assert loop.time() == begun_s, "nobody waited"
        assert store.called == ["open", *["step"] * 50, "commit", "finish"]
        while_filling = {called for called, _ in seen if 1 <= called <= 50}
        assert len(while_filling) >= 5
        assert await front.ask(ONE, Look()) == seen[-1][1]

    on_running(test, host_0=store)


@pytest.mark.parametrize("call", ["open", "step", "commit"])
def test_a_checkpoint_without_room_is_given_up_and_the_host_goes_on(call: str) -> None:
    store = SlowStore(**{call: StorageFull("no room")})

    async def test(running: Running) -> None:
        for _ in range(2):
            await checkpointed(store)
            assert store.called[-2:] == [call, "abort"]
            assert "finish" not in store.called
        assert await running.ask(ONE, Add(1)) == 1
        assert running.host.stopped == []

    on_running(test, host_0=store)


def test_a_checkpoint_that_fails_otherwise_stops_the_host() -> None:
    store = SlowStore(commit=StorageFailed("broken"))

    async def test(running: Running) -> None:
        await checkpointed(store)
        assert [type(error) for error in running.host.stopped] == [StorageFailed]
        assert store.called[-1] == "commit"

    on_running(test, host_0=store)


# --- draining -----------------------------------------------------------------------------------


def test_draining_finishes_what_was_begun_and_refuses_what_comes() -> None:
    store = SlowStore()

    async def test(running: Running) -> None:
        loop, host, front = fake_loop(), running.host, Front(running.host)
        loop.hold()
        call = front.say(ONE, Add(1))
        await idle()
        later = Front(host, "later").say(ONE, Add(2))
        await idle()
        drained = asyncio.create_task(host.pipeline.drain())
        await idle()
        assert await refused(Front(host, "new").say(ONE, Add(4))) == "unavailable"
        assert await refused(host.receive(wire.encode(Parcel([], [])))) == "unavailable"
        assert await pending(drained, call, later)
        assert not store.closed
        loop.let_go()
        await asyncio.gather(drained, call, later)
        assert store.called[-2:] == ["commit", "finish"]
        assert store.closed
        assert list(front.answers().values()) == [1]
        host.store = MemoryStore(store.disk)
        await host.start()
        assert await running.ask(ONE, LookAll()) == [1, 2]

    on_running(test, host_0=store)


def test_draining_finishes_a_large_batch() -> None:
    async def test(running: Running) -> None:
        count = 20 * pipeline.COMMANDS_PER_STEP
        large = Front(running.host).say(ONE, *[Add(1)] * count)
        for _ in range(3):
            await asyncio.sleep(0)  # it is being executed
        drained = asyncio.create_task(running.host.pipeline.drain())
        ended, _ = await asyncio.wait([large], timeout=60)
        assert ended, "it is answered or refused"
        await drained

    on_running(test)


def test_draining_waits_for_a_checkpoint_that_is_under_way() -> None:
    store = SlowStore()

    async def test(running: Running) -> None:
        loop = fake_loop()
        loop.hold()
        await checkpointed(store)
        drained = asyncio.create_task(running.host.pipeline.drain())
        await idle()
        loop.let_go()
        await drained
        whole = ["open", *["step"] * store.steps, "commit", "finish"]
        assert store.called == len(store.called) // len(whole) * whole, "one at a time"

    on_running(test, host_0=store)


def test_draining_a_host_whose_last_checkpoint_fails_stops_it() -> None:
    """It must not stay, and refuse everything."""
    store = SlowStore(commit=StorageFailed("broken"))

    async def test(running: Running) -> None:
        await running.host.pipeline.drain()
        assert [type(error) for error in running.host.stopped] == [StorageFailed]

    on_running(test, host_0=store)


def test_a_timer_fires_when_it_is_due_and_survives_its_host() -> None:
    async def test(running: Running) -> None:
        front = Front(running.host)
        await front.ask(ONE, Remind("r", running.now_ms + 5_000, 3))
        await asyncio.sleep(1)
        assert await front.ask(ONE, Look()) == 0
        await running.host.crash()
        running.now_ms += 5_000
        await running.host.start()
        await asyncio.sleep(1)
        assert await running.ask(ONE, LookAll()) == [3]
        await running.host.crash()
        await running.host.start()
        await asyncio.sleep(1)
        assert await running.ask(ONE, LookAll()) == [3]

    on_running(test)


# --- crashes ------------------------------------------------------------------------------------


@settings(max_examples=tries(200), deadline=None)
@given(
    work=st.lists(
        st.sampled_from(["say", "say", "append", "turn", "idle", "listen", "crash"]),
        min_size=5,
        max_size=60,
    )
)
def test_a_crash_at_any_point_loses_nothing_that_was_answered(work: list[str]) -> None:
    """And what was not answered is there whole and in order, or not at all."""

    async def test(running: Running) -> None:
        loop, host = fake_loop(), running.host
        loop.hold()
        front, said, fronts_before = Front(host), [], []
        for step in work:
            if step == "say":
                request = front.request(ONE, Add(len(said) + 1))
                said.append(request.number)
                front.submit(request)
            elif step == "append" and loop.jobs:
                loop.work()
            elif step == "turn":
                await asyncio.sleep(0)
            elif step == "idle":
                await idle()
            elif step == "listen":
                front.listen()
            elif step == "crash":
                await host.crash()
                loop.jobs.clear()
                await host.start()
                fronts_before.append(front)
                front = Front(host)
        answered = set().union(*(f.answers() for f in [*fronts_before, front]))
        await host.crash()
        loop.let_go()
        await host.start()
        found = await running.ask(ONE, LookAll())
        assert found == sorted(found)
        assert {said.index(number) + 1 for number in answered} <= set(found)

    on_running(test)


def test_repeating_what_was_not_answered_after_a_crash_has_no_second_effect() -> None:
    async def test(running: Running) -> None:
        loop, host = fake_loop(), running.host
        loop.hold()
        call = Front(host).say(ONE, Once(5))
        assert await pending(call)
        loop.work()
        await host.crash()
        with pytest.raises(ConnectionError):
            await call
        loop.let_go()
        await host.start()
        assert await Front(host).ask(ONE, Once(5)) == 1
        assert await running.ask(ONE, LookAll()) == [5]

    on_running(test)
