"""Cores of machines: processes share them, and where all want more than there is, all are late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.population.model import Model
from sim.population.people import Floats, Ints
from sim.population.queueing.lindley import backlog
from sim.population.queueing.station import BIN_NS


@dataclass(frozen=True)
class Shared:
    """`slow` (stations, bins): how much longer work takes because others want cores in the same
    bin. `late_s` (nodes, bins): how far machines are behind with all that was wanted before.
    `left_ns` (nodes,): CPU time that is still wanted at the end."""

    slow: Floats
    late_s: Floats
    left_ns: Ints


def share(model: Model, work_ns: Ints, left_ns: Ints) -> Shared:
    """`work_ns` (stations, bins): what is wanted; `left_ns`: before the first bin."""
    layout, cores = model.layout, model.cores
    slow = np.ones(work_ns.shape)
    late_s = np.zeros((len(layout.nodes), work_ns.shape[1]))
    left = np.zeros(len(layout.nodes), np.int64)
    for node in range(len(layout.nodes)):
        here = [n for n, each in enumerate(layout.stations) if each.node == node]
        cpu = np.array([model.cpu(layout.stations[n].kind) for n in here])
        if cpu.sum() <= cores:
            continue
        wanted = np.rint(cpu @ work_ns[here]).astype(np.int64)
        behind = backlog(wanted - cores * BIN_NS, left_ns[node])
        at_once = cpu @ np.minimum(work_ns[here], BIN_NS)
        slow[here] = np.maximum(1.0, at_once / (cores * BIN_NS))
        late_s[node] = behind / (cores * 1e9)
        left[node] = behind[-1]
    return Shared(slow, late_s, left)
