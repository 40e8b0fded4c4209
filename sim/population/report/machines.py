"""What breaks first, how far the machines go, and which parts of them are busiest."""

from __future__ import annotations

from sim.population.report import kept
from sim.population.report.numbers import figure as digits
from sim.population.report.numbers import share, short, times, whole
from sim.population.report.page import Table, card, figure
from sim.population.report.svg import WIDTH, Plot, Scale, spanned
from sim.population.result import Result, Rung, Station

HOTTEST = 10


def of(result: Result) -> tuple[list[str], list[str]]:
    """Notes and cards."""
    cards = [
        _ladder(result),
        _capacity(result),
        kept.disks(result),
        kept.memory(result),
        _hottest(result),
    ]
    notes = []
    if not result.capacity:
        notes.append("Capacity with more and fewer people: it was not worked out in this run.")
    return notes, [each for each in cards if each] + [_processes(result)]


def _measured_to(result: Result) -> float:
    """Up to how many times the load it is known how the machines fare."""
    inside = [each.factor for each in result.capacity if not each.beyond]
    return max(inside, default=1.0)


def _ladder(result: Result) -> str:
    rungs = result.ladder
    if not rungs:
        return ""
    plot = Plot("ladder", 44.0 + 38.0 * len(rungs), top=8, right=16)
    low, high = spanned((1.0, 10.0, *(each.factor for each in rungs)), log=True)
    scale = plot.x(low, high, log=True)
    plot.top = 20
    plot.hatch(scale(_measured_to(result)), WIDTH - plot.right)
    plot.axis_x(scale, times, "times the load of this run")
    base = plot.height - plot.bottom
    plot.path([(scale(1), plot.top), (scale(1), base)], "limit")
    plot.text(scale(1), plot.top - 6, "now", "start", "muted")
    for number, rung in enumerate(rungs):
        _rung(plot, rung, scale, 36.0 + number * 36.0)
    first = rungs[0]
    return figure(
        "What breaks first",
        "How many times the busiest minute's load each part bears; each grows in a straight line.",
        plot,
        f"The first to break is {first.what} ({first.where}), at {times(first.factor)} the load.",
        Table(
            ("part", "where", "now", "limit", "unit", "at times the load", "people"),
            [
                (
                    each.what,
                    each.where,
                    digits(each.now),
                    digits(each.limit),
                    each.unit,
                    times(each.factor),
                    whole(each.users),
                )
                for each in rungs
            ],
            frozenset({1, 4}),
        ),
    )


def _rung(plot: Plot, rung: Rung, scale: Scale, y: float) -> None:
    now, at = scale(1), scale(rung.factor)
    plot.text(plot.left, y, rung.what)
    plot.text(WIDTH - plot.right, y, f"{times(rung.factor)} · {short(rung.users)} people", "end")
    plot.path([(now, y + 12), (at, y + 12)], "line hue0")
    plot.dot(at, y + 12, "hue0", 5)


def _capacity(result: Result) -> str:
    known = result.capacity
    if len(known) < 2:
        return ""
    log = max(each.p99_high_ms for each in known) > 20 * min(each.p99_low_ms for each in known)
    plot = Plot("capacity", height=260, left=54)
    y = plot.y(*spanned([each.p99_high_ms for each in known] + [known[0].p99_low_ms], log), log)
    x = plot.x(known[0].factor * result.users, known[-1].factor * result.users, log=True)
    places = [x(each.factor * result.users) for each in known]
    if any(each.beyond for each in known):
        inside = [at for at, each in zip(places, known, strict=True) if not each.beyond]
        plot.hatch(max(inside, default=plot.left), WIDTH - plot.right)
    plot.axis_y(y, digits, "p99 until delivered, ms")
    plot.axis_x(x, short, "people; at points, how busy the busiest part is")
    now = x(result.users)
    plot.path([(now, plot.top), (now, plot.height - plot.bottom)], "limit")
    plot.text(now, plot.top - 4, "now", "middle", "muted")
    lows = [(at, y(each.p99_low_ms)) for at, each in zip(places, known, strict=True)]
    highs = [(at, y(each.p99_high_ms)) for at, each in zip(places, known, strict=True)]
    plot.area(lows, highs, "hue0")
    points = [(at, y(each.p99_ms)) for at, each in zip(places, known, strict=True)]
    plot.line(points, "hue0")
    labelled = 0.0
    for (at, height), each in zip(points, known, strict=True):
        plot.dot(at, height, "hollow" if each.beyond else "hue0")
        if at - labelled > 34:
            plot.text(
                max(at - 5, plot.left + 16),
                height - 9,
                f"{each.utilisation:.0%}",
                "middle",
                "muted",
            )
            labelled = at
    return figure(
        "Capacity",
        "The busiest minute with more and fewer people on these machines. The band: three seeds.",
        plot,
        f"p99 is {digits(known[0].p99_ms)} ms with {short(result.users * known[0].factor)} people "
        f"and {digits(known[-1].p99_ms)} ms with {short(result.users * known[-1].factor)}.",
        Table(
            ("times the people", "people", "busiest part", "p99 ms", "lowest", "highest", ""),
            [
                (
                    times(each.factor),
                    whole(result.users * each.factor),
                    share(each.utilisation),
                    digits(each.p99_ms),
                    digits(each.p99_low_ms),
                    digits(each.p99_high_ms),
                    "extrapolation" if each.beyond else "",
                )
                for each in known
            ],
            frozenset({6}),
        ),
    )


def _hottest(result: Result) -> str:
    known = result.partitions.hottest[:HOTTEST]
    if not known:
        return ""
    plot = Plot("hottest", 60.0 + 22.0 * len(known), top=20, left=48, right=70)
    x = plot.x(0, spanned([each.share for each in known])[1])
    plot.axis_x(x, digits, "times the turns of a mean partition")
    base = plot.height - plot.bottom
    for number, each in enumerate(known):
        y = plot.top + 22.0 * number
        plot.text(plot.left - 6, y + 12, f"{each.partition}", "end")
        plot.box(plot.left, y + 1, x(each.share) - plot.left, 14, "hue0")
        plot.text(x(each.share) + 6, y + 12, f"{digits(each.peak_per_s)}/s")
    plot.path([(x(1), plot.top - 4), (x(1), base)], "limit")
    plot.text(x(1), plot.top - 8, "mean", "middle", "muted")
    return figure(
        "Hottest partitions",
        f"Of {whole(result.partitions.count)}; beside each bar, turns in its busiest minute.",
        plot,
        f"Partition {known[0].partition} has {times(known[0].share)} the turns of a mean one.",
        Table(
            ("partition", "host", "turns/s", "in its busiest minute", "times the mean"),
            [
                (
                    f"{each.partition}",
                    each.host,
                    digits(each.turns_per_s),
                    digits(each.peak_per_s),
                    digits(each.share),
                )
                for each in result.partitions.hottest
            ],
            frozenset({1}),
        ),
    )


def _processes(result: Result) -> str:
    """The busiest of each kind in each region."""
    busiest: dict[tuple[str, str], list[Station]] = {}
    for station in result.stations:
        busiest.setdefault((station.region, station.kind), []).append(station)
    rows = []
    for (region, kind), stations in busiest.items():
        worst = max(stations, key=lambda each: each.peak)
        rows.append(
            (
                worst.name,
                region,
                f"{len(stations)} × {kind}",
                share(worst.utilisation),
                share(worst.peak),
                digits(worst.delay.p50_ms),
                digits(worst.delay.p99_ms),
                digits(worst.delay.p999_ms),
                whole(sum(each.refused for each in stations)),
                whole(worst.connections),
            )
        )
    heads = ("process", "region", "one of", "busy", "in its busiest minute")
    delays = ("p50 ms", "p99 ms", "p99.9 ms", "refused, of all", "connections")
    return card(
        "Busiest processes",
        "Of each kind in each region. Delays: of a request, from when it arrives until it is done.",
        Table((*heads, *delays), rows, frozenset({1, 2})),
        wide=True,
    )
