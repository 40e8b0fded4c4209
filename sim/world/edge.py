"""An edge in a simulated process: a gateway, live connections, and calls as over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from actors import addresses
from actors.handle.messages import NewAccount
from actors.user.messages import NewLogin
from api import limits
from api import methods as m
from api import types as t
from api.ambient import monotonic_s
from fronts.connection import CLOSE_S, Connection
from fronts.gateway import Gateway
from runtime.link import HostCalls
from runtime.placement import Placement
from runtime.refs import NOBODY
from sim.world.pipe import Pipe
from sim.world.process import Process

NETWORK = "192.0.2.1"
"""Where everybody calls from."""
CONFIG = t.Config("0", "ws://world/ws", "", "open", limits.HEARTBEAT_S, "world")


class Closing(NamedTuple):
    """A close frame."""

    code: int


class EdgeService:
    """See the module. `reach(name)` gives the calls of a host."""

    def __init__(
        self, process: Process, placement: Placement, reach: Callable[[str], HostCalls]
    ) -> None:
        self._process = process
        self.gateway = Gateway(placement, reach, CONFIG)
        self._connections: dict[Pipe, Connection] = {}

    async def start(self) -> None:
        await self.gateway.start()

    async def ping(self) -> None:
        """Somebody wants to connect."""

    # --- live connections ---------------------------------------------------------------------

    def accept(self, pipe: Pipe) -> None:
        """A client has connected."""
        connection = Connection(self.gateway, _Socket(self, pipe), monotonic_s(), NETWORK)
        self._connections[pipe] = connection
        pipe.server.on_frame = lambda frame: connection.received(frame, monotonic_s())
        pipe.server.on_broken = lambda: self._lost(pipe)
        self._process.spawn(self._tick(connection))

    def _lost(self, pipe: Pipe) -> None:
        self._connections.pop(pipe).lost()

    async def _tick(self, connection: Connection) -> None:
        while True:
            due_s = connection.tick(monotonic_s())
            if connection.closed:
                return
            await asyncio.sleep(due_s)

    # --- HTTP ---------------------------------------------------------------------------------

    async def http(self, name: str, body: bytes, token: str) -> bytes:
        """A call of the API."""
        method = m.METHODS[name]
        params = m.decode_params(method, body)
        caller = await self.gateway.authenticate(token, NETWORK) if method.auth else NOBODY
        return await self.gateway.call(params, caller)

    async def register(self, account: NewAccount) -> bytes:
        """What `fronts.auth` does to register somebody, without hashing a password."""
        return await self.gateway.ask(addresses.username(account.username), account)

    async def log_in(self, user_id: int, login: NewLogin) -> bytes:
        """What `fronts.auth` does to log a device in, when the password was right."""
        return await self.gateway.ask(addresses.user(user_id), login)


class _Socket:
    """See `fronts.connection.Socket`."""

    def __init__(self, edge: EdgeService, pipe: Pipe) -> None:
        self._edge = edge
        self._pipe = pipe

    def send(self, frame: bytes) -> None:
        self._pipe.send(self._pipe.client, frame)

    def close(self, code: int, reason: str) -> None:
        self._pipe.send(self._pipe.client, Closing(code))
        asyncio.get_running_loop().call_later(CLOSE_S, self._pipe.break_)

    def buffered(self) -> int:
        return 0
