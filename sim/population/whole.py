"""A whole run, from the scenario to what it tells."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sim.population import calibration, result
from sim.population.build import build, machine_of
from sim.population.calibration import Calibration
from sim.population.model import Model
from sim.population.people import DAY_MINUTES
from sim.population.run import run, stretches
from sim.population.scenario import Scenario
from sim.population.stretch import Found
from sim.population.summary import Summary


def simulate(
    scenario: Scenario,
    users: int | None,
    days: int | None,
    seed: int,
    workers: int,
    ray: bool,
    console: Console,
) -> result.Result:
    """With a bar of how far it is. Users and days are the scenario's where they are not said."""
    people, length = users or scenario.users, days or scenario.days
    calibrated = calibration.read()
    with np.errstate(all="raise", under="ignore"):
        model = build(scenario, calibrated, people, length, seed)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        bar = progress.add_task(f"{people:,} people", total=length * DAY_MINUTES)
        found = run(
            model, stretches(length), workers, lambda done: progress.advance(bar, done), ray
        )
    return summarised(scenario, model, calibrated, seed, length, found)


def summarised(
    scenario: Scenario,
    model: Model,
    calibrated: Calibration,
    seed: int,
    days: int,
    found: list[Found],
) -> result.Result:
    """What all stretches together tell."""
    summary = Summary(model, calibrated, machine_of(scenario.values), found)
    stations, stored = summary.stations(), summary.stored()
    nodes = summary.nodes(stations, stored)
    return result.Result(
        version=result.VERSION,
        scenario=scenario.name,
        text=scenario.text,
        seed=seed,
        users=model.users,
        days=days,
        minutes_done=summary.minutes,
        calibration=calibrated.told(),
        inputs=scenario.values.all(),
        changed=sorted(scenario.values.changed),
        regions=[region.name for region in model.regions],
        copies=model.layout.copies,
        totals=summary.totals(),
        hours=summary.hours(),
        minutes=summary.minutes_told(),
        stations=stations,
        nodes=nodes,
        partitions=summary.partitions(),
        latency=summary.latencies(),
        ladder=summary.ladder(stations, nodes),
        stored=stored,
        extrapolated=summary.extrapolated(),
    )
