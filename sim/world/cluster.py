"""The processes of a server: which there are, on which machines, and how they come back.

A process is known by its name ("host-0", "edge-1"); each start gives it another life. Whoever wants
another kind of process, or another placement, passes another `Maker`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from runtime.lines.calls import LineCalls
from runtime.placement import Placement
from sim.world.edge import EdgeService
from sim.world.host import HostService
from sim.world.lines import lines_of
from sim.world.loop import Loop
from sim.world.network import Network
from sim.world.process import Machine, Process
from sim.world.trace import Trace

RESTART_S_MIN, RESTART_S_MAX = 0.1, 1.5
DRAIN_S_MAX = 15.0
PARTITIONS = 8

Maker = Callable[[Process], Any]
"""Makes the service of a process; it has `async start()` and what others call."""


class Cluster:
    """See the module. `processes` are those that live now, servers and clients."""

    def __init__(self, loop: Loop, rng: random.Random, trace: Trace) -> None:
        self.loop = loop
        self.rng = rng
        self.trace = trace
        self.machines: dict[str, Machine] = {}
        self.processes: dict[str, Process] = {}
        self.network = Network(loop, random.Random(rng.getrandbits(64)), trace, self.find)
        self._makers: dict[str, Maker] = {}
        self._kept_down: Counter[str] = Counter()

    def find(self, name: str) -> Process | None:
        """The live process of that name."""
        return self.processes.get(name)

    @property
    def names(self) -> list[str]:
        """The servers' processes, whether they live or not."""
        return list(self._makers)

    # --- life ---------------------------------------------------------------------------------

    def add(self, name: str, maker: Maker) -> None:
        """A process that is to run, on a machine of its own."""
        self._makers[name] = maker
        self.start(name)

    def machine(self, name: str) -> Machine:
        """The machine of a process; it is there whether the process lives or not."""
        machine = self.machines.get(name)
        if machine is None:
            rng = random.Random(self.rng.getrandbits(64))
            machine = self.machines[name] = Machine(name, self.loop, rng)
        return machine

    def begin(self, name: str) -> Process:
        """A new life, with nothing running in it yet."""
        rng = random.Random(self.rng.getrandbits(64))
        process = Process(name, self.machine(name), self.loop, rng)
        self.processes[name] = process
        return process

    def start(self, name: str) -> None:
        """Start a process, unless it lives or is kept down."""
        if name in self.processes or self._kept_down[name]:
            return
        self.trace.note(name, "starts")
        process = self.begin(name)

        async def begin() -> None:
            process.service = self._makers[name](process)
            await process.service.start()

        process.spawn(begin())

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name, None)
        if process is not None:
            self.trace.note(name, "is killed")
            process.kill()

    def keep_down(self, name: str) -> None:
        """Kill a process, and do not let it come back until `let_up`."""
        self._kept_down[name] += 1
        self.kill(name)

    def let_up(self, name: str) -> None:
        self._kept_down[name] -= 1
        self.start(name)

    def failed(self, process: Process, error: BaseException) -> None:
        """A process says that it must not go on. It is started again, as Ray does it."""
        self.trace.note(process.name, f"stops: {error!r}")
        if self.processes.get(process.name) is process:
            self.kill(process.name)
            self.restart_soon(process.name)

    def restart_soon(self, name: str) -> None:
        self.loop.outside(self.rng.uniform(RESTART_S_MIN, RESTART_S_MAX), self.start, name)

    async def drain(self, name: str) -> None:
        """Stop a host in order, or by force if that fails or takes too long; start it again."""
        process = self.processes.get(name)
        if process is None or process.service is None:
            return
        self.trace.note(name, "is drained")
        draining = process.spawn(process.service.drain())
        await asyncio.wait([draining], timeout=DRAIN_S_MAX)
        if draining.done() and draining.exception() is not None:
            self.trace.note(name, f"cannot stop in order: {draining.exception()!r}")
        if self.processes.get(name) is process:
            self.kill(name)
            self.restart_soon(name)


def pooled(cluster: Cluster, hosts: int, edges: int) -> Placement:
    """Add hosts that partitions are dealt out to, and edges. Returns the placement."""
    placement = Placement(PARTITIONS, hosts)
    network = cluster.network

    def host(process: Process) -> HostService:
        return HostService(process, network, placement, cluster.failed)

    def edge(process: Process) -> EdgeService:
        return EdgeService(process, placement, partial(LineCalls, lines_of(network, process)))

    for name in placement.pooled_hosts():
        cluster.add(name, host)
    for number in range(edges):
        cluster.add(f"edge-{number}", edge)
    return placement
