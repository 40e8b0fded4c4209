"""What a process measured, made an outcome that can be sent and added up."""

from __future__ import annotations

from sim.load.comings import Broken, Comings
from sim.load.histogram import histogram_of
from sim.load.meter import Clocks, Meter, packed
from sim.load.outcome import Latencies, Outcome, StormOutcome


def collect(outcome: Outcome, meter: Meter, comings: Comings) -> None:
    """Fill in what is known when all is over."""
    outcome.latencies = {
        kind: _latencies(clocks) for kind, clocks in meter.kinds().items() if clocks
    }
    outcome.late = histogram_of(meter.late)
    outcome.due = meter.due
    outcome.ack_line = packed(meter.ack_line)
    outcome.errors = dict(meter.errors)
    outcome.storms = [_storm(broken) for broken in comings.storms]
    outcome.gaps = meter.gaps
    outcome.paced = meter.paced
    outcome.moved_bytes = meter.moved_bytes
    outcome.succeeded = meter.done
    outcome.tried = meter.done + meter.errors.total() + outcome.verdict.unanswered


def _latencies(clocks: Clocks) -> Latencies:
    return Latencies(histogram_of(clocks.intended), histogram_of(clocks.service))


def _storm(broken: Broken) -> StormOutcome:
    return StormOutcome(
        broken.storm.at_s,
        broken.storm.connections,
        broken.connections,
        len(broken.waits_s),
        broken.recovered_s,
        histogram_of(broken.waits_s),
    )
