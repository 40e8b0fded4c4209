"""When people write, how long messages take, and what a storm does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import ceil, floor

from sim.population.report.numbers import clock, counted, short, whole
from sim.population.report.numbers import figure as digits
from sim.population.report.page import Table, figure
from sim.population.report.svg import WIDTH, Plot, Scale, hue, room, spanned
from sim.population.result import Latency, Minute, Quantiles, Result

HOURS = 24
BEFORE, AFTER = 5, 10
"""So many minutes around a storm are shown."""
STORM_S = 1.0
"""Where somebody waits as long, or is refused, there is one."""
GAP_MINUTES = 5
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
TAIL = 1e-6
WAYS = {
    "send": ("Until it is sent", "From sending until the sender knows that it is kept."),
    "deliver": ("Until it is delivered", "From sending until one who is connected has it."),
    "read": ("Until it is read", "From asking until one sees what one has missed."),
}
"""Titles and captions, by what there is in `result.Latency`."""


def of(result: Result) -> tuple[list[str], list[str]]:
    """Notes and cards."""
    cards = [_heat(result), *(_latency(result, way) for way in Latency.__struct_fields__)]
    storm = worst_storm(result.minutes)
    if storm is not None:
        return [], [each for each in (*_storm(result, storm), *cards) if each]
    longest = max((each.backlog_s for each in result.minutes), default=0.0)
    calm = (
        f"No storm: nobody was refused, and no work waited longer than {digits(longest * 1e3)} ms."
    )
    return [calm], [each for each in cards if each]


def _heat(result: Result) -> str:
    """Messages a second, by region and hour of a day: the mean of all days."""
    regions = result.regions
    rates = {region: _rates(result, region) for region in regions}
    most = max((rate for each in rates.values() for rate in each if rate is not None), default=0.0)
    if most <= 0:
        return ""
    left = 12 + room(regions)
    plot = Plot("heat", 74.0 + 26.0 * len(regions), left=left, top=8)
    x = plot.x(0, HOURS)
    wide = x(1) - x(0)
    for row, region in enumerate(regions):
        y = plot.top + 26.0 * row
        plot.text(left - 8, y + 16, region, "end")
        for hour, rate in enumerate(rates[region]):
            if rate is not None:
                strength = f' fill-opacity="{0.06 + 0.94 * rate / most:.3f}"'
                plot.box(x(hour), y, wide - 1, 24, "heat", strength)
    base = plot.height - plot.bottom - 26
    for hour in range(0, HOURS + 1, 6):
        plot.text(x(hour), base + 16, f"{hour:02}", "middle")
    plot.text((left + WIDTH - plot.right) / 2, base + 32, "hour, UTC", "middle", "muted")
    for step in range(10):
        strength = f' fill-opacity="{0.06 + 0.94 * step / 9:.3f}"'
        plot.box(left + 14 + 10 * step, base + 44, 10, 10, "heat", strength)
    plot.text(left + 8, base + 53, "0", "end", "muted")
    plot.text(left + 120, base + 53, f"{short(most)} messages/s", "start", "muted")
    peak = max(regions, key=lambda region: max(rate or 0.0 for rate in rates[region]))
    hour = max(range(HOURS), key=lambda each: rates[peak][each] or 0.0)
    return figure(
        "Messages by hour and region",
        "A mean day of this run." if result.days > 1 else "By where who sends them lives.",
        plot,
        f"Most are sent in {peak} at {hour:02}:00 UTC: {short(most)} a second.",
        Table(
            ("hour, UTC", *regions),
            [
                (f"{hour:02}:00", *(_written(rates[region][hour]) for region in regions))
                for hour in range(HOURS)
            ],
        ),
    )


def _rates(result: Result, region: str) -> list[float | None]:
    """Sends a second in each hour of a day; None of one that the run has not reached."""
    found: list[list[float]] = [[] for _ in range(HOURS)]
    for each in result.hours:
        seconds = 60 * min(60, result.minutes_done - 60 * each.hour)
        if region in each.regions and seconds > 0:
            found[each.hour % HOURS].append(each.regions[region].sends / seconds)
    return [sum(rates) / len(rates) if rates else None for rates in found]


def _written(rate: float | None) -> str:
    return "" if rate is None else digits(rate)


def _latency(result: Result, way: str) -> str:
    """The share of messages that take longer, by how long."""
    known = {
        region: getattr(each, way)
        for region, each in result.latency.items()
        if sum(getattr(each, way).counts)
    }
    if not known:
        return ""
    plot = Plot(f"latency-{way}", 250.0, left=62)
    curves = {region: tail(each) for region, each in known.items()}
    times = [ms for curve in curves.values() for ms, _ in curve]
    x, y = plot.x(*spanned(times, log=True), log=True), plot.y(TAIL, 1.0, log=True)
    plot.axis_y(y, _one_in, "share that takes longer")
    plot.axis_x(x, digits, "ms")
    for number, curve in enumerate(curves.values()):
        plot.steps([(x(ms), y(left)) for ms, left in curve], hue(number))
    title, caption = WAYS[way]
    return figure(
        title,
        f"{caption} By region of who waits.",
        plot,
        "; ".join(f"{region}: p99 {digits(each.p99_ms)} ms" for region, each in known.items()),
        Table(
            ("region", "mean ms", "p50", "p99", "p99.9", "counted"),
            [
                (
                    region,
                    *(digits(v) for v in (each.mean_ms, each.p50_ms, each.p99_ms, each.p999_ms)),
                    whole(sum(each.counts)),
                )
                for region, each in known.items()
            ],
        ),
        known,
    )


def tail(times: Quantiles) -> list[tuple[float, float]]:
    """Times in ms, and the share that takes longer than each; from 1 on, and not below what one
    of all that were counted is."""
    total = sum(times.counts)
    sums = accumulate(times.counts)
    ends = zip(times.bounds_ms, sums, strict=False)
    found = [(times.bounds_ms[0], 1.0)]
    found += [(ms, max(TAIL, 1 - done / total)) for ms, done in ends]
    return found


def _one_in(share: float) -> str:
    return "all" if share >= 1 else f"1 in {short(round(1 / share))}"


@dataclass(frozen=True)
class Storm:
    """From the first minute to the last one in which it is felt, and the longest wait in it."""

    first: int
    last: int
    worst_s: float


def worst_storm(minutes: list[Minute]) -> Storm | None:
    """The one in which somebody waits longest."""
    found: list[Storm] = []
    for each in minutes:
        if each.backlog_s < STORM_S and not each.refused and not each.retrying:
            continue
        if found and each.minute - found[-1].last <= GAP_MINUTES:
            before = found[-1]
            found[-1] = Storm(before.first, each.minute, max(before.worst_s, each.backlog_s))
        else:
            found.append(Storm(each.minute, each.minute, each.backlog_s))
    return max(found, key=lambda each: each.worst_s, default=None)


def _storm(result: Result, storm: Storm) -> list[str]:
    shown = [
        each for each in result.minutes if storm.first - BEFORE <= each.minute <= storm.last + AFTER
    ]
    lasts = counted(storm.last - storm.first + 1, "minute")
    table = Table(
        ("minute, UTC", "longest wait, s", "p99 until delivered, s", "refused", "coming back"),
        [
            (
                clock(each.minute),
                digits(each.backlog_s),
                digits(each.p99_ms / 1e3),
                whole(each.refused),
                whole(each.retrying),
            )
            for each in shown
        ],
    )
    told = (
        f"It begins at {clock(storm.first)} UTC and is over after {lasts}; "
        f"the longest wait is {digits(storm.worst_s)} s."
    )
    waits = _waits(shown)
    found = [figure("A storm: how long it is waited", told, waits, told, table, WAITS)]
    if any(each.refused or each.retrying for each in shown):
        refused = sum(each.refused for each in shown)
        words = f"{whole(refused)} requests were refused, and their clients came back later."
        found.append(figure("A storm: who is refused", words, _refused(shown), words, table))
    return found


WAITS = ("longest at one process", "p99 until delivered")


def _waits(shown: list[Minute]) -> Plot:
    plot = Plot("storm", left=48)
    both = [[each.backlog_s for each in shown], [each.p99_ms / 1e3 for each in shown]]
    y = plot.y(*spanned([*both[0], *both[1]]))
    x = plot.x(shown[0].minute, shown[-1].minute + 1)
    plot.axis_y(y, digits, "seconds")
    _axis_of_minutes(plot, x)
    for number, values in enumerate(both):
        points = [(x(each.minute), y(value)) for each, value in zip(shown, values, strict=True)]
        points.append((x(shown[-1].minute + 1), points[-1][1]))
        plot.steps(points, hue(number))
    return plot


def _refused(shown: list[Minute]) -> Plot:
    plot = Plot("refused", left=48)
    y = plot.y(*spanned([each.refused for each in shown]))
    x = plot.x(shown[0].minute, shown[-1].minute + 1)
    plot.axis_y(y, short, "refused in a minute")
    _axis_of_minutes(plot, x)
    wide = x(shown[0].minute + 1) - x(shown[0].minute)
    for each in shown:
        if each.refused:
            top = y(each.refused)
            plot.box(x(each.minute) + 0.5, top, wide - 1, y(0) - top, "hue0")
    return plot


def _axis_of_minutes(plot: Plot, x: Scale) -> None:
    step = next((each for each in STEPS if (x.high - x.low) / each <= 5), STEPS[-1])
    first, last = ceil(x.low / step), floor(x.high / step)
    ticks = [number * step for number in range(first, last + 1)]
    plot.axis_x(x, lambda minute: clock(round(minute)), "UTC", ticks)
