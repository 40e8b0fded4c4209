"""Where everything runs: nodes with their processes, and which partition is led by which host.

Stations are processes that work off a queue, numbered through: all hosts, then all edges, then all
media actors. Partitions are dealt out over hosts as `runtime.placement` does it; with homes, the
hash chooses among the partitions that are led in the region of a user's or chat's home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.population.partitions import Partitions
from sim.population.people import Ints

Kind = Literal["host", "edge", "media"]
KINDS: tuple[Kind, ...] = ("host", "edge", "media")


@dataclass(frozen=True)
class Node:
    """A machine: its region (index), and how many processes of each kind it runs."""

    name: str
    region: int
    hosts: int
    edges: int
    media: int


@dataclass(frozen=True)
class Station:
    """A process. `node` is an index of the nodes."""

    name: str
    kind: Kind
    node: int
    region: int


class Layout:
    """`homes`: users and chats live in their own region, instead of wherever the hash says."""

    def __init__(
        self, nodes: tuple[Node, ...], partitions: int, copies: int, homes: bool = False
    ) -> None:
        self.nodes = nodes
        self.partitions = partitions
        self.copies = copies
        self.homes = homes
        self.stations = tuple(
            Station(f"{node.name}/{kind}-{number}", kind, index, node.region)
            for kind in KINDS
            for index, node in enumerate(nodes)
            for number in range(getattr(node, "media" if kind == "media" else f"{kind}s"))
        )
        self.hosts = self.of_kind("host")
        self.host_of = np.arange(partitions) % len(self.hosts)
        """By partition: the station (hosts come first)."""
        self._of_region = {
            (kind, region): [n for n in self.of_kind(kind) if self.stations[n].region == region]
            for kind in KINDS
            for region in {node.region for node in nodes}
        }
        self._led_in = {
            region: np.flatnonzero(np.isin(self.host_of, led))
            for (kind, region), led in self._of_region.items()
            if kind == "host"
        }

    def of_kind(self, kind: Kind) -> list[int]:
        return [n for n, station in enumerate(self.stations) if station.kind == kind]

    def in_region(self, kind: Kind, region: int) -> list[int]:
        """The stations of a kind that serve a region: its own, or where it has none, all."""
        return self._of_region.get((kind, region)) or self.of_kind(kind)

    def settle(self, hashed: Partitions, regions: Ints) -> Partitions:
        """The partitions of users or chats with these hashes, whose homes are in these regions."""
        if not self.homes:
            return hashed
        found = hashed.copy()
        for region, led in self._led_in.items():
            if len(led):
                mine = regions == region
                found[mine] = led[hashed[mine] % len(led)]
        return found
