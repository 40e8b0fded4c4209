"""What a run found, of one process or of several together, and how it is shown."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from sim.load.ledger import Verdict
from sim.load.meter import longest_gap_s, overlay, percentile


@dataclass(slots=True)
class Outcome:
    seconds: float
    sent: int = 0
    """Acknowledged within the measured time."""
    delivered: int = 0
    """Received within the measured time, counted per receiver."""
    cpu_s: float = 0.0
    deliveries: array[float] = field(default_factory=lambda: array("d"))
    acks: array[float] = field(default_factory=lambda: array("d"))
    ack_lines: list[bytes] = field(default_factory=list)
    worst_gaps: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    paced: int = 0
    verified: bool = False
    """The history was read back and compared."""
    verdict: Verdict = field(default_factory=Verdict)

    def add(self, other: Outcome) -> None:
        self.sent += other.sent
        self.delivered += other.delivered
        self.cpu_s += other.cpu_s
        self.deliveries.extend(other.deliveries)
        self.acks.extend(other.acks)
        self.ack_lines.extend(other.ack_lines)
        self.worst_gaps.extend(other.worst_gaps)
        self.errors.update(other.errors)
        self.gaps += other.gaps
        self.paced += other.paced
        self.verified = self.verified and other.verified
        self.verdict.add(other.verdict)

    def summary(self) -> dict[str, Any]:
        deliveries = sorted(self.deliveries)
        acks = sorted(self.acks)
        verdict = self.verdict
        return {
            "seconds": round(self.seconds, 3),
            "sent_per_s": round(self.sent / self.seconds, 1),
            "delivered_per_s": round(self.delivered / self.seconds, 1),
            "p50_ms": _ms(percentile(deliveries, 50)),
            "p99_ms": _ms(percentile(deliveries, 99)),
            "max_ms": _ms(percentile(deliveries, 100)),
            "ack_p50_ms": _ms(percentile(acks, 50)),
            "ack_p99_ms": _ms(percentile(acks, 99)),
            "sent": len(self.acks),
            "lost": verdict.lost,
            "duplicated": verdict.duplicated,
            "reordered": verdict.reordered,
            "corrupted": verdict.corrupted,
            "unanswered": verdict.unanswered,
            "reordered_by_retry": verdict.reordered_by_retry,
            "verified": self.verified,
            "examples": verdict.examples,
            "errors": dict(sorted(self.errors.items())),
            "gaps": self.gaps,
            "paced": self.paced,
            "unavailable_s": round(longest_gap_s(overlay(self.ack_lines)), 3),
            "gap_p95_s": round(percentile(sorted(self.worst_gaps), 95), 3),
            "gap_max_s": round(max(self.worst_gaps, default=0.0), 3),
            "client_cpu_s": round(self.cpu_s, 3),
            "client_us_per_message": round(self.cpu_s / max(self.sent, 1) * 1e6, 1),
        }


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


ROWS = (
    ("sent_per_s", "sent", "messages/s acknowledged"),
    ("delivered_per_s", "delivered", "messages/s received"),
    ("deliveries_per_s", "delivered", "deliveries/s over all members"),
    ("p50_ms", "delivery p50", "ms, send to receipt"),
    ("p99_ms", "delivery p99", "ms"),
    ("ack_p50_ms", "answer p50", "ms, send to acknowledgement"),
    ("ack_p99_ms", "answer p99", "ms"),
    ("lost", "lost", "acknowledged, but not received or not stored"),
    ("duplicated", "duplicated", "received or stored twice"),
    ("reordered", "reordered", "behind a later one of the same sender"),
    ("corrupted", "corrupted", "other text or id than sent"),
    ("unanswered", "unanswered", "sent, never acknowledged"),
    ("unavailable_s", "unavailable", "s, longest time without any acknowledgement"),
    ("gap_p95_s", "worst gap p95", "s, the same per pair"),
    ("gap_max_s", "worst gap", "s, of the worst pair"),
    ("client_cpu_s", "client CPU", "s, of this load client"),
    ("client_us_per_message", "client CPU", "µs a message"),
    ("floor_per_s", "floor", "messages/s: sockets and one fsync a batch, nothing else"),
    ("floor_p50_ms", "floor p50", "ms"),
    ("floor_ratio", "of the floor", "sent / floor"),
)


def show(console: Console, title: str, summary: dict[str, Any]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for key, name, meaning in ROWS:
        if key in summary:
            value = summary[key]
            bad = key in {"lost", "duplicated", "reordered", "corrupted"} and value
            shown = f"{value:,}" if isinstance(value, int | float) else str(value)
            table.add_row(name, f"[red]{shown}[/red]" if bad else shown, meaning)
    for code, count in summary["errors"].items():
        table.add_row(code, f"{count:,}", "errors of this code; the client repeated the request")
    console.print(table)
    if summary["paced"]:
        console.print(
            "The client held messages back to stay within the server's frames per second of one "
            "connection; more pairs show what the server can do."
        )
    if not summary["verified"]:
        console.print("The history was not compared.")
    for example in summary["examples"]:
        console.print(f"[red]{example}[/red]")
