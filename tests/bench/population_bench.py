"""What a minute of the population costs: `python -m tests.bench.population_bench [--users N]`.

Does single minutes at several hours of the day in this process, and tells their CPU time (user and
kernel), the day that would make, and the memory at its peak.
"""

from __future__ import annotations

import argparse
import os
import resource
from statistics import fmean
from typing import Any

from rich.table import Table

from sim.population import calibration, scenario
from sim.population.build import build
from sim.population.run import folder
from sim.population.slot import DAY_MINUTES, HOUR_MINUTES
from sim.population.stretch import Stretch
from tests.bench.bench import report

HOURS = (2, 8, 14, 20)
WORKERS = 2


def measure(name: str, users: int, minutes: int) -> dict[str, Any]:
    """`name`: of a scenario. Hours are UTC's, with seconds a minute."""
    model = build(scenario.load(name), calibration.read(), users, 1, 1)
    assert model.noises
    Stretch(model, 0, 1, folder()).run()  # homes are worked out once
    hours: dict[str, dict[str, float]] = {}
    for hour in HOURS:
        before = os.times()
        Stretch(model, hour * HOUR_MINUTES, minutes, folder()).run()
        after = os.times()
        user, kernel = after.user - before.user, after.system - before.system
        hours[str(hour)] = {"user_s": user / minutes, "kernel_s": kernel / minutes}
    each_s = fmean(sum(hour.values()) for hour in hours.values())
    return {
        "users": users,
        "processes": len(model.layout.stations),
        "hours": hours,
        "day_minutes": each_s * DAY_MINUTES / WORKERS / 60,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000,
    }


def table(result: dict[str, Any]) -> Table:
    found = Table(title=f"a minute of {result['users']:,} people, {result['processes']} processes")
    for column in ("hour (UTC)", "user, s", "kernel, s"):
        found.add_column(column, justify="right")
    for hour, took in result["hours"].items():
        found.add_row(hour, f"{took['user_s']:.2f}", f"{took['kernel_s']:.2f}")
    found.caption = (
        f"a day with {WORKERS} workers: {result['day_minutes']:.1f} min of CPU each; "
        f"at most {result['peak_mb']:.0f} MB here"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="consumer-day")
    parser.add_argument("--users", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=int, default=4, help="of each hour")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(lambda _: measure(options.scenario, options.users, options.minutes), table, options.json)


if __name__ == "__main__":
    main()
