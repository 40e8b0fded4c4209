"""A front's link to a host that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.ambient import monotonic_s
from api.errors import ApiError
from runtime import link as module
from runtime import wire
from runtime.lines.lines import Take
from runtime.link import ATTEMPT_S, BATCH_BYTES_MAX, FLYING_MAX, Desk, HostLink
from runtime.refs import NOBODY, ActorRef
from runtime.wire import CLOSE, PUSH, REFUSE, REPLY, Out, Packet, Refusal, Request
from tests.unit.runtime import fake_time
from tests.unit.runtime.fake_time import idle
from tests.unit.runtime.kit import Add

ONE = ActorRef("user", 1)
HOUR_S = 3600.0
DOWN = ConnectionError("the host is down")


class Submit:
    """A batch that was sent."""

    def __init__(self, stream: str, number: int, requests: list[Request]) -> None:
        self.stream = stream
        self.number = number
        self.requests = requests

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]


class Stream:
    """A stream that the link has opened, and the host has not said anything by yet."""

    def __init__(self, name: str, take: Take) -> None:
        self.name = name
        self.take = take
        self.durable = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def say(self, *outs: Out) -> None:
        self.take(wire.encode(Packet(self.durable, list(outs))))
        await idle()

    def end(self, error: Exception = DOWN) -> None:
        self.over.set_exception(error)


class Scripted:
    """See `runtime.link.HostCalls`. `submits` and `streams` are the calls so far. `down`: nothing
    can be sent."""

    def __init__(self) -> None:
        self.submits: list[Submit] = []
        self.streams: list[Stream] = []
        self.down = False

    async def listen(self, front: str, stream: str, take: Take) -> None:
        self.streams.append(Stream(stream, take))
        await self.streams[-1].over

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        if self.down:
            raise DOWN
        self.submits.append(Submit(stream, number, wire.decode_requests(payload)))

    @property
    def stream(self) -> Stream:
        """The last one."""
        return self.streams[-1]

    async def say(self, *outs: Out) -> None:
        await self.stream.say(*outs)

    async def answer(self, batch: Submit) -> None:
        """Every request of a batch with its body, which is durable."""
        await self.done(batch, *(reply(request) for request in batch.requests))

    async def done(self, batch: Submit, *outs: Out) -> None:
        """A batch is durable, and those before it."""
        self.stream.durable = max(self.stream.durable, batch.number)
        await self.say(*outs)

    async def renew(self) -> None:
        """The stream is over; another one is opened."""
        self.stream.end()
        await asyncio.sleep(1.0)
        await self.say()


def reply(request: Request) -> Out:
    return Out(REPLY, request.number, request.body)


class Bench:
    """A link, its host, and what came of it. `answers` in the order in which they came: bodies,
    or codes of refusals."""

    def __init__(self) -> None:
        self.host = Scripted()
        self.desk = Desk()
        self.answers: list[bytes | str] = []
        self.outs: list[Out] = []
        self.renewed = 0
        self.link = HostLink("host-0", "front", self.host, self.desk, self.outs.append, self._renew)

    def _renew(self, link: HostLink) -> None:
        assert link is self.link
        self.renewed += 1

    def _answer(self, body: bytes | None, error: ApiError | None) -> None:
        assert (body is None) != (error is None)
        self.answers.append(error.code if error is not None else body or b"")

    def request(self, *bodies: bytes, deadline_s: float = HOUR_S) -> None:
        for body in bodies:
            self.link.request(ONE, "", body, NOBODY, self._answer, deadline_s=deadline_s)

    async def sent_with(self, *bodies: bytes) -> Submit:
        """These requests have been sent, with others before them."""
        self.request(*bodies)
        await idle()
        return self.host.submits[-1]

    async def sent(self, *bodies: bytes) -> Submit:
        """These requests have been sent, in a batch of their own."""
        self.request(*bodies)
        await idle()
        batch = self.host.submits[-1]
        assert batch.bodies == list(bodies)
        return batch


@asynccontextmanager
async def linked() -> AsyncIterator[Bench]:
    """A link to a host that it knows."""
    bench = Bench()
    await idle()
    await bench.host.say()
    yield bench
    await bench.link.close()


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with linked() as bench:
            await test(bench)

    fake_time.run(main)


# --- batches ------------------------------------------------------------------------------------


def test_requests_travel_in_batches_by_their_size_and_in_order() -> None:
    async def test(bench: Bench) -> None:
        half, whole = BATCH_BYTES_MAX // 2 - 500, BATCH_BYTES_MAX
        sizes = [half, half, half, 1, whole, 1, half]
        bodies = [bytes([index]) * size for index, size in enumerate(sizes)]
        bench.request(*bodies)
        await idle()
        for index in range(4):
            await bench.host.answer(bench.host.submits[index])
        submits = bench.host.submits
        assert [len(batch.requests) for batch in submits] == [2, 2, 1, 2]
        assert [batch.number for batch in submits] == [1, 2, 3, 4]
        assert {batch.stream for batch in submits} == {bench.host.stream.name}
        assert bench.answers == bodies

    on_bench(test)


def test_only_some_batches_are_on_their_way_at_once() -> None:
    async def test(bench: Bench) -> None:
        bodies = [bytes([index]) * BATCH_BYTES_MAX for index in range(FLYING_MAX + 2)]
        bench.request(*bodies)
        await idle()
        submits = bench.host.submits
        assert [batch.bodies for batch in submits] == [[body] for body in bodies[:FLYING_MAX]]
        assert bench.link.queued == 2
        await bench.host.answer(submits[0])
        assert [batch.bodies for batch in submits[FLYING_MAX:]] == [[bodies[FLYING_MAX]]]

    on_bench(test)


def test_nothing_is_sent_before_the_host_says_that_it_is_there() -> None:
    async def main() -> None:
        bench = Bench()
        bench.request(b"1")
        await asyncio.sleep(1.0)
        assert (bench.host.submits, bench.link.connected.is_set()) == ([], False)
        await bench.host.say()
        assert [batch.bodies for batch in bench.host.submits] == [[b"1"]]
        assert bench.renewed == 0
        await bench.link.close()

    fake_time.run(main)


def test_a_message_without_an_answer_travels_with_the_requests() -> None:
    async def test(bench: Bench) -> None:
        bench.request(b"1")
        bench.link.tell(ONE, Add(2))
        bench.request(b"3")
        await idle()
        (batch,) = bench.host.submits
        assert batch.bodies == [b"1", wire.encode(Add(2)), b"3"]
        await bench.host.answer(batch)
        assert bench.answers == [b"1", b"3"]

    on_bench(test)


def test_too_many_requests_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUED_REQUESTS_MAX", 3)

    async def test(bench: Bench) -> None:
        bench.request(b"1", b"2", b"3")
        with pytest.raises(ApiError, match="overloaded"):
            bench.request(b"4")
        bench.link.tell(ONE, Add(5))
        assert bench.link.queued == 3
        await idle()
        (batch,) = bench.host.submits
        await bench.host.answer(batch)
        assert bench.answers == [b"1", b"2", b"3"]
        await bench.sent(b"6")

    on_bench(test)


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [[], [0], [2], [0, 1]])
def test_what_is_not_answered_is_sent_again_in_order_in_another_stream(answered: list[int]) -> None:
    """Also what was durable: its answers may be lost."""

    async def test(bench: Bench) -> None:
        first = [await bench.sent(b"%d" % index, b"and %d" % index) for index in range(3)]
        for index in answered:
            await bench.host.answer(first[index])
        bench.request(b"behind")
        await bench.host.renew()
        batch = bench.host.submits[-1]
        lost = [body for index in range(3) if index not in answered for body in first[index].bodies]
        assert batch.bodies == [*lost, b"behind"]
        assert batch.number == 1
        assert batch.stream == bench.host.stream.name != first[0].stream

    on_bench(test)


def test_a_batch_that_cannot_be_sent_is_the_end_of_its_stream() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.sent(b"1")
        bench.host.down = True
        bench.request(b"2", b"3")
        await asyncio.sleep(1.0)
        assert bench.host.submits == [first]
        assert bench.host.streams[0].over.cancelled()
        assert (len(bench.host.streams), bench.link.connected.is_set()) == (2, False)
        bench.host.down = False
        await bench.host.say()
        assert [batch.bodies for batch in bench.host.submits[1:]] == [[b"1", b"2", b"3"]]

    on_bench(test)


def test_what_needs_no_answer_is_sent_again_unless_it_is_durable() -> None:
    async def test(bench: Bench) -> None:
        bench.link.tell(ONE, Add(1))
        await idle()
        bench.link.tell(ONE, Add(2))
        await idle()
        await bench.host.done(bench.host.submits[0])
        await bench.host.renew()
        assert [batch.bodies for batch in bench.host.submits[2:]] == [[wire.encode(Add(2))]]

    on_bench(test)


def test_a_host_that_stays_away_is_asked_again_and_again() -> None:
    async def test(bench: Bench) -> None:
        await bench.sent(b"1")
        for count in range(1, 6):
            assert len(bench.host.streams) == count
            bench.host.stream.end()
            await asyncio.sleep(1.0)
            assert not bench.link.connected.is_set()
        await bench.host.say()
        await bench.host.answer(bench.host.submits[-1])
        assert (bench.answers, len(bench.host.submits)) == ([b"1"], 2)

    on_bench(test)


def test_another_stream_of_the_same_front_ends_this_one() -> None:
    async def test(bench: Bench) -> None:
        bench.host.stream.over.set_result(None)
        await asyncio.sleep(1.0)
        assert len(bench.host.streams) == 2

    on_bench(test)


def test_what_was_taken_but_not_answered_is_sent_again_after_a_while() -> None:
    async def test(bench: Bench) -> None:
        await bench.host.done(await bench.sent(b"1"))
        await asyncio.sleep(ATTEMPT_S - 0.1)
        assert len(bench.host.submits) == 1
        await asyncio.sleep(1.2)
        again = bench.host.submits[-1]
        assert (len(bench.host.submits), again.bodies) == (2, [b"1"])
        await bench.host.answer(again)
        await asyncio.sleep(3 * ATTEMPT_S)
        assert len(bench.host.submits) == 2
        assert bench.answers == [b"1"]

    on_bench(test)


# --- answers ------------------------------------------------------------------------------------


def test_a_request_is_answered_once() -> None:
    async def test(bench: Bench) -> None:
        batch = await bench.sent(b"1", b"2")
        one, two = batch.requests
        no = Out(REFUSE, two.number, wire.encode(Refusal("flood", "slowly", 2.0)))
        await bench.host.say(reply(one), reply(one), no)
        await bench.host.say(reply(one), reply(two))
        assert bench.answers == [b"1", "flood"]
        assert bench.desk.waiting == {}

    on_bench(test)


def test_a_refusal_is_passed_on_as_it_is() -> None:
    async def test(bench: Bench) -> None:
        caught: list[ApiError | None] = []
        bench.link.request(ONE, "", b"1", NOBODY, lambda _, error: caught.append(error))
        await idle()
        (batch,) = bench.host.submits
        refusal = wire.encode(Refusal("flood", "slowly", 2.0))
        await bench.host.say(Out(REFUSE, batch.requests[0].number, refusal))
        (error,) = caught
        assert error is not None
        assert (error.code, error.detail, error.retry_after) == ("flood", "slowly", 2.0)

    on_bench(test)


def test_an_answer_may_come_by_another_link() -> None:
    """A request is passed on to an actor of another host, which answers by its own stream."""

    async def test(bench: Bench) -> None:
        other = Scripted()
        second = HostLink("host-1", "front", other, bench.desk, bench.outs.append, bench._renew)
        await idle()
        await other.say()
        batch = await bench.sent(b"1")
        await bench.host.done(batch)
        await other.say(reply(batch.requests[0]))
        assert bench.answers == [b"1"]
        await asyncio.sleep(3 * ATTEMPT_S)
        assert len(bench.host.submits) == 1, "it is not sent again"
        await second.close()

    on_bench(test)


def test_a_request_past_its_deadline_is_unavailable_and_not_sent_again() -> None:
    async def test(bench: Bench) -> None:
        bench.request(b"1", b"2", deadline_s=10.0)
        bench.request(b"3", deadline_s=20.0)
        await idle()
        (batch,) = bench.host.submits
        now_s = monotonic_s()
        bench.desk.expire(now_s + 9.9)
        assert bench.answers == []
        bench.desk.expire(now_s + 10.0)
        assert bench.answers == ["unavailable"] * 2
        await bench.host.say(reply(batch.requests[0]))
        await asyncio.sleep(2 * ATTEMPT_S)
        assert bench.answers == ["unavailable"] * 2, "an answer that comes late is not wanted"
        assert [again.bodies for again in bench.host.submits[1:]] == [[b"3"]]
        await bench.host.renew()
        assert bench.host.submits[-1].bodies == [b"3"]

    on_bench(test)


def test_what_expired_while_it_waited_is_not_sent_at_all() -> None:
    """Nor is it ever taken for what needs no answer."""

    async def test(bench: Bench) -> None:
        bench.host.stream.end()
        await asyncio.sleep(1.0)
        bench.request(b"1", deadline_s=10.0)
        bench.link.tell(ONE, Add(2))
        bench.request(b"3")
        bench.desk.expire(monotonic_s() + 10.0)
        for _ in range(2):
            await bench.host.say()
            assert bench.host.submits[-1].bodies == [wire.encode(Add(2)), b"3"]
            bench.host.stream.end()
            await asyncio.sleep(1.0)
        await bench.host.say()
        await bench.host.answer(bench.host.submits[-1])
        await bench.host.renew()
        assert len(bench.host.submits) == 3, "there is nothing left"

    on_bench(test)


# --- packets ------------------------------------------------------------------------------------


def test_pushes_and_closes_are_acted_upon_in_their_order() -> None:
    async def test(bench: Bench) -> None:
        outs = [Out(PUSH, 1, b"1"), Out(PUSH, 2, b"2"), Out(CLOSE, 1, b"4000"), Out(PUSH, 3, b"3")]
        await bench.host.say(*outs[:1])
        await bench.host.say(*outs[1:3])
        await bench.host.say(*outs[3:])
        assert bench.outs == outs

    on_bench(test)


def test_what_fails_at_one_answer_does_not_take_the_others_along() -> None:
    async def test(bench: Bench) -> None:
        def fail(body: bytes | None, error: ApiError | None) -> None:
            raise RuntimeError("as told")

        bench.link.request(ONE, "", b"1", NOBODY, fail)
        await bench.host.answer(await bench.sent_with(b"2"))
        assert bench.answers == [b"2"]
        await bench.host.answer(await bench.sent(b"3"))
        assert bench.answers == [b"2", b"3"], "the stream goes on"
        assert len(bench.host.streams) == 1

    on_bench(test)


def test_what_a_stream_says_that_is_over_is_ignored() -> None:
    async def test(bench: Bench) -> None:
        old = bench.host.stream
        old.end()
        await old.say(Out(PUSH, 1, b"old"))
        await asyncio.sleep(1.0)
        await old.say(Out(PUSH, 1, b"older"))
        assert not bench.link.connected.is_set()
        await bench.host.say(Out(PUSH, 1, b"new"))
        assert [out.payload for out in bench.outs] == [b"old", b"new"]

    on_bench(test)


# --- another life -------------------------------------------------------------------------------


def test_with_each_other_stream_connections_are_attached_again() -> None:
    async def test(bench: Bench) -> None:
        assert bench.renewed == 0
        for count in range(1, 4):
            await bench.host.renew()
            assert bench.renewed == count
            await bench.host.say(Out(PUSH, 1, b"news"))
        assert len(bench.outs) == 3

    on_bench(test)


def test_a_link_that_is_closed_makes_no_more_calls() -> None:
    async def test(bench: Bench) -> None:
        await bench.link.close()
        bench.request(b"1")
        await asyncio.sleep(3 * ATTEMPT_S)
        assert (len(bench.host.submits), len(bench.host.streams)) == (0, 1)

    on_bench(test)
