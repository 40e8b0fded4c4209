"""How a process keeps itself on the roster, where others find its door. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from msgspec.structs import replace

from api.ambient import monotonic_s
from runtime.replication.protocol import Roster, Seat, Unavailable

log = logging.getLogger(__name__)

ANNOUNCE_S: Final = 10.0
STEP_S: Final = 1.0


class Presence:
    """Puts this process on the roster, as it is in this life, and keeps it there: the roster may be
    emptied, or be an older one."""

    def __init__(self, roster: Roster, seat: Seat) -> None:
        self.seat = seat
        self._roster = roster
        self._announced_s: float | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """For whoever has no steps of their own to `look` in."""
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("%s is not on the roster: %s", self.seat.host, error)
            await asyncio.sleep(STEP_S)

    async def look(self) -> None:
        """Announce it where that is due. Raises Unavailable."""
        before_s, now_s = self._announced_s, monotonic_s()
        if before_s is not None and now_s - before_s < ANNOUNCE_S:
            return
        if before_s is None or not await self._is_announced():
            await self._roster.announce(self.seat)
        self._announced_s = now_s

    async def _is_announced(self) -> bool:
        seat = (await self._roster.seats()).get(self.seat.host)
        return seat is not None and replace(seat, mark="") == self.seat
