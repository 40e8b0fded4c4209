"""Who opens the application when, and what they send: everybody's sends, a minute at a time.

Nothing is kept of a person. People of a block are numbered; those of one region and one kind of day
are neighbours (a cohort), from the least to the most active. Activity is log-normal, so who opens
the application is drawn from the size-biased distribution, which is log-normal again (moved by the
square of sigma), and its quantile is the person's place. Each opening is a session with a burst of
sends: their number is negative-binomial (some send nothing, a few very much), the gaps between them
are log-normal ("Share and Multiply", IEEE Access 2023).

A session that goes on beyond its slot goes on at the beginning of the same slot: no send appears
or vanishes, and what happens within seconds is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from sim.population.arrays import Floats, Ints
from sim.population.slot import DAY_MINUTES, Slot

SENDS_SHAPE = 0.5
"""Of the negative binomial distribution: 1 would be geometric."""
QUANTILES = 1 << 14


@dataclass(frozen=True)
class Cohort:
    """Neighbours: people of a block from `first` to before `stop`, in one region (its index), whose
    sessions are spread over the minutes of a day in UTC as `shape` says (mean 1)."""

    first: int
    stop: int
    region: int
    shape: tuple[float, ...]

    def sessions(self, per_day: float, minute: int) -> float:
        """How many are expected in this minute of the day."""
        return (self.stop - self.first) * per_day / DAY_MINUTES * self.shape[minute]


@dataclass(frozen=True)
class Habits:
    """What people do, at the mean; `*_sigma` are of log-normal distributions."""

    sends_per_day: float
    sessions_per_day: float
    session_s: float
    activity_sigma: float
    gap_sigma: float


@dataclass(frozen=True)
class Sessions:
    """Of one block and slot, one element each: who, and when it begins (us of the slot)."""

    who: Ints
    at_us: Ints


@dataclass(frozen=True)
class Sends:
    """One element each: the session it belongs to (an index of `Sessions`), and when it is sent
    (us of the slot)."""

    session: Ints
    at_us: Ints


def stream(*names: int) -> np.random.Generator:
    """Random numbers of what is called so, which no others depend on."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(names)))


@cache
def _normal_quantiles() -> tuple[Floats, Floats]:
    """The normal distribution's probabilities at even distances."""
    z = np.linspace(-9.0, 9.0, QUANTILES)
    normal = NormalDist()
    return z, np.array([normal.cdf(each) for each in z])


def normal_cdf(z: Floats) -> Floats:
    """Probabilities of at most `z`; off by at most 1e-7."""
    at, below = _normal_quantiles()
    found: Floats = np.interp(z, at, below)
    return found


def log_normal(rng: np.random.Generator, mean: float, sigma: float, count: int) -> Floats:
    """So many values with this mean; `sigma` is of their logarithms."""
    return rng.lognormal(np.log(mean) - sigma * sigma / 2, sigma, count)


def each_of(counts: Ints) -> tuple[Ints, Ints]:
    """For things of which there are so many each, one after the other: which it is (its index), and
    the how many-th of it, from 0."""
    which = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return which, np.arange(len(which)) - before[which]


def sessions(
    rng: np.random.Generator,
    cohorts: tuple[Cohort, ...],
    habits: Habits,
    slot: Slot,
    factor: float = 1.0,
) -> Sessions:
    """Those that begin in this slot; `factor`: how much livelier than others the day is."""
    per_day = habits.sessions_per_day * factor / slot.slots
    counts = rng.poisson([each.sessions(per_day, slot.of_day) for each in cohorts])
    total = int(counts.sum())
    place = normal_cdf(rng.normal(habits.activity_sigma, 1.0, total))
    first = np.repeat([each.first for each in cohorts], counts)
    size = np.repeat([each.stop - each.first for each in cohorts], counts)
    who = first + np.minimum((place * size).astype(np.int64), size - 1)
    return Sessions(who, rng.integers(0, slot.us, total))


def sends(rng: np.random.Generator, begun: Sessions, habits: Habits, slot: Slot) -> Sends:
    """What is sent in these sessions."""
    mean = habits.sends_per_day / habits.sessions_per_day
    counts = rng.negative_binomial(SENDS_SHAPE, SENDS_SHAPE / (SENDS_SHAPE + mean), len(begun.who))
    session = np.repeat(np.arange(len(counts)), counts)
    gaps_s = log_normal(rng, habits.session_s / (mean + 1.0), habits.gap_sigma, len(session))
    passed_us = np.cumsum((gaps_s * 1e6).astype(np.int64))
    before = np.cumsum(counts) - counts  # the number of sends before each session's
    start = np.concatenate(([0], passed_us))[before]
    at_us = begun.at_us[session] + passed_us - start[session]
    return Sends(session, at_us % slot.us)
