"""What a load does to a machine, by the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from msgspec.structs import replace

from api import limits
from sim.population.calibration import Calibration
from sim.population.validation.loads import Load
from sim.population.validation.path import Client, Costs, Storm, Talk

SEED = 1
MIB = 1 << 20
ACTORS_OF_A_SESSION = 2
SIMULATED_S = 6.0
"""Longer shows nothing else, unless more comes than can be done."""
FITTED_S = 2.0
OVER = 2.0
"""So many times the capacity is more than can be done."""
WAYS_US = (0.0, 100.0, 200.0, 400.0, 700.0, 1_000.0, 1_500.0, 2_000.0, 3_000.0)
LATES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
STALLS_MS = (0.0, 2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 80.0, 120.0)
FINER = 5
"""So many between those beside the best one."""


def figures(
    load: Load, rate: float, seconds: float, calibration: Calibration, costs: Costs
) -> dict[str, float]:
    """By the names that `compare.LIMITS` has."""
    if not load.idle:
        return of_messages(load, rate, seconds, costs)
    if load.storm:
        return {"recovery_s": round(Storm(costs, SEED).run(load.idle), 3)}
    return memory(load, calibration)


def of_messages(load: Load, rate: float, seconds: float, costs: Costs) -> dict[str, float]:
    simulated_s = seconds if load.share > 1.0 else min(seconds, SIMULATED_S)
    passed = Talk(costs, load.chats, load.size, rate, SEED).run(simulated_s)
    latency_s = passed.latency_s or [simulated_s]
    p50_s, p99_s = np.quantile(latency_s, [0.5, 0.99])
    return {
        "throughput_per_s": round(len(passed.answered_s) / simulated_s, 1),
        "p50_ms": round(float(p50_s) * 1e3, 3),
        "p99_ms": round(float(p99_s) * 1e3, 3),
    }


def memory(load: Load, calibration: Calibration) -> dict[str, float]:
    """Of the edge, and of all processes."""
    connections_mb = load.idle * calibration.connection_bytes / MIB
    sessions = load.idle / limits.CONNECTIONS_PER_SESSION_MAX
    actors_mb = ACTORS_OF_A_SESSION * sessions * calibration.actor_bytes / MIB
    edge_mb = calibration.edge.memory_mb + connections_mb
    others_mb = calibration.host.memory_mb + calibration.media.memory_mb + calibration.rest_mb
    return {"edge_mb": round(edge_mb, 1), "memory_mb": round(edge_mb + others_mb + actors_mb, 1)}


@dataclass(frozen=True)
class Seen:
    """A load at this rate, and what was measured."""

    load: Load
    rate: float
    p50_ms: float
    p99_ms: float


def fitted(
    calibration: Calibration,
    cores: int,
    client: Client,
    capacity_per_s: float,
    seen: Sequence[Seen],
) -> Client:
    """With the lateness of work with which the most that can be done is what was seen, the way
    between edge and host with which the medians of these loads are nearest to it, and the stalls
    with which their tails are."""

    def costs(**tried: float) -> Costs:
        return Costs.of(calibration, cores, replace(client, **tried))

    def capacity(late: float) -> float:
        load = seen[0].load
        over = OVER * capacity_per_s
        done = Talk(costs(late=late), load.chats, load.size, over, SEED).run(FITTED_S)
        return abs(log(len(done.answered_s) / FITTED_S / capacity_per_s))

    def off(figure: str, seconds: float, **tried: float) -> float:
        return sum(
            abs(log(made[figure] / getattr(each, figure)))
            for each in seen
            for made in [of_messages(each.load, each.rate, seconds, costs(**tried))]
        )

    late = round(_nearest(LATES, capacity), 3)
    client = replace(client, late=late)
    way_us = round(_nearest(WAYS_US, lambda us: off("p50_ms", FITTED_S, way_us=us)), 1)
    client = replace(client, way_us=way_us)
    stall_ms = min(STALLS_MS, key=lambda ms: off("p99_ms", SIMULATED_S, stall_ms=ms))
    return replace(client, stall_ms=stall_ms)


def _nearest(tried: Sequence[float], off: Callable[[float], float]) -> float:
    """Which is the least off, also of those between."""
    return min(_around(min(tried, key=off), tried), key=off)


def _around(best: float, tried: Sequence[float]) -> list[float]:
    """Finer, between those beside the best one."""
    at = tried.index(best)
    low, high = tried[max(0, at - 1)], tried[min(at + 1, len(tried) - 1)]
    return [float(each) for each in np.linspace(low, high, FINER)]
