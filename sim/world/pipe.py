"""Connections between a client and an edge: frames arrive in order, until it breaks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sim.world.network import Network, NetworkError, Way
from sim.world.process import Process

BROKEN_S_MAX = 2.0
"""How long it takes an end to notice that a connection broke."""


class End:
    """One end of a pipe. `on_frame` and `on_broken` are what its process does."""

    __slots__ = ("arrives_s", "on_broken", "on_frame", "process", "waiting")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.on_frame: Callable[[Any], None] = lambda frame: None
        self.on_broken: Callable[[], None] = lambda: None
        self.arrives_s = 0.0
        """When the last frame to this end arrives."""
        self.waiting: deque[Any] = deque()
        """Frames to this end that are late because the way was cut."""


class Pipe:
    """A connection that is open. Cuts hold up what is sent; a lossy way, and the death of either
    process, break it."""

    def __init__(self, network: Network, client: Process, server: Process) -> None:
        self._network = network
        self.client, self.server = End(client), End(server)
        self.broken = False
        for process in (client, server):
            process.endings[self] = self.break_

    def send(self, to: End, frame: Any) -> None:
        """Send a frame to an end, behind those sent before."""
        if self.broken:
            return
        way, network = self._way(to), self._network
        if network.is_lost(way):
            self.break_()
            return
        to.arrives_s = max(to.arrives_s, network.loop.now_s + network.delay_s(way))
        network.loop.outside(to.arrives_s - network.loop.now_s, self._arrive, to, frame)

    def break_(self) -> None:
        """It is over; both ends notice some time later."""
        if self.broken:
            return
        self.broken = True
        network = self._network
        for end in (self.client, self.server):
            end.process.endings.pop(self, None)
            after_s = network.rng.random() * BROKEN_S_MAX
            context = end.process.context
            network.loop.call_later(after_s, end.on_broken, context=context)

    def _way(self, to: End) -> Way:
        sender = self.server if to is self.client else self.client
        return sender.process.name, to.process.name

    def _arrive(self, to: End, frame: Any) -> None:
        if self.broken:
            return
        self._network.trace.mark(to.process.name, "gets a frame")
        if to.waiting or self._network.is_cut(self._way(to)):
            to.waiting.append(frame)
            self._arrive_late(to)
        else:
            to.process.soon(to.on_frame, frame)

    def _arrive_late(self, to: End) -> None:
        """The oldest of the late frames arrives, if it can: each is tried as often as it takes."""
        way, network = self._way(to), self._network
        if network.is_cut(way):
            network.when_open(way, lambda: self._arrive_late(to))
        elif not self.broken:
            to.process.soon(to.on_frame, to.waiting.popleft())


async def connect(network: Network, client: Process, name: str) -> Pipe:
    """Open a connection to a process; its service `accept`s the pipe. Raises `NetworkError`."""

    def opened() -> Pipe:
        server = network.find(name)
        if server is None or server.service is None:
            raise NetworkError(f"{name} does not listen", maybe_done=False)
        pipe = Pipe(network, client, server)
        server.soon(server.service.accept, pipe)
        return pipe

    await network.call(client, name, "ping")
    return opened()
