"""What the figures rest on: inputs and how much depends on them, and how far to trust the model."""

from __future__ import annotations

from sim.population.inputs import INPUTS
from sim.population.report.numbers import change, share, trimmed, whole
from sim.population.report.numbers import figure as digits
from sim.population.report.page import Table, card, figure
from sim.population.report.svg import WIDTH, Plot, spanned
from sim.population.result import Held, Lever, Result

LEVERS = 10
WORST = 2.0
"""Predictions that are as many times too high or too low stand at the edge."""


def of(result: Result) -> tuple[list[str], list[str]]:
    """Notes and cards."""
    notes = [f"Extrapolation: {words}." for words in result.extrapolated]
    if not result.levers:
        notes.append("How much depends on each input: it was not worked out in this run.")
    if not result.validation:
        notes.append("Predicted against measured: nothing was measured for this run.")
    if not result.changed:
        notes.append("Inputs: all have their usual values.")
    cards = (_levers(result), _validation(result), _queue_error(result), _inputs(result))
    return notes, [each for each in cards if each]


def _levers(result: Result) -> str:
    known = result.levers[:LEVERS]
    if not known:
        return ""
    plot = Plot("levers", 62.0 + 40.0 * len(known), top=8, right=16)
    x = plot.x(0, spanned([each.machines_low for each in known] + [_most(known)])[1])
    plot.axis_x(x, digits, "machines that are needed")
    for number, each in enumerate(known):
        y = 16.0 + 40.0 * number
        plot.text(plot.left, y, each.input)
        plot.text(WIDTH - plot.right, y, _range(each), "end", "muted")
        low, high = x(each.machines_low), x(each.machines_high)
        plot.path([(x.start, y + 13), (x.stop, y + 13)], "grid")
        plot.path([(low, y + 13), (high, y + 13)], "bar hue0")
        plot.dot(low, y + 13, "hollow")
        plot.dot(high, y + 13, "hue0")
    first = known[0]
    return figure(
        "What it depends on most",
        "Machines with one input at its low (hollow) and at its high (full), all others as they "
        "are.",
        plot,
        f"Most depends on {first.input}: {digits(first.machines_low)} machines at "
        f"{digits(first.low)}, {digits(first.machines_high)} at {digits(first.high)}.",
        Table(
            ("input", "low", "high", "unit", "machines at low", "at high"),
            [
                (
                    each.input,
                    value(each.low),
                    value(each.high),
                    each.unit,
                    digits(each.machines_low),
                    digits(each.machines_high),
                )
                for each in result.levers
            ],
            frozenset({3}),
        ),
    )


def _most(known: list[Lever]) -> float:
    return max(each.machines_high for each in known)


def _range(lever: Lever) -> str:
    return f"{value(lever.low)} to {value(lever.high)} {lever.unit}".strip()


def value(number: float) -> str:
    """Of an input: all of its digits."""
    return trimmed(f"{number:,.9f}")


def _validation(result: Result) -> str:
    pairs = [
        (held, name)
        for held in result.validation
        for name in held.predicted
        if held.measured.get(name, 0.0) > 0 and held.predicted[name] > 0
    ]
    if not pairs:
        return ""
    plot = Plot(
        "validation",
        64.0 + 20.0 * (len(pairs) + len(result.validation)),
        top=20,
        left=120,
        right=24,
    )
    x = plot.x(1 / WORST, WORST, log=True)
    plot.axis_x(
        x, lambda ratio: change(ratio - 1), "predicted, against measured", (0.5, 0.7, 1, 1.4, 2)
    )
    base = plot.height - plot.bottom
    plot.path([(x(1), plot.top), (x(1), base)], "limit")
    y = plot.top - 4
    for held in result.validation:
        y += 20
        plot.text(0, y, f"{held.what}{' (held out)' if held.held_out else ''}")
        for name in (name for each, name in pairs if each is held):
            y += 20
            _held(plot, held, name, y)
    return figure(
        "Predicted against measured",
        "Full: loads that the calibration had not seen (held out); hollow: those it was made of. "
        "The band: how far measurements lie apart.",
        plot,
        "; ".join(
            f"{held.what}, {name}: {change(held.predicted[name] / held.measured[name] - 1)}"
            for held, name in pairs
        ),
        Table(
            ("load", "held out", "figure", "predicted", "measured", "difference", "noise"),
            [
                (
                    held.what,
                    "held out" if held.held_out else "calibrated",
                    name,
                    digits(held.predicted[name]),
                    digits(held.measured[name]),
                    change(held.predicted[name] / held.measured[name] - 1),
                    f"± {share(held.noise[name])}" if name in held.noise else "",
                )
                for held, name in pairs
            ],
            frozenset({1, 2}),
        ),
    )


def _held(plot: Plot, held: Held, name: str, y: float) -> None:
    x = plot.x(1 / WORST, WORST, log=True)
    plot.text(plot.left - 8, y, name, "end", "muted")
    noise = held.noise.get(name, 0.0)
    if noise:
        low, high = x(1 - min(noise, 0.5)), x(1 + noise)
        plot.box(low, y - 11, high - low, 14, "soft")
    ratio = held.predicted[name] / held.measured[name]
    plot.path([(x(1), y - 4), (x(ratio), y - 4)], "line hue0")
    plot.dot(x(ratio), y - 4, "hue0" if held.held_out else "hollow")


def _queue_error(result: Result) -> str:
    """Rows are loads, columns figures; `whole.FIGURES` has their names."""
    loads: dict[str, dict[str, float]] = {}
    for key, error in result.queue_error.items():
        load, _, name = key.partition(" ")
        loads.setdefault(load, {})[name] = error
    if not loads:
        return ""
    names = list(dict.fromkeys(name for each in loads.values() for name in each))
    return card(
        "Bins of 5 ms against every event",
        "How far off the delays of a host are, and what it does, with the same arrivals.",
        Table(
            ("load", *names),
            [
                (load, *(change(each[name]) if name in each else "" for name in names))
                for load, each in loads.items()
            ],
        ),
    )


def _inputs(result: Result) -> str:
    if not result.changed:
        return ""
    rows = []
    for name in result.changed:
        mine, known = value(result.inputs.get(name, 0.0)), INPUTS.get(name)
        if known is None:
            rows.append((name, mine, "", "", "", "", ""))
            continue
        unit = "" if known.unit == "1" else known.unit
        usual = value(known.default)
        rows.append((name, mine, unit, usual, known.confidence, known.text, known.source))
    heads = ("input", "value", "unit", "usually", "confidence", "what it is", "source")
    return card(
        "Inputs that this scenario changes",
        f"{whole(len(result.changed))} of {whole(len(result.inputs))}; the source and confidence "
        "are those of the usual value. heliograph sim population inputs lists all.",
        Table(heads, rows, frozenset({2, 4, 5, 6})),
        wide=True,
    )
