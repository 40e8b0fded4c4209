"""Machines with copies of shards, in fake time: production members, leaders, pipelines and
directories on disks in memory, and a network between them that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from api.ambient import boot_s
from runtime.checkpointer import Checkpointer
from runtime.engine import Engine
from runtime.lines.lines import Take
from runtime.link import Desk, HostLink
from runtime.pipeline import Pipeline
from runtime.placement import (
    Replicated,
    first_members,
    partition_of_own,
    place_of,
    shard_at,
)
from runtime.refs import ActorRef
from runtime.replication.copies import Copies, Courier
from runtime.replication.copy import Copy
from runtime.replication.directory import Directory
from runtime.replication.leader import Leader
from runtime.replication.member import Member
from runtime.replication.protocol import (
    MemoryConfigStore,
    MemoryRoster,
    NotLeading,
    Seat,
    decode_configuration,
    first_configuration,
)
from runtime.replication.steward import Steward
from runtime.steady import Keeper, MemoryKeeper, SteadyClock
from runtime.syncs import Syncs
from storage.memory_replica import MemoryDisk, MemoryReplica
from tests.unit.runtime.fake_time import is_cancelled, run
from tests.unit.runtime.kit import KINDS

R = TypeVar("R")
FRONT = "front"
PARTITIONS_EACH = 2
"""Of a shard."""
REPLACE_AFTER_S = 60.0
EPOCH_MS = 1_800_000_000_000


def a_clock(ahead_ms: Callable[[], int] = lambda: 0, keeper: Keeper | None = None) -> SteadyClock:
    """A host's time, where the machine's clock is wrong by so much."""
    return SteadyClock(
        lambda: EPOCH_MS + int(boot_s() * 1000) + ahead_ms(),
        boot_s,
        keeper or MemoryKeeper(),
    )


class Machine:
    """A host and its disks. `life` counts its processes; 0: there is none."""

    def __init__(self, town: Town, name: str) -> None:
        self.town = town
        self.name = name
        self.disks: dict[int, MemoryDisk] = {}
        self.ahead_ms = 0
        """How wrong its clock is."""
        self.keeper = MemoryKeeper()
        self.up = False
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin a life with what the disks hold."""
        self.up = True
        self.steady = a_clock(lambda: self.ahead_ms, self.keeper)
        before = asyncio.all_tasks()
        courier = Courier(self._call)
        self.directory = Directory(lambda: self.town.machines, self._ask)
        self._courier = courier
        kept = {p: decode_configuration(d.config) for p, d in self.disks.items() if d.config}
        away = {p: config for p, config in kept.items() if self.name not in config.members}
        first = (p for p, config in enumerate(self.town.first) if self.name in config.members)
        own = partition_of_own(self.name)
        alone = () if own is None else (own,)
        mine = sorted({*self.disks, *first, *alone} - away.keys())
        self.copies = Copies(self.name, map(self._member, mine), self, away)
        self.steward = Steward(
            self.town.seats[self.name],
            self.copies,
            self.town.roster,
            courier,
            copies=self.town.copies,
            shards=len(self.town.shards),
            replace_after_s=REPLACE_AFTER_S,
        )
        self.directory.start()
        self.copies.start()
        self.steward.start()
        self._tasks = asyncio.all_tasks() - before

    def make(self, shard: int) -> Member:
        member = self._member(shard)
        member.copy.store.begin_load()
        return member

    async def clear(self, shard: int) -> None:
        disk, self.disks[shard] = self.disks[shard], MemoryDisk()
        self.disks[shard].config = disk.config

    def _member(self, shard: int) -> Member:
        store = MemoryReplica(self.disks.setdefault(shard, MemoryDisk()))
        partitions = self.town.placement.partitions_of(shard)
        copy = Copy(self.name, shard, partitions, store, Syncs(None), self.steady)

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=self.town.placement,
                led=[*copy.partitions],
                store=store,
                clock=self.steady,
                rng=random.Random(0),
            )
            return Pipeline(engine, store, self._ship, self.town.broken.append, leader)

        return Member(
            copy,
            self.town.first[shard] if shard in self.town.shards else None,
            self.town.configs,
            self._courier,
            lead,
            Checkpointer(store, None),
            self.town.broken.append,
            min_in_sync=self.town.min_in_sync,
        )

    async def crash(self) -> None:
        """Die as a process dies: at once, and without a word."""
        self.up = False
        for member in self.copies.members.values():
            self._tasks |= set(member._tasks)  # a copy that came later
        while self._tasks:
            tasks, self._tasks = self._tasks, set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for member in self.copies.members.values():
            if member.pipeline is not None:
                await member.pipeline.abandon()
        await self.directory.close()

    async def serve(self, call: Callable[[Copies], Awaitable[R]]) -> R:
        """Execute a call, as long as the process lives."""

        async def execute() -> R:
            return await call(self.copies)

        if not self.up:
            raise ConnectionError(f"{self.name} is down")
        task = asyncio.create_task(execute())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not is_cancelled():
                raise ConnectionError(f"{self.name} died") from None
            raise

    # --- its calls of others ------------------------------------------------------------------

    async def _call(self, host: str, method: str, *args: Any) -> bytes:
        async def make(copies: Copies) -> bytes:
            answer: Any = getattr(copies, method)(*args)
            found: bytes = await answer if asyncio.iscoroutine(answer) else answer
            return found

        return await self.town.carry(self.name, host, make)

    async def _ask(self, host: str) -> list[tuple[int, int]]:
        return await self.town.ask(self.name, host)

    async def _ship(self, place: str, parcel: bytes) -> bytes:
        shard = shard_at(place)

        async def call(host: str) -> bytes:
            return await self.town.carry(
                self.name, host, lambda copies: copies.receive(shard, parcel)
            )

        return await self.directory.call(shard, call)


class Town:
    """All machines. `cut` holds pairs (from, to) between which nothing passes."""

    def __init__(
        self,
        machines: int = 3,
        shards: int = 2,
        copies: int = 3,
        seed: int = 0,
        zones: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.rng = random.Random(seed)
        self.shards = range(shards)
        self.copies = copies
        self.placement = Replicated(PARTITIONS_EACH * shards, shards)
        self.min_in_sync = max(1, copies - 1)
        self.configs = MemoryConfigStore()
        self.cut: set[tuple[str, str]] = set()
        self.delay_s = 0.001
        self._travelling: set[asyncio.Task[Any]] = set()
        self._sent: dict[tuple[str, str], asyncio.Task[Any]] = {}
        """The last that was sent from a machine to another."""
        self.broken: list[BaseException] = []
        names = [f"host-{number}" for number in range(machines)]
        self.roster = MemoryRoster()
        self.seats = {name: Seat(name, name, zones.get(name, "")) for name in names}
        self.machines = {name: Machine(self, name) for name in names}
        self.first = [
            first_configuration(s, first_members(s, machines, copies)) for s in self.shards
        ]

    def join(self, name: str, zone: str = "", node: str = "") -> Machine:
        """A new machine, or a host more on the node of another one."""
        self.seats[name] = Seat(name, node or name, zone)
        machine = self.machines[name] = Machine(self, name)
        machine.start()
        return machine

    async def __aenter__(self) -> Town:
        for machine in self.machines.values():
            machine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for machine in self.machines.values():
            if machine.up:
                await machine.crash()
        for task in self._travelling:
            task.cancel()
        assert not self.broken, self.broken

    # --- the network --------------------------------------------------------------------------

    async def carry(self, source: str, target: str, call: Callable[[Copies], Awaitable[R]]) -> R:
        """A call between machines: it hangs where the way there, or back, is cut. It arrives also
        where the caller waits no more."""

        async def travel() -> R:
            await self._pass(source, target)
            answer = await self.machines[target].serve(call)
            await self._pass(target, source)
            return answer

        task = asyncio.create_task(travel())
        self._travelling.add(task)
        task.add_done_callback(self._arrived)
        return await asyncio.shield(task)

    def send(self, source: str, target: str, call: Callable[[Copies], Awaitable[None]]) -> None:
        """What nobody waits for: behind what was sent there before."""
        before = self._sent.get((source, target))

        async def travel() -> None:
            await self._pass(source, target)
            if before is not None:
                await asyncio.wait({before})
            with contextlib.suppress(NotLeading, ConnectionError):
                await self.machines[target].serve(call)

        task = self._sent[source, target] = asyncio.create_task(travel())
        self._travelling.add(task)
        task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[Any]) -> None:
        self._travelling.discard(task)
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it any more

    async def _pass(self, source: str, target: str) -> None:
        if source == target:
            return
        await asyncio.sleep(self.delay_s * self.rng.choice((0.5, 1, 1, 2, 20)))
        while (source, target) in self.cut:  # noqa: ASYNC110 - the network tells nobody
            await asyncio.sleep(60.0)

    async def ask(self, source: str, host: str) -> list[tuple[int, int]]:
        async def led(copies: Copies) -> list[tuple[int, int]]:
            return copies.led()

        return await self.carry(source, host, led)

    def isolate(self, name: str) -> None:
        """Cut a machine off from all others, both ways."""
        for other in self.machines:
            self.cut |= {(name, other), (other, name)}

    # --- what tests look at -------------------------------------------------------------------

    def leaders(self, shard: int) -> list[str]:
        """Who believes to lead."""
        return [member.copy.host for member in self.members(shard) if member.leading]

    def members(self, shard: int) -> list[Member]:
        """Of the machines that are up and have a copy."""
        found = (m.copies.members.get(shard) for m in self.machines.values() if m.up)
        return [member for member in found if member is not None]

    async def led(self, shard: int = 0) -> Machine:
        """The machine that leads, once there is one."""
        while not (names := self.leaders(shard)):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
        return self.machines[names[0]]

    async def in_sync(self, shard: int = 0, copies: int = 3) -> None:
        """Once so many copies are in sync."""
        while True:
            config = await self.configs.newest(shard)
            well = config is not None and len(config.in_sync) == copies
            if well and self.leaders(shard):
                return
            await asyncio.sleep(0.05)

    def rows(self, shard: int) -> list[list[tuple[int, bytes, bytes]]]:
        """What each copy shows."""
        return [
            [
                (partition, key, row)
                for partition in copy.partitions
                for key, row in copy.store.scan(partition, b"", b"\xff" * 512, limit=100_000)
            ]
            for copy in (member.copy for member in self.members(shard))
        ]

    def shard_of(self, ref: ActorRef) -> int:
        """Where an actor lives."""
        return self.placement.shard(self.placement.partition(ref))

    def an_actor(self, shard: int, number: int = 0) -> ActorRef:
        keys = (ActorRef("user", key) for key in range(1, 10_000))
        found = (ref for ref in keys if self.shard_of(ref) == shard)
        for _ in range(number):
            next(found)
        return next(found)


class Reach:
    """A front's calls of the place where a shard is led."""

    def __init__(self, town: Town, directory: Directory, shard: int, source: str) -> None:
        self._town = town
        self._directory = directory
        self._shard = shard
        self._source = source

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        host = self._directory.leader(self._shard)
        if host is None:
            raise ConnectionError("nobody leads")

        async def submit(copies: Copies) -> None:
            await copies.submit(self._shard, front, stream, number, payload)

        self._town.send(self._source, host, submit)

    async def listen(self, front: str, stream: str, take: Take) -> None:
        """It breaks when something is said where the way is cut."""

        async def call(host: str) -> None:
            broken = asyncio.Event()

            def say(packet: bytes) -> None:
                if (host, self._source) in self._town.cut:
                    broken.set()
                elif not broken.is_set():
                    take(packet)

            async def listening(copies: Copies) -> None:
                await copies.listen(self._shard, front, stream, say)

            carried = asyncio.ensure_future(self._town.carry(self._source, host, listening))
            watch = asyncio.ensure_future(broken.wait())
            try:
                await asyncio.wait({carried, watch}, return_when=asyncio.FIRST_COMPLETED)
                if not carried.done():
                    raise ConnectionError(f"the connection to {host} broke")
                carried.result()
            finally:
                carried.cancel()
                watch.cancel()

        await self._directory.call(self._shard, call)

    async def _call(self, make: Callable[[Copies], Coroutine[Any, Any, R]]) -> R:
        async def call(host: str) -> R:
            return await self._town.carry(self._source, host, make)

        return await self._directory.call(self._shard, call)


class Edge:
    """A front with a link to every shard."""

    def __init__(self, town: Town, name: str = FRONT) -> None:
        self.desk = Desk()
        self.directory = Directory(
            lambda: town.machines,
            lambda host: town.ask(name, host),
        )
        self.directory.start()
        self.links = {
            shard: HostLink(
                place_of(shard),
                name,
                Reach(town, self.directory, shard, name),
                self.desk,
                lambda out: None,
                lambda link: None,
            )
            for shard in town.shards
        }

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self.links.values()))
        await self.directory.close()


def on_town(test: Callable[[Town], Awaitable[None]], **options: Any) -> None:
    """Run a test in fake time."""

    async def main() -> None:
        async with Town(**options) as town:
            await test(town)

    run(main)


def both(a: str, b: str) -> set[tuple[str, str]]:
    return {(a, b), (b, a)}
