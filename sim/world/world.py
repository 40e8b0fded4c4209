"""One run: a server, its people, faults, peace, and the verdict."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from api import limits
from runtime.placement import Placement
from sim.world.bounds import FLOODS, draw
from sim.world.checkers import judge
from sim.world.cluster import Cluster, pooled
from sim.world.coverage import seen
from sim.world.device import Ways
from sim.world.evidence import Evidence
from sim.world.faults import KINDS, Fault, Heal, schedule
from sim.world.final import Final, Stored, StoredRows, read, sources
from sim.world.history import History
from sim.world.loop import Loop
from sim.world.operator import Operator
from sim.world.program import Program
from sim.world.readback import ReadBack, read_back
from sim.world.replicated import replicated
from sim.world.surroundings import simulated
from sim.world.town import Town
from sim.world.trace import Trace

ACTIVE_S_MIN, ACTIVE_S_MAX = 8.0, 24.0
SETTLE_S = 0.5
QUIET_LOOKS = 3
COPIES_S_MAX = 30.0
CONVERGE_S_MAX = 120.0
LOOKS_MAX = 10
START_S_MAX = 60.0
WATCH_S = 0.02

Found = tuple[list[tuple[str, StoredRows]], Final, ReadBack]


@dataclass
class Outcome:
    """What a run showed. `reasons` is empty if all was well; `seen` is what it came to (see
    `sim.world.coverage`)."""

    seed: int
    reasons: list[str] = field(default_factory=list)
    simulated_s: float = 0.0
    events: int = 0
    digest: str = ""
    trace: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


class World:
    """See the module. Everything in it is drawn from `seed`. With more than one of `copies`, its
    partitions are replicated. `faults` names the kinds that it may have."""

    def __init__(self, seed: int, copies: int = 1, faults: Collection[str] = KINDS) -> None:
        self.seed = seed
        self.copies = copies
        self.faults = faults
        self.rng = random.Random(f"world {seed}")
        self.loop = Loop()
        self.trace = Trace(self.loop.time)
        self.cluster = Cluster(self.loop, self._rng(), self.trace)
        self.history = History(self.loop.time)
        self.hosts = self.rng.choice((1, 2, 2, 3))
        if copies > 1:
            self.hosts += copies - 1
        self.edges = self.rng.choice((1, 2) if copies == 1 else (1, 2, 3))
        self.people = self.rng.randint(2, 5)
        self.active_s = self.rng.uniform(ACTIVE_S_MIN, ACTIVE_S_MAX)
        self.bounds = draw(self._rng())
        self.reasons: list[str] = []
        self.evidence: Evidence | None = None
        self._disagreements: Callable[[], list[str]] = list
        self._rivals: Callable[[], list[str]] = list
        self._heals: dict[Fault, tuple[float, Heal]] = {}
        self._troubles: list[tuple[float, float]] = []
        self._struck: list[str] = []
        self._said: Counter[str] = Counter()

    def _rng(self) -> random.Random:
        return random.Random(self.rng.getrandbits(64))

    def run(self) -> Outcome:
        """Run it to the end. It can be run once."""
        began_s = self.loop.now_s
        edges = [f"edge-{number}" for number in range(self.edges)]
        ways = Ways(self.cluster.network, edges)
        self.loop.complain = self._complain
        with ExitStack() as stack:
            stack.enter_context(simulated(self.loop, self._rng(), self._heard))
            stack.enter_context(patch.dict(limits.FLOODS, FLOODS))
            for bound, force in self.bounds:
                stack.enter_context(force)
                self.trace.note("world", bound)
            try:
                self.loop.run(self._course(ways))
            except Exception as error:
                self.reasons.append(f"the run ended with {error!r}")
        return Outcome(
            self.seed,
            self.reasons,
            self.loop.now_s - began_s,
            self.loop.events,
            self.trace.digest,
            self.trace.last(),
            seen(self.cluster, self._said, self._struck),
        )

    def _complain(self, context: dict[str, Any]) -> None:
        """Something raised, and nobody looked."""
        error = context.get("exception")
        self.trace.note("loop", f"{context.get('message')}: {error!r}")

    def _heard(self, message: str, line: str) -> None:
        """Something was logged."""
        self._said[message] += 1
        self.trace.note("log", line)
        if " failed at " in line:
            self.reasons.append(line)

    # --- the course of a run ------------------------------------------------------------------

    async def _course(self, ways: Ways) -> None:
        try:
            await self._main(ways)
        finally:
            self.trace.end()

    async def _main(self, ways: Ways) -> None:
        placement, stored = self._serve()
        town = Town(self.cluster, ways, self.history, self._rng(), Program)
        servers = self.cluster.names
        async with asyncio.timeout(START_S_MAX):
            await town.settle(self.people)
        clients = [device.name for device in town.devices]
        faults = schedule(self._rng(), servers, clients, self.active_s, self.faults)
        await self._be_active(faults)
        town.over = True
        self.trace.note("world", "everything is healed; nobody begins anything new")
        found = await self._look(stored, town)
        if found is None:
            return
        hosts, final, back = found
        registered = {person.name: person.user_id for person in town.people}
        self.evidence = Evidence(
            placement, hosts, final, self.history, back, self._troubles, registered
        )
        self.reasons += judge(self.evidence)
        deadline_s = self.loop.now_s + COPIES_S_MAX
        while (differ := self._disagreements()) and self.loop.now_s < deadline_s:  # noqa: ASYNC110
            await asyncio.sleep(SETTLE_S)  # heartbeats tell what is committed
        self.reasons += differ

    async def _look(self, stored: Stored, town: Town) -> Found | None:
        """What is stored in the end, and what devices read of it; None where it does not come to
        rest. What nobody waits for any more may still be on its way, behind a sync that takes a
        minute: what was read while that took effect is read again."""
        for _ in range(LOOKS_MAX):
            if not await self._converge(stored, town):
                return None
            before = read(stored())
            try:
                async with asyncio.timeout(CONVERGE_S_MAX):
                    back = await read_back(town)
            except TimeoutError:
                self.reasons.append("what is stored cannot be read")
                return None
            async with asyncio.timeout(CONVERGE_S_MAX):
                while not (hosts := stored()):  # noqa: ASYNC110 - nobody tells when all are led
                    await asyncio.sleep(SETTLE_S)
            if (final := read(hosts)) == before:
                return hosts, final, back
            self.trace.note("world", "something took effect meanwhile")
        self.reasons.append("what is stored goes on changing")
        return None

    def _serve(self) -> tuple[Placement, Stored]:
        """Start a server."""
        if self.copies > 1:
            server = replicated(self.cluster, self.hosts, self.edges, self.copies)
            self.cluster.add("operator", lambda process: Operator(process, server))
            self._disagreements, self._rivals = server.disagreements, server.rivals
            return server.placement, server.stored
        placement = pooled(self.cluster, self.hosts, self.edges)
        return placement, lambda: sources(self.cluster, placement)

    async def _be_active(self, faults: list[Fault]) -> None:
        """People do what they do, while faults come and go."""
        for fault in faults:
            self.loop.outside(fault.at_s, self._strike, fault)
        over_s = self.loop.now_s + self.active_s
        while self.loop.now_s < over_s:
            await asyncio.sleep(WATCH_S)
            if rivals := self._rivals():
                self.reasons += rivals
                break
        for fault in list(self._heals):
            self._heal(fault)

    def _strike(self, fault: Fault) -> None:
        self.trace.note("fault", str(fault))
        self._struck.append(fault.kind)
        heal = KINDS[fault.kind].begin(self.cluster, fault.target)
        self._heals[fault] = self.loop.now_s, heal
        self.loop.outside(fault.for_s, self._heal, fault)

    def _heal(self, fault: Fault) -> None:
        struck = self._heals.pop(fault, None)
        if struck is not None:
            self.trace.note("fault", f"{fault.kind} at {fault.target.name} is healed")
            struck[1]()
            self._troubles.append((struck[0], self.loop.now_s))

    async def _converge(self, stored: Stored, town: Town) -> bool:
        """Wait until everything has arrived everywhere; False if it does not."""
        deadline_s = self.loop.now_s + CONVERGE_S_MAX
        why, quiet, before = "", 0, -1
        while self.loop.now_s < deadline_s:
            await asyncio.sleep(SETTLE_S)
            if out := [f"{d.name}: {d.logged_out}" for d in self.history.devices if d.logged_out]:
                self.reasons += out
                return False
            busy = [device.name for device in town.devices if device.busy]
            if busy:
                why = f"{busy} get no answer"
                continue
            hosts = stored()
            if not hosts:
                why = "a partition has no leader"
                continue
            why = _behind(read(hosts), self.history)
            # What devices confirm makes further updates.
            told = sum(device.pts for device in self.history.devices)
            quiet, before = quiet + 1 if not why and told == before else 0, told
            if quiet == QUIET_LOOKS:
                return True
        self.reasons.append(f"it does not settle: {why}")
        return False


def _behind(final: Final, history: History) -> str:
    """What has not arrived yet."""
    if final.waiting:
        return f"{final.waiting} messages between partitions wait"
    for device in history.devices:
        account = final.accounts.get(device.user_id)
        stored = account.head.pts if account is not None and account.head is not None else 0
        if device.pts < stored:
            return f"{device.name} is at {device.pts} of {stored}"
    return ""


def run(seed: int, copies: int = 1, faults: Collection[str] = KINDS) -> Outcome:
    """Run the world of a seed."""
    return World(seed, copies, faults).run()
