"""How many bytes requests may hold in the memory of a process, in all and each of those who ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from api.errors import ApiError

RETRY_S = 1.0
FLOOD_BYTES = 16 * 1024 * 1024
"""Who held so much, and holds an eighth of it now, can give memory back."""


def _nothing() -> None:
    """What a process does when a flood is over, if it was told nothing else."""


class Share(NamedTuple):
    """`key`: an account or an address; `bytes_max`: how much of a room it may take. An empty key is
    of nobody, and bounded by the room alone."""

    key: str
    bytes_max: int


class Room:
    """Room for `bytes_max` bytes. Nobody waits for it: who waited would hold what came already.
    `on_ebb` is called, in a process for all rooms, when much was held and little is left."""

    on_ebb: ClassVar[Callable[[], None]] = _nothing

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held: Counter[str] = Counter()
        self.taken = self._high = 0

    def has(self, size: int, *shares: Share, part: float = 1.0) -> bool:
        """Whether there is room for so many bytes within this part of what may be taken."""
        if self.taken + size > part * self._bytes_max:
            return False
        return all(self._held[key] + size <= part * most for key, most in shares if key)

    @contextmanager
    def hold(self, size: int, *shares: Share) -> Iterator[None]:
        """Hold so many bytes. Raises `overloaded`."""
        if not self.has(size, *shares):
            whose = "are under way" if self.has(size) else "of yours are under way"
            raise ApiError("overloaded", f"too many files and bodies {whose}; repeat", RETRY_S)
        self.taken += size
        self._high = max(self._high, self.taken)
        for key, _ in shares:
            self._held[key] += size
        try:
            yield
        finally:
            self.taken -= size
            for key, _ in shares:
                self._held[key] -= size
                if not self._held[key]:
                    del self._held[key]
            if self._high >= FLOOD_BYTES and self.taken <= self._high // 8:
                self._high = self.taken
                Room.on_ebb()
