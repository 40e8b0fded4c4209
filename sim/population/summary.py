"""From the counts of all stretches to what a run tells."""

from __future__ import annotations

import math

import numpy as np

from sim.population import histogram
from sim.population import result as r
from sim.population.arrays import Floats, Ints
from sim.population.calibration import Calibration
from sim.population.fanout import ROWS, Turn
from sim.population.ladder import Machine
from sim.population.load import COUNTS
from sim.population.model import Model
from sim.population.slot import DAY_MINUTES, HOUR_MINUTES
from sim.population.stretch import Found

MINUTE_S = 60.0
HOTTEST = 20


class Summary:
    """`found`: all minutes that are done."""

    def __init__(
        self, model: Model, calibration: Calibration, machine: Machine, found: Found
    ) -> None:
        self.model = model
        self.calibration = calibration
        self.machine = machine
        self.found = found
        self.minutes = len(found.counts)
        self.busy = found.busy_ns / (MINUTE_S * 1e9)
        self.connected = self._connected()
        self.days = self.minutes / DAY_MINUTES
        self.of_nodes = np.array([station.node for station in model.layout.stations])

    def count(self, name: str) -> Ints:
        """By minute and region."""
        found: Ints = self.found.counts[:, :, COUNTS.index(name)]
        return found

    def _connected(self) -> Ints:
        """People, by minute and region."""
        shares = np.array(self.model.connected)[:, np.arange(self.minutes) % DAY_MINUTES].T
        people = np.array([region.share for region in self.model.regions]) * self.model.users
        found: Ints = np.rint(shares * people).astype(np.int64)
        return found

    # --- parts --------------------------------------------------------------------------------

    def totals(self) -> r.Totals:
        found = {name: int(self.count(name).sum()) for name in COUNTS}
        turns = self.found.turns.sum(0)
        rows = sum(int(turns[turn]) * each for turn, each in ROWS.items())
        return r.Totals(
            **found,
            turns=int(turns[: Turn.MESSAGE_OUT].sum()),
            rows=rows,
            refused=int(self.found.refused.sum()),
            given_up=int(self.found.given_up.sum()),
        )

    def hours(self) -> list[r.Hour]:
        names = [region.name for region in self.model.regions]
        found = []
        for hour in range(math.ceil(self.minutes / HOUR_MINUTES)):
            part = slice(hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES)
            sums = self.found.counts[part].sum(0)
            regions = {
                name: r.RegionHour(
                    sends=int(sums[number, COUNTS.index("sends")]),
                    deliveries=int(sums[number, COUNTS.index("deliveries")]),
                    opens=int(sums[number, COUNTS.index("opens")]),
                    connected=int(self.connected[part, number].max()),
                )
                for number, name in enumerate(names)
            }
            found.append(r.Hour(hour, regions))
        return found

    def minutes_told(self) -> list[r.Minute]:
        sends = self.count("sends").sum(1)
        return [
            r.Minute(
                minute=minute,
                sends=int(sends[minute]),
                backlog_s=_rounded(self.found.waited_s[minute]),
                refused=int(self.found.refused[minute].sum()),
                retrying=int(self.found.retrying[minute]),
                connected=int(self.connected[minute].sum()),
                p99_ms=_rounded(histogram.quantile_s(self.found.late[minute], 0.99) * 1e3),
            )
            for minute in range(self.minutes)
        ]

    def stations(self) -> list[r.Station]:
        layout = self.model.layout
        found = []
        for number, station in enumerate(layout.stations):
            busy = self.busy[:, number]
            connections = self._connections(number)
            found.append(
                r.Station(
                    name=station.name,
                    kind=station.kind,
                    region=self.model.regions[station.region].name,
                    node=layout.nodes[station.node].name,
                    utilisation=_rounded(busy.mean()),
                    peak=_rounded(busy.max()),
                    by_hour=[_rounded(each) for each in by_hour(busy)],
                    delay=quantiles(self.found.delays[number]),
                    items=int(self.found.items[:, number].sum()),
                    refused=int(self.found.refused[:, number].sum()),
                    memory_mb=_rounded(self._memory_mb(number, connections)),
                    connections=connections,
                )
            )
        return found

    def _connections(self, number: int) -> int:
        """Of an edge, at the most."""
        station = self.model.layout.stations[number]
        if station.kind != "edge":
            return 0
        total = np.zeros(self.minutes)
        for region in range(len(self.model.regions)):
            serving = self.model.layout.in_region("edge", region)
            if number in serving:
                total += self.connected[:, region] / len(serving)
        return int(total.max())

    def _memory_mb(self, number: int, connections: int) -> float:
        calibration, kind = self.calibration, self.model.layout.stations[number].kind
        if kind == "edge":
            return calibration.edge.memory_mb + connections * calibration.connection_bytes / 1e6
        if kind == "media":
            return calibration.media.memory_mb
        hosts = len(self.model.layout.hosts)
        # Users and sessions of those who are connected, and the chats that they look at.
        actors = min(3 * int(self.connected.sum(1).max()) / hosts, self.model.residents_max)
        return calibration.host.memory_mb + actors * calibration.actor_bytes / 1e6

    def nodes(self, stations: list[r.Station], stored: r.Stored) -> list[r.Node]:
        calibration, layout = self.calibration, self.model.layout
        gb_per_day = (stored.text_gb_per_day + stored.media_gb_per_day) / len(layout.nodes)
        bytes_per_s, written_per_s = self._peak_bytes_per_s()
        found = []
        for number, node in enumerate(layout.nodes):
            here = np.flatnonzero(self.of_nodes == number)
            threads = np.array([self.model.cpu(layout.stations[each].kind) for each in here])
            cpu = (self.busy[:, here] @ threads + calibration.rest_cores) / self.machine.cores
            memory_mb = sum(stations[each].memory_mb for each in here) + calibration.rest_mb
            found.append(
                r.Node(
                    name=node.name,
                    region=self.model.regions[node.region].name,
                    cores=self.machine.cores,
                    cpu=_rounded(cpu.mean()),
                    cpu_peak=_rounded(cpu.max()),
                    by_hour=[_rounded(each) for each in by_hour(cpu)],
                    memory_gb=_rounded(memory_mb / 1e3),
                    disk_gb_per_day=_rounded(gb_per_day),
                    disk_mb_per_s_peak=_rounded(written_per_s / len(layout.nodes) / 1e6),
                    network_mbit_per_s_peak=_rounded(bytes_per_s / len(layout.nodes) * 8e-6),
                )
            )
        return found

    def _peak_bytes_per_s(self) -> tuple[float, float]:
        """Of all nodes in the busiest minute: over the network, and to disks."""
        text = self.count("text_bytes").sum(1)
        sends = np.maximum(self.count("sends").sum(1), 1)
        pushes = self.count("pushes").sum(1)
        media, fetched = self.count("media_bytes").sum(1), self.count("fetched_bytes").sum(1)
        copies = self.model.layout.copies
        network = media * copies + fetched + text / sends * (pushes + sends * copies)
        written = (
            media * copies + (text + sends * self._rows_per_send() * self._row_bytes()) * copies
        )
        return float(network.max() / MINUTE_S), float(written.max() / MINUTE_S)

    def _rows_per_send(self) -> float:
        return self.totals().rows / max(1, int(self.count("sends").sum()))

    def _row_bytes(self) -> float:
        return self.calibration.row_bytes

    def partitions(self) -> r.Partitions:
        layout = self.model.layout
        mean = max(1.0, float(self.found.by_partition.mean()))
        shares = self.found.by_partition / mean
        hottest = np.argsort(-self.found.by_partition, kind="stable")[:HOTTEST]
        return r.Partitions(
            count=layout.partitions,
            hottest=[
                r.Partition(
                    partition=int(number),
                    host=layout.stations[int(layout.host_of[number])].name,
                    turns_per_s=_rounded(
                        self.found.by_partition[number] / (self.minutes * MINUTE_S)
                    ),
                    peak_per_s=_rounded(self.found.peak[number] / MINUTE_S),
                    share=_rounded(shares[number]),
                )
                for number in hottest
            ],
            share_p50=_rounded(np.quantile(shares, 0.5)),
            share_p99=_rounded(np.quantile(shares, 0.99)),
            share_max=_rounded(shares.max()),
        )

    def latencies(self) -> dict[str, r.Latency]:
        return {
            region.name: r.Latency(
                *(quantiles(self.found.latency[number, what]) for what in range(3))
            )
            for number, region in enumerate(self.model.regions)
        }

    def stored(self) -> r.Stored:
        copies, days = self.model.layout.copies, max(self.days, 1 / DAY_MINUTES)
        kept = sum(
            int(self.found.turns[:, turn].sum()) * rows
            for turn, rows in ((Turn.CHAT_SEND, 2), (Turn.USER_MESSAGE, 1))
        )
        text = (int(self.count("text_bytes").sum()) + kept * self._row_bytes()) * copies / days
        media = int(self.count("media_bytes").sum()) * copies / days
        room = self.machine.disk_gb * len(self.model.layout.nodes)
        grows = (text + media) / 1e9
        return r.Stored(
            text_gb_per_day=_rounded(text / 1e9),
            media_gb_per_day=_rounded(media / 1e9),
            rows_per_day=round(kept / days),
            days_until_full=_rounded(room / grows) if room and grows else 0.0,
        )

    def extrapolated(self) -> list[str]:
        """What lies beyond what was measured."""
        measured, found = self.calibration.measured, []
        hosts = len(self.model.layout.hosts)
        rate = float(self.count("sends").sum(1).max()) / MINUTE_S / hosts
        if rate > measured.messages_per_s:
            found.append(
                f"{rate:,.0f} messages/s on a host: measured up to {measured.messages_per_s:,.0f}"
            )
        most = max(
            (self._connections(number) for number in self.model.layout.of_kind("edge")),
            default=0,
        )
        if most > measured.connections:
            found.append(
                f"{most:,} connections on an edge: measured up to {measured.connections:,}"
            )
        if len(self.model.layout.nodes) > 1:
            found.append("more than one node: measured on one")
        if self.model.layout.copies > 1:
            found.append("copies: their CPU is a share that was measured once")
        if self.model.channel is not None:
            found.append("channels: as they are designed; the server has none yet")
        if self.model.cached:
            found.append("caches of edges: as they are designed; the server has none yet")
        if self.model.layout.homes:
            found.append("homes in regions: as they are designed; the server has none yet")
        return found


def by_hour(values: Floats) -> list[float]:
    """Means of values by minute."""
    return [
        float(values[first : first + HOUR_MINUTES].mean())
        for first in range(0, len(values), HOUR_MINUTES)
    ]


def quantiles(counts: Ints) -> r.Quantiles:
    some = np.flatnonzero(counts[:-1])
    return r.Quantiles(
        mean_ms=_rounded(histogram.mean_s(counts) * 1e3),
        p50_ms=_rounded(histogram.quantile_s(counts, 0.5) * 1e3),
        p99_ms=_rounded(histogram.quantile_s(counts, 0.99) * 1e3),
        p999_ms=_rounded(histogram.quantile_s(counts, 0.999) * 1e3),
        bounds_ms=[_rounded(histogram.BOUNDS_S[index] * 1e3) for index in some],
        counts=[int(counts[index]) for index in some],
    )


def _rounded(value: float) -> float:
    """To six digits: more say nothing, and make files long."""
    return float(f"{float(value):.6g}")
