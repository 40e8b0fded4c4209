"""An operator, who gives chats hosts of their own: what `heliograph admin dedicate` does, again and
again until it is done, through all lives of the process that does it."""

from __future__ import annotations

import asyncio

from actors import addresses
from api.errors import ApiError
from fronts.gateway import Gateway
from runtime.messages import Dedicate, WhereIs
from runtime.placement import own_partition
from runtime.replication.copies import Courier
from runtime.replication.founding import found
from runtime.replication.protocol import Unavailable
from sim.world.configs import Store
from sim.world.edge import CONFIG
from sim.world.process import Process
from sim.world.replicated import Routes, Server

AGAIN_S = 0.3


class Operator:
    """See the module."""

    def __init__(self, process: Process, server: Server) -> None:
        self._process = process
        self._server = server
        self._routes = Routes(server, process)
        self._store = Store(server.cluster.network, process)
        self._courier = Courier(self._routes.lines.call)
        self._gateway = Gateway(server.placement, self._routes.places.reach, CONFIG)

    async def start(self) -> None:
        self._routes.directory.start()
        await self._gateway.start()
        self._process.spawn(self._work())

    def want(self, amount: float) -> None:
        """One of the chats that there are shall have a host for itself; it may have one."""
        chats = self._server.chats()
        if chats:
            self._server.wanted.append(chats[int(amount * len(chats))])

    async def _work(self) -> None:
        while True:
            for chat_id in list(self._server.wanted):
                try:
                    await self._dedicate(chat_id)
                except (ApiError, Unavailable) as error:
                    self._server.cluster.trace.note(self._process.name, f"{chat_id}: {error}")
                else:
                    self._server.wanted.remove(chat_id)
            await asyncio.sleep(AGAIN_S)

    async def _dedicate(self, chat_id: str) -> None:
        """A step on the way. Raises ApiError, Unavailable: then another one is due."""
        chat, server = addresses.chat(chat_id), self._server
        await self._gateway.ask(chat, WhereIs(), read=True)
        own = server.start_own(own_partition(chat))
        counts = {"copies": server.copies, "shards": server.placement.shards}
        await found(own, self._store, self._store, self._courier, **counts)
        await self._gateway.ask(chat, Dedicate())
