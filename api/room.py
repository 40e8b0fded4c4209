"""How many bytes requests may hold in the memory of a process, in all and each of those who ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from api.errors import ApiError

RETRY_S = 1.0


class Share(NamedTuple):
    """`key`: an account or an address; `bytes_max`: how much of a room it may take."""

    key: str
    bytes_max: int


class Room:
    """Room for `bytes_max` bytes. Nobody waits for it: who waited would hold what came already."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._held: Counter[str] = Counter()
        self.taken = 0

    def has(self, size: int, *shares: Share, part: float = 1.0) -> bool:
        """Whether there is room for so many bytes within this part of what may be taken."""
        if self.taken + size > part * self._bytes_max:
            return False
        return all(self._held[key] + size <= part * most for key, most in shares)

    @contextmanager
    def hold(self, size: int, *shares: Share) -> Iterator[None]:
        """Hold so many bytes. Raises `overloaded`."""
        if not self.has(size, *shares):
            whose = "are under way" if self.has(size) else "of yours are under way"
            raise ApiError("overloaded", f"too many files and bodies {whose}; repeat", RETRY_S)
        self.taken += size
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
