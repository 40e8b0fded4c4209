"""What fails as load grows, the first one first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.population import result as r
from sim.population.calibration import Calibration
from sim.population.layout import KINDS, Layout

CALLED = {"host": "a host", "edge": "an edge", "media": "a media actor"}


class Machine(NamedTuple):
    """What a node has."""

    cores: int
    memory_gb: float
    disk_gb: float
    disk_mb_per_s: float
    network_mbit_per_s: float


class Use(NamedTuple):
    """Of a resource where it is used most: `now`, of which `rest` is used when nobody is there."""

    what: str
    where: str
    now: float
    rest: float
    limit: float
    unit: str

    @property
    def factor(self) -> float:
        """How many times the load may be, as far as use grows with it."""
        return (self.limit - self.rest) / (self.now - self.rest)


def ladder(
    users: int,
    stations: list[r.Station],
    nodes: list[r.Node],
    machine: Machine,
    calibration: Calibration,
    layout: Layout,
) -> list[r.Rung]:
    """Each resource where it is tightest."""
    uses = [*_processes(stations), *_machines(nodes, machine, calibration, layout)]
    rungs = [
        r.Rung(
            what=use.what,
            where=use.where,
            now=use.now,
            limit=use.limit,
            unit=use.unit,
            factor=float(f"{use.factor:.4g}"),
            users=round(users * use.factor),
        )
        for use in uses
        if use.now > use.rest
    ]
    return sorted(rungs, key=lambda rung: rung.factor)


def _processes(stations: list[r.Station]) -> Iterator[Use]:
    for kind in KINDS:
        mine = [each for each in stations if each.kind == kind]
        if mine:
            worst = max(mine, key=lambda each: each.peak)
            yield Use(f"CPU of {CALLED[kind]}", worst.name, worst.peak, 0.0, 1.0, "core")


def _machines(
    nodes: list[r.Node], machine: Machine, calibration: Calibration, layout: Layout
) -> Iterator[Use]:
    cores = max(nodes, key=lambda each: each.cpu_peak)
    rest = calibration.rest_cores / machine.cores
    yield Use("cores of a node", cores.name, cores.cpu_peak, rest, 1.0, "of all cores")
    memory = max(nodes, key=lambda each: each.memory_gb)
    node = next(each for each in layout.nodes if each.name == memory.name)
    empty_mb = (
        calibration.rest_mb
        + node.hosts * calibration.host.memory_mb
        + node.edges * calibration.edge.memory_mb
        + node.media * calibration.media.memory_mb
    )
    yield Use(
        "memory of a node", memory.name, memory.memory_gb, empty_mb / 1e3, machine.memory_gb, "GB"
    )
    disk = max(nodes, key=lambda each: each.disk_mb_per_s_peak)
    yield Use(
        "disk of a node", disk.name, disk.disk_mb_per_s_peak, 0.0, machine.disk_mb_per_s, "MB/s"
    )
    network = max(nodes, key=lambda each: each.network_mbit_per_s_peak)
    yield Use(
        "network of a node",
        network.name,
        network.network_mbit_per_s_peak,
        0.0,
        machine.network_mbit_per_s,
        "Mbit/s",
    )
