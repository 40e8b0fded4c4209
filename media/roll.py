"""Which media actors there are. asyncio, but no Ray.

They are on a roster in Ray's key-value store. One that is silent stays on it for a while, and
others stand in for it; then it is taken off, and others get the copies that it had. When it comes
back, it announces itself again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from api.ambient import monotonic_s
from runtime.replication.protocol import Roster, Seat, Unavailable

log = logging.getLogger(__name__)

STEP_S = 3.0


class Roll:
    """What a process knows of the roster."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._seats: Mapping[str, Seat] = {}
        self._task: asyncio.Task[None] | None = None

    def seats(self) -> Mapping[str, Seat]:
        """The media actors, by name."""
        return self._seats

    def start(self) -> None:
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(Unavailable):
                await self.step()
            await asyncio.sleep(STEP_S)

    async def step(self) -> None:
        """Read the roster. Raises Unavailable."""
        self._seats = await self._roster.seats()


class Membership(Roll):
    """The same for a media actor: it keeps itself on the roster, and takes off those that did not
    answer for `replace_after_s`. `ping(actor)` raises Unavailable."""

    def __init__(
        self,
        roster: Roster,
        own: Seat,
        ping: Callable[[str], Awaitable[object]],
        replace_after_s: float,
    ) -> None:
        super().__init__(roster)
        self._own = own
        self._ping = ping
        self._replace_after_s = replace_after_s
        self._silent_since: dict[str, float] = {}

    async def step(self) -> None:
        await super().step()
        if self._seats.get(self._own.host) != self._own:
            await self._roster.announce(self._own)
            await super().step()
        others = sorted(self._seats.keys() - {self._own.host})
        answers = await asyncio.gather(*map(self._ping, others), return_exceptions=True)
        now_s = monotonic_s()
        silent = [a for a, answer in zip(others, answers, strict=True) if answer is not None]
        self._silent_since = {a: self._silent_since.get(a, now_s) for a in silent}
        for actor, since_s in self._silent_since.items():
            if now_s - since_s >= self._replace_after_s:
                log.info("%s is gone; others get the chunks that it had", actor)
                await self._roster.remove(actor)
