"""Predictions and comparisons in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from sim.population.validation.attempts import Predicted
from sim.population.validation.compare import Compared

FIGURES = {
    "throughput_per_s": "messages/s",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "edge_mb": "edge, MB",
    "memory_mb": "memory, MB",
    "recovery_s": "recovery, s",
}
"""What they are called where they are shown."""


def show_predicted(console: Console, predicted: Predicted) -> None:
    client = predicted.client
    console.print(
        f"capacity {predicted.capacity_per_s:,.0f} messages/s; of the load tool: a frame "
        f"{client.frame_us:g} µs, a turn of its loop {client.batch_us:g} µs, a connection "
        f"{client.open_us:g} µs; between edge and host {client.way_us:g} µs; work takes "
        f"{client.late:g} times its CPU, and once a second all stands still for "
        f"{client.stall_ms:g} ms",
        markup=False,
    )
    table = _table("load", "held out", "rate", "figure", "predicted", "without batching")
    for load in predicted.loads:
        for number, (figure, value) in enumerate(load.figures.items()):
            first = (_called(load.name), "yes" if load.held_out else "", f"{load.rate:,.0f}")
            shown = first if number == 0 else ("", "", "")
            without = f"{load.without_batching[figure]:,.4g}"
            table.add_row(*shown, FIGURES[figure], f"{value:,.4g}", without)
    console.print(table)


def show_compared(
    console: Console,
    number: int,
    found: Sequence[Compared],
    batching: bool,
    at_pace: Sequence[Compared] = (),
    first: Sequence[Compared] = (),
) -> None:
    """`at_pace`: the same figures, predicted for a machine that is as fast as it was when they were
    measured; `first`: those of the first attempt."""
    beside = {"at pace": _errors(at_pace), "first": _errors(first)}
    beside = {name: errors for name, errors in beside.items() if errors}
    model = "" if batching else ", the model without batching"
    columns = ["load", "figure", "predicted", "measured", "noise", "off by", "allowed", ""]
    table = _table(*columns, *beside)
    table.title = f"attempt {number}{model}"
    shown = ""
    for each in found:
        load, shown = "" if each.load == shown else _called(each.load), each.load
        words = [load, FIGURES[each.figure], f"{each.predicted:,.4g}", f"{each.measured:,.4g}"]
        words += [f"{each.noise:.0%}", f"{each.error:+.0%}", f"{each.limit:.0%}"]
        words.append("" if each.within else "missed")
        words += (errors.get((each.load, each.figure), "") for errors in beside.values())
        table.add_row(*words)
    console.print(table)
    within, of = sum(each.within for each in found), len(found)
    console.print(f"{within} of {of} figures are within what is allowed", markup=False)
    if at_pace:
        within = sum(each.within for each in at_pace)
        console.print(
            f"{within} of {of} for a machine that is as fast as it was meanwhile", markup=False
        )


def _errors(found: Sequence[Compared]) -> dict[tuple[str, str], str]:
    return {(each.load, each.figure): f"{each.error:+.0%}" for each in found}


def _called(load: str) -> str:
    return f"{load} %" if load.isdecimal() else load


def _table(*columns: str) -> Table:
    """That fits a terminal of 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, title_justify="left")
    for column in columns:
        words = column in ("load", "figure", "held out")
        table.add_column(column, justify="left" if words else "right", no_wrap=True)
    return table
