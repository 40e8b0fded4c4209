"""How far bins are from what happens event by event, in one host whose clients come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.population.arrays import Floats, Ints
from sim.population.queueing.exact import Host
from sim.population.queueing.noise import Binned, arrivals, noise_of
from sim.population.queueing.parameters import Station
from sim.population.queueing.station import BIN_S, LOAD_BINS, Passed, Stations, pass_through

LOADS = (0.3, 0.6, 0.8, 0.9, 0.95, 1.2)


@dataclass(frozen=True)
class Figures:
    """Of the items that were done in time: `mean_s`, `p50_s`, `p99_s` of the delay since their
    clients first asked, and how many there were a second. Of all: how often they were refused, and
    how many gave up."""

    mean_s: float
    p50_s: float
    p99_s: float
    done_per_s: float
    refused: int
    given_up: int

    @staticmethod
    def of(delay_s: Floats, seconds: float, refused: int, given_up: int) -> Figures:
        p50_s, p99_s = np.quantile(delay_s, [0.5, 0.99]).tolist()
        per_s = len(delay_s) / seconds
        return Figures(float(delay_s.mean()), p50_s, p99_s, per_s, refused, given_up)


@dataclass(frozen=True)
class BinError:
    """At one load, of the capacity: the same arrivals both ways."""

    load: float
    exact: Figures
    bins: Figures

    def error(self, name: str) -> float:
        """Of a figure, relative."""
        exact: float = getattr(self.exact, name)
        return float(getattr(self.bins, name) / exact - 1)


def error_of_bins(
    station: Station, seconds: float, loads: Sequence[float] = LOADS, seed: int = 7
) -> list[BinError]:
    """The errors at each load, over so many seconds from an empty host on."""
    found = []
    for index, load in enumerate(loads):
        rng = np.random.default_rng([seed, index])
        items = int(load * station.capacity_per_s * seconds)
        came_s, work_s = arrivals(station, load, items, rng)
        found.append(compare(station, came_s, work_s, load, rng))
    return found


def compare(
    station: Station, came_s: Floats, work_s: Floats, load: float, rng: np.random.Generator
) -> BinError:
    """These arrivals (items,) both ways, until the last one came."""
    bins = int(came_s[-1] / BIN_S) + 1
    seconds = bins * BIN_S
    host = Host(station, came_s, work_s, int(rng.integers(2**32)))
    outcome = host.run(seconds)
    in_time = outcome.delay_s[outcome.done_s < seconds]
    exact = Figures.of(in_time, seconds, int(outcome.refusals.sum()), outcome.given_up)
    binned = Binned.of(came_s, work_s, bins)
    passed = pass_through(binned.work_ns, binned.items, Stations.of([station]))
    where, age_s = _let_in(station, binned, passed)
    delay_s = passed.delay_s[0, where]
    load_there = passed.load[0, where // LOAD_BINS]
    served_s = delay_s + noise_of(station).draw(load_there, delay_s, rng.random(len(where)))
    done = where * BIN_S + served_s < seconds
    given_up = int(passed.given_up[0])
    bins_figures = Figures.of(
        (age_s + served_s)[done], seconds, int(passed.refused.sum()), given_up
    )
    return BinError(load, exact, bins_figures)


def _let_in(station: Station, binned: Binned, passed: Passed) -> tuple[Ints, Floats]:
    """Of each item that was not refused (items,): the bin in which it was let in, and how long ago
    its client first asked."""
    fresh = binned.items[0] - passed.fresh_refused[0]
    counts = [fresh, *passed.returned.get(0, [])]
    bins = np.arange(len(fresh))
    where = [np.repeat(bins, count) for count in counts]
    ages_s = np.repeat([0.0, *station.ages_s][: len(counts)], [len(each) for each in where])
    return np.concatenate(where), ages_s
