"""Means that a busy machine does not spoil, and lines through points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import pstdev

import numpy as np

KEPT = 0.97
"""Of times of the same work, so many are looked at: the longest are those of whoever was put off
the core meanwhile."""


def trimmed_mean(values: Sequence[float]) -> float:
    """Without the longest."""
    kept = sorted(values)[: max(1, math.ceil(len(values) * KEPT))]
    return sum(kept) / len(kept)


def typical(rounds: Sequence[float]) -> float:
    """Of rounds of the same: the lower quartile, for what else the machine does only adds."""
    return sorted(rounds)[len(rounds) // 4]


def log_sigma(values: Sequence[float]) -> float:
    """Sigma of the logarithm, without the longest."""
    kept = sorted(values)[: max(1, math.ceil(len(values) * KEPT))]
    return pstdev([math.log(value) for value in kept if value > 0])


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
