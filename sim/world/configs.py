"""The configuration store and the roster, as a process of their own that others call."""

from __future__ import annotations

from typing import Any

from runtime.replication.protocol import (
    Configuration,
    Mark,
    MemoryConfigStore,
    MemoryRoster,
    Seat,
    Unavailable,
)
from sim.world.network import Network, NetworkError
from sim.world.process import Process

STORE = "config"
"""The process that keeps configurations, as Ray's GCS does; what it has survives it."""


class ConfigService:
    """Configurations and the roster, as their process offers them."""

    def __init__(self, configs: MemoryConfigStore, roster: MemoryRoster) -> None:
        self._configs = configs
        self.roster = roster

    async def start(self) -> None: ...

    def lose_everything(self) -> None:
        """As Ray's GCS does, where it keeps nothing, when it is started anew."""
        self._configs.configs.clear()
        self.roster.announced.clear()
        self.roster.marks.clear()

    async def newest(self, partition: int, known: int) -> Configuration | None:
        return await self._configs.newest(partition, known)

    async def create(self, config: Configuration) -> bool:
        return await self._configs.create(config)

    async def seats(self) -> dict[str, Seat]:
        return await self.roster.seats()

    async def announce(self, seat: Seat) -> None:
        await self.roster.announce(seat)

    async def mark(self, host: str, mark: Mark) -> None:
        await self.roster.mark(host, mark)

    async def remove(self, host: str) -> None:
        await self.roster.remove(host)


class Store:
    """See `runtime.replication.protocol.ConfigStore` and `Roster`."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def newest(self, partition: int, known: int = 0) -> Configuration | None:
        found: Configuration | None = await self._ask("newest", partition, known)
        return found

    async def create(self, config: Configuration) -> bool:
        return bool(await self._ask("create", config))

    async def seats(self) -> dict[str, Seat]:
        found: dict[str, Seat] = await self._ask("seats")
        return found

    async def announce(self, seat: Seat) -> None:
        await self._ask("announce", seat)

    async def mark(self, host: str, mark: Mark) -> None:
        await self._ask("mark", host, mark)

    async def remove(self, host: str) -> None:
        await self._ask("remove", host)

    async def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            return await self._network.call(self._process, STORE, method, *arguments)
        except NetworkError as error:
            raise Unavailable(str(error)) from error
