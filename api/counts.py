"""How many connections each address has, where they are not counted by HAProxy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from api import limits
from api.addresses import Address, Network, is_among, network_of


class Counts:
    """`exempt`: networks whose connections are not counted."""

    def __init__(self, exempt: Iterable[Network] = ()) -> None:
        self._exempt = tuple(exempt)
        self._of: Counter[str] = Counter()

    def enter(self, address: Address | None) -> str | None:
        """One more: what to `leave` by. None if the address has as many as it may have."""
        if is_among(address, self._exempt):
            return ""
        key = network_of(address)
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
