"""When messages are due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Literal

Arrivals = Literal["even", "poisson"]


def due_times(
    arrivals: Arrivals, rate: float, burst: int, start: float, chance: Random
) -> Iterator[float]:
    """Seconds from `start` on, ascending and without an end: `rate` messages a second, `burst` of
    them at each moment; the moments come evenly, or with gaps that nobody can foresee."""
    gap_s = burst / rate
    number = 0
    due = start
    while True:
        if arrivals == "poisson":
            due += chance.expovariate(1.0) * gap_s
        else:
            due = start + number * gap_s  # not by adding up, which would drift
        number += 1
        for _ in range(burst):
            yield due
