"""Links over pipelines, and all that networks and dying hosts do in between: every request is
answered exactly once, and what was acknowledged is there exactly once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any, TypeVar

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.ambient import monotonic_s
from api.errors import ApiError
from runtime import wire
from runtime.lines.lines import Take
from runtime.link import Desk, HostLink
from runtime.refs import NOBODY, ActorRef
from storage.faulty import FaultyStore
from storage.memory import MemoryStore
from tests.profile import tries
from tests.unit.runtime import fake_time
from tests.unit.runtime.kit import LookAll, Once
from tests.unit.runtime.running import Host, Running

DEADLINE_S = 120.0
"""Long enough for all faults to be over."""
SETTLED_S = 10.0
"""What hosts tell each other has arrived."""
SLOW_S = (0.001, 0.05, 0.7, 3.0)
"""Shorter and longer than what links and hosts wait for."""
NOTES = 12
NUMBERS = 1000

R = TypeVar("R")


class Fault(Enum):
    """What becomes of a call."""

    NONE = auto()
    LATE = auto()
    """It arrives late, perhaps after those that were made later."""
    ANSWERED_LATE = auto()
    LOST = auto()
    """It never arrives, and the caller learns of it some time later."""
    UNHEARD = auto()
    """It is executed, and the caller hears of a failure."""
    TWICE = auto()
    """It arrives again, some time later."""


class Network:
    """Carries calls: each meets the next one of the faults, and none when there are no more."""

    def __init__(self, faults: list[Fault], rng: random.Random) -> None:
        self._faults = iter(faults)
        self._rng = rng
        self._echoes: set[asyncio.Task[None]] = set()

    async def carry(self, call: Callable[[], Coroutine[Any, Any, R]]) -> R:
        fault = next(self._faults, Fault.NONE)
        slow_s = self._rng.choice(SLOW_S)
        if fault in (Fault.LATE, Fault.LOST):
            await asyncio.sleep(slow_s)
        if fault is Fault.LOST:
            raise ConnectionError("the call was lost")
        if fault is Fault.TWICE:
            echo = asyncio.create_task(self._again(call, slow_s))
            self._echoes.add(echo)
            echo.add_done_callback(self._echoes.discard)
        answer = await call()
        if fault is Fault.ANSWERED_LATE:
            await asyncio.sleep(slow_s)
        if fault is Fault.UNHEARD:
            raise ConnectionError("the answer was lost")
        return answer

    async def _again(self, call: Callable[[], Coroutine[Any, Any, Any]], slow_s: float) -> None:
        await asyncio.sleep(slow_s)
        await asyncio.gather(call(), return_exceptions=True)


class Way:
    """The calls of a host, through the network."""

    def __init__(self, network: Network, host: Host) -> None:
        self._carry = network.carry
        self._host = host
        self._travelling: set[asyncio.Task[None]] = set()

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        async def submit() -> None:
            self._host.submit(front, stream, number, payload)

        async def travel() -> None:
            with contextlib.suppress(ConnectionError):
                await self._carry(submit)

        task = asyncio.create_task(travel())
        self._travelling.add(task)
        task.add_done_callback(self._travelling.discard)

    async def listen(self, front: str, stream: str, take: Take) -> None:
        await self._carry(lambda: self._host.listen(front, stream, take))


class Writer:
    """A front that writes numbered notes by a link. `answers`: what each one got, and how often."""

    def __init__(self, number: int, way: Way, here: ActorRef, there: ActorRef) -> None:
        self.first = number * NUMBERS
        self.answers: dict[int, list[int | ApiError]] = {}
        self._here = here
        self._there = there
        self._desk = Desk()
        name = f"front-{number}"
        self._link = HostLink(name, name, way, self._desk, lambda out: None, lambda link: None)

    async def write(self, rng: random.Random) -> None:
        """Write all notes, and wait until there is nothing to wait for."""
        for note in range(self.first, self.first + NOTES):
            self._request(note)
            await asyncio.sleep(rng.choice((0.0, 0.0, 0.01, 0.5, 2.0)))
        while self._desk.waiting:
            await asyncio.sleep(1.0)
            self._desk.expire(monotonic_s())
        await self._link.close()

    def _request(self, note: int) -> None:
        answers = self.answers[note] = []

        def answer(body: bytes | None, error: ApiError | None) -> None:
            answers.append(error or msgspec.json.decode(body or b""))

        message = wire.encode(Once(note, self._there))
        self._link.request(self._here, "", message, NOBODY, answer, deadline_s=DEADLINE_S)


class World:
    """Two hosts; writers write to an actor of one, which tells an actor of the other."""

    def __init__(self, faults: list[Fault], full: set[int], seed: int) -> None:
        self._rng = random.Random(seed)
        self._network = Network(faults, self._rng)
        self._full = full
        stores = (FaultyStore(MemoryStore(), full=full) for _ in range(2))
        self._running = Running(2, host_0=next(stores), host_1=next(stores))

    async def run(self, writers: int, crashes: list[tuple[int, float]]) -> None:
        """All that happens, and then: what must be true."""
        fake_time.fake_loop().thread_s = lambda: self._rng.choice((0.0, 0.001, 0.1))
        running, carry = self._running, self._network.carry
        running.peer = lambda name, parcel: carry(lambda: running.hosts[name].receive(parcel))
        async with running:
            here, there = running.at("host-0"), running.at("host-1")
            way = Way(self._network, running.hosts["host-0"])
            all_writers = [Writer(number, way, here, there) for number in range(writers)]
            writing = [writer.write(self._rng) for writer in all_writers]
            await asyncio.gather(self._trouble(crashes), *writing)
            for host in running.hosts.values():
                await self._crash(host, 0.0)
            await asyncio.sleep(SETTLED_S)  # a call that the network repeats may still come
            kept = await running.ask(here, LookAll())
            told = await running.ask(there, LookAll())
        check(all_writers, kept, told, bool(self._full))

    async def _trouble(self, crashes: list[tuple[int, float]]) -> None:
        for number, pause_s in crashes:
            await asyncio.sleep(pause_s)
            await self._crash(self._running.hosts[f"host-{number}"], self._rng.choice(SLOW_S))

    async def _crash(self, host: Host, down_s: float) -> None:
        """The host dies, and comes back with what was appended."""
        await host.crash()
        host.store = FaultyStore(MemoryStore(list(host.store.inner.disk)), full=self._full)
        await asyncio.sleep(down_s)
        await host.start()


def check(writers: list[Writer], kept: list[int], told: list[int], full: bool) -> None:
    assert len(kept) == len(set(kept)), "an effect is there once"
    assert told == kept, "at the other host as well, and in the same order"
    for writer in writers:
        for note, answers in writer.answers.items():
            (place,) = answers
            if isinstance(place, ApiError):
                assert place.code == "storage_full", f"all was well at last, and yet: {place}"
            else:
                assert kept[place - 1] == note, "what was acknowledged is there"
        mine = [note for note in kept if note - writer.first in range(NOTES)]
        # A note whose refusal was lost is sent again, and may be taken after later ones.
        assert full or mine == sorted(mine), "the order of a link is kept"


@settings(max_examples=tries(60), deadline=None)
@example(faults=[Fault.NONE, Fault.UNHEARD], crashes=[], full=set(), writers=1, seed=0)
@example(faults=[Fault.ANSWERED_LATE], crashes=[(0, 0.0)], full=set(), writers=1, seed=0)
@example(faults=[], crashes=[(0, 5.0)], full=set(), writers=2, seed=627)
@given(
    faults=st.lists(st.sampled_from(Fault), max_size=60),
    crashes=st.lists(st.tuples(st.integers(0, 1), st.floats(0.0, 5.0)), max_size=4),
    full=st.sets(st.integers(1, 12), max_size=3),
    writers=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_every_request_is_answered_once_and_its_effect_is_there_once(
    faults: list[Fault],
    crashes: list[tuple[int, float]],
    full: set[int],
    writers: int,
    seed: int,
) -> None:
    """`full`: the appends of each life of a host that find the disk full."""
    world = World(faults, full, seed)
    fake_time.run(lambda: world.run(writers, crashes))
