"""The workload on a server of lines in memory: what it measures, and which faults it finds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from sim.peers import workload
from sim.peers.program import Failed
from sim.peers.workload import Figures, Lane, Load, Meter, drive

ENOUGH = 200
"""Messages: then what is waited for is over, however long that takes."""
QUIET = Meter.quiet


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "SILENT_S_MAX", 0.1)
    monkeypatch.setattr(Meter, "quiet", enough)
    used_s = itertools.count()
    monkeypatch.setattr(workload, "cpu_s", lambda pids: float(next(used_s)))


async def enough(meter: Meter, seconds: float) -> None:
    until = meter.received + ENOUGH
    while meter.sending and meter.received < until and not meter.trouble.is_set():  # noqa: ASYNC110
        await asyncio.sleep(0)
    await QUIET(meter, 0.0)


Deliver = Callable[[Lane, int], None]


def well(lane: Lane, seq: int) -> None:
    lane.heard(seq)


class FakeLine:
    def __init__(self, out: Lane, deliver: Deliver) -> None:
        self.out = out
        self.deliver = deliver
        self.open = True

    def send(self, seq: int) -> None:
        asyncio.get_running_loop().call_soon(self.deliver, self.out, seq)

    def close(self) -> None:
        self.open = False


class FakePeer:
    def __init__(self, deliver: Deliver = well) -> None:
        self.deliver = deliver
        self.lines: dict[int, FakeLine] = {}
        self.pids = [1]

    async def register(self, users: int) -> None: ...

    async def connect(self, user: int, out: Lane, into: Lane) -> FakeLine:
        self.lines[user] = FakeLine(out, self.deliver)
        return self.lines[user]


def driven(peer: FakePeer, load: Load) -> Figures:
    return asyncio.run(drive(peer, load, 1.0))


@pytest.mark.parametrize("load", [Load(1, 1), Load(3, 1), Load(2, 8), Load(1, 3)], ids=str)
def test_everything_arrives(load: Load) -> None:
    peer = FakePeer()
    figures = driven(peer, load)
    assert figures.per_s > 0
    assert 0 < figures.server_us <= 1e6 / ENOUGH
    assert 0 < figures.p50_ms <= figures.p99_ms
    assert (figures.lost, figures.duplicated, figures.reordered, figures.refused) == (0, 0, 0, 0)
    assert sorted(peer.lines) == [*range(2 * load.pairs)]
    assert not any(line.open for line in peer.lines.values())


@pytest.mark.parametrize(("window", "there", "back"), [(1, 1, 0), (2, 1, 1), (8, 4, 4), (3, 2, 1)])
def test_so_many_are_in_flight(window: int, there: int, back: int) -> None:
    """The window is filled, half of it each way, and never exceeded; with one they take turns."""
    flying = {0: 0, 1: 0}
    most = {0: 0, 1: 0, 2: 0}

    class Counting(FakeLine):
        def __init__(self, side: int, out: Lane) -> None:
            super().__init__(out, self.arrive)
            self.side = side

        def send(self, seq: int) -> None:
            flying[self.side] += 1
            most[self.side] = max(most[self.side], flying[self.side])
            most[2] = max(most[2], sum(flying.values()))
            super().send(seq)

        def arrive(self, lane: Lane, seq: int) -> None:
            flying[self.side] -= 1
            lane.heard(seq)

    class CountingPeer(FakePeer):
        async def connect(self, user: int, out: Lane, into: Lane) -> FakeLine:
            return Counting(user, out)

    driven(CountingPeer(), Load(1, window))
    assert (most[0], most[1], most[2]) == (there, back or 1, window)


def drop(lane: Lane, seq: int) -> None:
    if seq != 5:
        lane.heard(seq)


def double(lane: Lane, seq: int) -> None:
    lane.heard(seq)
    if seq == 5:
        lane.heard(seq)


def swap(lane: Lane, seq: int) -> None:
    if seq != 5:
        lane.heard(seq)
    if seq == 6:
        lane.heard(5)


def refuse() -> Deliver:
    refused = set()

    def deliver(lane: Lane, seq: int) -> None:
        if seq == 5 and lane not in refused:
            refused.add(lane)
            lane.again(seq, 0.0)
        else:
            lane.heard(seq)

    return deliver


@pytest.mark.parametrize(
    ("deliver", "found"),
    [(drop, (2, 0, 2, 0)), (double, (0, 2, 0, 0)), (swap, (0, 0, 6, 0))],
    ids=["drop", "double", "swap"],
)
def test_a_fault_is_counted(deliver: Deliver, found: tuple[int, int, int, int]) -> None:
    """One in each direction; what is late is out of order, and so are those beside it."""
    figures = driven(FakePeer(deliver), Load(1, 8))
    assert (figures.lost, figures.duplicated, figures.reordered, figures.refused) == found


def test_what_is_refused_is_sent_again() -> None:
    figures = driven(FakePeer(refuse()), Load(1, 2))
    assert (figures.lost, figures.duplicated, figures.reordered, figures.refused) == (0, 0, 0, 2)


def test_what_fails_ends_it() -> None:
    def fail(lane: Lane, seq: int) -> None:
        lane.meter.failed("it said no")

    peer = FakePeer(fail)
    with pytest.raises(Failed, match="it said no"):
        driven(peer, Load(2, 1))
    assert not any(line.open for line in peer.lines.values())


def test_nothing_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meter, "quiet", lambda meter, seconds: QUIET(meter, 0.0))
    with pytest.raises(Failed, match="no message arrived"):
        driven(FakePeer(lambda lane, seq: None), Load(1, 1))
