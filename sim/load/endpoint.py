"""Where the clients of a run connect to, and what they share while they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

CONNECTS_AT_ONCE = 64
FAILURES_BEFORE_FINDING = 8


class Endpoint:
    """Where live connections go. `find` asks the server anew, after connecting has failed a few
    times: a server that was started again may listen elsewhere."""

    def __init__(self, ws_url: str, find: Callable[[], Awaitable[str]] | None = None) -> None:
        self.connecting = asyncio.Semaphore(CONNECTS_AT_ONCE)
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
