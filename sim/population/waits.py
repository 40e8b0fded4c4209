"""How long things take at the processes of a machine, by what these were doing at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim.population import histogram
from sim.population.arrays import Floats, Ints
from sim.population.cores import Shared
from sim.population.layout import Kind
from sim.population.queueing.noise import Noise
from sim.population.queueing.parameters import Station as Queue
from sim.population.queueing.station import LOAD_BINS, Passed

LOOKS = 50_000
"""So many bins of each minute are looked at for the delays of all processes."""
LOOKS_LEAST, LOOKS_MOST = 100, 2_000
"""For the delays of one."""


@dataclass(frozen=True)
class Waits:
    """Of a machine in a minute; processes are numbered as in `passed`. `items` (processes, bins):
    what came."""

    kinds: Sequence[Kind]
    queues: dict[Kind, Queue]
    noises: dict[Kind, Noise]
    items: Ints
    passed: Passed
    shared: Shared
    rng: np.random.Generator

    @cached_property
    def _again_s(self) -> Floats:
        """By process, how much longer it takes who is refused at first: as those who came back; as
        long as clients have patience where nobody has yet."""
        queues = [self.queues[kind] for kind in self.kinds]
        found = np.array([queue.patience_s for queue in queues])
        for process, back in self.passed.returned.items():
            times = back.sum(1)
            if times.any():
                found[process] = (times * queues[process].ages_s).sum() / times.sum()
        return found

    @cached_property
    def _of_kind(self) -> dict[Kind, Ints]:
        return {kind: np.array([kind == each for each in self.kinds]) for kind in self.noises}

    def at(self, process: Ints, bins: Ints) -> Floats:
        """Of what comes to these processes in these bins, until it is done, in seconds."""
        passed, rng = self.passed, self.rng
        waited = passed.delay_s[process, bins]
        found = waited + self.shared.late_s[bins]
        load, slow = passed.load[process, bins // LOAD_BINS], self.shared.slow[bins]
        share = rng.random(len(process))
        for kind, noise in self.noises.items():
            mine = np.flatnonzero(self._of_kind[kind][process])
            found[mine] += noise.draw(load[mine], waited[mine], share[mine], slow[mine])
        came = np.maximum(self.items[process, bins], 1)
        refused = rng.random(len(process)) * came < passed.fresh_refused[process, bins]
        found[refused] += self._again_s[process[refused]]
        result: Floats = np.maximum(found, 0.0)
        return result

    def delays(self, processes: Ints, of_all: int) -> Ints:
        """Of items that came to these processes, of so many of the cluster: how many were in each
        bucket of `histogram` (len(processes), buckets)."""
        most = min(LOOKS_MOST, max(LOOKS_LEAST, LOOKS // of_all))
        looks = [_some(np.flatnonzero(self.items[process]), most) for process in processes]
        place = np.repeat(np.arange(len(processes)), [len(each) for each in looks])
        bins = np.concatenate([np.zeros(0, np.int64), *looks])
        who = processes[place]
        bucket = histogram.bucket_of(self.at(who, bins)) + place * histogram.BUCKETS
        size = len(processes) * histogram.BUCKETS
        found = np.bincount(bucket, self.items[who, bins], size)
        return found.astype(np.int64).reshape(-1, histogram.BUCKETS)


def _some(bins: Ints, most: int) -> Ints:
    """At most so many of these, at even distances."""
    if len(bins) <= most:
        return bins
    return np.asarray(bins[np.linspace(0, len(bins) - 1, most).astype(np.int64)])
