"""A host in a simulated process: what `shells.host` is around the same pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable

from actors.kinds import KINDS
from runtime.engine import Engine
from runtime.pipeline import Pipeline
from runtime.placement import Placement
from sim.world.disk import DiskStore
from sim.world.network import Network
from sim.world.process import Process

RESIDENT = (2, 10, 100_000)
"""Actors that a host keeps in memory: one that keeps few reads its rows again and again."""


class HostService:
    """Hosts the actors of the partitions that `placement` gives to its name. `failed` is told when
    it must not go on."""

    def __init__(
        self,
        process: Process,
        network: Network,
        placement: Placement,
        failed: Callable[[Process, BaseException], None],
    ) -> None:
        self._process = process
        self._network = network
        self.store = DiskStore(process.machine.disk)
        self.engine = Engine(
            kinds=KINDS,
            placement=placement,
            led=placement.led_by(process.name),
            store=self.store,
            clock=process.machine.steady(),
            calendar=process.machine.now_ms,
            rng=random.Random(process.rng.getrandbits(64)),
            resident_max=process.rng.choice(RESIDENT),
        )
        self.pipeline = Pipeline(
            self.engine, self.store, self._peer, lambda error: failed(process, error)
        )

    async def start(self) -> None:
        self.pipeline.start()

    async def drain(self) -> None:
        """Stop in order."""
        await self.pipeline.drain()

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        return await self.pipeline.submit(front, stream, number, payload)

    async def poll(self, front: str) -> bytes:
        return await self.pipeline.poll(front)

    async def receive(self, payload: bytes) -> bytes:
        return await self.pipeline.receive(payload)

    async def _peer(self, name: str, parcel: bytes) -> bytes:
        receipts: bytes = await self._network.call(self._process, name, "receive", parcel)
        return receipts


class Reach:
    """The calls of a host that a front makes; see `runtime.link.HostCalls`."""

    def __init__(self, network: Network, caller: Process, name: str) -> None:
        self._network = network
        self._caller = caller
        self._name = name

    async def submit(self, front: str, stream: str, number: int, payload: bytes) -> bytes:
        packet: bytes = await self._network.call(
            self._caller, self._name, "submit", front, stream, number, payload
        )
        return packet

    async def poll(self, front: str) -> bytes:
        packet: bytes = await self._network.call(self._caller, self._name, "poll", front)
        return packet
