"""Cores of a machine: processes share them, and where all want more than there is, all are late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.population.arrays import Floats, Ints
from sim.population.queueing.lindley import backlog
from sim.population.queueing.station import BIN_NS


@dataclass(frozen=True)
class Shared:
    """`slow` (bins,): how much longer work takes because others want cores in the same bin.
    `late_s` (bins,): how far the machine is behind with all that was wanted before. `left_ns`: CPU
    time that is still wanted at the end."""

    slow: Floats
    late_s: Floats
    left_ns: int


def share(cores: int, cpu: Floats, work_ns: Ints, left_ns: int) -> Shared:
    """`work_ns` (processes, bins): what their loops want; `cpu` (processes,): of all threads, for
    that; `left_ns`: before the first bin."""
    bins = work_ns.shape[1]
    if cpu.sum() <= cores:
        return Shared(np.ones(bins), np.zeros(bins), 0)
    wanted = np.rint(cpu @ work_ns).astype(np.int64)
    behind = backlog(wanted - cores * BIN_NS, np.int64(left_ns))
    at_once = cpu @ np.minimum(work_ns, BIN_NS)
    slow = np.maximum(1.0, at_once / (cores * BIN_NS))
    return Shared(slow, behind / (cores * 1e9), int(behind[-1]))
