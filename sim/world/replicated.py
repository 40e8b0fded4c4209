"""Hosts with copies of shards in simulated processes: what `shells.replicated_host` is
around the same copies."""

from __future__ import annotations

import random

from actors.kinds import KINDS
from runtime.checkpointer import Checkpointer
from runtime.engine import Engine
from runtime.lines.calls import Places
from runtime.pipeline import Pipeline
from runtime.placement import Replicated, first_members, own_host, partition_of_own, place_of
from runtime.replication.copies import Copies, Courier
from runtime.replication.copy import Copy
from runtime.replication.directory import Directory
from runtime.replication.leader import Leader
from runtime.replication.member import Member
from runtime.replication.protocol import (
    Configuration,
    MemoryConfigStore,
    MemoryRoster,
    Seat,
    decode_configuration,
    first_configuration,
)
from runtime.replication.steward import Steward
from runtime.syncs import Syncs
from sim.world.cluster import Cluster
from sim.world.configs import STORE, ConfigService, Store
from sim.world.disk import Disk
from sim.world.edge import EdgeService
from sim.world.final import StoredRows, read
from sim.world.lines import Door, lines_of
from sim.world.pipe import Pipe
from sim.world.process import Process
from storage.memory_replica import MemoryDisk, MemoryReplica

PARTITIONS = 8
SHARDS = 4
REPLACE_AFTER_S = 4.0


class DiskReplica(MemoryReplica):
    """A copy's store, on a disk that may be full or fail."""

    def __init__(self, disk: MemoryDisk, on: Disk) -> None:
        super().__init__(disk)
        self._on = on

    def _need_room(self) -> None:
        self._on.need()

    def truncate(self, after: int) -> None:
        self._on.need(room=False)
        super().truncate(after)

    def remember(self, config: bytes) -> None:
        self._on.need(room=False)
        super().remember(config)


class Routes:
    """How a process reaches whoever leads a shard; see `shells.transport.Routes`."""

    def __init__(self, server: Server, process: Process) -> None:
        self.lines = lines_of(server.cluster.network, process)
        self.directory = Directory(lambda: server.hosts, lambda host: self.lines.call(host, "led"))
        self.places = Places(self.directory, self.lines)


class Server:
    """All hosts of a replicated server, those that have one shard each come last. `disks` are
    what the machines keep: by host and shard. `wanted`: the chats of which somebody said that
    they shall have a host for themselves, and has not heard yet that they do."""

    def __init__(self, cluster: Cluster, hosts: int, copies: int) -> None:
        self.cluster = cluster
        self.copies = copies
        self.placement = Replicated(PARTITIONS, SHARDS)
        self.pooled = [f"host-{number}" for number in range(hosts)]
        self.hosts = list(self.pooled)
        self.shards = list(range(SHARDS))
        self.wanted: list[str] = []
        self.configs = MemoryConfigStore()
        self.roster = MemoryRoster()
        self.disks: dict[tuple[str, int], MemoryDisk] = {}

    def members_of(self, shard: int) -> tuple[str, ...]:
        return first_members(shard, len(self.pooled), self.copies)

    def start_own(self, shard: int) -> str:
        """Have a host for this shard alone; returns its name."""
        name = own_host(shard)
        if name not in self.hosts:
            self.hosts.append(name)
            self.shards.append(shard)
            start = self.cluster.add
            self.cluster.loop.outside(0.0, start, name, lambda p: ReplicatedService(p, self))
        return name

    def chats(self) -> list[str]:
        """Those that leaders show."""
        led = [m.copy for p in self.shards for m in self._members(p) if m.leading]
        return sorted(read([("", rows_of(copy)) for copy in led]).chats)

    def stored(self) -> list[tuple[str, StoredRows]]:
        """What the leaders show; nothing while a shard has none, as when it is handed over, or
        is wanted and not there yet."""
        if self.wanted:
            return []
        found = []
        for shard in self.shards:
            leading = [member for member in self._members(shard) if member.leading]
            if not leading:
                return []
            copy = leading[0].copy
            found.append((place_of(shard), rows_of(copy)))
        return found

    def rivals(self) -> list[str]:
        """At no time two hosts may be sure that they lead a shard."""
        found = []
        for shard in self.shards:
            leading = [member.copy for member in self._members(shard) if member.leading]
            if len(leading) > 1:
                who = ", ".join(f"{copy.host} in epoch {copy.epoch}" for copy in leading)
                found.append(f"shard {shard} has several leaders: {who}")
        return found

    def disagreements(self) -> list[str]:
        """In the end, every copy in sync shows the same."""
        found = []
        for shard in self.shards:
            members = {member.copy.host: member for member in self._members(shard)}
            leading = [member for member in members.values() if member.leading]
            if not leading:
                return [f"nobody leads shard {shard}"]
            in_sync = leading[0].copy.config.in_sync
            if missing := [name for name in in_sync if name not in members]:
                return [f"{name} has no copy of shard {shard}" for name in missing]
            shown = {name: self._shown(members[name]) for name in in_sync}
            first, *others = shown.values()
            if any(other != first for other in others):
                rows = {name: len(each) for name, each in shown.items()}
                found.append(f"copies of shard {shard} differ: they show {rows} rows")
        return found

    def _members(self, shard: int) -> list[Member]:
        """The copies of a shard on the hosts that are up."""
        services = [p.service for p in map(self.cluster.find, self.hosts) if p is not None]
        copies = [service.copies for service in services if service is not None]
        return [c.members[shard] for c in copies if shard in c.members]

    def _shown(self, member: Member) -> list[tuple[int, bytes, bytes | None]]:
        rows = rows_of(member.copy)
        return [(p, *row) for p in rows.partitions for row in rows.rows(p)]


def rows_of(copy: Copy) -> StoredRows:
    """What a copy shows."""
    return StoredRows(copy.store, [*copy.partitions])


class ReplicatedService:
    """A host: its copies, and how they reach the others."""

    def __init__(self, process: Process, server: Server) -> None:
        self._process = process
        self._server = server
        self._rng = random.Random(process.rng.getrandbits(64))
        self._steady = process.machine.steady()
        self._routes = Routes(server, process)
        self._store = Store(server.cluster.network, process)
        self._courier = Courier(self._routes.lines.call)
        self._door = Door(server.cluster.network, self._rng)
        self.copies = Copies(
            process.name, map(self._member, self._mine()), self, self._given_away()
        )
        self._steward = Steward(
            Seat(process.name, process.name),
            self.copies,
            self._store,
            self._courier,
            copies=server.copies,
            shards=SHARDS,
            replace_after_s=REPLACE_AFTER_S,
        )

    # --- the shelf (see `runtime.replication.copies.Shelf`) ------------------------------

    def _given_away(self) -> dict[int, Configuration]:
        """The copies that this host had once."""
        name = self._process.name
        kept = {p: d.config for (host, p), d in self._server.disks.items() if host == name}
        configs = {p: decode_configuration(config) for p, config in kept.items() if config}
        return {p: config for p, config in configs.items() if name not in config.members}

    def _mine(self) -> list[int]:
        name, server = self._process.name, self._server
        own = partition_of_own(name)
        first = {s for s in range(SHARDS) if name in server.members_of(s)}
        kept = {p for host, p in server.disks if host == name} | (
            {own} if own is not None else set()
        )
        return sorted((first | kept) - self._given_away().keys())

    def make(self, shard: int) -> Member:
        member = self._member(shard)
        member.copy.store.begin_load()
        return member

    async def clear(self, shard: int) -> None:
        key = (self._process.name, shard)
        config, self._server.disks[key] = self._server.disks[key].config, MemoryDisk()
        self._server.disks[key].config = config

    def _member(self, shard: int) -> Member:
        server, process = self._server, self._process
        partitions = server.placement.partitions_of(shard)
        disk = server.disks.setdefault((process.name, shard), MemoryDisk())
        store = DiskReplica(disk, process.machine.disk)

        def stop(error: BaseException) -> None:
            server.cluster.failed(process, error)

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=server.placement,
                led=partitions,
                store=store,
                clock=self._steady,
                calendar=process.machine.now_ms,
                rng=self._rng,
            )
            return Pipeline(engine, store, self._routes.places.receive, stop, leader)

        return Member(
            Copy(process.name, shard, partitions, store, Syncs(None), self._steady),
            first_configuration(shard, server.members_of(shard)) if shard < SHARDS else None,
            self._store,
            self._courier,
            lead,
            Checkpointer(store, None),
            stop,
            min_in_sync=max(1, server.copies - 1),
        )

    async def start(self) -> None:
        self._routes.directory.start()
        self.copies.start()
        self._steward.start()

    async def drain(self) -> None:
        await self._steward.close()
        await self.copies.close()
        await self._routes.directory.close()

    # --- calls --------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Somebody wants to connect."""

    def accept(self, pipe: Pipe) -> None:
        self._door.open_to(pipe, self.copies.serve)


class _Edge(EdgeService):
    def __init__(self, process: Process, server: Server) -> None:
        self._routes = Routes(server, process)
        super().__init__(process, server.placement, self._routes.places.reach)

    async def start(self) -> None:
        self._routes.directory.start()
        await super().start()


def replicated(cluster: Cluster, hosts: int, edges: int, copies: int) -> Server:
    """Add hosts with so many copies of each shard, edges, and the configuration store."""
    server = Server(cluster, hosts, copies)
    cluster.add(STORE, lambda process: ConfigService(server.configs, server.roster))
    for name in server.hosts:
        cluster.add(name, lambda process: ReplicatedService(process, server))
    for number in range(edges):
        cluster.add(f"edge-{number}", lambda process: _Edge(process, server))
    return server
