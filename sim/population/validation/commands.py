"""What `validate` does."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console

from api.urls import server_url
from heliograph.failing import Told
from sim.population import calibration
from sim.population.validation import attempts, measure, predict, seen
from sim.population.validation.attempts import Measured, MeasuredLoad, Predicted
from sim.population.validation.compare import Compared, compared
from sim.population.validation.loads import LOADS, ROUNDS, SEEN, Load
from sim.population.validation.path import Costs
from sim.population.validation.show import show_compared, show_predicted

SEEN_ROUNDS = 3


def checked(url: str | None) -> str | None:
    """Raises Told."""
    try:
        return None if url is None else server_url(url)
    except ValueError as error:
        raise Told(f"--url: {error}") from error


def predicted(url: str | None, seconds: float, console: Console) -> Predicted:
    """Look at the loads of the calibration, predict all, and keep that as a new attempt."""
    calibrated = calibration.read()
    if stale := calibrated.stale():
        raise Told(f"{stale}: calibrate first (heliograph sim population calibrate)")
    cores = os.cpu_count() or 1
    machine = _machine()
    with console.status("") as status, measure.running(url, status.update) as server:
        found = seen.look(server, calibrated, cores, seconds, SEEN_ROUNDS, status.update)
    with console.status("predicting"):
        made = _predicted(calibrated, cores, machine, found, seconds)
    path = attempts.keep_predicted(made)
    show_predicted(console, made)
    console.print(f"{path}: commit it, then measure: --measure", markup=False)
    return made


def _predicted(
    calibrated: calibration.Calibration,
    cores: int,
    machine: str,
    found: seen.Seen,
    seconds: float,
) -> Predicted:
    costs = Costs.of(calibrated, cores, found.client)

    def of(load: Load) -> attempts.PredictedLoad:
        rate = load.rate(found.capacity_per_s)
        figures, alone = (
            predict.figures(load, rate, seconds, calibrated, each)
            for each in (costs, costs.without_batching())
        )
        return attempts.PredictedLoad(load.name, load.text, load.held_out, rate, figures, alone)

    return Predicted(
        made=_now(),
        version=version("heliograph"),
        machine=machine,
        cores=cores,
        calibration=attempts.calibration_hash(),
        model=attempts.model_hash(),
        seconds=seconds,
        capacity_per_s=found.capacity_per_s,
        client=found.client,
        seen=found.figures,
        loads=[of(load) for load in LOADS],
        pace_s=found.pace_s,
    )


def measured(
    url: str | None,
    chosen: Sequence[Load],
    seconds: float | None,
    rounds: int,
    console: Console,
    batching: bool,
) -> list[Compared]:
    """Measure what was predicted last, load by load and round by round, and compare. Only all of it
    in full is an attempt, and is kept; trials are of loads that the calibration has seen. Raises
    Told."""
    last, commit = attempts.to_be_measured()
    whole = tuple(chosen) == LOADS and rounds >= ROUNDS
    whole = whole and seconds in (None, last.predicted.seconds)
    if not whole and any(load.held_out for load in chosen):
        seen_ones = ",".join(load.name for load in SEEN)
        raise Told(f"a trial is of loads that the calibration has seen: --only {seen_ones}")
    found: dict[str, MeasuredLoad] = {load.name: MeasuredLoad(load.name, []) for load in chosen}
    rates = {each.name: each.rate for each in last.predicted.loads}
    machine = _machine()
    with console.status("") as status, measure.running(url, status.update) as server:
        for number, load in _in_turns(chosen, rounds):
            status.update(f"round {number + 1} of {rounds}: {load.text}")
            told = server.load(load, rates[load.name], seconds or last.predicted.seconds)
            of = found[load.name]
            of.rounds.append(measure.figures(load, told))
            of.paces_s.append(told["pace_s"])
            of.notices += [each for each in told["notices"] if each not in of.notices]
    if last.predicted.pace_s:
        with console.status("what the model says at the pace of the machine"):
            for load in chosen:
                of = found[load.name]
                of.at_pace = _at_pace(last.predicted, load, rates[load.name], of.paces_s)
    made = Measured(_now(), machine, commit, list(found.values()))
    result = beside(last.predicted, made, batching)
    then = _beside_at_pace(last.predicted, made) if batching else ()
    show_compared(console, last.number, result, batching, then)
    if whole:
        path = attempts.keep_measured(last.number, made)
        console.print(f"{path}: commit it, whatever it says", markup=False)
    else:
        console.print(
            "a trial, which is not kept and shows nothing: loads, seconds, or rounds of it"
        )
    return result


def _at_pace(
    predicted: Predicted, load: Load, rate: float, paces_s: Sequence[float]
) -> dict[str, float]:
    """What was predicted, had it been known how fast the machine would be."""
    calibrated = calibration.read()
    times = median(paces_s) / predicted.pace_s
    costs = Costs.of(calibrated, predicted.cores, predicted.client).slowed(times)
    return predict.figures(load, rate, predicted.seconds, calibrated, costs)


def _in_turns(chosen: Sequence[Load], rounds: int) -> Iterator[tuple[int, Load]]:
    """All rounds with connections come first, for messages leave something in memory; then those
    with messages, in another order each time, so that none always comes after the same."""
    idle = [load for load in chosen if load.idle]
    others = [load for load in chosen if not load.idle]
    for number in range(rounds):
        yield from ((number, load) for load in idle)
    for number in range(rounds):
        random.Random(number).shuffle(others)
        yield from ((number, load) for load in others)


def beside(predicted: Predicted, measured: Measured, batching: bool = True) -> list[Compared]:
    """What was predicted of each load, beside what was measured."""
    rounds = {each.name: each.rounds for each in measured.loads}
    return [
        each
        for load in predicted.loads
        if load.name in rounds
        for each in compared(
            load.name, load.figures if batching else load.without_batching, rounds[load.name]
        )
    ]


def _beside_at_pace(predicted: Predicted, measured: Measured) -> list[Compared]:
    """The same, of a machine that is as fast as it was then; nothing where nobody looked."""
    of = {each.name: each for each in measured.loads}
    return [
        each
        for load in predicted.loads
        if load.name in of
        for each in compared(load.name, of[load.name].at_pace, of[load.name].rounds)
    ]


def shown(console: Console, batching: bool, folder: Path = attempts.FOLDER) -> list[Compared]:
    """All attempts that were measured, the last one beside the first. Returns the last one's."""
    found = attempts.attempts(folder)
    all_of_them = [
        (
            attempt.number,
            beside(attempt.predicted, measured, batching),
            _beside_at_pace(attempt.predicted, measured) if batching else (),
        )
        for attempt in found
        for measured in attempt.measured
    ]
    for attempt in found:
        if not attempt.measured:
            console.print(f"attempt {attempt.number} is predicted, and not measured", markup=False)
    if not all_of_them:
        raise Told("nothing is measured yet: heliograph sim population validate --measure")
    first = all_of_them[0][1]
    for number, result, then in all_of_them[:-1]:
        show_compared(console, number, result, batching, then)
    number, result, then = all_of_them[-1]
    show_compared(console, number, result, batching, then, first if len(all_of_them) > 1 else ())
    return result


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _machine() -> str:
    """With what it had to do before anything was measured."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} cores, load average {load:.1f} before"
