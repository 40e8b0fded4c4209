"""Figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sim.load.compare import CHANCE_MAX, Difference, Values

ROWS = (
    ("sent_per_s", "sent", "messages/s acknowledged"),
    ("due_per_s", "due", "messages/s that were to leave"),
    ("delivered_per_s", "delivered", "messages/s received"),
    ("deliveries_per_s", "delivered", "deliveries/s over all members"),
    ("connects_per_s", "came back", "connections/s"),
    ("files_mb_per_s", "files", "MB/s up and down"),
    ("success_percent", "success", "% of all that was tried"),
    ("lost", "lost", "acknowledged, but not received or not stored"),
    ("duplicated", "duplicated", "received or stored twice"),
    ("reordered", "reordered", "behind a later one of the same sender"),
    ("corrupted", "corrupted", "other text, file or id than sent"),
    ("unanswered", "unanswered", "sent, never acknowledged"),
    ("unavailable_s", "unavailable", "s, longest time without any acknowledgement"),
    ("gap_p95_s", "worst gap p95", "s, the same per chat"),
    ("gap_max_s", "worst gap", "s, of the worst chat"),
    ("client_cpu_s", "client CPU", "s, of this load client"),
    ("client_us_per_message", "client CPU", "µs a message"),
    ("late_p99_ms", "client late p99", "ms behind its own plan"),
    ("machine_busy_percent", "machine busy", "% of all cores"),
    ("floor_per_s", "floor", "messages/s: sockets and one fsync a batch, nothing else"),
    ("floor_p50_ms", "floor p50", "ms"),
    ("floor_ratio", "of the floor", "sent / floor"),
)
FAULTS = {"lost", "duplicated", "reordered", "corrupted"}
KINDS = {
    "answer": "answer",
    "delivery": "receipt",
    "fetched": "receipt, back again",
    "file_answer": "answer, with file",
    "file_delivery": "receipt, with file",
    "upload": "upload",
    "download": "download",
    "connect": "connect again",
}
"""What latencies are of, from a send to it, if it is of sends."""


def show(console: Console, title: str, figures: dict[str, Any]) -> None:
    """The figures of a run; first what must be known of them."""
    _print_notices(console, figures["notices"])
    console.print(_counts(title, figures))
    if figures["latencies"]:
        console.print(_latencies(figures["latencies"]))
    for storm in figures.get("storms", ()):
        console.print(
            f"Storm at {storm['at_s']:g} s: {storm['back']:,} of {storm['connections']:,} came "
            f"back, the last after {storm['recovered_s']:g} s, half within {storm['p50_ms']:g} ms."
        )
    if not figures["verified"]:
        console.print("The history was not compared.")
    for example in figures["examples"]:
        console.print(f"[red]{example}[/red]")


def _counts(title: str, figures: dict[str, Any]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for key, name, meaning in ROWS:
        if key in figures:
            value = figures[key]
            shown = f"{value:,}"
            table.add_row(
                name, f"[red]{shown}[/red]" if key in FAULTS and value else shown, meaning
            )
    for code, count in figures["errors"].items():
        table.add_row(code, f"{count:,}", "errors of this code; the client repeated the request")
    return table


def _latencies(kinds: dict[str, Any]) -> Table:
    table = Table(
        title="Latencies, ms",
        title_justify="left",
        caption="intended: from when it was meant to begin, which is what people feel; "
        "service: from when it began",
        caption_justify="left",
    )
    table.add_column("until", style="bold", no_wrap=True)
    table.add_column("", style="dim", no_wrap=True)
    for name in ("p50", "p90", "p99", "p99.9", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, words in KINDS.items():
        for clock in ("intended", "service") if kind in kinds else ():
            values = [_short(value) for value in kinds[kind][clock].values()]
            table.add_row(words if clock == "intended" else "", clock, *values)
    return table


def _short(value: float) -> str:
    return f"{value:,.1f}" if value < 1_000 else f"{value:,.0f}"


def show_differences(console: Console, found: Sequence[Difference], notes: Sequence[str]) -> None:
    """The figures of two runs side by side; first what must be known of them."""
    _print_notices(console, notes)
    table = Table(
        title="A and B, by the medians of their repetitions",
        title_justify="left",
        caption="noise: from the least to the most of a run's repetitions; beyond: larger than "
        f"noise, the like comes by chance less than {CHANCE_MAX:.0%} of the time",
        caption_justify="left",
    )
    table.add_column("", style="bold")
    for name in ("A", "noise", "B", "noise", "change", "beyond"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in found:
        told = "[bold]yes[/bold]" if each.larger_than_noise else "no"
        change = f"{each.change_percent:+.1f} %"
        table.add_row(each.name, *_values(each.a), *_values(each.b), change, told)
    console.print(table)


def _values(values: Values) -> tuple[str, str]:
    return f"{values.median:,.4g}", f"{values.noise_percent:.0f} %"


def _print_notices(console: Console, notices: Sequence[str]) -> None:
    for notice in notices:
        console.print(f"[bold yellow]{escape(notice)}[/bold yellow]")
