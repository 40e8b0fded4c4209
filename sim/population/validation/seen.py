"""What the loads of the calibration are on this machine with the load tool: how much it can do,
what the tool itself takes, and what fits what was seen: the way between edge and host, on which no
process works, and how late and how still the machine is at times."""

from __future__ import annotations

import itertools
from statistics import median
from typing import Any

from msgspec import Struct

from sim.population.calibration import Calibration
from sim.population.validation import predict
from sim.population.validation.compare import middle
from sim.population.validation.loads import SEEN, SEEN_STORM
from sim.population.validation.measure import Say, Server, figures
from sim.population.validation.path import Client

FRAMES_OF_A_MESSAGE = 3
"""It is sent, answered, and received."""


class Seen(Struct):
    """`figures` by name of a load; `pace_s`: of the machine meanwhile."""

    capacity_per_s: float
    client: Client
    figures: dict[str, dict[str, float]]
    pace_s: float


def look(
    server: Server, calibration: Calibration, cores: int, seconds: float, rounds: int, say: Say
) -> Seen:
    """Raises Told."""
    say("as fast as it can")
    closed = [server.load(SEEN[0], 0.0, seconds) for _ in range(rounds)]
    capacity_per_s = _of(closed, "sent_per_s")
    found: dict[str, list[dict[str, Any]]] = {}
    for load in (*SEEN, SEEN_STORM):
        say(load.text)
        rate = load.rate(capacity_per_s)
        found[load.name] = [server.load(load, rate, seconds) for _ in range(rounds)]
    alone_us = _of(found[SEEN[0].name], "client_us_per_message")
    many_us = _of(closed, "client_us_per_message")
    client = Client(
        frame_us=round(many_us / FRAMES_OF_A_MESSAGE, 2),
        batch_us=round(max(0.0, alone_us - many_us) / FRAMES_OF_A_MESSAGE, 2),
        open_us=round(_of(found[SEEN_STORM.name], "client_cpu_s") * 1e6 / SEEN_STORM.idle, 1),
        way_us=0.0,
    )
    say("fitting")
    medians = {
        load.name: middle(figures(load, each) for each in found[load.name])
        for load in (*SEEN, SEEN_STORM)
    }
    known = [
        predict.Seen(
            each,
            each.rate(capacity_per_s),
            medians[each.name]["p50_ms"],
            medians[each.name]["p99_ms"],
        )
        for each in SEEN
    ]
    fitted = predict.fitted(calibration, cores, client, capacity_per_s, known)
    paces_s = [each["pace_s"] for each in itertools.chain(closed, *found.values())]
    return Seen(capacity_per_s, fitted, medians, median(paces_s))


def _of(rounds: list[dict[str, Any]], name: str) -> float:
    return float(median(each[name] for each in rounds))
