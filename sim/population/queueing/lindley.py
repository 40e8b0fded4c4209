"""Lindley's recursion: what waits in front of one server that always works while something does.

D. V. Lindley, "The theory of queues with a single server", 1952: V' = max(V + change, 0), where a
change is the work that comes less the time that passes. Its solution is the sum of all changes less
the least sum so far, so whole arrays are done at once.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Floats

Number = TypeVar("Number", np.int64, np.float64)


def backlog(change: NDArray[Number], start: NDArray[Number] | Number) -> NDArray[Number]:
    """What waits after each change, of the shape of `change` (…, n): along its last axis, from
    `start` (…). Exact for integers."""
    total = np.cumsum(change, axis=-1)
    total += np.asarray(start)[..., np.newaxis]
    least = np.minimum.accumulate(total, axis=-1)
    np.minimum(least, 0, out=least)
    total -= least
    return total


def fifo(gaps_s: Floats, work_s: Floats, start_s: float = 0.0) -> tuple[Floats, float]:
    """The delay of each customer (n,) from its arrival until its work is done, one after another.
    `gaps_s[i]` is the time from customer i to the next one. Also what the next one finds waiting:
    begin with it to go on."""
    after = backlog(work_s - gaps_s, np.float64(start_s))
    delay = work_s.copy()
    delay[0] += start_s
    delay[1:] += after[:-1]
    return delay, float(after[-1])
