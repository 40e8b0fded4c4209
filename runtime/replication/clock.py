"""The clock of leases: durations that count also while the machine sleeps.

`time.monotonic` stands still then on Linux, and a leader would wake with a lease that is over. It
can be mixed with asyncio's timers, which go by `time.monotonic`: they can only be late by this
clock, and whoever wakes looks at it again.
"""

from __future__ import annotations

import time


def _best() -> int:
    try:
        time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not Linux, or not allowed here
        return time.CLOCK_MONOTONIC
    return time.CLOCK_BOOTTIME


_CLOCK = _best()


def now_s() -> float:
    """Seconds since some time; to be compared within one process only."""
    return time.clock_gettime(_CLOCK)
