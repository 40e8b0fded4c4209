"""What was predicted beside what was measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median

LIMITS = {
    "throughput_per_s": 0.15,
    "p50_ms": 0.25,
    "p99_ms": 0.40,
    "edge_mb": 0.15,
    "memory_mb": 0.15,
    "recovery_s": 0.30,
}
"""How far a prediction may be off, as a share of what was measured."""

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Compared:
    """A figure of a load. `noise`: how far the rounds lie apart, as a share of their median."""

    load: str
    figure: str
    predicted: float
    measured: float
    noise: float

    @property
    def limit(self) -> float:
        return LIMITS[self.figure]

    @property
    def error(self) -> float:
        """Of the prediction, as a share of what was measured."""
        return self.predicted / self.measured - 1.0 if self.measured else float("inf")

    @property
    def within(self) -> bool:
        return abs(self.error) <= self.limit

    def figures(self) -> dict[str, str | float | bool]:
        told = {"limit": self.limit, "error": self.error, "within": self.within}
        return asdict(self) | told


def middle(rounds: Iterable[Figures]) -> dict[str, float]:
    """The median of each figure."""
    some = list(rounds)
    return {name: median(each[name] for each in some) for name in some[0]}


def noise(rounds: Iterable[Figures]) -> dict[str, float]:
    """How far they lie apart, as a share of the median."""
    some = list(rounds)
    medians = middle(some)
    spread = {n: max(r[n] for r in some) - min(r[n] for r in some) for n in medians}
    return {n: spread[n] / medians[n] if medians[n] else 0.0 for n in medians}


def compared(load: str, predicted: Figures, rounds: list[dict[str, float]]) -> list[Compared]:
    """Each figure that was predicted, of so many rounds of a load."""
    measured, spread = middle(rounds), noise(rounds)
    return [
        Compared(load, name, predicted[name], measured[name], spread[name])
        for name in LIMITS
        if name in predicted and name in measured
    ]
