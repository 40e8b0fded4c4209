"""Who was refused, and when they are back, bin by bin.

Those that come in one bin, fresh or back, have equal chances. Their work goes with them: what is
refused takes the mean work of those it came with. A wait that is drawn at random is spread: those
of one bin go in `PARTS` parts to different quantiles of it, and those of the next ones to others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.population.arrays import Ints
from sim.population.queueing.parameters import Station

PARTS = 4
PHASES = 16
"""After so many bins the quantiles are the same again."""
_PHASE = np.arange(PHASES) * 5 % PHASES  # far from each other, one bin after the other


@dataclass(frozen=True)
class Waits:
    """How long clients of some stations wait. `bins` (PHASES, PARTS, stations, refusals): in bins;
    `attempts` (stations,): who was refused more often gives up."""

    bins: Ints
    attempts: Ints

    @staticmethod
    def of(stations: Sequence[Station], bin_s: float) -> Waits:
        attempts = np.array([len(station.ages_s) for station in stations], np.int64)
        shares = (np.arange(PARTS) + (_PHASE[:, np.newaxis] + 0.5) / PHASES) / PARTS
        waits = np.array(
            [
                [[s.wait_s(k + 1, share) for k in range(max(1, attempts.max()))] for s in stations]
                for share in shares.ravel()
            ]
        )
        bins = np.maximum(np.rint(waits / bin_s), 1).astype(np.int64)
        return Waits(bins.reshape(PHASES, PARTS, *waits.shape[1:]), attempts)


class Returning:
    """Those who will come back to some stations. `rings` of each station (bins from the next one
    on, refusals, [items, work in ns]); None: there is nobody."""

    def __init__(self, stations: Sequence[Station], bin_s: float, rings: Sequence[Ints | None]):
        self.waits = Waits.of(stations, bin_s)
        self._length = int(self.waits.bins.max()) + 1
        count, classes = self.shape = self.waits.bins.shape[2:]
        self._coming = np.zeros((self._length, count, classes, 2), np.int64)
        for index, ring in enumerate(rings):
            if ring is not None:
                self._coming[: len(ring), index, : ring.shape[1]] = ring
        self._bin = 0
        self._who = np.arange(count)[:, np.newaxis]
        self._refusals = np.arange(classes)
        self._last = np.arange(classes + 1) >= self.waits.attempts[:, np.newaxis]

    def take(self) -> Ints:
        """Who is back in this bin (stations, refusals, [items, work])."""
        slot = self._coming[self._bin % self._length]
        back: Ints = slot.copy()
        slot[:] = 0
        return back

    def put(self, refused: Ints) -> Ints:
        """These (stations, 1 + refusals, [items, work]), by how often they were refused before,
        come back later. Returns how many give up (stations,)."""
        given_up = (refused[..., 0] * self._last).sum(axis=1)
        kept = np.where(self._last[..., np.newaxis], 0, refused)[:, :-1]
        items, work = kept[..., 0], kept[..., 1]
        turn = self._bin % PARTS  # one part takes what does not divide, in turns
        before = np.zeros_like(kept)
        for part, bins in enumerate(self.waits.bins[self._bin % PHASES]):
            upto = (items * (part + 1) + turn) // PARTS
            after = np.stack((upto, work * upto // np.maximum(items, 1)), axis=-1)
            slots = (self._bin + bins) % self._length
            self._coming[slots, self._who, self._refusals] += after - before
            before = after
        return np.asarray(given_up)

    def go_on(self) -> None:
        """To the next bin."""
        self._bin += 1

    def rings(self) -> list[Ints | None]:
        """As long and as wide as somebody is in them."""
        unrolled = np.roll(self._coming, -self._bin, axis=0)
        return [_cut(unrolled[:, index]) for index in range(self.shape[0])]


def _cut(ring: Ints) -> Ints | None:
    bins, refusals = np.nonzero(ring[..., 0])
    return ring[: bins.max() + 1, : refusals.max() + 1].copy() if len(bins) else None


class Queue:
    """What waits at some stations (stations,), as time and as items."""

    def __init__(self, left_ns: Ints, waiting: Ints, bin_ns: int) -> None:
        self.left_ns = left_ns
        self.waiting = waiting
        self._bin_ns = bin_ns
        self._part = np.zeros(len(waiting))  # of the item that is being done

    def leaving(self, items: Ints, cost: Ints) -> Ints:
        """How many are done in a bin in which these come."""
        total = np.maximum(self.left_ns + cost, self._bin_ns)
        leaving: Ints = (self.waiting + items) * self._bin_ns // total
        return leaving

    def pass_bin(self, items: Ints, cost: Ints) -> Ints:
        """These come, and time passes. Returns how many are done: as many as have their part of
        all work; where some is left, so is somebody."""
        total = self.left_ns + cost
        self.left_ns = np.maximum(total - self._bin_ns, 0)
        waiting = self.waiting + items
        part = self._part + waiting * (total - self.left_ns) / np.maximum(total, 1)
        part = np.where(self.left_ns > 0, part, waiting)
        done: Ints = np.minimum(part.astype(np.int64), waiting - (self.left_ns > 0))
        self._part = part - done
        self.waiting = waiting - done
        return done


def admit(offered: Ints, room: Ints) -> Ints:
    """Who finds room (stations, classes, [items, work]) of those who come, each with the mean work
    of its class; all have equal chances. `room` (stations,): for so many items."""
    items = offered[..., 0]
    upto = np.cumsum(items, axis=1)
    total = upto[:, -1:]
    upto = upto * np.minimum(total, room[:, np.newaxis]) // np.maximum(total, 1)
    taken: Ints = np.empty_like(offered)
    taken[:, 0, 0] = upto[:, 0]
    taken[:, 1:, 0] = upto[:, 1:] - upto[:, :-1]
    taken[..., 1] = offered[..., 1] * taken[..., 0] // np.maximum(items, 1)
    return taken
