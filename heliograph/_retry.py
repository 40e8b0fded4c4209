"""The attempts of one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from api.errors import ApiError
from heliograph._config import Backoff
from heliograph._errors import ConnectionLost, DeadlineExceeded

OnWait = Callable[[ApiError, float], None]


class Retry:
    """Counts the failures of one call, and waits between its attempts until the deadline, a moment
    of the running loop's clock. Where the server asks to wait because something was done too often
    (`flood`), that puts the deadline off, by up to `flood_s` seconds in all, and `on_wait` is told
    of each such wait and for how many seconds it is."""

    def __init__(
        self,
        backoff: Backoff,
        deadline: float,
        flood_s: float = 0.0,
        on_wait: OnWait | None = None,
    ) -> None:
        self._backoff = backoff
        self.deadline = deadline
        self._flood_s = flood_s
        self._on_wait = on_wait
        self._failures = 0

    async def after(self, error: ApiError | ConnectionLost, what: str) -> None:
        """Wait until `what` may be tried again. Raises the error if it is final or no time is left;
        for a lost connection that is `DeadlineExceeded`."""
        if isinstance(error, ApiError) and not error.retryable:
            raise error
        self._failures += 1
        wait_s = self._backoff.wait_s(self._failures)
        if isinstance(error, ApiError):
            wait_s = max(error.retry_after or 0.0, wait_s)
            if error.code == "flood" and wait_s <= self._flood_s:
                self._flood_s -= wait_s
                self.deadline += wait_s
        if asyncio.get_running_loop().time() + wait_s >= self.deadline:
            if isinstance(error, ApiError):
                raise error
            raise DeadlineExceeded(f"no answer to {what} in time ({error})") from error
        if isinstance(error, ApiError) and error.code == "flood" and self._on_wait is not None:
            self._on_wait(error, wait_s)
        await asyncio.sleep(wait_s)
