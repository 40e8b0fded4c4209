"""Hosts with copies of partitions in simulated processes: what `actors.runtime.replication.host` is
around the same copies, and the configuration store that decides between them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from actors.kinds import KINDS
from actors.runtime.checkpointer import Checkpointer
from actors.runtime.engine import Engine
from actors.runtime.pipeline import Pipeline
from actors.runtime.placement import Replicated, partition_at, place_of
from actors.runtime.replication.copies import Copies, Courier
from actors.runtime.replication.copy import Copy
from actors.runtime.replication.directory import Directory
from actors.runtime.replication.leader import Leader
from actors.runtime.replication.member import Member
from actors.runtime.replication.protocol import (
    Configuration,
    MemoryConfigStore,
    Unavailable,
    first_configuration,
)
from sim.world.cluster import Cluster
from sim.world.disk import Disk
from sim.world.edge import EdgeService
from sim.world.final import EVERYTHING, ROWS_MAX, Rows
from sim.world.network import Network, NetworkError
from sim.world.process import Process
from storage.port import StorageFailed
from storage.replica import MemoryDisk, MemoryReplica

PARTITIONS = 4
STORE = "config"
"""The process that keeps configurations, as Ray's GCS does; what it has survives it."""


class DiskReplica(MemoryReplica):
    """A copy's store, on a disk that may be full or fail."""

    def __init__(self, disk: MemoryDisk, on: Disk) -> None:
        super().__init__(disk)
        self._on = on

    def _need_room(self) -> None:
        if self._on.failing:
            raise StorageFailed("the disk does not answer")
        self.disk.full = self._on.full
        super()._need_room()

    def append_records(self, records: Sequence[bytes]) -> None:
        self._need_room()
        super().append_records(records)


class ConfigService:
    """The configuration store, as its process offers it."""

    def __init__(self, configs: MemoryConfigStore) -> None:
        self._configs = configs

    async def start(self) -> None: ...

    async def newest(self, partition: int, known: int) -> Configuration | None:
        return await self._configs.newest(partition, known)

    async def create(self, config: Configuration) -> bool:
        return await self._configs.create(config)


class _Configs:
    """See `actors.runtime.replication.protocol.ConfigStore`."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def newest(self, partition: int, known: int = 0) -> Configuration | None:
        found: Configuration | None = await self._ask("newest", partition, known)
        return found

    async def create(self, config: Configuration) -> bool:
        return bool(await self._ask("create", config))

    async def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            return await self._network.call(self._process, STORE, method, *arguments)
        except NetworkError as error:
            raise Unavailable(str(error)) from error


class Name(str):
    """A host's name, with the same hash in every interpreter: sets of names are walked."""

    __slots__ = ()

    def __hash__(self) -> int:
        return crc32(self.encode())


class Routes:
    """How a process reaches whoever leads a partition; see `actors.runtime.transport.Routes`."""

    def __init__(self, network: Network, process: Process, hosts: list[str]) -> None:
        self._network = network
        self._process = process
        names = list(map(Name, hosts))
        self.directory = Directory(lambda: names, lambda host: self.host(host, "led"))

    async def host(self, host: str, method: str, *arguments: Any) -> Any:
        """Call a host, whatever it leads."""
        return await self._network.call(self._process, str(host), method, *arguments)

    async def call(self, place: str, method: str, *arguments: Any) -> bytes:
        partition = partition_at(place)
        answer: bytes = await self.directory.call(
            partition, lambda host: self.host(host, method, partition, *arguments)
        )
        return answer

    async def receive(self, place: str, parcel: bytes) -> bytes:
        return await self.call(place, "receive", parcel)


class Place:
    """The calls of whoever leads a partition; see `actors.runtime.link.HostCalls`."""

    def __init__(self, routes: Routes, place: str) -> None:
        self._routes = routes
        self._place = place

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        return await self._routes.call(self._place, "submit", front, stream, number, payload)

    async def poll(self, front: str) -> bytes:
        return await self._routes.call(self._place, "poll", front)


class Server:
    """All hosts of a replicated server. `disks` are what the machines keep: by host and
    partition."""

    def __init__(self, cluster: Cluster, hosts: int, copies: int) -> None:
        self.cluster = cluster
        self.copies = copies
        self.placement = Replicated(PARTITIONS)
        self.hosts = [f"host-{number}" for number in range(hosts)]
        self.configs = MemoryConfigStore()
        self.disks: dict[tuple[str, int], MemoryDisk] = {}

    def members_of(self, partition: int) -> tuple[str, ...]:
        hosts = self.hosts
        return tuple(hosts[(partition + n) % len(hosts)] for n in range(self.copies))

    def stored(self) -> list[tuple[str, Rows]]:
        """What the leaders show."""
        found = []
        for partition in range(PARTITIONS):
            for process in filter(None, map(self.cluster.find, self.hosts)):
                service: ReplicatedService | None = process.service
                member = service.copies.members.get(partition) if service is not None else None
                if member is not None and member.leading:
                    found.append((place_of(partition), Rows(member.copy.store, [partition])))
                    break
        return found

    def disagreements(self) -> list[str]:
        """In the end, every copy shows the same."""
        found = []
        for partition in range(PARTITIONS):
            shown: dict[str, list[tuple[bytes, bytes]]] = {}
            for name in self.members_of(partition):
                process = self.cluster.find(name)
                assert process is not None
                store = process.service.copies.members[partition].copy.store
                shown[name] = store.scan(partition, b"", EVERYTHING, limit=ROWS_MAX)
            first, *others = shown.values()
            if any(other != first for other in others):
                rows = {name: len(each) for name, each in shown.items()}
                found.append(f"copies of partition {partition} differ: they show {rows} rows")
        return found


class ReplicatedService:
    """A host: its copies, and how they reach the others."""

    def __init__(self, process: Process, server: Server) -> None:
        self._process = process
        self._server = server
        self._rng = random.Random(process.rng.getrandbits(64))
        network = server.cluster.network
        self._routes = Routes(network, process, server.hosts)
        self._configs = _Configs(network, process)
        self._courier = Courier(self._routes.host)
        self.copies = Copies(
            self._member(partition)
            for partition in range(PARTITIONS)
            if process.name in server.members_of(partition)
        )

    def _member(self, partition: int) -> Member:
        server, process = self._server, self._process
        disk = server.disks.setdefault((process.name, partition), MemoryDisk())
        store = DiskReplica(disk, process.machine.disk)

        def stop(error: BaseException) -> None:
            server.cluster.failed(process, error)

        def lead(leader: Leader) -> Pipeline:
            engine = Engine(
                kinds=KINDS,
                placement=server.placement,
                led=[partition],
                store=store,
                clock=process.machine.now_ms,
                rng=self._rng,
            )
            return Pipeline(engine, store, self._routes.receive, stop, leader)

        return Member(
            Copy(process.name, partition, store, None),
            first_configuration(partition, server.members_of(partition)),
            self._configs,
            self._courier,
            lead,
            Checkpointer(store, None),
            stop,
            min_in_sync=max(1, server.copies - 1),
        )

    async def start(self) -> None:
        self._routes.directory.start()
        self.copies.start()

    async def drain(self) -> None:
        await self.copies.close()
        await self._routes.directory.close()

    # --- calls --------------------------------------------------------------------------------

    async def submit(
        self, partition: int, front: str, stream: str, number: int, payload: bytes
    ) -> bytes:
        return await self.copies.submit(partition, front, stream, number, payload)

    async def poll(self, partition: int, front: str) -> bytes:
        return await self.copies.poll(partition, front)

    async def receive(self, partition: int, payload: bytes) -> bytes:
        return await self.copies.receive(partition, payload)

    async def led(self) -> list[tuple[int, int]]:
        return self.copies.led()

    async def append(self, payload: bytes) -> bytes:
        return await self.copies.append(payload)

    async def load(self, payload: bytes) -> bytes:
        return await self.copies.load(payload)

    async def known(self, partition: int) -> bytes:
        return self.copies.known(partition)


class _Edge(EdgeService):
    def __init__(self, process: Process, server: Server) -> None:
        self._routes = Routes(server.cluster.network, process, server.hosts)
        super().__init__(process, server.placement, lambda place: Place(self._routes, place))

    async def start(self) -> None:
        self._routes.directory.start()
        await super().start()


def replicated(cluster: Cluster, hosts: int, edges: int, copies: int) -> Server:
    """Add hosts with so many copies of each partition, edges, and the configuration store."""
    server = Server(cluster, hosts, copies)
    cluster.add(STORE, lambda process: ConfigService(server.configs))
    for name in server.hosts:
        cluster.add(name, lambda process: ReplicatedService(process, server))
    for number in range(edges):
        cluster.add(f"edge-{number}", lambda process: _Edge(process, server))
    return server
