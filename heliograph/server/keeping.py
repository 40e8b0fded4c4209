"""What of a server's processes is to be started again, and when. Pure: no clock, no processes;
whoever watches says what happened, and does what is due.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PAUSE_S_MIN: Final = 0.5
PAUSE_S_MAX: Final = 30.0
STEADY_S: Final = 60.0
"""What was up for so long is started again at once."""


class Pauses:
    """How long to wait before something is started again: not at all, and then longer and longer as
    long as it does not stay up."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def ended(self, up_s: float) -> float:
        """It ended after so many seconds; how many to wait now."""
        if up_s >= STEADY_S:
            self._next_s = 0.0
        pause_s = self._next_s
        self._next_s = min(max(PAUSE_S_MIN, 2 * pause_s), PAUSE_S_MAX)
        return pause_s


class _Part(Struct):
    pauses: Pauses
    since_s: float
    due_s: float | None = None
    what: str = ""


class Keeper:
    """Keeps parts running: each is `up`, or has `ended` and is `due` some time later."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}

    def up(self, name: str, now_s: float) -> None:
        """It was started, and runs."""
        part = self._parts.setdefault(name, _Part(Pauses(), now_s))
        part.since_s, part.due_s, part.what = now_s, None, ""

    def ended(self, name: str, what: str, now_s: float) -> None:
        """It ended, or could not be started: `what` says how, as "was killed by signal 9"."""
        part = self._parts.setdefault(name, _Part(Pauses(), now_s))
        part.due_s = now_s + part.pauses.ended(now_s - part.since_s)
        part.since_s, part.what = now_s, what

    def due(self, now_s: float) -> list[str]:
        """What is to be started now. Of each, `up` or `ended` is told afterwards."""
        return sorted(
            name
            for name, part in self._parts.items()
            if part.due_s is not None and part.due_s <= now_s
        )

    def wrong(self) -> dict[str, str]:
        """What does not run, and why (see `runtime.troubles.Troubles`)."""
        return {name: part.what for name, part in self._parts.items() if part.due_s is not None}
