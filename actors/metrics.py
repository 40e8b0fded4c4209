"""Figures of hosts and edges as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

DESCRIPTIONS = {
    "uptime_s": "Seconds since this process started",
    "turns_total": "Turns executed: one actor handling one message",
    "refusals_total": "Requests answered with an error",
    "failures_total": "Turns that failed by a defect or a corrupt row",
    "commits_total": "Batches made durable",
    "commit_seconds_total": "Seconds spent making batches durable",
    "commit_seconds_max": "The slowest batch since the start",
    "resident_actors": "Actors in memory",
    "online_actors": "Users and sessions with live connections",
    "fronts": "Edges and API replicas that fetch from this host",
    "outbox_streams_waiting": "Streams with messages that have not been shipped",
    "copies": "Partitions that this host has a copy of",
    "partitions_led": "Partitions that this host leads",
    "takeovers_total": "Partitions that this host began to lead",
    "outbox_shipped_total": "Messages shipped to other hosts and acknowledged",
    "read_only": "1 while the disk is full",
    "memory_bytes_max": "Largest resident memory of this process",
    "connections": "Live connections",
    "connections_refused_total": "Connections refused because the edge was full",
    "requests_waiting": "Requests that are not answered yet",
    "requests_queued": "Requests that wait to be sent to a host",
    "password_hashes_waiting": "Passwords that are being hashed or wait for it",
    "password_hashes_total": "Passwords hashed",
}
ONLY_WITH_COPIES = {"copies", "partitions_led", "takeovers_total"}
"""What only the hosts of a replicated server tell."""


class _Figures(Collector):
    def __init__(self, figures: list[dict[str, Any]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        for name, text in DESCRIPTIONS.items():
            found = [f for f in self._figures if name in f]
            if not found:
                continue
            family: CounterMetricFamily | GaugeMetricFamily
            if name.endswith("_total"):
                family = CounterMetricFamily(f"heliograph_{name}", text, labels=["process"])
            else:
                family = GaugeMetricFamily(f"heliograph_{name}", text, labels=["process"])
            for figures in found:
                process = figures.get("host") or figures.get("edge") or figures.get("service")
                family.add_metric([str(process)], float(figures[name]))
            yield family


def prometheus_text(figures: list[dict[str, Any]]) -> bytes:
    """Figures (name to number, with the key host, edge or service) as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    return generate_latest(registry)
