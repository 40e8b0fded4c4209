"""How much of what a load tries succeeds, of late, and when that is too little. Pure.

Tried are sends, connections, uploads and downloads. One succeeds when it is answered; each refusal
and each failure counts against it, also where it is repeated and succeeds then, and so does each
message that was due a while ago and is not answered yet.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

WINDOW_S = 5.0
"""Of so many seconds the success is taken."""
OVERDUE_S = 10.0


class SoFar(Struct):
    """What one process has come to since the beginning: how much was `done`, how often something
    `failed`; and how many messages are overdue now."""

    done: int
    failed: int
    overdue: int


class Success:
    """Hears of all processes; `least_percent`: below it a load is to end (0: it never is)."""

    def __init__(self, least_percent: float) -> None:
        self._least_percent = least_percent
        self._latest: dict[int, SoFar] = {}
        self._before: deque[tuple[float, int, int]] = deque()

    def tell(self, process: int, now_s: float, so_far: SoFar) -> None:
        self._latest[process] = so_far
        done = sum(each.done for each in self._latest.values())
        failed = sum(each.failed for each in self._latest.values())
        self._before.append((now_s, done, failed))
        while len(self._before) > 1 and self._before[1][0] <= now_s - WINDOW_S:
            self._before.popleft()

    def percent(self) -> float | None:
        """Of the last seconds; None where nothing can be said of so many yet."""
        if not self._before:
            return None
        (since_s, done, failed), (now_s, done_now, failed_now) = self._before[0], self._before[-1]
        good = done_now - done
        tried = good + failed_now - failed + sum(each.overdue for each in self._latest.values())
        return 100.0 * good / tried if tried and since_s <= now_s - WINDOW_S else None

    def too_little(self) -> str:
        """Why it is to end; empty where it is not."""
        percent = self.percent()
        if percent is None or percent >= self._least_percent:
            return ""
        return (
            f"{percent:.1f} % of what was tried in {WINDOW_S:g} seconds succeeded, less than "
            f"{self._least_percent:g} %"
        )
