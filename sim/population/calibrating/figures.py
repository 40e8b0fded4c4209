"""Means that a busy machine does not spoil, and lines through points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()


def midmean(values: Sequence[float]) -> float:
    """Of the half in the middle: of times of the same work, the longest are those of whoever was
    put off the core meanwhile, which clocks of threads do not always leave out."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    kept = ordered[cut : len(ordered) - cut]
    return sum(kept) / len(kept)


def typical(rounds: Sequence[float]) -> float:
    """Of rounds of the same: the lower quartile, for what else the machine does only adds."""
    return sorted(rounds)[len(rounds) // 4]


def log_sigma(values: Sequence[float]) -> float:
    """Sigma of the logarithm: half of what is between the quantiles that are two of it apart."""
    low, high = np.quantile(values, (NORMAL.cdf(-1), NORMAL.cdf(1)))
    return math.log(high / low) / 2


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Where it begins, and how steep it is, neither below zero; see `combined`."""
    found = combined([[1.0] * len(x), x], y)
    return found[0], found[1]


def combined(columns: Sequence[Sequence[float]], y: Sequence[float]) -> list[float]:
    """The factors of columns that sum up to `y`, none below zero; relative errors are the least
    possible. A column that would get less than zero gets zero, the worst one first."""
    weights = 1.0 / np.maximum(np.abs(np.asarray(y, float)), 1e-12)
    matrix = np.asarray(columns, float).T * weights[:, None]
    scales = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    target = np.asarray(y, float) * weights
    used = list(range(len(columns)))
    found = np.zeros(len(columns))
    while used:
        factors = np.linalg.lstsq(matrix[:, used] / scales[used], target, rcond=None)[0]
        if factors.min() >= 0:
            found[used] = factors / scales[used]
            break
        used.pop(int(factors.argmin()))
    return [float(each) for each in found]
