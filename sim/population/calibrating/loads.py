"""Loads on a running server, and what its processes used meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from api import types as t
from heliograph.admin import live
from sim.population.calibrating.processes import KINDS, Processes
from sim.population.calibrating.talkers import Counts, Talker, steadily

TOLD = ("turns", "batches", "commits", "commits_at_once", "commit_at_once_seconds")
"""What hosts count: turns, batches of requests that came from fronts, those that were made durable,
of these those that an idle loop made durable itself, and how long that took."""
WARM_S = 1.0
WINDOW = 8
"""Messages of each talker that are under way in the closed loop."""
SHARES = (0.2, 0.5, 0.8)
ACKS_PER_S = (500, 4_000)
ENDLESS_S = 3600.0


@dataclass(frozen=True)
class Window:
    """What happened in so many seconds: frames of the edge, messages that were answered, seconds of
    CPU by kind of process, and of the busiest thread of each kind (its loop), and what hosts tell:
    see `TOLD`. `members`: of each chat."""

    name: str
    seconds: float
    counts: Counts
    cpu_s: dict[str, float]
    loop_s: dict[str, float]
    told: dict[str, float]
    members: int = 2

    def per_s(self, value: float) -> float:
        return value / self.seconds

    @property
    def requests(self) -> int:
        """That write something, each of which is an item to a host."""
        return self.counts.sent + self.counts.acks

    @property
    def sent_per_s(self) -> float:
        return self.per_s(self.counts.sent)


@dataclass(frozen=True)
class Watched:
    """A server that runs on this machine, in whose data folder it says how it fares."""

    processes: Processes
    data: Path
    counts: Counts

    async def during(
        self, name: str, work: Awaitable[None] | None, seconds: float, members: int = 2
    ) -> Window:
        """A window of this work, which is broken off after it."""
        task = None if work is None else asyncio.ensure_future(work)
        try:
            await _unless(task, WARM_S)
            before = await self._look()
            await _unless(task, seconds)
            after = await self._look()
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        span_s = after.at_s - before.at_s
        rate = span_s / (after.told_at_s - before.told_at_s)
        cpu_s, loop_s = used(self.processes, before.threads_s, after.threads_s)
        return Window(
            name,
            span_s,
            after.counts.since(before.counts),
            cpu_s,
            loop_s,
            {name: (after.told[name] - before.told[name]) * rate for name in TOLD},
            members,
        )

    async def _look(self) -> Look:
        counts, threads_s, at_s = replace(self.counts), self.processes.threads_s(), monotonic()
        told = await asyncio.to_thread(live.figures, self.data)
        hosts = [figures for name, figures in told.items() if name.startswith("host")]
        return Look(
            at_s,
            counts,
            threads_s,
            monotonic(),
            {name: sum(each[f"{name}_total"] for each in hosts) for name in TOLD},
        )


@dataclass(frozen=True)
class Look:
    """All counters at a moment, and those that hosts tell at a somewhat later one."""

    at_s: float
    counts: Counts
    threads_s: dict[tuple[int, int], float]
    told_at_s: float
    told: dict[str, float]


def used(
    processes: Processes,
    before_s: dict[tuple[int, int], float],
    after_s: dict[tuple[int, int], float],
) -> tuple[dict[str, float], dict[str, float]]:
    """CPU by kind of process, and of the busiest thread of each kind."""
    total, loop = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0)
    for thread, until_s in after_s.items():
        kind, used_s = processes.kinds[thread[0]], until_s - before_s.get(thread, 0.0)
        total[kind] += used_s
        loop[kind] = max(loop[kind], used_s)
    return total, loop


async def _unless(task: asyncio.Future[None] | None, seconds: float) -> None:
    """Wait so long, unless it fails before."""
    if task is None:
        await asyncio.sleep(seconds)
    else:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            task.result()


async def pairs_of(talkers: list[Talker]) -> None:
    """Each gets a private chat with its neighbour."""
    for number, talker in enumerate(talkers):
        params = {"user_id": talkers[number ^ 1].account.user_id}
        chat = await talker.ask("chats.open_private", params, t.Chat)
        talker.writes_in(chat.id, number)


async def group_of(talkers: list[Talker]) -> None:
    """The first one writes to a group of all."""
    ids = [each.account.user_id for each in talkers[1:]]
    params = {"title": "calibration", "random_id": 1, "user_ids": ids}
    group = await talkers[0].ask("chats.create_group", params, t.Chat)
    talkers[0].writes_in(group.id, len(talkers))


async def all_loads(watched: Watched, talkers: list[Talker], seconds: float) -> list[Window]:
    """A closed loop, what is a part of what it reached, confirmations alone, and a group of which
    none confirms anything."""
    await pairs_of(talkers)
    found = [await watched.during("as fast as it can", _closed(talkers), seconds)]
    most = found[0].sent_per_s
    for share in SHARES:
        work = _open(talkers, most * share)
        found.append(await watched.during(f"{share:.0%} of that", work, seconds))
    for per_s in ACKS_PER_S:
        name = f"{per_s:,} confirmations/s"
        found.append(await watched.during(name, _acks(talkers, per_s), seconds))
    await group_of(talkers)
    for talker in talkers:
        talker.confirms = False
    work = _open(talkers[:1], most / len(talkers))
    name = f"a group of {len(talkers)}"
    found.append(await watched.during(name, work, seconds, len(talkers)))
    return found


async def _closed(talkers: list[Talker]) -> None:
    for talker in talkers:
        talker.answered = talker.send
    try:
        for talker in talkers:
            for _ in range(WINDOW):
                talker.send()
        await asyncio.sleep(ENDLESS_S)
    finally:
        for talker in talkers:
            talker.answered = None


async def _open(talkers: list[Talker], per_s: float) -> None:
    await steadily(lambda n: talkers[n % len(talkers)].send(), per_s)


async def _acks(talkers: list[Talker], per_s: float) -> None:
    await steadily(lambda n: talkers[n % len(talkers)].acknowledge(), per_s)
