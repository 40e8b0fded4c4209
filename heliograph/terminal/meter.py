"""How far a file is on its way: bytes, speed, and what remains. Pure: times are handed in."""

from __future__ import annotations

from collections import deque

from heliograph.terminal.text import human_size, length

WINDOW_MS = 5_000
"""The speed is that of the last seconds."""
BAR = "━"
REST = "─"
HOURS_MAX = 100


class Meter:
    """Of `size` bytes, `done` are there. `waiting`: nothing moves, because the server does not
    answer."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.done = 0
        self.waiting = False
        self._seen: deque[tuple[int, int]] = deque()

    def tell(self, done: int, now_ms: int) -> None:
        """So many bytes are done."""
        self.done = min(done, self.size)
        self.waiting = False
        self._seen.append((now_ms, self.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now_ms - WINDOW_MS:
            self._seen.popleft()

    def bytes_per_s(self, now_ms: int) -> float:
        """0 if it is not known."""
        if len(self._seen) < 2:
            return 0.0
        first_ms, first = self._seen[0]
        return (self.done - first) * 1000 / max(now_ms - first_ms, 1)

    def bar(self, width: int) -> str:
        full = width * self.done // max(self.size, 1)
        return BAR * full + REST * (width - full)

    def words(self, now_ms: int) -> str:
        """`45 %  1.2 MB of 2.6 MB  800 kB/s  0:02 left`"""
        part = 100 * self.done // max(self.size, 1)
        words = [f"{part} %", f"{human_size(self.done)} of {human_size(self.size)}"]
        speed = self.bytes_per_s(now_ms)
        if self.waiting:
            words.append("waiting for the server")
        elif speed >= 1:
            words.append(f"{human_size(int(speed))}/s")
            left_s = (self.size - self.done) / speed
            if left_s < HOURS_MAX * 3600:
                words.append(f"{length(int(left_s * 1000))} left")
        return "  ".join(words)
