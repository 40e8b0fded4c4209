"""What a load does to a machine, by the model."""

from __future__ import annotations

from collections.abc import Sequence
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
SIMULATED_S = 3.0
"""Longer shows nothing else, unless more comes than can be done."""
FITTED_S = 1.0
WAYS_US = (0.0, 50.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 700.0, 1_000.0, 1_500.0, 2_000.0)
FINER = 9
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


def way_us(
    calibration: Calibration,
    cores: int,
    client: Client,
    seen: Sequence[tuple[Load, float, float]],
) -> float:
    """The way between edge and host with which the medians of these loads (with their rates) are
    nearest to what was seen (ms)."""

    def off(way: float) -> float:
        costs = Costs.of(calibration, cores, replace(client, way_us=way))
        return sum(
            abs(log(of_messages(load, rate, FITTED_S, costs)["p50_ms"] / p50_ms))
            for load, rate, p50_ms in seen
        )

    best = WAYS_US.index(min(WAYS_US, key=off))
    around = WAYS_US[max(0, best - 1)], WAYS_US[min(best + 1, len(WAYS_US) - 1)]
    return float(min(np.linspace(*around, FINER), key=off))
