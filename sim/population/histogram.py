"""Counts of times in buckets that grow by a fixed ratio, so that they can be added up."""

from __future__ import annotations

import numpy as np

from sim.population.arrays import Floats, Ints

LEAST_S, MOST_S, RATIO = 1e-5, 1e4, 1.025
BOUNDS_S = LEAST_S * RATIO ** np.arange(int(np.log(MOST_S / LEAST_S) / np.log(RATIO)) + 1)
"""Where buckets end; what is longer is in the last one."""
BUCKETS = len(BOUNDS_S) + 1


def bucket_of(times_s: Floats) -> Ints:
    return np.searchsorted(BOUNDS_S, times_s)


def counted(times_s: Floats, weights: Ints | None = None) -> Ints:
    """How many are in each bucket."""
    found = np.bincount(bucket_of(times_s), weights, BUCKETS)
    return np.rint(found).astype(np.int64)


def quantile_s(counts: Ints, share: float) -> float:
    """The time that this share of what was counted does not exceed, to within a bucket: its middle.
    Of nothing it is 0."""
    total = int(counts.sum())
    if not total:
        return 0.0
    at = int(np.searchsorted(np.cumsum(counts), share * total))
    high = float(BOUNDS_S[min(at, len(BOUNDS_S) - 1)])
    return high / float(np.sqrt(RATIO))


def mean_s(counts: Ints) -> float:
    middles = np.append(BOUNDS_S, MOST_S) / np.sqrt(RATIO)
    total = int(counts.sum())
    return float((counts * middles).sum() / total) if total else 0.0
