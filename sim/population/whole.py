"""A whole run, from the scenario to what it tells."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sim.population import calibration, plan, result
from sim.population.build import build, machine_of
from sim.population.calibration import Calibration
from sim.population.inputs import INPUTS
from sim.population.ladder import ladder
from sim.population.model import Model
from sim.population.queueing.error import LOADS, error_of_bins
from sim.population.run import run, stretches
from sim.population.saved import Saved, head_of
from sim.population.scenario import Scenario
from sim.population.slot import DAY_MINUTES
from sim.population.stretch import Found
from sim.population.summary import Summary
from sim.population.validation.held import held

ERROR_S = 4.0
"""So much of a host's life is simulated event by event."""
FIGURES = {"mean_s": "mean", "p50_s": "p50", "p99_s": "p99", "done_per_s": "done/s"}
"""Of `error_of_bins`, and what they are called in a result."""


def simulate(
    scenario: Scenario,
    users: int | None,
    days: int | None,
    seed: int,
    workers: int,
    ray: bool,
    console: Console,
    around: bool = True,
    save: Path | None = None,
) -> result.Result:
    """With a bar of how far it is. Users and days are the scenario's where they are not said.
    `around`: also look at fewer and more people, and at other inputs. `save`: a folder that what is
    done is kept in, and what an earlier run has kept there taken from. Raises Told."""
    people, length = users or scenario.users, days or scenario.days
    calibrated = calibration.read()
    with np.errstate(all="raise", under="ignore"):
        model = build(scenario, calibrated, people, length, seed)
    saved = None
    if save is not None:
        words = f"{scenario.name}, {people:,} people, {length} days, seed {seed}"
        saved = Saved(save, head_of(words, words, scenario, calibrated))
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
            model,
            stretches(length),
            workers,
            lambda done: progress.advance(bar, done),
            ray,
            saved,
        )
        told = summarised(scenario, model, calibrated, seed, length, found)
        if around and told.minutes_done == length * DAY_MINUTES:
            _look_around(told, scenario, calibrated, model, progress)
    return told


def _look_around(
    told: result.Result,
    scenario: Scenario,
    calibrated: Calibration,
    model: Model,
    progress: Progress,
) -> None:
    """What would be with other inputs and with more people, and how far off the bins are; after an
    interruption (Ctrl-C), as much of it as was done."""
    steps = len(INPUTS) + plan.POINTS_MAX + len(LOADS)
    bar = progress.add_task("other inputs, more people", total=steps)

    def step() -> None:
        progress.advance(bar)

    with suppress(KeyboardInterrupt), np.errstate(all="raise", under="ignore"):
        told.levers = plan.levers_of(scenario, calibrated, model.users, model.seed, progress=step)
        told.capacity = plan.capacity_of(scenario, calibrated, model, step)
        progress.update(bar, completed=len(INPUTS) + plan.POINTS_MAX)
        for load in LOADS:
            told.queue_error |= _error_of_bins(model, load)
            step()


def _error_of_bins(model: Model, load: float) -> dict[str, float]:
    """Of a host at this load, by load and figure."""
    (error,) = error_of_bins(model.queues["host"], ERROR_S, (load,))
    return {f"{load:.0%} {words}": round(error.error(name), 4) for name, words in FIGURES.items()}


def summarised(
    scenario: Scenario,
    model: Model,
    calibrated: Calibration,
    seed: int,
    days: int,
    found: Found,
) -> result.Result:
    """What was found tells."""
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
        ladder=ladder(model.users, stations, nodes, summary.machine, calibrated, model.layout),
        stored=stored,
        extrapolated=summary.extrapolated(),
        validation=held(),
    )
