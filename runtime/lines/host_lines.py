"""How a process finds the hosts of a server, and connects to them. No Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from runtime.lines.door import Address, connect, decode_address
from runtime.lines.lines import Lines, Station, Wire
from runtime.replication.protocol import Seat, Unavailable

CONNECT_S_MAX = 3.0
FOUND_STEP_S = 0.05


class Doors(Protocol):
    """The part of a roster that tells where a host is."""

    async def seat(self, host: str) -> Seat | None:
        """None: it is not on it. Raises Unavailable."""


class HostLines(Lines):
    """The lines of this process to the hosts of a server. Where a host's door is, the roster says.
    (A host can be asked by Ray, too; but Ray takes a second and a half to notice that one is in
    another life, when that has been up for half of it.) `await_host(host)` is asked where one is
    not on it, or does not answer at its door: whether it will be there soon. It may have it made,
    and blocks."""

    def __init__(
        self,
        roster: Doors,
        own: str = "",
        serve: Callable[..., Awaitable[Any]] | None = None,
        await_host: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(self._open, own, serve)
        self._roster = roster
        self._await_host = await_host
        self._asked: dict[str, asyncio.Future[bool]] = {}
        self._doors: dict[str, Address] = {}

    async def _open(self, host: str, station: Station) -> Wire:
        async with asyncio.timeout(CONNECT_S_MAX):
            try:
                return await connect(await self._door(host), station)
            except OSError:
                await self._will_be_there(host)  # it may have to be made anew
                raise

    async def _door(self, host: str) -> Address:
        """While the roster cannot be read, the door is where it was."""
        try:
            seat = await self._roster.seat(host)
        except Unavailable:
            seat = None
        else:
            if seat is None:
                seat = await self._seat_of_new(host)
        if seat is not None and seat.door:
            self._doors[host] = decode_address(seat.door)
        if host not in self._doors:
            raise Unavailable(f"{host} is not on the roster")
        return self._doors[host]

    async def _will_be_there(self, host: str) -> bool:
        """One question for each host at a time: it may take long."""
        if self._await_host is None:
            return False
        asked = self._asked.get(host)
        if asked is None or asked.done():
            asked = self._asked[host] = asyncio.ensure_future(
                asyncio.to_thread(self._await_host, host)
            )
        return await asyncio.shield(asked)

    async def _seat_of_new(self, host: str) -> Seat | None:
        """Raises Unavailable."""
        if not await self._will_be_there(host):
            return None
        while True:
            seat = await self._roster.seat(host)
            if seat is not None:
                return seat
            await asyncio.sleep(FOUND_STEP_S)
