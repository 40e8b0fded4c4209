"""How long things take, by what stations were doing at that moment."""

from __future__ import annotations

import numpy as np

from sim.population import histogram
from sim.population.cores import Shared
from sim.population.load import Load, Samples
from sim.population.model import Model
from sim.population.people import Floats, Ints
from sim.population.queueing.station import LOAD_BINS, Passed

LOOKS = 2_000
"""So many bins of each minute are looked at for the delays of each station."""


class Waits:
    """Of a minute."""

    def __init__(
        self, model: Model, passed: Passed, load: Load, shared: Shared, rng: np.random.Generator
    ) -> None:
        self._model = model
        self._passed = passed
        self._load = load
        self._shared = shared
        self._rng = rng
        stations = model.layout.stations
        self._kinds = np.array([station.kind for station in stations])
        self._nodes = np.array([station.node for station in stations])
        self._regions = np.array([station.region for station in stations])
        self._rtt_s = np.array(model.rtt_ms) / 1e3
        self._access_s = np.array([region.access_ms for region in model.regions]) / 1e3
        self._again_s = self._returning()

    def _returning(self) -> Floats:
        """By station, how much longer it takes who is refused at first: as those who came back; as
        long as clients have patience where nobody has yet."""
        queues = [self._model.queues[kind] for kind in self._kinds]
        found = np.array([queue.patience_s for queue in queues])
        for station, back in self._passed.returned.items():
            times = back.sum(1)
            if times.any():
                found[station] = (times * queues[station].ages_s).sum() / times.sum()
        return found

    def at(self, station: Ints, bins: Ints) -> Floats:
        """Of something that comes to these stations in these bins, until it is done, in seconds."""
        passed, rng = self._passed, self._rng
        waited = passed.delay_s[station, bins]
        found = waited + self._shared.late_s[self._nodes[station], bins]
        load, slow = passed.load[station, bins // LOAD_BINS], self._shared.slow[station, bins]
        share = rng.random(len(station))
        for kind, noise in self._model.noises.items():
            mine = self._kinds[station] == kind
            found[mine] += noise.draw(load[mine], waited[mine], share[mine], slow[mine])
        came = np.maximum(self._load.items[station, bins], 1)
        refused = rng.random(len(station)) * came < passed.fresh_refused[station, bins]
        found[refused] += self._again_s[station[refused]]
        result: Floats = np.maximum(found, 0.0)
        return result

    def of_stations(self, delays: Ints) -> None:
        """Count the delays of items in some bins."""
        for station in range(len(delays)):
            bins = np.flatnonzero(self._load.items[station])
            if len(bins):
                some = bins[np.linspace(0, len(bins) - 1, min(LOOKS, len(bins))).astype(np.int64)]
                waited = self.at(np.full(len(some), station), some)
                delays[station] += histogram.counted(waited, self._load.items[station, some])

    def of_deliveries(self, samples: Samples, latency: Ints, late: Ints) -> None:
        """Count how long it takes until these are acknowledged, until they are there, and until who
        sends them has read what they missed."""
        edge = self.at(samples.edge, samples.bin)
        chat = self.at(samples.chat, samples.bin)
        sender, other = (
            np.where(station == samples.chat, 0.0, self.at(station, samples.bin))
            for station in (samples.sender, samples.other)
        )
        up = self._access_s[samples.region] / 2 + edge + self._way(samples.edge, samples.chat)
        acked = up + chat + self._way(samples.chat, samples.sender) + sender
        acked += self._way(samples.sender, samples.edge) + self._access_s[samples.region] / 2
        there = up + chat + self._way(samples.chat, samples.other) + other
        there += self._way(samples.other, samples.other_edge)
        there += self.at(samples.other_edge, samples.bin)
        there += self._access_s[samples.other_region] / 2
        edge_s, host_s = self.at(samples.edge, samples.bin), self.at(samples.sender, samples.bin)
        asked = self._rng.random(len(edge_s)) >= self._model.cached
        way_s = 2 * self._way(samples.edge, samples.sender)
        read = self._access_s[samples.region] + edge_s + asked * (way_s + host_s)
        for region in range(len(latency)):
            latency[region, 2] += histogram.counted(read[samples.region == region])
            latency[region, 0] += histogram.counted(acked[samples.region == region])
            latency[region, 1] += histogram.counted(there[samples.other_region == region])
        late += histogram.counted(there)

    def _way(self, source: Ints, target: Ints) -> Floats:
        """From one station to another, in seconds."""
        found: Floats = self._rtt_s[self._regions[source], self._regions[target]] / 2
        return found
