"""Where a load was itself the limit, or did not do what it was asked to: said before any figure is
believed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sim.load.histogram import quantile_ms
from sim.load.outcome import Outcome

CPU_SHARE_MAX = 0.9
"""Of a core; a process of the load that takes more is late with what it reads."""
MACHINE_BUSY_MAX = 0.95
LATE_MS_MAX = 10.0
RATE_KEPT_MIN = 0.99
FEW = 3
"""Messages that may be under way when the time is over, however low the rate is."""


def kept_rate(outcome: Outcome) -> bool:
    """Whether what was due left in time."""
    return outcome.due - outcome.left <= max(FEW, (1 - RATE_KEPT_MIN) * outcome.due)


def notices(outcome: Outcome) -> list[str]:
    """What whoever reads the figures must know of them."""
    return [*_of_the_rate(outcome), *_of_the_load(outcome), *_of_this_machine(outcome)]


def _of_the_rate(outcome: Outcome) -> Iterator[str]:
    if outcome.aborted:
        yield f"It ended early: {outcome.aborted}."
    if not kept_rate(outcome):
        yield (
            f"The rate was not kept: of {outcome.due:,} messages that were due, {outcome.left:,} "
            "left in time; latencies from the intended time have that in them."
        )
    if outcome.paced:
        yield (
            "The client held messages back to stay within the server's frames per second of one "
            "connection; more pairs show what the server can do."
        )
    for storm in outcome.storms:
        if storm.connections < storm.asked:
            yield (
                f"The storm at {storm.at_s:g} s was to take {storm.asked:,} connections; only "
                f"{storm.connections:,} were there."
            )
    missing = sum(storm.connections - storm.back for storm in outcome.storms)
    if missing:
        yield f"Of connections that storms took, {missing:,} were not back at the end."


def _of_the_load(outcome: Outcome) -> Iterator[str]:
    of = len(outcome.cpu_s)
    for number, cpu_s in enumerate(outcome.cpu_s, 1):
        share = cpu_s / outcome.seconds
        if share >= CPU_SHARE_MAX:
            yield (
                f"The load was itself a limit: its process {number} of {of} took {share:.0%} of a "
                "core. More --processes, or another machine, would show more of the server."
            )
    late_ms = quantile_ms(outcome.late, 99)
    if late_ms > LATE_MS_MAX:
        yield (
            f"The load was late itself: by {late_ms:.0f} ms for one in a hundred of the things it "
            "had planned; that is in its latencies."
        )


def _of_this_machine(outcome: Outcome) -> Iterator[str]:
    if outcome.machine_busy >= MACHINE_BUSY_MAX:
        share = sum(outcome.cpu_s) / outcome.seconds
        yield (
            f"This machine's cores were busy ({outcome.machine_busy:.0%}); the load took "
            f"{share:.1f} of them. If the server runs here too, each takes from the other."
        )
    if ports := outcome.errors.get("no_local_port"):
        yield (
            f"This machine had no free port for a connection ({ports:,} times): an address has "
            "some 28,000 to one port of a server (net.ipv4.ip_local_port_range)."
        )
    if files := outcome.errors.get("no_open_file"):
        yield f"This machine allowed no more open files ({files:,} times): see `ulimit -n`."
