"""Two runs side by side, each with its repetitions: what differs by more than noise. Pure.

Noise is how far repetitions of one run lie apart. A difference is larger when it would come by
chance less than once in a hundred times if both runs were the same: by the exact test of Mann and
Whitney, which looks only at the order of the values and so assumes nothing of how they scatter.
With five repetitions each that says: all values of one lie beyond all of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median
from typing import Any, NamedTuple

CHANCE_MAX = 0.01
REPETITIONS_MIN = 5
RATES = {
    "sent_per_s": "messages/s sent",
    "delivered_per_s": "messages/s received",
    "deliveries_per_s": "deliveries/s",
    "connects_per_s": "connections/s that came back",
    "files_mb_per_s": "files, MB/s",
    "floor_ratio": "of the floor",
    "success_percent": "success, %",
    "unavailable_s": "unavailable, s",
    "client_us_per_message": "client CPU, µs a message",
    "machine_busy_percent": "machine busy, %",
}
QUANTILES = {"p50_ms": "p50", "p99_ms": "p99", "p999_ms": "p99.9"}


class Values(NamedTuple):
    """Of all repetitions of a run."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Values:
        return Values(median(values), min(values), max(values))

    @property
    def noise_percent(self) -> float:
        """How far they lie apart, of their median."""
        return 100.0 * (self.high - self.low) / self.median if self.median else 0.0


class Difference(NamedTuple):
    """Of one figure. `chance`: how often the like comes where there is no difference."""

    name: str
    a: Values
    b: Values
    change_percent: float
    chance: float

    @property
    def larger_than_noise(self) -> bool:
        return self.chance <= CHANCE_MAX

    def figures(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "a": {**self.a._asdict(), "noise_percent": round(self.a.noise_percent, 1)},
            "b": {**self.b._asdict(), "noise_percent": round(self.b.noise_percent, 1)},
            "change_percent": round(self.change_percent, 2),
            "chance": round(self.chance, 5),
            "larger_than_noise": self.larger_than_noise,
        }


def differences(a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]]) -> list[Difference]:
    """All figures that both runs have, of the figures of their repetitions (at least one each)."""
    ours, theirs = list(map(_flat, a)), list(map(_flat, b))
    names = [name for name in ours[0] if all(name in each for each in (*ours, *theirs))]
    return [_difference(n, [e[n] for e in ours], [e[n] for e in theirs]) for n in names]


def _flat(figures: dict[str, Any]) -> dict[str, float]:
    """The figures that are compared, by what people call them. In a closed loop there is only one
    clock: nothing is due before it leaves."""
    found = {words: float(figures[key]) for key, words in RATES.items() if key in figures}
    for kind, clocks in figures["latencies"].items():
        for clock in ("intended", "service") if "rate" in figures else ("intended",):
            of = f"{kind} {clock}" if "rate" in figures else kind
            for key, words in QUANTILES.items():
                found[f"{of} {words}, ms".replace("_", " ")] = clocks[clock][key]
    for number, storm in enumerate(figures.get("storms", ()), 1):
        found[f"storm {number} recovered, s"] = storm["recovered_s"]
    return found


def _difference(name: str, a: Sequence[float], b: Sequence[float]) -> Difference:
    before, after = Values.of(a), Values.of(b)
    change = 100.0 * (after.median / before.median - 1) if before.median else 0.0
    return Difference(name, before, after, change, chance(a, b))


def chance(a: Sequence[float], b: Sequence[float]) -> float:
    """How often values of the same origin would be parted by their order as much as these."""
    ranks = _ranks([*a, *b])
    found, middle = sum(ranks[: len(a)]), len(a) * (len(ranks) + 1)
    # How many choices of so many of the ranks have which sum.
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in a)]
    for rank in ranks:
        for chosen in range(len(a), 0, -1):
            for total, count in ways[chosen - 1].items():
                ways[chosen][total + rank] = ways[chosen].get(total + rank, 0) + count
    far = abs(found - middle)
    beyond = sum(n for total, n in ways[len(a)].items() if abs(total - middle) >= far)
    return beyond / comb(len(ranks), len(a))


def _ranks(values: Sequence[float]) -> list[int]:
    """Twice the rank of each, so that those of equal values are whole numbers, too."""
    return [
        sum(other < value for other in values) + sum(other <= value for other in values) + 1
        for value in values
    ]
