"""The people of a block: where they live, and in which orders they are for their chats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim.population import partitions
from sim.population.arrays import Ints
from sim.population.chats import Order
from sim.population.model import Model

WIDE = 1_000
"""Layers of contacts and groups over regions are numbered from here."""


class Block:
    """`folder`: where the partitions of users are kept."""

    def __init__(self, model: Model, block: int, folder: Path) -> None:
        self.model = model
        self.block = block
        users = model.blocks[block]
        self.first_id, self.size = users.start, len(users)
        self.circles = model.circles(self.size)
        lengths = [len(each) for each in self.circles]
        self._region_of = np.repeat(np.arange(len(lengths), dtype=np.uint8), lengths)
        hashed = partitions.kept(folder, users.start, len(users), model.layout.partitions)
        self.homes = model.layout.settle(hashed, lambda: self.regions(np.arange(self.size)))

    def regions(self, who: Ints) -> Ints:
        return self._region_of[who].astype(np.int64)

    def orders(self, layer: int) -> list[tuple[Order, range]]:
        """Of a layer: one of each region, or of all where regions are not looked at."""
        circles = self.circles if layer < WIDE else (range(self.size),)
        seed = self.model.seed
        return [
            (Order.of(seed, self.block, layer, each.start, len(each)), each)
            for each in circles
            if len(each)
        ]
