"""What a run found, of one process or of several together, and its figures. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from sim.load.histogram import EMPTY, count_of, merged, quantile_ms
from sim.load.ledger import Verdict
from sim.load.meter import joined, overlay, packed

QUANTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p99_ms": 99.0, "p999_ms": 99.9, "max_ms": 100.0}


class Latencies(Struct):
    """Two histograms of one kind: from when it was meant to begin, and from when it began."""

    intended: str = EMPTY
    service: str = EMPTY

    def add(self, other: Latencies) -> None:
        self.intended = merged((self.intended, other.intended))
        self.service = merged((self.service, other.service))

    def figures(self) -> dict[str, Any]:
        return {
            "count": count_of(self.intended),
            "intended": {name: quantile_ms(self.intended, at) for name, at in QUANTILES.items()},
            "service": {name: quantile_ms(self.service, at) for name, at in QUANTILES.items()},
        }


class StormOutcome(Struct):
    """At `at_s`, `asked` connections were to be lost; so many `connections` were there to be, and
    of these `back` came back, the last one after `recovered_s`. `waits`: the histogram of how long
    each was without."""

    at_s: float
    asked: int = 0
    connections: int = 0
    back: int = 0
    recovered_s: float = 0.0
    waits: str = EMPTY

    def add(self, other: StormOutcome) -> None:
        self.asked += other.asked
        self.connections += other.connections
        self.back += other.back
        self.recovered_s = max(self.recovered_s, other.recovered_s)
        self.waits = merged((self.waits, other.waits))

    def figures(self) -> dict[str, Any]:
        waits = {name: quantile_ms(self.waits, at) for name, at in QUANTILES.items()}
        return {
            "at_s": self.at_s,
            "asked": self.asked,
            "connections": self.connections,
            "back": self.back,
            "recovered_s": round(self.recovered_s, 3),
            **waits,
        }


class Outcome(Struct):
    """Of several processes, what they counted is added up; `cpu_s` has one entry for each."""

    seconds: Annotated[float, Meta(gt=0)]
    sent: int = 0
    """Acknowledged within the measured time."""
    delivered: int = 0
    """Received within the measured time, counted per receiver."""
    due: int = 0
    """To leave by the schedule of an open loop."""
    left: int = 0
    """Left the client within the measured time."""
    connects: int = 0
    """Came back within the measured time."""
    cpu_s: list[float] = field(default_factory=list)
    machine_busy: float = 0.0
    """Of all cores of the machine of the load."""
    late: str = EMPTY
    """How late the load itself did what it had planned."""
    latencies: dict[str, Latencies] = field(default_factory=dict)
    ack_line: bytes = packed(b"")
    worst_gaps: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    storms: list[StormOutcome] = field(default_factory=list)
    gaps: int = 0
    paced: int = 0
    moved_bytes: int = 0
    tried: int = 0
    succeeded: int = 0
    aborted: str = ""
    """Why it ended early."""
    verified: bool = True
    """The history was read back and compared."""
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def acknowledged(self) -> int:
        """With those that were so after the measured time."""
        of = ("answer", "file_answer")
        return sum(count_of(self.latencies[k].intended) for k in of if k in self.latencies)

    @property
    def success_percent(self) -> float:
        return 100.0 * self.succeeded / self.tried if self.tried else 100.0

    def add(self, other: Outcome) -> None:
        """What ran beside it."""
        self.ack_line = overlay((self.ack_line, other.ack_line))
        self.machine_busy = max(self.machine_busy, other.machine_busy)
        self.cpu_s = self.cpu_s + other.cpu_s
        for mine, its in zip(self.storms, other.storms, strict=False):
            mine.add(its)
        self.storms += other.storms[len(self.storms) :]
        self._add_counts(other)

    def follow(self, other: Outcome) -> None:
        """What ran after it, in the same way."""
        self.machine_busy = (
            self.machine_busy * self.seconds + other.machine_busy * other.seconds
        ) / (self.seconds + other.seconds)
        self.seconds += other.seconds
        self.ack_line = joined((self.ack_line, other.ack_line))
        self.cpu_s = [a + b for a, b in zip(self.cpu_s, other.cpu_s, strict=False)]
        self.storms = self.storms + other.storms
        self._add_counts(other)

    def _add_counts(self, other: Outcome) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.late = merged((self.late, other.late))
        for kind, latencies in other.latencies.items():
            self.latencies.setdefault(kind, Latencies()).add(latencies)
        self.worst_gaps = self.worst_gaps + other.worst_gaps
        self.errors = dict(Counter(self.errors) + Counter(other.errors))
        self.aborted = self.aborted or other.aborted
        self.verified = self.verified and other.verified
        self.verdict.add(other.verdict)


COUNTS = (
    *("sent", "delivered", "due", "left", "connects", "gaps", "paced", "moved_bytes"),
    *("tried", "succeeded"),
)
