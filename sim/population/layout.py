"""Where everything runs: nodes with their processes, and which partition is led by which host.

Stations are processes that work off a queue, numbered through: all hosts, then all edges, then all
media actors. Partitions are dealt out over hosts as `runtime.placement` does it; with homes, the
hash chooses among the partitions that are led in the region of a user's or chat's home.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.population.arrays import Ints
from sim.population.partitions import Partitions

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
    """`homes`: users and chats live in their own region, instead of wherever the hash says. `lost`:
    regions whose nodes are down; others do what they did, as far as there are copies."""

    def __init__(
        self,
        nodes: tuple[Node, ...],
        partitions: int,
        copies: int,
        homes: bool = False,
        lost: frozenset[int] = frozenset(),
    ) -> None:
        self.nodes = nodes
        self.partitions = partitions
        self.copies = copies
        self.homes = homes
        self.lost = lost
        self.stations = tuple(
            Station(f"{node.name}/{kind}-{number}", kind, index, node.region)
            for kind in KINDS
            for index, node in enumerate(nodes)
            for number in range(getattr(node, "media" if kind == "media" else f"{kind}s"))
        )
        self.hosts = self.of_kind("host")
        there = self._there("host")
        self.host_of = np.where(
            np.isin(np.arange(partitions) % len(self.hosts), there),
            np.arange(partitions) % len(self.hosts),
            np.array(there)[np.arange(partitions) // len(self.hosts) % len(there)],
        )
        """By partition: the station (hosts come first)."""
        self.led = np.bincount(self.host_of, minlength=len(self.hosts))
        """By host: how many partitions."""
        self.away = 1.0 - float(((self.led / partitions) ** 2).sum())
        """The share of messages between any two actors that go from one host to another."""
        regions = {node.region for node in nodes} - lost
        self._of_region = {
            (kind, region): [n for n in self._there(kind) if self.stations[n].region == region]
            for kind in KINDS
            for region in regions
        }
        first = np.arange(partitions) % len(self.hosts)
        self._led_in = {
            region: np.flatnonzero([self.stations[host].region == region for host in first])
            for region in {node.region for node in nodes}
        }

    def without(self, region: int) -> Layout:
        """When the nodes of a region are down."""
        lost = self.lost | {region}
        return Layout(self.nodes, self.partitions, self.copies, self.homes, lost)

    def of_kind(self, kind: Kind) -> list[int]:
        return [n for n, station in enumerate(self.stations) if station.kind == kind]

    def _there(self, kind: Kind) -> list[int]:
        return [n for n in self.of_kind(kind) if self.stations[n].region not in self.lost]

    def of_node(self, kind: Kind, node: int) -> list[int]:
        return [n for n in self.of_kind(kind) if self.stations[n].node == node]

    def in_region(self, kind: Kind, region: int) -> list[int]:
        """The stations of a kind that serve a region: its own, or where it has none, all."""
        return self._of_region.get((kind, region)) or self._there(kind)

    def settle(self, hashed: Partitions, regions: Callable[[], Ints]) -> Partitions:
        """The partitions of users or chats with these hashes, whose homes are in these `regions`,
        which are worked out only where they matter. They stay there when the region is lost, and
        are led elsewhere."""
        if not self.homes:
            return hashed
        found, home = hashed.copy(), regions()
        for region, led in self._led_in.items():
            if len(led):
                mine = home == region
                found[mine] = led[hashed[mine] % len(led)]
        return found
