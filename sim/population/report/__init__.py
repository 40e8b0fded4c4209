"""A report of a run: one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from sim.files import write_whole
from sim.population.report import grounds, machines, times
from sim.population.report.numbers import counted, short, whole
from sim.population.report.numbers import times as times_of
from sim.population.report.page import facts, page, section, warning
from sim.population.result import Result

DAY_MINUTES = 1440


def write(result: Result, path: Path) -> None:
    """Raises Told and OSError."""
    write_whole(path, html(result))


def html(result: Result) -> bytes:
    sections = (
        section(title, *part.of(result))
        for title, part in (
            ("How far the machines go", machines),
            ("What people notice", times),
            ("What this rests on", grounds),
        )
    )
    head = warning(warnings(result)) + facts(_facts(result))
    return page(result.scenario, result.text, head, sections)


def warnings(result: Result) -> list[str]:
    found = []
    if result.calibration.why:
        found.append(f"NOT CALIBRATED for this version: {result.calibration.why}.")
    minutes, all_minutes = result.minutes_done, result.days * DAY_MINUTES
    if minutes < all_minutes:
        done = f"{minutes / 60:,.1f} of {all_minutes / 60:,.0f} hours"
        found.append(f"Ended early, after {done}: what comes later is not in these figures.")
    return found


def _facts(result: Result) -> list[tuple[str, str, str]]:
    totals, calibration = result.totals, result.calibration
    per_region = {
        region: sum(node.region == region for node in result.nodes) for region in result.regions
    }
    deliveries = f"{short(totals.deliveries)} deliveries in {counted(result.days, 'day')}"
    first = result.ladder[0] if result.ladder else None
    found = [
        ("people", whole(result.users), f"in {counted(len(result.regions), 'region')}"),
        ("messages", short(totals.sends), deliveries),
        (
            "machines",
            whole(len(result.nodes)),
            ", ".join(f"{name} {count}" for name, count in per_region.items()),
        ),
        ("copies", whole(result.copies), f"{whole(result.partitions.count)} partitions"),
        ("calibrated", calibration.made, f"version {calibration.version}, {calibration.machine}"),
        ("seed", f"{result.seed}", "the same numbers again, from this"),
    ]
    if first is not None:
        below = f"{first.what}, with {short(first.users)} people"
        found.insert(3, ("breaks first", f"at {times_of(first.factor)}", below))
    return found
