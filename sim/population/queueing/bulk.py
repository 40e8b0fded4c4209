"""What theory says of a server that takes all that waits, `most` at once, and then works for
`fixed_s` and `each_s` for each of them, whatever comes meanwhile.

N. T. J. Bailey, "On queueing processes with bulk service", 1954, in the form where an idle server
takes whoever comes first (M. F. Neuts, "A general class of bulk queues", 1967): the number that is
left when a service ends is a Markov chain, as arrivals know nothing of each other. Its stationary
distribution is solved for; the delay follows from it, by where in a service somebody arrives, who
is before him, and, as the service depends on it, who comes until his own begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Floats

MOMENTS = 64
"""So many places within a service an arrival is looked at."""


def poisson_pmf(mean: NDArray[np.floating[Any]], count: int) -> Floats:
    """The chances (…, count) of 0, 1, 2, … arrivals for each mean (…)."""
    numbers = np.arange(count)
    logs = np.concatenate(([0.0], np.cumsum(np.log(numbers[1:]))))
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(numbers == 0, 0.0, numbers * np.log(mean)[..., np.newaxis])
    chances: Floats = np.exp(powers - mean[..., np.newaxis] - logs)
    return chances


@dataclass(frozen=True)
class Delays:
    """Delays that there are (n,), ascending, and how many there are of each."""

    values_s: Floats
    weights: Floats

    @property
    def mean_s(self) -> float:
        return float(np.average(self.values_s, weights=self.weights))

    def quantile(self, share: float) -> float:
        total = np.cumsum(self.weights)
        return float(self.values_s[np.searchsorted(total, share * total[-1])])


@dataclass(frozen=True)
class Bulk:
    rate_per_s: float
    fixed_s: float
    each_s: float
    most: int

    @property
    def load(self) -> float:
        """Of the server, if it always took as many as it can."""
        return self.rate_per_s * self.time_s(self.most) / self.most

    def time_s(self, items: int) -> float:
        return self.fixed_s + self.each_s * items

    def left(self) -> Floats:
        """The chances (n,) that so many are left when a service ends."""
        states = 4 * self.most + int(25 / (1 - self.load))
        times = np.array([self.time_s(max(1, min(i, self.most))) for i in range(states)])
        come = poisson_pmf(self.rate_per_s * times, states)
        moves = np.zeros((states, states))
        for i in range(states):
            stay = max(0, i - self.most)
            moves[i, stay:] = come[i, : states - stay]
        moves[:, -1] += 1 - moves.sum(axis=1)
        balance = moves.T - np.eye(states)
        balance[-1] = 1.0  # instead of the equation that follows from the others
        return np.linalg.solve(balance, np.eye(states)[-1])

    def delays(self) -> Delays:
        left = np.maximum(self.left(), 0.0)
        values = [np.array([self.time_s(1)])]  # who comes to an idle server
        weights = [left[:1]]
        for size in range(1, self.most + 1):
            if size < self.most:
                behind = np.array([left[size] + (left[0] if size == 1 else 0.0)])
            else:
                behind = left[size:]  # by how many are left behind when the service begins
                behind[0] += left[0] if size == 1 else 0.0
            for moment in (np.arange(MOMENTS) + 0.5) / MOMENTS:
                found = self._arriving(size, moment, behind)
                values.append(found[0])
                weights.append(found[1])
        order = np.argsort(np.concatenate(values))
        return Delays(np.concatenate(values)[order], np.concatenate(weights)[order])

    def _arriving(self, size: int, moment: float, behind: Floats) -> tuple[Floats, Floats]:
        """Delays, and how many there are, of those who come at this part of a service of so many,
        which had left as many behind as `behind` says."""
        time_s = self.time_s(size)
        room = len(behind) + int(10 * self.most + 10)
        earlier = poisson_pmf(np.array(self.rate_per_s * moment * time_s), room)
        before = np.convolve(behind, earlier)[:room]  # chances of so many before him
        before *= self.rate_per_s * time_s / MOMENTS
        place = np.arange(room)
        rounds, seat = place // self.most, place % self.most
        wait_s = (1 - moment) * time_s + rounds * self.time_s(self.most)
        later = poisson_pmf(self.rate_per_s * wait_s, self.most)
        sizes = np.arange(1, self.most + 1)
        extra = sizes - 1 - seat[:, np.newaxis]  # so many come after him until his own begins
        chances = np.where(extra >= 0, np.take_along_axis(later, np.maximum(extra, 0), 1), 0.0)
        chances[:, -1] = 1 - chances[:, :-1].sum(axis=1)
        delay_s = wait_s[:, np.newaxis] + self.time_s(0) + self.each_s * sizes
        return delay_s.ravel(), (before[:, np.newaxis] * chances).ravel()
