"""Time that passes evenly, whatever is done to the machine's clock.

Waits, expiry and order go by this: a clock that is set wrong, by an hour or by years, must not log
everybody out, lock anybody out, or delete files at once. It gives Unix milliseconds, and is the
machine's clock as long as that goes as time does. Where it jumps, this follows by at most double or
half the speed at which time really passes (a clock that nobody can set, `monotonic`), so it never
goes back and never stands still. It is kept from time to time, so that a process that starts while
the clock is wrong goes on from there: of what passed meanwhile, it believes an hour at once. A host
that has kept none, because it is new or lost its disk, goes on from the time of whoever sends it
the first rows.

What is shown (when a message was sent) is told by the machine's clock: `api.ambient.now_ms`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

FAST, SLOW = 2.0, 0.5
DOWN_MS_MAX = 3_600_000
KEEP_STEP_MS = 60_000


class Keeper(Protocol):
    """Where the time is kept, in Unix milliseconds; see `ClockFile`."""

    def read(self) -> int | None:
        """What was kept last; None where nothing was."""

    def keep(self, now_ms: int) -> None: ...


class ClockFile:
    """A host's time, in a file of its folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "clock"

    def read(self) -> int | None:
        with suppress(OSError, ValueError):
            return int(self.path.read_text())
        return None

    def keep(self, now_ms: int) -> None:
        """On a full disk, it is an older time that stays."""
        new = self.path.with_suffix(".new")
        with suppress(OSError):
            new.write_text(f"{now_ms}\n")
            new.replace(self.path)


class MemoryKeeper:
    """A `Keeper` in memory, for unit tests and simulation."""

    def __init__(self) -> None:
        self.kept_ms: int | None = None

    def read(self) -> int | None:
        return self.kept_ms

    def keep(self, now_ms: int) -> None:
        self.kept_ms = now_ms


class SteadyClock:
    """See the module. `wall_ms` gives Unix milliseconds, `monotonic_s` seconds since any moment.
    Called, it gives the time."""

    def __init__(
        self, wall_ms: Callable[[], int], monotonic_s: Callable[[], float], keeper: Keeper
    ) -> None:
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s
        self._keeper = keeper
        kept_ms, now_ms = keeper.read(), wall_ms()
        self._sure = kept_ms is not None
        """The time was kept, or told to somebody."""
        if kept_ms is not None:
            now_ms = min(max(now_ms, kept_ms), kept_ms + DOWN_MS_MAX)
        self._at_s, self._now_ms = monotonic_s(), float(now_ms)
        self._kept_ms = 0.0

    def go_on_from(self, there_ms: int) -> None:
        """Another host, whose rows go on here, says what time it is. That is believed where this
        clock has only the machine's word."""
        if not self._sure:
            self._at_s, self._now_ms = self._monotonic_s(), float(there_ms)
            self()

    def __call__(self) -> int:
        self._sure = True
        at_s, wall_ms = self._monotonic_s(), self._wall_ms()
        passed_ms = max(0.0, at_s - self._at_s) * 1000
        slow, fast = self._now_ms + passed_ms * SLOW, self._now_ms + passed_ms * FAST
        self._at_s, self._now_ms = at_s, min(max(float(wall_ms), slow), fast)
        if self._now_ms - self._kept_ms >= KEEP_STEP_MS:
            self._kept_ms = self._now_ms
            self._keeper.keep(int(self._now_ms))
        return int(self._now_ms)
