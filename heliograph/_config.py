"""How a client behaves: small values, checked when they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

from api import limits
from api.ambient import random_share

ConnectionState = Literal["offline", "connecting", "syncing", "online", "ended"]
"""`offline`: waiting to connect again; `syncing`: connected, fetching what was missed; `ended`: the
session is over."""


Progress = Callable[[int, int], None]
"""Called with the bytes of a file that are done, and those that there are."""


def _check_positive(values: Any) -> None:
    for field in fields(values):
        if getattr(values, field.name) <= 0:
            raise ValueError(f"{field.name} must be positive, not {getattr(values, field.name)!r}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Times in seconds. `call_s` covers a call with all its repetitions, `attempt_s` one of them,
    `connect_s` opening a connection. `gap_s` is how long missing updates are waited for before
    they are fetched, `flood_s` how long a call waits, beside `call_s`, when the server says that
    something was done too often, `ack_s` the least time between two acknowledgements, `quiet_s` the
    silence after which the client asks whether it missed anything, `save_s` the least time between
    two saves of the state."""

    call_s: float = 30.0
    attempt_s: float = limits.REQUEST_DEADLINE_S + 1.0
    connect_s: float = 5.0
    gap_s: float = 0.5
    ack_s: float = 0.25
    quiet_s: float = 900.0
    save_s: float = 1.0
    flood_s: float = 300.0

    def __post_init__(self) -> None:
        _check_positive(self)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting between attempts, in seconds: doubles from `min_s` to `max_s`; each wait is spread at
    random over the upper half of its length, so that clients do not come back all at once."""

    min_s: float = 0.1
    max_s: float = 10.0

    def __post_init__(self) -> None:
        _check_positive(self)
        if self.min_s > self.max_s:
            raise ValueError("min_s must not be more than max_s")

    def wait_s(self, failures: int, draw: Callable[[], float] = random_share) -> float:
        """Seconds to wait after this many failures (from 1) in a row."""
        longest = min(self.min_s * 2.0 ** min(failures - 1, 30), self.max_s)
        return longest * (0.5 + 0.5 * draw())


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client keeps in memory at most: updates waiting for the application, updates held
    until those before them come, requests without an answer. An application slower than
    its updates loses none of them: the rest waits on the server."""

    updates_max: int = 1_000
    held_max: int = 1_000
    requests_max: int = limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX - 4

    def __post_init__(self) -> None:
        _check_positive(self)
