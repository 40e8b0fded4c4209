"""Two runs side by side: what is different, by how much, and whether chance alone may be why.

Of what is known for each hour, or minute, the ratio of the two runs is taken hour by hour: what
both days have in common drops out, and how far the ratios lie apart says how much is chance. Of
what is known once (a busiest minute, a quantile), the noise comes from how many it was of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, pairwise
from math import exp, log, sqrt
from statistics import fmean, median, stdev

from sim.population.histogram import RATIO
from sim.population.report.numbers import whole
from sim.population.result import Latency, Quantiles, Result

HOUR_MINUTES = 60
HOURS_MIN = 4
"""Fewer do not say how much is chance."""
SURE = 3.0
"""So many standard errors are more than chance."""
BUCKET = RATIO - 1
"""Quantiles are no finer."""
OF_MEDIAN = 1.4826
"""Times the median of its amounts, it is the sigma of what is normal about 0."""
QUANTILES = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
KINDS = ("host", "edge", "media")


@dataclass(frozen=True)
class Difference:
    """Of a figure in both runs. `noise`: as a share of it, what chance may do; None: not known."""

    what: str
    unit: str
    a: float
    b: float
    noise: float | None = 0.0

    @property
    def change(self) -> float | None:
        """Of B, against A; None where there is nothing to compare with."""
        if self.a > 0:
            return self.b / self.a - 1
        return 0.0 if self.a == self.b else None

    @property
    def told(self) -> str:
        """`same`, `chance` (it may be), `different`, or `not known`."""
        if self.a == self.b:
            return "same"
        if self.noise is None:
            return "not known"
        if self.change is not None and abs(self.change) <= self.noise:
            return "chance"
        return "different"


@dataclass(frozen=True)
class Comparison:
    """`inputs`: those that differ, with both values. `others`: what else makes the runs unlike, in
    words."""

    names: tuple[str, str]
    inputs: dict[str, tuple[float, float]]
    others: list[str]
    figures: list[Difference]


def compare(a: Result, b: Result, names: tuple[str, str] = ("A", "B")) -> Comparison:
    inputs = {
        name: (a.inputs.get(name, 0.0), b.inputs.get(name, 0.0))
        for name in sorted({*a.inputs, *b.inputs})
        if a.inputs.get(name) != b.inputs.get(name)
    }
    others = [
        f"{what}: {first} and {second}"
        for what, first, second in (
            ("scenario", a.scenario, b.scenario),
            ("people", whole(a.users), whole(b.users)),
            ("minutes", whole(a.minutes_done), whole(b.minutes_done)),
            ("regions", ", ".join(a.regions), ", ".join(b.regions)),
            ("machines", whole(len(a.nodes)), whole(len(b.nodes))),
            ("calibration", a.calibration.version, b.calibration.version),
            ("seed", str(a.seed), str(b.seed)),
        )
        if first != second
    ]
    figures = [*_rates(a, b), *_peaks(a, b), *_latencies(a, b)]
    if not inputs and all(each.startswith("seed: ") for each in others):
        figures = [_by_chance(each) for each in figures]
    return Comparison(names, inputs, others, figures)


def _by_chance(each: Difference) -> Difference:
    """Of runs with nothing else that differs: chance can do at least what it has done."""
    return replace(each, noise=max(each.noise or 0.0, abs(each.change or 0.0)))


def headline(found: Comparison) -> str:
    """What there is to say first."""
    different = sum(each.told == "different" for each in found.figures)
    many = f"{different} of {len(found.figures)} figures"
    if not found.inputs and all(each.startswith("seed: ") for each in found.others):
        seeds = "Only the seeds differ" if found.others else "Nothing that was said differs"
        return f"{seeds}: any difference is chance."
    words = f"{many} differ by more than chance."
    if any(each.startswith("seed: ") for each in found.others):
        return f"{words} The seeds differ, too: compare runs of one seed, for groups are others."
    return words


# --- what is known for each hour -------------------------------------------------------------


def _rates(a: Result, b: Result) -> Iterable[Difference]:
    for name in ("sends", "deliveries", "opens"):
        yield _by_hour(name, "1/s", _per_s(a, name), _per_s(b, name))
    for kind in KINDS:
        busy = [
            _means([each.by_hour for each in result.stations if each.kind == kind])
            for result in (a, b)
        ]
        yield _by_hour(f"{kind}: busy, mean", "share", *busy)
    nodes = [_means([each.by_hour for each in result.nodes]) for result in (a, b)]
    yield _by_hour("machine: CPU, mean", "share", *nodes)
    late = [_hourly([each.p99_ms for each in result.minutes]) for result in (a, b)]
    yield _by_hour("p99 until delivered, mean of minutes", "ms", *late)


def _per_s(result: Result, name: str) -> list[float]:
    """Of each whole hour, of all regions."""
    return [
        sum(getattr(region, name) for region in each.regions.values()) / 3600
        for each in result.hours[: result.minutes_done // HOUR_MINUTES]
    ]


def _by_hour(what: str, unit: str, a: list[float], b: list[float]) -> Difference:
    """Means over the hours that both have."""
    pairs = list(zip(a, b, strict=False))
    if not pairs:
        return Difference(what, unit, 0.0, 0.0, None)
    ratios = [log(second / first) for first, second in pairs if first > 0 and second > 0]
    noise = None
    if len(ratios) >= HOURS_MIN:
        noise = SURE * stdev(ratios) / sqrt(len(ratios))
    return Difference(what, unit, fmean(x for x, _ in pairs), fmean(y for _, y in pairs), noise)


def _means(rows: list[list[float]]) -> list[float]:
    """Of many, hour by hour."""
    return [fmean(each) for each in zip(*rows, strict=False)]


def _hourly(values: list[float]) -> list[float]:
    """Means of whole hours."""
    starts = range(0, len(values) - HOUR_MINUTES + 1, HOUR_MINUTES)
    return [fmean(values[start : start + HOUR_MINUTES]) for start in starts]


# --- what is known once ----------------------------------------------------------------------


def _peaks(a: Result, b: Result) -> Iterable[Difference]:
    """Of the busiest minute: as much is chance as with one minute's messages."""
    ratios = [
        log(second.sends / first.sends)
        for first, second in zip(a.minutes, b.minutes, strict=False)
        if first.sends > 0 and second.sends > 0
    ]
    # Between one minute and the next, days of other shapes hardly differ: what is left is chance.
    steps = [abs(after - before) for before, after in pairwise(ratios)]
    noise = SURE * OF_MEDIAN * median(steps) / sqrt(2) if len(steps) >= HOURS_MIN else None
    for kind in KINDS:
        peaks = _most(a, b, partial(_peaks_of, kind))
        yield Difference(f"{kind}: busiest minute", "share", *peaks, noise)
    cpu = _most(a, b, lambda r: [each.cpu_peak for each in r.nodes])
    yield Difference("machine: CPU, busiest minute", "share", *cpu, noise)
    waits = _most(a, b, lambda r: [each.backlog_s for each in r.minutes])
    yield Difference("longest wait at a process", "s", *waits, None)
    yield Difference("refused", "requests", a.totals.refused, b.totals.refused, None)
    memory = _most(a, b, lambda r: [each.memory_gb for each in r.nodes])
    yield Difference("machine: memory", "GB", *memory)
    disks = (a.stored.text_gb_per_day, b.stored.text_gb_per_day)
    yield Difference("disks: text", "GB/day", *disks, noise)
    disks = (a.stored.media_gb_per_day, b.stored.media_gb_per_day)
    yield Difference("disks: files", "GB/day", *disks, _of_files(a, b))
    rungs = {each.what: each.factor for each in b.ladder}
    for rung in a.ladder:
        if rung.what in rungs:
            words = f"{rung.what} breaks at"
            yield Difference(words, "×", rung.factor, rungs[rung.what], noise)


def _peaks_of(kind: str, result: Result) -> list[float]:
    return [each.peak for each in result.stations if each.kind == kind]


def _most(a: Result, b: Result, values: Callable[[Result], list[float]]) -> tuple[float, float]:
    return max(values(a), default=0.0), max(values(b), default=0.0)


def _of_files(a: Result, b: Result) -> float | None:
    """Of the sum of so many sizes, which are log-normal."""
    files = min(a.totals.media_files, b.totals.media_files)
    sigma = min(max(a.inputs.get("media.sigma", 0.0), b.inputs.get("media.sigma", 0.0)), 4.0)
    return SURE * sqrt(2 * exp(sigma**2) / files) if files > 0 else None


def _latencies(a: Result, b: Result) -> Iterable[Difference]:
    for region in a.regions:
        if region not in a.latency or region not in b.latency:
            continue
        for way in Latency.__struct_fields__:
            first, second = (getattr(each.latency[region], way) for each in (a, b))
            for name, part in QUANTILES.items():
                noise = _noise_of(first, second, part)
                values = (getattr(first, name), getattr(second, name))
                if any(values):
                    yield Difference(f"{region}: {way}, p{part * 100:g}", "ms", *values, noise)


def _noise_of(a: Quantiles, b: Quantiles, part: float) -> float | None:
    """Of a quantile: how far those lie apart that it may be as well, and a bucket."""
    spreads = [_spread(each, part) for each in (a, b)]
    known = [each for each in spreads if each is not None]
    return sqrt(sum(each**2 for each in known)) + BUCKET if len(known) == 2 else None


def _spread(times: Quantiles, part: float) -> float | None:
    """Half of what is between the quantiles that this many give for `part`, as a share."""
    total = sum(times.counts)
    if total <= 0:
        return None
    wide = SURE * sqrt(part * (1 - part) / total)
    low, high = _quantile(times, part - wide), _quantile(times, min(part + wide, 1.0))
    return (high / low - 1) / 2 if low > 0 else None


def _quantile(times: Quantiles, part: float) -> float:
    """Where the bucket ends that has it."""
    aim, sums = part * sum(times.counts), accumulate(times.counts)
    ends = zip(times.bounds_ms, sums, strict=False)
    return next((ms for ms, done in ends if done >= aim), times.bounds_ms[-1])
