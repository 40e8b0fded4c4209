"""How many connections each address has, where they are not counted by HAProxy."""

from __future__ import annotations

from collections import Counter

from api import limits
from api.addresses import Address, Callers


class Counts:
    """Those of exempt callers are not counted."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._of: Counter[str] = Counter()

    def enter(self, address: Address | None) -> str | None:
        """One more: what to `leave` by. None if the address has as many as it may have."""
        key = self._callers.counted(address)
        if not key:
            return key
        if self._of[key] >= limits.CONNECTIONS_PER_ADDRESS_MAX:
            return None
        self._of[key] += 1
        return key

    def leave(self, key: str) -> None:
        """One less."""
        if key:
            self._of[key] -= 1
            if not self._of[key]:
                del self._of[key]
