"""What happened in a run, in order: a hash over everything, and the last events to read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import blake2b

LAST_MAX = 400


class Trace:
    """`note` adds an event to read, `mark` one that only counts for the hash. Two runs that did the
    same have the same `digest`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s = clock()
        self._hash = blake2b(digest_size=12)
        self._over = False
        self._last: deque[tuple[float, str, str]] = deque(maxlen=LAST_MAX)

    def note(self, who: str, what: str) -> None:
        """Somebody did something, now."""
        if self._over:
            return
        self.mark(who, what)
        self._last.append((self._clock() - self._began_s, who, what))

    def mark(self, who: str, what: str) -> None:
        """As `note`, for what there is too much of."""
        if not self._over:
            self._hash.update(f"{self._clock()!r} {who} {what}\n".encode())

    def end(self) -> None:
        """What comes now is tidying up."""
        self._over = True

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def last(self, events: int = LAST_MAX) -> list[str]:
        """The last events, one a line, with simulated seconds since the start."""
        lines = list(self._last)[-events:]
        return [f"{at_s:10.4f}  {who:<10}  {what}" for at_s, who, what in lines]
