"""Lines between simulated processes: what `runtime.lines.door` is, on pipes of the simulated
network."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from runtime.lines.lines import Clerk, Lines, Station, Wire
from sim.world.network import Network
from sim.world.pipe import End, Pipe, connect
from sim.world.process import Process

TWICE_P = 0.03
TWICE = "receive"
"""What hosts promise to bear twice."""


class PipeWire:
    """See `runtime.lines.lines.Wire`. `to`: the other end."""

    full = False

    def __init__(self, pipe: Pipe, to: End) -> None:
        self._pipe = pipe
        self._to = to

    def send(self, frame: bytes) -> None:
        self._pipe.send(self._to, frame)

    def close(self) -> None:
        self._pipe.break_()

    def abort(self) -> None:
        self._pipe.break_()


def lines_of(network: Network, process: Process) -> Lines:
    """The lines of a process to others, by their names."""

    async def connect_to(name: str, station: Station) -> Wire:
        pipe = await connect(network, process, name)
        pipe.client.on_frame = station.received
        pipe.client.on_broken = lambda: station.lost("the pipe broke")
        return PipeWire(pipe, pipe.server)

    return Lines(connect_to)


class Door:
    """Where a simulated host is called: it carries out some calls twice, as if whoever called had
    not heard of the answer."""

    def __init__(self, network: Network, rng: random.Random) -> None:
        self._network = network
        self._rng = rng

    def open_to(self, pipe: Pipe, serve: Callable[..., Awaitable[Any]]) -> None:
        """Somebody has connected."""

        async def carry_out(method: str, *arguments: Any) -> Any:
            if method == TWICE and self._rng.random() < TWICE_P:
                self._network.happened["call twice"] += 1
                await serve(method, *arguments)
            return await serve(method, *arguments)

        clerk = Clerk(PipeWire(pipe, pipe.client), carry_out)
        pipe.server.on_frame = clerk.received
        pipe.server.on_broken = lambda: clerk.lost("the pipe broke")
