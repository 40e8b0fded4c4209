"""A front's link to a host that does what the test says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.ambient import monotonic_s
from api.errors import ApiError
from runtime import link as module
from runtime import wire
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
    """A batch that waits for what the test answers."""

    def __init__(self, stream: str, number: int, requests: list[Request]) -> None:
        self.stream = stream
        self.number = number
        self.requests = requests
        self.came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def fail(self) -> None:
        self.came.set_exception(DOWN)

    def take(self, packet: bytes) -> None:
        self.came.set_result(packet)


class Scripted:
    """See `runtime.link.HostCalls`. `submits` and `polls` are the calls so far."""

    def __init__(self) -> None:
        self.submits: list[Submit] = []
        self.polls: list[asyncio.Future[bytes]] = []
        self.life = "life 1"
        self._numbers = itertools.count(1)

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        self.submits.append(Submit(stream, number, wire.decode_requests(payload)))
        return await self.submits[-1].came

    async def poll(self, front: str) -> bytes:
        self.polls.append(asyncio.get_running_loop().create_future())
        return await self.polls[-1]

    def packet(self, *outs: Out, life: str = "") -> bytes:
        """The next packet."""
        number = next(self._numbers) if outs else 0
        return wire.encode(Packet(life or self.life, number, list(outs)))

    def renew(self, life: str) -> None:
        self.life = life
        self._numbers = itertools.count(1)

    def answered(self, batch: Submit) -> bytes:
        """A packet that answers every request of a batch with its body."""
        return self.packet(*(reply(request) for request in batch.requests))

    async def say(self, packet: bytes) -> None:
        """Answer the open poll."""
        self.polls[-1].set_result(packet)
        await idle()


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
    await bench.host.say(bench.host.packet())
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
            batch = bench.host.submits[index]
            batch.take(bench.host.answered(batch))
            await idle()
        submits = bench.host.submits
        assert [len(batch.requests) for batch in submits] == [2, 2, 1, 2]
        assert [batch.number for batch in submits] == [1, 2, 3, 4]
        assert len({batch.stream for batch in submits}) == 1
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
        submits[1].take(bench.host.answered(submits[1]))
        await idle()
        assert [batch.bodies for batch in submits[FLYING_MAX:]] == [[bodies[FLYING_MAX]]]

    on_bench(test)


def test_a_message_without_an_answer_travels_with_the_requests() -> None:
    async def test(bench: Bench) -> None:
        bench.request(b"1")
        bench.link.tell(ONE, Add(2))
        bench.request(b"3")
        await idle()
        (batch,) = bench.host.submits
        assert batch.bodies == [b"1", wire.encode(Add(2)), b"3"]
        batch.take(bench.host.answered(batch))
        await idle()
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
        batch.take(bench.host.answered(batch))
        await idle()
        assert bench.answers == [b"1", b"2", b"3"]
        await bench.sent(b"6")

    on_bench(test)


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [{0}, {1}, {2}, {0, 2}, {0, 1, 2}])
def test_what_failed_is_sent_again_in_order_in_another_stream(lost: set[int]) -> None:
    async def test(bench: Bench) -> None:
        first = [await bench.sent(b"%d" % index, b"again %d" % index) for index in range(3)]
        for index in (2, 0, 1):
            if index in lost:
                first[index].fail()
            else:
                first[index].take(bench.host.answered(first[index]))
        bench.request(b"behind")
        await asyncio.sleep(1.0)
        (batch,) = bench.host.submits[3:]
        failed = [body for index in sorted(lost) for body in first[index].bodies]
        assert batch.bodies == [*failed, b"behind"]
        assert batch.number == 1
        assert batch.stream != first[0].stream

    on_bench(test)


def test_nothing_more_is_sent_in_a_stream_that_failed() -> None:
    async def test(bench: Bench) -> None:
        first, second = await bench.sent(b"1"), await bench.sent(b"2")
        first.fail()
        bench.request(b"3")
        await asyncio.sleep(1.0)
        assert bench.host.submits == [first, second]
        second.take(bench.host.answered(second))
        await asyncio.sleep(1.0)
        assert [batch.bodies for batch in bench.host.submits[2:]] == [[b"1", b"3"]]

    on_bench(test)


def test_a_host_that_stays_away_is_asked_again_and_again() -> None:
    async def test(bench: Bench) -> None:
        await bench.sent(b"1")
        for count in range(1, 6):
            assert len(bench.host.submits) == count
            assert bench.host.submits[-1].bodies == [b"1"]
            bench.host.submits[-1].fail()
            await asyncio.sleep(1.0)
        batch = bench.host.submits[-1]
        batch.take(bench.host.answered(batch))
        await idle()
        assert bench.answers == [b"1"]

    on_bench(test)


def test_a_link_is_connected_while_its_polls_come_back() -> None:
    async def test(bench: Bench) -> None:
        assert bench.link.connected.is_set()
        for _ in range(3):
            bench.host.polls[-1].set_exception(DOWN)
            await asyncio.sleep(1.0)
            assert not bench.link.connected.is_set()
        await bench.host.say(bench.host.packet())
        assert bench.link.connected.is_set()

    on_bench(test)


def test_what_was_taken_but_not_answered_is_sent_again_after_a_while() -> None:
    async def test(bench: Bench) -> None:
        (await bench.sent(b"1")).take(bench.host.packet())
        await asyncio.sleep(ATTEMPT_S - 0.1)
        assert len(bench.host.submits) == 1
        await asyncio.sleep(1.2)
        again = bench.host.submits[-1]
        assert (len(bench.host.submits), again.bodies) == (2, [b"1"])
        again.take(bench.host.answered(again))
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
        batch.take(bench.host.packet(reply(one), reply(one), no))
        await idle()
        await bench.host.say(bench.host.packet(reply(one), reply(two)))
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
        batch.take(bench.host.packet(Out(REFUSE, batch.requests[0].number, refusal)))
        await idle()
        (error,) = caught
        assert error is not None
        assert (error.code, error.detail, error.retry_after) == ("flood", "slowly", 2.0)

    on_bench(test)


def test_an_answer_may_come_by_another_link() -> None:
    """A request is passed on to an actor of another host, which answers its own poll."""

    async def test(bench: Bench) -> None:
        other = Scripted()
        second = HostLink("host-1", "front", other, bench.desk, bench.outs.append, bench._renew)
        await idle()
        batch = await bench.sent(b"1")
        batch.take(bench.host.packet())
        await other.say(other.answered(batch))
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
        batch.take(bench.host.packet(reply(batch.requests[0])))
        await asyncio.sleep(2 * ATTEMPT_S)
        assert bench.answers == ["unavailable"] * 2, "an answer that comes late is not wanted"
        assert [again.bodies for again in bench.host.submits[1:]] == [[b"3"]]

    on_bench(test)


# --- packets ------------------------------------------------------------------------------------


def test_pushes_and_closes_are_acted_upon_in_the_order_of_the_packets() -> None:
    """Whichever way they come, and however early."""

    async def test(bench: Bench) -> None:
        outs = [Out(PUSH, 1, b"1"), Out(PUSH, 2, b"2"), Out(CLOSE, 1, b"4000"), Out(PUSH, 3, b"3")]
        first, second, third = (
            bench.host.packet(outs[0]),
            bench.host.packet(outs[1], outs[2]),
            bench.host.packet(outs[3]),
        )
        early, late = await bench.sent(b"a"), await bench.sent(b"b")
        early.take(third)
        await idle()
        assert bench.outs == []
        await bench.host.say(second)
        assert bench.outs == []
        late.take(first)
        await idle()
        assert bench.outs == outs

    on_bench(test)


def test_what_fails_at_one_answer_does_not_take_the_others_along() -> None:
    async def test(bench: Bench) -> None:
        def fail(body: bytes | None, error: ApiError | None) -> None:
            raise RuntimeError("as told")

        bench.link.request(ONE, "", b"1", NOBODY, fail)
        batch = await bench.sent_with(b"2")
        batch.take(bench.host.answered(batch))
        await idle()
        assert bench.answers == [b"2"]
        batch = await bench.sent(b"3")
        await bench.host.say(bench.host.answered(batch))
        assert bench.answers == [b"2", b"3"], "the poll goes on"

    on_bench(test)


def test_a_packet_that_cannot_be_read_is_a_call_that_failed() -> None:
    async def test(bench: Bench) -> None:
        batch = await bench.sent(b"1")
        batch.take(b"no packet")
        await bench.host.say(b"no packet either")
        await asyncio.sleep(1.0)
        again = bench.host.submits[-1]
        assert again.stream != batch.stream
        again.take(bench.host.answered(again))
        await idle()
        assert bench.answers == [b"1"]
        assert not bench.host.polls[-1].done(), "it polls again"

    on_bench(test)


def test_answers_wait_for_the_packets_before_them() -> None:
    """A client must not hear of its send before it hears of what was pushed earlier."""

    async def test(bench: Bench) -> None:
        batch = await bench.sent(b"1")
        push = bench.host.packet(Out(PUSH, 1, b"earlier"))
        batch.take(bench.host.answered(batch))
        await idle()
        assert bench.answers == []
        await bench.host.say(push)
        assert bench.outs == [Out(PUSH, 1, b"earlier")]
        assert bench.answers == [b"1"]

    on_bench(test)


# --- another life -------------------------------------------------------------------------------


def test_in_another_life_of_the_host_what_is_unanswered_is_sent_again() -> None:
    async def test(bench: Bench) -> None:
        answered = await bench.sent(b"1")
        answered.take(bench.host.answered(answered))
        for body in (b"2", b"3"):
            (await bench.sent(body)).take(bench.host.packet())
        await idle()
        assert bench.renewed == 0
        bench.host.renew("life 2")
        await bench.host.say(bench.host.packet())
        assert bench.renewed == 1
        again = [body for batch in bench.host.submits[3:] for body in batch.bodies]
        assert again == [b"2", b"3"]
        await bench.host.say(bench.host.packet(Out(PUSH, 1, b"news")))
        assert bench.renewed == 1
        assert bench.outs == [Out(PUSH, 1, b"news")]

    on_bench(test)


def test_packets_of_another_life_are_numbered_anew() -> None:
    async def test(bench: Bench) -> None:
        await bench.host.say(bench.host.packet(Out(PUSH, 1, b"1")))
        bench.host.packet(Out(PUSH, 1, b"lost"))
        await bench.host.say(bench.host.packet(Out(PUSH, 1, b"behind a lost one")))
        bench.host.renew("life 2")
        for news in (b"2", b"3"):
            await bench.host.say(bench.host.packet(Out(PUSH, 1, news)))
        assert [out.payload for out in bench.outs] == [b"1", b"2", b"3"]

    on_bench(test)


def test_calls_that_a_new_life_of_the_host_does_not_expect_are_given_up() -> None:
    """It would wait for the batches before them, in vain."""

    async def test(bench: Bench) -> None:
        (await bench.sent(b"1")).take(bench.host.packet())
        given_up = [await bench.sent(b"2"), await bench.sent(b"3")]
        bench.host.renew("life 2")
        await bench.host.say(bench.host.packet())
        assert [batch.came.cancelled() for batch in given_up] == [True, True]
        again = bench.host.submits[-1]
        assert (again.number, again.bodies) == (1, [b"1", b"2", b"3"])
        assert again.stream != given_up[0].stream
        assert bench.link.connected.is_set()
        again.take(bench.host.answered(again))
        await idle()
        assert sorted(bench.answers) == [b"1", b"2", b"3"]

    on_bench(test)


def test_calls_that_are_given_up_before_they_are_made_keep_nothing_up() -> None:
    async def test(bench: Bench) -> None:
        first = await bench.sent(b"1")
        first.take(bench.host.answered(first))
        await idle()
        bodies = [b"%d" % number * BATCH_BYTES_MAX for number in range(2, 3 + FLYING_MAX)]
        bench.request(*bodies)
        bench.host.renew("life 2")
        await bench.host.say(bench.host.packet())
        assert [batch.bodies for batch in bench.host.submits[1:]] == [[b] for b in bodies[:-1]]

    on_bench(test)


def test_a_packet_of_an_earlier_life_that_comes_late_is_ignored() -> None:
    async def test(bench: Bench) -> None:
        early, late = await bench.sent(b"1"), await bench.sent(b"2")
        of_old = bench.host.packet(Out(PUSH, 1, b"old"))
        bench.host.renew("life 2")
        early.take(bench.host.packet(Out(PUSH, 1, b"1")))
        await idle()
        late.take(of_old)
        await idle()
        await bench.host.say(bench.host.packet(Out(PUSH, 1, b"2")))
        assert [out.payload for out in bench.outs] == [b"1", b"2"]
        assert bench.renewed == 1

    on_bench(test)


def test_a_link_that_is_closed_makes_no_more_calls() -> None:
    async def test(bench: Bench) -> None:
        await bench.link.close()
        bench.request(b"1")
        await asyncio.sleep(3 * ATTEMPT_S)
        assert (len(bench.host.submits), len(bench.host.polls)) == (0, 2)

    on_bench(test)
