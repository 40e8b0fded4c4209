"""A host in a simulated process: what `shells.host` is around the same pipeline."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from actors.kinds import KINDS
from runtime.engine import Engine
from runtime.pipeline import Pipeline
from runtime.placement import Placement
from sim.world.disk import DiskStore
from sim.world.lines import Door, lines_of
from sim.world.network import Network
from sim.world.pipe import Pipe
from sim.world.process import Process

RESIDENT = (2, 10, 100_000)
"""Actors that a host keeps in memory: one that keeps few reads its rows again and again."""
IN_THREADS = 0.7
"""The share of hosts that never sync on their loop: more can happen meanwhile."""


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
        self._lines = lines_of(network, process)
        self._door = Door(network, process.rng)
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
            self.engine,
            self.store,
            self._bring,
            lambda error: failed(process, error),
            in_threads=process.rng.random() < IN_THREADS,
        )

    async def start(self) -> None:
        self.pipeline.start()

    async def drain(self) -> None:
        """Stop in order."""
        await self.pipeline.drain()

    # --- calls --------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Somebody wants to connect."""

    def accept(self, pipe: Pipe) -> None:
        self._door.open_to(pipe, self._serve)

    async def _serve(self, method: str, *arguments: Any) -> Any:
        return await getattr(self.pipeline, method)(*arguments)

    async def _bring(self, name: str, parcel: bytes) -> bytes:
        receipts: bytes = await self._lines.call(name, "receive", parcel)
        return receipts
