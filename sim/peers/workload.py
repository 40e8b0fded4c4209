"""The workload that all peers get, and what is measured of it.

Pairs of users write to each other. A message is in flight from when it is sent until the other has
received it; half of a pair's window is in flight there, half of it back, and with a window of one
they take turns. What a protocol adds is a `Line`: how a numbered message is sent, and how the
number is found in what arrives. All lines of all peers are driven by the same `Lane`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, process_time
from typing import Protocol

from sim.load.meter import percentile
from sim.load.wire import prefix_of
from sim.peers.program import Failed, cpu_s

CONNECTS_AT_ONCE = 16
WARM_UP_S = 1.0
"""Before the measured time, everything runs as it does in it."""
SILENT_S_MAX = 30.0
"""Nothing has arrived for so long: nothing will."""
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Load:
    """So many pairs, each with so many messages in flight."""

    pairs: int
    window: int

    def __str__(self) -> str:
        return f"{self.pairs}x{self.window}"

    def at_most(self, pairs: int) -> Load:
        return Load(min(self.pairs, pairs), self.window)

    @property
    def title(self) -> str:
        return f"{self.pairs} pair{'s' * (self.pairs > 1)}, window {self.window}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one load in one round. `lost`: sent, and not received in the end; `refused`: the
    server asked to come again later, and the client did."""

    per_s: float
    p50_ms: float
    p99_ms: float
    server_us: float
    client_us: float
    lost: int
    duplicated: int
    reordered: int
    refused: int


class Line(Protocol):
    """One user's connection."""

    def send(self, seq: int) -> None: ...

    def close(self) -> None: ...


class Running(Protocol):
    """A peer that runs."""

    @property
    def pids(self) -> Sequence[int]:
        """Its processes, but for their descendants."""
        ...

    async def register(self, users: int) -> None:
        """See to it that users 0 to `users` - 1 exist, and that users 2n and 2n + 1 can write to
        each other."""
        ...

    async def connect(self, user: int, out: Lane, into: Lane) -> Line:
        """Connect a user, who sends on `out` and hears what comes on `into`."""
        ...


class Meter:
    """What is counted of one load, over all its lanes."""

    def __init__(self) -> None:
        self.latencies_s = array("d")
        self.received = self.duplicated = self.reordered = self.refused = 0
        self.sending = True
        self._why = ""
        self.trouble = asyncio.Event()

    def failed(self, why: str) -> None:
        self._why = self._why or why
        self.trouble.set()

    async def quiet(self, seconds: float) -> None:
        """Wait; raises Failed as soon as something has failed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.trouble.wait()
            raise Failed(self._why)


class Lane:
    """Messages of one user to another, numbered from 1. `prefix`: what their texts begin with."""

    __slots__ = ("expected", "line", "meter", "on_heard", "prefix", "seen", "times_s")

    def __init__(self, prefix: str, meter: Meter) -> None:
        self.prefix = prefix
        self.meter = meter
        self.line: Line
        self.on_heard: Callable[[], None]
        self.times_s = array("d", [0.0])
        self.seen = bytearray(1)
        self.expected = 1

    def send(self) -> None:
        if self.meter.sending:
            seq = len(self.times_s)
            self.seen.append(0)
            self.times_s.append(monotonic())
            self.line.send(seq)

    def heard(self, seq: int) -> None:
        meter = self.meter
        if self.seen[seq]:
            meter.duplicated += 1
            return
        meter.latencies_s.append(monotonic() - self.times_s[seq])
        meter.received += 1
        meter.reordered += seq != self.expected
        self.expected = seq + 1
        self.seen[seq] = 1
        self.on_heard()

    def again(self, seq: int, after_s: float) -> None:
        """The server asks to send this one again later."""
        self.meter.refused += 1
        asyncio.get_running_loop().call_later(after_s, self.line.send, seq)

    def unheard(self) -> int:
        return len(self.seen) - 1 - sum(self.seen)


async def drive(running: Running, load: Load, seconds: float) -> Figures:
    """Put a load on a peer. Raises Failed."""
    meter = Meter()
    lanes = _lanes(load, meter)
    try:
        await _connect(running, lanes)
        for there, back in lanes:
            for place in range(load.window):
                (there, back)[place % 2].send()
        await meter.quiet(WARM_UP_S)
        figures = await _measure(running, meter, seconds)
        meter.sending = False
        await _drain(lanes, meter)
    finally:
        for lane in (lane for pair in lanes for lane in pair if hasattr(lane, "line")):
            lane.line.close()
    return figures(sum(lane.unheard() for pair in lanes for lane in pair))


def _lanes(load: Load, meter: Meter) -> list[tuple[Lane, Lane]]:
    """There and back for each pair."""
    run = secrets.randbits(32)
    lanes = []
    for pair in range(load.pairs):
        there, back = (Lane(prefix_of(run, 2 * pair + side), meter) for side in (0, 1))
        turns = load.window == 1
        there.on_heard, back.on_heard = (
            (back if turns else there).send,
            (there if turns else back).send,
        )
        lanes.append((there, back))
    return lanes


async def _connect(running: Running, lanes: list[tuple[Lane, Lane]]) -> None:
    at_once = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def one(user: int, out: Lane, into: Lane) -> None:
        async with at_once:
            out.line = await running.connect(user, out, into)

    users = [
        one(2 * pair + side, *both)
        for pair, (there, back) in enumerate(lanes)
        for side, both in enumerate(((there, back), (back, there)))
    ]
    try:
        async with asyncio.timeout(SILENT_S_MAX + len(users)):
            await asyncio.gather(*users)
    except TimeoutError:
        raise Failed(f"{len(users)} users could not connect in time") from None


async def _measure(running: Running, meter: Meter, seconds: float) -> Callable[[int], Figures]:
    """Measure for so long; what then makes the figures of how many were lost in the end."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        server_s, client_s = cpu_s(running.pids), process_time()
        meter.latencies_s, before = array("d"), meter.received
        began = monotonic()
        await meter.quiet(seconds)
        took_s = monotonic() - began
        count = meter.received - before
        client_s = process_time() - client_s
        server_s = cpu_s(running.pids) - server_s
    finally:
        gc.enable()
        gc.unfreeze()
    if not count:
        raise Failed(f"no message arrived in {seconds:g} s: measure for longer")
    latencies_s = sorted(meter.latencies_s[:count])
    return lambda lost: Figures(
        per_s=count / took_s,
        p50_ms=1e3 * percentile(latencies_s, 50),
        p99_ms=1e3 * percentile(latencies_s, 99),
        server_us=1e6 * server_s / count,
        client_us=1e6 * client_s / count,
        lost=lost,
        duplicated=meter.duplicated,
        reordered=meter.reordered,
        refused=meter.refused,
    )


async def _drain(lanes: list[tuple[Lane, Lane]], meter: Meter) -> None:
    """Wait for what is under way, as long as something still arrives."""
    received, since = meter.received, monotonic()
    while any(lane.unheard() for pair in lanes for lane in pair):
        await meter.quiet(LOOK_S)
        if meter.received != received:
            received, since = meter.received, monotonic()
        elif monotonic() - since > SILENT_S_MAX:
            return
