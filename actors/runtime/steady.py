"""Time that passes evenly, whatever is done to the machine's clock.

Waits, expiry and order go by this: a clock that is set wrong, by an hour or by years, must not log
everybody out, lock anybody out, or delete files at once. It gives Unix milliseconds, and is the
machine's clock as long as that goes as time does. Where it jumps, this follows by at most double or
half the speed at which time really passes (a clock that nobody can set, `monotonic`), so it never
goes back and never stands still. It is kept in a file, from time to time, so that a process that
starts while the clock is wrong goes on from there: of what passed meanwhile, it believes an
hour at once.

What is shown (when a message was sent) is told by the machine's clock: `api.clock`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FAST, SLOW = 2.0, 0.5
DOWN_MS_MAX = 3_600_000
KEEP_STEP_MS = 60_000
CLOCK = "clock"
"""The file, in a host's folder."""


class SteadyClock:
    """See the module. `wall_ms` gives Unix milliseconds, `monotonic_s` seconds since any moment;
    `file`: where the time is kept, if anywhere. Called, it gives the time."""

    def __init__(
        self,
        wall_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        file: Path | None = None,
    ) -> None:
        self._wall_ms = wall_ms
        self._monotonic_s = monotonic_s
        self._file = file
        kept_ms, now_ms = self._read(), wall_ms()
        if kept_ms is not None:
            now_ms = min(max(now_ms, kept_ms), kept_ms + DOWN_MS_MAX)
        self._at_s, self._now_ms = monotonic_s(), float(now_ms)
        self._kept_ms = 0.0

    def __call__(self) -> int:
        at_s, wall_ms = self._monotonic_s(), self._wall_ms()
        passed_ms = max(0.0, at_s - self._at_s) * 1000
        slow, fast = self._now_ms + passed_ms * SLOW, self._now_ms + passed_ms * FAST
        self._at_s, self._now_ms = at_s, min(max(float(wall_ms), slow), fast)
        if self._file is not None and self._now_ms - self._kept_ms >= KEEP_STEP_MS:
            self._kept_ms = self._now_ms
            self._keep(self._file)
        return int(self._now_ms)

    def _keep(self, file: Path) -> None:
        """On a full disk, it is an older time that is kept."""
        new = file.with_suffix(".new")
        with suppress(OSError):
            new.write_text(f"{int(self._now_ms)}\n")
            new.replace(file)

    def _read(self) -> int | None:
        if self._file is not None:
            with suppress(OSError, ValueError):
                return int(self._file.read_text())
        return None
