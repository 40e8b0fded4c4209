"""Which parts of a server do not answer, as a front sees it: told by `/readyz`, by metrics and by
the front's log. asyncio, but no Ray.

What the last count found is told, and another one is made when somebody asks and that is older than
`COUNT_S`; nobody waits for it but whoever asks first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from api.ambient import monotonic_s
from runtime.troubles import Troubles

log = logging.getLogger(__name__)

COUNT_S: Final = 3.0


class Census:
    """See the module. `count()` finds out who is missing."""

    def __init__(self, count: Callable[[], Awaitable[Iterable[str]]]) -> None:
        self._count = count
        self._troubles = Troubles()
        self._counted_s: float | None = None
        self._counting: asyncio.Task[None] | None = None
        self._missing: tuple[str, ...] = ()

    async def missing(self) -> tuple[str, ...]:
        """Who did not answer when it was last looked; only the first who asks waits for that."""
        due = self._counted_s is None or monotonic_s() - self._counted_s >= COUNT_S
        if due and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._look())
        if self._counted_s is None and self._counting is not None:
            await asyncio.shield(self._counting)
        return self._missing

    async def _look(self) -> None:
        try:
            self.note(await self._count())
        except Exception as error:
            log.warning("the parts of the server cannot be counted: %s", error)
        self._counted_s = monotonic_s()

    def note(self, missing: Iterable[str]) -> None:
        """These do not answer now."""
        self._missing = tuple(sorted(missing))
        wrong = dict.fromkeys(self._missing, "does not answer")
        for line in self._troubles.look(wrong, monotonic_s()):
            log.warning("%s", line)
