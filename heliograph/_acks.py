"""When to acknowledge: at once if that was not done lately, else together with what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Acks:
    """`write(pts)` sends an acknowledgement and returns whether there was a connection to send it
    on; what could not be sent is sent again by `resume`. `pts` is what the application had before:
    whether that was acknowledged is not known."""

    def __init__(self, write: Callable[[int], bool], interval_s: float, pts: int = 0) -> None:
        self._write = write
        self._interval_s = interval_s
        self._loop = asyncio.get_running_loop()
        self._pts = pts
        self._sent_at = -interval_s
        self._timer: asyncio.TimerHandle | None = None

    def handed(self, pts: int) -> None:
        """The application has everything up to `pts`."""
        self._pts = pts
        if self._timer is not None:
            return
        wait_s = self._sent_at + self._interval_s - self._loop.time()
        if wait_s <= 0:
            self._send()
        else:
            self._timer = self._loop.call_later(wait_s, self._send)

    def resume(self) -> None:
        """A new connection: say again where this device is, the last time may be lost."""
        if self._pts:
            self.handed(self._pts)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def flush(self) -> None:
        """Send now what waits."""
        if self._timer is not None:
            self.stop()
            self._send()

    def _send(self) -> None:
        self._timer = None
        if self._pts and self._write(self._pts):
            self._sent_at = self._loop.time()
