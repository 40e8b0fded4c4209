"""How many machines it takes, what that depends on most, and how far those that there are go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import log2

import numpy as np

from heliograph.failing import Told
from sim.population import histogram
from sim.population.build import (
    FULL,
    MINUTE_NS,
    PROBE_USERS,
    busiest,
    machine_of,
    machines_needed,
    rounded_up,
    with_nodes,
)
from sim.population.calibration import Calibration
from sim.population.inputs import INPUTS, Values
from sim.population.model import Model
from sim.population.result import Capacity, Lever
from sim.population.run import pass_stretch
from sim.population.scenario import Scenario
from sim.population.slot import DAY_MINUTES
from sim.population.stretch import Found, Left
from sim.population.summary import Summary

TIMES_MAX = 32
"""People are doubled up to so many times as many, to see where the machines can do no more."""
BETWEEN = (0.25, 0.5, 0.75)
"""Points between what they can do and what they cannot."""
POINTS_MAX = 2 + int(log2(TIMES_MAX)) + len(BETWEEN)
OVERLOADED, SLOW = 0.95, 20.0
"""So busy, or so many times as slow as with few people: they can do no more."""
MEASURED = 0.8
"""Services were measured up to so much of what they can do."""
SEEDS = 3
"""So many runs of a minute make a band."""
TRIES = 20
GROWTH = 1.15
"""Where the aim is missed, there are so many times the machines at the next try."""
QUANTILE = re.compile(r"p(50|99|99\.9)=(\d+(?:\.\d+)?)(ms|s)")


@dataclass(frozen=True)
class Aim:
    """A quantile (a share) of the time until a message is there, and how long it may be."""

    share: float
    ms: float

    @classmethod
    def of(cls, words: str) -> Aim:
        """Of `p99=500ms`. Raises Told."""
        found = QUANTILE.fullmatch(words.strip())
        if found is None or float(found[2]) == 0:
            raise Told(f"--slo {words!r}: p50, p99 or p99.9 and a time, as in p99=500ms")
        ms = float(found[2]) * (1e3 if found[3] == "s" else 1.0)
        return cls(float(found[1]) / 100, ms)


@dataclass(frozen=True)
class Plan:
    """`people`: who on an ordinary day are as active as these on the busiest. `nodes`: machines in
    each region. `utilisation`: of the busiest process or machine in the busiest minute. `ms`: what
    was aimed at. `met`: whether both were reached. `machines`: before they are rounded up in each
    region, as `levers` tells them. `gb_per_day`: what is stored on the busiest day, with all
    copies; after so many days all disks are full (0: never). `price`: of all machines, in what
    `node.price` is in."""

    people: int
    nodes: list[int]
    utilisation: float
    ms: float
    met: bool
    machines: float
    levers: list[Lever]
    gb_per_day: float
    days_until_full: float
    price: float


def plan(
    scenario: Scenario, calibration: Calibration, users: int, seed: int, aim: Aim, full: float
) -> Plan:
    """As few machines as it takes so that nothing is busier than `full` in the busiest minute, and
    messages are as fast as they shall be then."""
    probe = probe_of(scenario, calibration, seed)
    machines = machines_needed(probe, users, full)
    nodes = rounded_up(probe, machines)
    for _ in range(TRIES):
        model = with_nodes(scenario, calibration, users, scenario.days, seed, nodes)
        busy = minute_of(model, aim.share)
        if busy.utilisation > full:
            nodes[busy.region] += 1
        elif busy.ms > aim.ms and not _unreachable(model, aim):
            nodes = [max(each + 1, round(each * GROWTH)) for each in nodes]
        else:
            break
    stored_gb = _stored_gb_per_day(scenario, calibration, model, busy)
    disks_gb = sum(nodes) * scenario.values["node.disk_gb"]
    return Plan(
        people=round(users * max(model.factors)),
        nodes=nodes,
        utilisation=busy.utilisation,
        ms=busy.ms,
        met=busy.ms <= aim.ms and busy.utilisation <= full,
        machines=round(sum(machines), 3),
        levers=levers_of(scenario, calibration, users, seed, full),
        gb_per_day=round(stored_gb, 3),
        days_until_full=round(disks_gb / stored_gb, 1) if stored_gb else 0.0,
        price=sum(nodes) * scenario.values["node.price"],
    )


def _stored_gb_per_day(
    scenario: Scenario, calibration: Calibration, model: Model, busy: Busy
) -> float:
    """As in the busiest minute, but with the messages of a day."""
    summary = Summary(model, calibration, machine_of(scenario.values), busy.found)
    stored = summary.stored()
    at_once = int(summary.count("sends").sum()) * DAY_MINUTES
    sends = model.users * model.habits.sends_per_day * max(model.factors)
    return (stored.text_gb_per_day + stored.media_gb_per_day) * sends / max(1, at_once)


def _unreachable(model: Model, aim: Aim) -> bool:
    """The ways alone take longer: no machine helps."""
    ways = [
        region.access_ms + max(model.rtt_ms[number]) / 2
        for number, region in enumerate(model.regions)
    ]
    return min(ways) > aim.ms


@dataclass(frozen=True)
class Busy:
    """The busiest minute: a quantile of the time until a message is there, how busy the busiest
    process is, or the busiest machine where that is busier, and in which region it is."""

    ms: float
    utilisation: float
    region: int
    found: Found


def minute_of(model: Model, share: float) -> Busy:
    """`share`: the quantile."""
    found = pass_stretch(model, busiest(model), 1)
    deliveries = found.latency[:, 1].sum(0)
    busy, layout = found.busy_ns[0] / MINUTE_NS, model.layout
    cpu = busy * [model.cpu(each.kind) for each in layout.stations]
    nodes = np.bincount([each.node for each in layout.stations], cpu) / model.cores
    station, node = int(busy.argmax()), int(nodes.argmax())
    alone = busy[station] > nodes[node]
    return Busy(
        histogram.quantile_s(deliveries, share) * 1e3,
        float(max(busy[station], nodes[node])),
        (layout.stations[station] if alone else layout.nodes[node]).region,
        replace(found, end=Left.idle(model)),  # from where nobody goes on
    )


def probe_of(scenario: Scenario, calibration: Calibration, seed: int) -> Model:
    """Few people of this kind, with a machine in each region."""
    nodes = [1] * len(scenario.regions)
    return with_nodes(scenario, calibration, PROBE_USERS, scenario.days, seed, nodes)


def nothing() -> None:
    """Nobody wants to know how far it is."""


def levers_of(
    scenario: Scenario,
    calibration: Calibration,
    users: int,
    seed: int,
    full: float = FULL,
    progress: Callable[[], None] = nothing,
) -> list[Lever]:
    """How many machines there have to be where one input is at its low and its high, those first on
    which it depends most; without inputs on which nothing depends. `progress` is called after
    each input."""
    found = []
    for name, known in INPUTS.items():
        low, high = (
            round(sum(machines_needed(probe_of(changed, calibration, seed), users, full)), 3)
            for changed in _changed(scenario, name, (known.low, known.high))
        )
        if low != high:
            unit = "" if known.unit == "1" else known.unit
            found.append(Lever(name, known.low, known.high, unit, low, high))
        progress()
    return sorted(found, key=lambda each: -abs(each.machines_high - each.machines_low))


def _changed(scenario: Scenario, name: str, values: tuple[float, ...]) -> Iterator[Scenario]:
    for value in values:
        changed = Values(scenario.values.changed | {name: value})
        yield replace(scenario, values=changed)


def capacity_of(
    scenario: Scenario,
    calibration: Calibration,
    model: Model,
    progress: Callable[[], None] = nothing,
) -> list[Capacity]:
    """How the machines of a model fare with fewer and more people, in the busiest minute, up to
    where they can do no more. `progress` is called after each point, POINTS_MAX times at most."""
    nodes = [
        sum(node.region == region for node in model.layout.nodes)
        for region in range(len(model.regions))
    ]

    def at(factor: float) -> Capacity:
        users, days = max(1, round(model.users * factor)), len(model.factors)
        seeds = range(model.seed, model.seed + SEEDS)
        models = (with_nodes(scenario, calibration, users, days, seed, nodes) for seed in seeds)
        runs = [minute_of(each, 0.99) for each in models]
        progress()
        return _point(factor, runs)

    found = [at(0.5), at(1.0)]
    while not _overloaded(found[-1], found[0]) and found[-1].factor < TIMES_MAX:
        found.append(at(2 * found[-1].factor))
    if _overloaded(found[-1], found[0]):
        low, high = found[-2].factor, found[-1].factor
        found[-1:-1] = [at(low + (high - low) * part) for part in BETWEEN]
    return found


def _overloaded(point: Capacity, few: Capacity) -> bool:
    return point.utilisation > OVERLOADED or point.p99_ms > SLOW * few.p99_ms


def _point(factor: float, runs: list[Busy]) -> Capacity:
    """Of capacity, from as many runs as there are seeds."""
    latencies = sorted(each.ms for each in runs)
    utilisation = max(each.utilisation for each in runs)
    return Capacity(
        factor=round(factor, 4),
        utilisation=round(utilisation, 4),
        p99_ms=round(latencies[SEEDS // 2], 2),
        p99_low_ms=round(latencies[0], 2),
        p99_high_ms=round(latencies[-1], 2),
        beyond=utilisation > MEASURED,
    )
