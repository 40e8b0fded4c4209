"""What distance costs, with and without homes and caches: the table of docs/regions.md.

python -m tests.bench.regions_bench --users 200000
"""

from __future__ import annotations

import argparse

from rich.console import Console

from sim.population.result import Quantiles
from sim.population.scenario import load
from sim.population.whole import simulate

SCENARIOS = (
    *("regions-one", "regions-today", "regions-caches", "regions-homes"),
    "regions-homes-caches",
)


def told(times: Quantiles) -> str:
    return f"{times.p50_ms:.0f}, {times.p99_ms:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    for name in SCENARIOS:
        console = Console(stderr=True)
        found = simulate(load(name), given.users, 1, 1, given.workers, False, console, around=False)
        shown = f"`{name}`"
        for region, latency in found.latency.items():
            cells = (latency.send, latency.deliver, latency.read)
            print("|", " | ".join((shown, region.title(), *map(told, cells))), "|", flush=True)
            shown = ""


if __name__ == "__main__":
    main()
