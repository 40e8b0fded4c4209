"""Where the clients of a run connect to, and what they share while they do."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

CONNECTS_AT_ONCE = 64
"""At the beginning; whoever comes back does so when it likes."""
FAILURES_BEFORE_FINDING = 8


OWN_LIMITS = {errno.EADDRNOTAVAIL: "no_local_port", errno.EMFILE: "no_open_file"}
"""Errors of connecting that are this machine's and not the server's."""


def connect_error(problem: BaseException) -> str:
    """How a failure to connect is counted."""
    return OWN_LIMITS.get(getattr(problem, "errno", None) or 0, "connect")


class Endpoint:
    """Where live connections go, and what may be expected there. `find` asks the server anew, after
    connecting has failed a few times: a server that was started again may listen elsewhere.
    `paced`: the server limits the frames per second of a connection, and clients keep to it.
    `patience_s`: when nothing has come from it for so long, nothing more will."""

    def __init__(
        self,
        ws_url: str,
        find: Callable[[], Awaitable[str]] | None = None,
        paced: bool = True,
        patience_s: float = 10.0,
    ) -> None:
        self.connecting = asyncio.Semaphore(CONNECTS_AT_ONCE)
        self.paced = paced
        self.patience_s = patience_s
        self._ws_url = ws_url
        self._find = find
        self._failures = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ws_url(self) -> str:
        if self._failures >= FAILURES_BEFORE_FINDING and self._find is not None:
            self._failures = 0
            self._ws_url = await self._find()
        return self._ws_url

    def failed(self) -> None:
        self._failures += 1

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
