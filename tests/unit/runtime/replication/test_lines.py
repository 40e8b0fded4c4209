"""Lines and clerks, in fake time, over wires that are slow, full, silent or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from api.errors import ApiError
from runtime.lines import lines
from runtime.lines.lines import (
    BUNDLE_BYTES,
    DEAF_S_MAX,
    PING_S,
    QUEUED_BYTES_MAX,
    SILENT_S_MAX,
    Clerk,
    Lines,
    Station,
    Take,
    Wire,
)
from runtime.replication.protocol import NotLeading, Unavailable
from tests.unit.runtime.fake_time import run

HOST = "host-0"


class End:
    """An end of a fake connection. What is sent arrives `delay_s` later; while `silent`, never."""

    def __init__(self) -> None:
        self.full = False
        self.silent = False
        self.delay_s = 0.001
        self.closed = False
        self.frames: list[bytes] = []
        self.other: Station

    def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        if not self.silent and not self.closed:
            asyncio.get_running_loop().call_later(self.delay_s, self.other.received, frame)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    @property
    def bundles(self) -> list[list[Any]]:
        """The numbers of what was sent, by frame."""
        return [[each[0] for each in msgspec.msgpack.decode(f)] for f in self.frames]


class Town:
    """A host, which is in its so many-th `life`, and the lines of a process to it."""

    def __init__(self) -> None:
        self.life = 1
        self.down = False
        self.gates: dict[str, asyncio.Event] = {}
        self.done: list[Any] = []
        self.says: dict[str, Take] = {}
        """How those are told who listen, by name."""
        self.here: list[End] = []
        """The caller's ends of all connections, the newest last."""
        self.there: list[End] = []
        self.callers: list[Station] = []
        self.lines = Lines(self._connect)

    async def _connect(self, host: str, station: Station) -> Wire:
        await asyncio.sleep(0.001)
        if self.down:
            raise ConnectionError(f"{host} is down")
        here, there = End(), End()
        here.other, there.other = Clerk(there, self.serve), station
        self.here.append(here)
        self.there.append(there)
        self.callers.append(station)
        return here

    async def serve(self, method: str, *arguments: Any) -> Any:
        if method == "tell":
            name, say = arguments
            self.says[name] = say
            try:
                await self.gates.setdefault(name, asyncio.Event()).wait()
            finally:
                del self.says[name]
            return "over"
        if method == "wait":
            await self.gates.setdefault(arguments[0], asyncio.Event()).wait()
        if method == "raise":
            raise arguments_to_error(*arguments)
        self.done.append(arguments[0])
        return [self.life, *arguments]

    def open(self, gate: str) -> None:
        self.gates.setdefault(gate, asyncio.Event()).set()

    def call(self, method: str, *arguments: Any) -> asyncio.Task[Any]:
        return asyncio.create_task(self.lines.call(HOST, method, *arguments))

    async def listen(self, name: str, take: Take) -> asyncio.Task[Any]:
        """Somebody of this name, who is there now."""
        task = asyncio.create_task(self.lines.listen(HOST, take, "tell", name))
        await asyncio.sleep(0.01)
        assert name in self.says
        return task


def arguments_to_error(kind: str) -> Exception:
    return {
        "not leading": NotLeading("host-1 leads"),
        "refused": ApiError("overloaded", "too many", 2.5),
        "unavailable": Unavailable("the store is down"),
        "other": ValueError("a mistake"),
    }[kind]


def in_town(test: Callable[[Town], Awaitable[None]]) -> None:
    async def main() -> None:
        town = Town()
        await test(town)
        for line in town.lines._lines.values():
            assert (line._waiting, line._queue, line._queued_bytes) == ({}, {}, 0)
        town.lines.close()

    run(main)


async def settled(*calls: asyncio.Task[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


def test_what_comes_together_travels_together_and_so_do_the_answers() -> None:
    async def test(town: Town) -> None:
        await town.call("do", 0)
        answers = await settled(*(town.call("do", number) for number in range(1, 6)))
        assert answers == [[1, number] for number in range(1, 6)]
        assert town.here[0].bundles == [[1], [2, 3, 4, 5, 6]]
        assert town.there[0].bundles == [[1], [2, 3, 4, 5, 6]]

    in_town(test)


def test_a_slow_answer_keeps_no_quick_one_back() -> None:
    async def test(town: Town) -> None:
        slow = town.call("wait", "gate")
        assert await town.call("do", 1) == [1, 1]
        assert await town.call("do", 2) == [1, 2]
        assert not slow.done()
        town.open("gate")
        assert await slow == [1, "gate"]

    in_town(test)


def test_a_request_that_waits_for_a_call_back_is_no_deadlock() -> None:
    """A commit waits for followers, whose answers come by the same two processes."""

    async def test(town: Town) -> None:
        back = Town()

        async def commit(method: str, *arguments: Any) -> Any:
            return await back.lines.call(HOST, "do", *arguments)

        town.serve = commit  # type: ignore[method-assign]
        answers = await settled(*(town.call("commit", number) for number in range(3)))
        assert answers == [[1, 0], [1, 1], [1, 2]]
        back.lines.close()

    in_town(test)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("not leading", NotLeading("host-1 leads")),
        ("refused", ApiError("overloaded", "too many", 2.5)),
        ("unavailable", Unavailable("the store is down")),
        ("other", Unavailable("ValueError('a mistake')")),
    ],
)
def test_a_failure_is_of_one_request_and_keeps_its_type(kind: str, error: Exception) -> None:
    async def test(town: Town) -> None:
        failed, done = await settled(town.call("raise", kind), town.call("do", 1))
        assert type(failed) is type(error)
        assert failed.args == error.args
        assert done == [1, 1]

    in_town(test)


def test_all_that_is_under_way_fails_with_the_connection_and_the_next_call_opens_another() -> None:
    async def test(town: Town) -> None:
        slow, late = town.call("wait", "gate"), town.call("do", 1)
        town_delay(town, 0.5)
        await asyncio.sleep(0.01)
        town.here[0].full = True
        unsent = town.call("do", 2)
        await asyncio.sleep(0.01)
        town.life = 2
        town.callers[0].lost("connection reset")
        for failed in await settled(slow, late, unsent):
            assert isinstance(failed, Unavailable)
            assert str(failed) == "connection reset"
        assert town.here[0].closed
        assert await town.call("do", 3) == [2, 3]
        await asyncio.sleep(1)  # what the first life still answers is for nobody
        assert 2 not in town.done

    in_town(test)


def town_delay(town: Town, delay_s: float) -> None:
    async def slow(method: str, *arguments: Any) -> Any:
        await asyncio.sleep(delay_s)
        return await Town.serve(town, method, *arguments)

    town.serve = slow  # type: ignore[method-assign]


def test_an_answer_of_an_earlier_life_is_not_taken_for_one_of_this() -> None:
    async def test(town: Town) -> None:
        first = town.call("wait", "first")
        await asyncio.sleep(0.01)
        town.callers[0].lost("connection reset")
        town.life = 2
        second = town.call("wait", "second")
        await settled(first)
        await asyncio.sleep(0.01)
        town.callers[0].received(lines._encode([lines.Answer(1, lines.DONE, "old")]))
        await asyncio.sleep(0.01)
        assert not second.done()
        town.open("second")
        assert await second == [2, "second"]

    in_town(test)


def test_what_is_called_of_a_host_that_is_down_fails_until_it_is_up() -> None:
    async def test(town: Town) -> None:
        town.down = True
        for failed in await settled(town.call("do", 1), town.call("do", 2)):
            assert isinstance(failed, Unavailable)
        town.down = False
        assert await town.call("do", 3) == [1, 3]
        assert town.done == [3]

    in_town(test)


def test_bundles_are_bounded() -> None:
    async def test(town: Town) -> None:
        half = bytes(BUNDLE_BYTES // 2 - 1000)
        await town.call("do", 0)
        sizes = [half, half, half, bytes(3 * BUNDLE_BYTES), b"", b""]
        answers = await settled(*(town.call("do", size) for size in sizes))
        assert [answer[1] for answer in answers] == sizes
        assert town.here[0].bundles == [[1], [2, 3], [4], [5], [6, 7]]

    in_town(test)


def test_while_the_way_is_full_requests_wait_and_those_that_are_too_many_fail() -> None:
    async def test(town: Town) -> None:
        await town.call("do", 0)
        town.here[0].full = True
        large = bytes(QUEUED_BYTES_MAX)
        waiting = [town.call("do", b"1"), town.call("do", b"2")]
        (refused,) = await settled(town.call("do", large))
        assert isinstance(refused, Unavailable)
        assert town.here[0].bundles == [[1]]
        town.here[0].full = False
        town.callers[0].drained()
        assert await settled(*waiting) == [[1, b"1"], [1, b"2"]]
        assert (await town.call("do", large))[1] == large, "alone it may be of any size"

    in_town(test)


def test_while_the_way_back_is_full_answers_wait() -> None:
    async def test(town: Town) -> None:
        await town.call("do", 0)
        town.there[0].full = True
        calls = [town.call("do", 1), town.call("do", 2)]
        await asyncio.sleep(1)
        assert town.done == [0, 1, 2]
        assert not any(call.done() for call in calls)
        town.there[0].full = False
        clerk = town.here[0].other
        clerk.drained()
        assert await settled(*calls) == [[1, 1], [1, 2]]

    in_town(test)


def test_a_caller_that_is_cancelled_leaves_nothing_behind() -> None:
    async def test(town: Town) -> None:
        slow = town.call("wait", "gate")
        await asyncio.sleep(0.01)
        town.here[0].full = True
        unsent = town.call("do", 1)
        await asyncio.sleep(0.01)
        slow.cancel()
        unsent.cancel()
        await settled(slow, unsent)
        town.here[0].full = False
        town.callers[0].drained()
        town.open("gate")
        assert await town.call("do", 2) == [1, 2]
        assert town.done == ["gate", 2]

    in_town(test)


def test_a_host_that_is_silent_is_given_up_and_one_that_only_takes_long_is_not() -> None:
    async def test(town: Town) -> None:
        slow = town.call("wait", "gate")
        await asyncio.sleep(10 * SILENT_S_MAX)
        assert not slow.done()
        town.there[0].silent = True
        await asyncio.sleep(SILENT_S_MAX - PING_S)
        assert not slow.done()
        await asyncio.sleep(2 * PING_S)
        (failed,) = await settled(slow)
        assert isinstance(failed, Unavailable)
        assert await town.call("do", 1) == [1, 1]

    in_town(test)


def test_nothing_is_sent_when_nobody_waits() -> None:
    async def test(town: Town) -> None:
        await town.call("do", 1)
        await asyncio.sleep(100)
        assert len(town.here[0].frames) == 1

    in_town(test)


def test_what_a_host_calls_of_itself_does_not_leave_it() -> None:
    async def test(town: Town) -> None:
        own = Lines(town._connect, HOST, town.serve)
        assert await own.call(HOST, "do", 1) == [1, 1]
        assert town.here == []
        own.close()

    in_town(test)


def test_a_line_that_is_closed_connects_no_more() -> None:
    async def test(town: Town) -> None:
        call = town.call("do", 1)
        await asyncio.sleep(0)
        town.lines.close()
        (failed,) = await settled(call)
        assert isinstance(failed, Unavailable)
        await asyncio.sleep(1)
        assert town.here == []

    in_town(test)


def test_what_is_told_is_done_in_order_with_what_is_asked_and_never_answered() -> None:
    async def test(town: Town) -> None:
        with pytest.raises(Unavailable, match="no line"):
            town.lines.tell(HOST, "do", 0)
        await town.call("do", 1)
        call = town.call("do", 2)
        await asyncio.sleep(0)
        town.lines.tell(HOST, "do", 3)
        town.lines.tell(HOST, "raise", "other")
        assert await call == [1, 2]
        assert await town.call("do", 4) == [1, 4]
        assert town.done == [1, 2, 3, 4]
        assert town.there[0].bundles == [[1], [2], [5]]
        town.callers[0].lost("the wire broke")
        with pytest.raises(Unavailable):
            town.lines.tell(HOST, "do", 5)

    in_town(test)


# --- listening ----------------------------------------------------------------------------------


def test_who_listens_is_told_again_and_again_in_order_with_all_answers() -> None:
    async def test(town: Town) -> None:
        told: list[Any] = []
        listening = await town.listen("a", told.append)
        for number in range(3):
            town.says["a"](number)
        call = town.call("do", "x")
        call.add_done_callback(lambda task: told.append(task.result()))
        await asyncio.sleep(0.01)
        town.says["a"](3)
        town.open("a")
        assert await listening == "over"
        assert told == [0, 1, 2, [1, "x"], 3]

    in_town(test)


def test_what_is_told_together_travels_together() -> None:
    async def test(town: Town) -> None:
        told: list[Any] = []
        listening = await town.listen("a", told.append)
        before = len(town.there[0].frames)
        for number in range(5):
            town.says["a"](number)
        await asyncio.sleep(0.01)
        assert told == list(range(5))
        assert len(town.there[0].frames) == before + 1
        listening.cancel()
        await settled(listening)

    in_town(test)


def test_who_cannot_take_what_is_told_hears_no_more() -> None:
    async def test(town: Town) -> None:
        def take(value: Any) -> None:
            raise ValueError(value)

        listening = await town.listen("a", take)
        town.says["a"]("odd")
        (error,) = await settled(listening)
        assert isinstance(error, ValueError)
        town.says["a"]("odder")
        assert await town.call("do", 1) == [1, 1], "the line goes on"

    in_town(test)


def test_a_line_that_is_lost_ends_what_is_listened_to_on_both_sides() -> None:
    async def test(town: Town) -> None:
        listening = await town.listen("a", lambda value: None)
        town.callers[0].lost("the wire broke")
        town.here[0].other.lost("the wire broke")
        (error,) = await settled(listening)
        assert isinstance(error, Unavailable)
        assert town.says == {}

    in_town(test)


def test_who_listens_and_is_told_all_the_time_still_says_that_they_are_there() -> None:
    async def test(town: Town) -> None:
        told: list[Any] = []
        listening = await town.listen("a", told.append)
        for number in range(int(2 * DEAF_S_MAX)):
            town.says["a"](number)
            await asyncio.sleep(1.0)
        assert len(told) == int(2 * DEAF_S_MAX)
        listening.cancel()
        await settled(listening)

    in_town(test)


def test_who_listens_and_says_nothing_is_hung_up_on() -> None:
    async def test(town: Town) -> None:
        listening = await town.listen("a", lambda value: None)
        town.here[0].silent = True
        await asyncio.sleep(DEAF_S_MAX + PING_S + 1)
        assert town.says == {}
        assert town.there[0].closed
        await settled(listening)

    in_town(test)


def test_who_takes_too_little_of_what_is_told_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "QUEUED_BYTES_MAX", 10_000)

    async def test(town: Town) -> None:
        listening = await town.listen("a", lambda value: None)
        town.there[0].full = True
        for _ in range(9):
            town.says["a"](bytes(1_000))
        await asyncio.sleep(0)
        assert "a" in town.says
        town.says["a"](bytes(1_000))
        await asyncio.sleep(0)
        assert town.there[0].closed
        assert town.says == {}
        town.callers[0].lost("the wire broke")
        await settled(listening)

    in_town(test)
