"""The floor driven by the load client in one process: an honest one loses nothing, and each way of
cheating is caught."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.floor import BLOCK_BYTES, Connection, Floor, Journal
from sim.load.endpoint import Endpoint
from sim.load.floor_process import floor_accounts
from sim.load.histogram import count_of
from sim.load.outcome import Outcome
from sim.load.plan import Chats, Plan
from sim.load.run import Run

LONG_S = 60.0
"""What has not happened by then hangs."""
ENOUGH = 600
"""Messages that are released, each to one member: then the run ends."""
PLAN = Plan((Chats(10),), window=8, seconds=LONG_S, verify=False)
PATIENCE_S = 0.3


class FaultyFloor(Floor):
    """Makes a mistake with every hundredth message."""

    def __init__(self, journal: Journal, mistake: str) -> None:
        super().__init__(journal)
        self.mistake = mistake
        self.made = 0
        self.released = 0
        self.enough: Callable[[], None] = int
        self.held: dict[int, bytes] = {}

    def release(self, member: Connection, message: bytes) -> None:
        self.released += 1
        if self.released == ENOUGH:
            self.enough()
        held = self.held.pop(id(member), None)
        if held is not None:
            super().release(member, message)
            super().release(member, held)
            return
        if self.released % 100 or self.mistake == "none":
            super().release(member, message)
            return
        self.made += 1
        if self.mistake == "double":
            super().release(member, message)
            super().release(member, message)
        elif self.mistake == "repeat":
            super().release(member, message)
            member.pts -= 1
            super().release(member, message)
        elif self.mistake == "swap":
            self.held[id(member)] = message


def drive(
    folder: Path, plan: Plan, mistake: str = "none", paced: bool = False
) -> tuple[Outcome, FaultyFloor]:
    async def driven() -> tuple[Outcome, FaultyFloor]:
        floor = FaultyFloor(Journal(str(folder), BLOCK_BYTES), mistake)
        try:
            endpoint = Endpoint(await floor.start(), paced=paced, patience_s=PATIENCE_S)
            run = Run(plan, endpoint, floor_accounts(plan), lambda _: None)
            if not plan.rate:
                floor.enough = run.end
            return await run.drive(), floor
        finally:
            floor.close()

    return asyncio.run(driven())


@pytest.mark.parametrize(
    ("plan", "paced"),
    [
        (PLAN, False),
        (Plan((Chats(1),), window=1, seconds=LONG_S, verify=False), False),
        (Plan((Chats(3),), window=5, seconds=LONG_S, verify=False), True),
        (Plan((Chats(4),), rate=500, seconds=0.3, verify=False), True),
        (Plan((Chats(4),), rate=900, arrivals="poisson", burst=5, seconds=0.3, verify=False), True),
        (Plan((Chats(1, 20),), window=4, seconds=LONG_S, verify=False), True),
        (Plan((Chats(1, 20, 5),), window=2, seconds=LONG_S, verify=False), True),
    ],
    ids=["pairs", "ping-pong", "odd window", "open loop", "bursts", "group", "a slot goes round"],
)
def test_an_honest_floor_loses_nothing(tmp_path: Path, plan: Plan, paced: bool) -> None:
    outcome, _ = drive(tmp_path, plan, paced=paced)
    verdict = outcome.verdict
    assert outcome.sent > 20
    assert verdict.clean
    assert verdict.unanswered == 0
    received = count_of(outcome.latencies["delivery"].intended)
    assert received == outcome.acknowledged * max(1, plan.fanout - 1)
    assert not outcome.errors
    if plan.rate:
        assert outcome.acknowledged == outcome.due
    if plan.rate and plan.arrivals == "even":
        assert outcome.due == plan.rate * plan.seconds


def test_a_lost_message_is_counted(tmp_path: Path) -> None:
    outcome, floor = drive(tmp_path, PLAN, "drop")
    assert floor.made > 0
    assert outcome.verdict.lost == floor.made
    assert outcome.verdict.duplicated == outcome.verdict.reordered == 0


@pytest.mark.parametrize("mistake", ["double", "repeat"])
def test_a_doubled_message_is_counted(tmp_path: Path, mistake: str) -> None:
    outcome, floor = drive(tmp_path, PLAN, mistake)
    assert floor.made > 0
    assert outcome.verdict.duplicated == floor.made
    assert outcome.verdict.lost == outcome.verdict.reordered == 0


def test_a_swap_is_counted(tmp_path: Path) -> None:
    outcome, floor = drive(tmp_path, PLAN, "swap")
    verdict = outcome.verdict
    assert floor.made > 0
    # One that was held back when the run ended was never sent after all.
    assert verdict.reordered + verdict.lost == floor.made
    assert verdict.lost == len(floor.held)
    assert verdict.reordered > 0
    assert verdict.duplicated == 0
