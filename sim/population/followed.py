"""Sends that are followed through a minute: how long it takes until they are acknowledged, until
they are there, and until who sends them has read what they missed."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from sim.population import histogram
from sim.population.arrays import Floats, Ints
from sim.population.load import Samples
from sim.population.model import Model
from sim.population.waits import Waits


class Followed:
    """Those of all blocks."""

    def __init__(self, model: Model, samples: list[Samples], rng: np.random.Generator) -> None:
        self._model = model
        self._rng = rng
        self._samples = s = _joined(samples)
        self._stations = np.stack(
            [s.edge, s.chat, s.sender, s.other, s.other_edge, s.edge, s.sender]
        )
        """Whom it is waited for; the last two for what is read."""
        self._waited_s = np.zeros(self._stations.shape)

    def pass_machine(self, stations: Ints, waits: Waits) -> None:
        """What is waited for at these stations, whose processes `waits` tells of."""
        place = np.searchsorted(stations, self._stations)
        place[place == len(stations)] = 0
        here = stations[place] == self._stations
        bins = np.broadcast_to(self._samples.bin, here.shape)
        self._waited_s[here] = waits.at(place[here], bins[here])

    def count(self, latency: Ints, late: Ints) -> None:
        """`latency` (regions, [acknowledged, there, read], buckets), `late` (buckets,): those that
        are there, of all regions."""
        model, s = self._model, self._samples
        edge_s, chat_s, sender_s, other_s, other_edge_s, asked_s, read_s = self._waited_s
        access_s = np.array([region.access_ms for region in model.regions]) / 1e3
        here_s, there_s = access_s[s.region], access_s[s.other_region]
        up = here_s / 2 + edge_s + self._way(s.edge, s.chat) + chat_s
        acked = up + self._way(s.chat, s.sender) + np.where(s.sender == s.chat, 0.0, sender_s)
        acked += self._way(s.sender, s.edge) + here_s / 2
        there = up + self._way(s.chat, s.other) + np.where(s.other == s.chat, 0.0, other_s)
        there += self._way(s.other, s.other_edge) + other_edge_s + there_s / 2
        asked = self._rng.random(len(s.bin)) >= model.cached
        read = here_s + asked_s + asked * (2 * self._way(s.edge, s.sender) + read_s)
        for region in range(len(latency)):
            latency[region, 0] += histogram.counted(acked[s.region == region])
            latency[region, 1] += histogram.counted(there[s.other_region == region])
            latency[region, 2] += histogram.counted(read[s.region == region])
        late += histogram.counted(there)

    def _way(self, source: Ints, target: Ints) -> Floats:
        """From one station to another, in seconds."""
        regions = np.array([station.region for station in self._model.layout.stations])
        rtt_s = np.array(self._model.rtt_ms) / 1e3
        found: Floats = rtt_s[regions[source], regions[target]] / 2
        return found


def _joined(samples: list[Samples]) -> Samples:
    nobody = np.zeros(0, np.int64)
    return Samples(
        *(
            np.concatenate([nobody, *(getattr(each, field.name) for each in samples)])
            for field in fields(Samples)
        )
    )
