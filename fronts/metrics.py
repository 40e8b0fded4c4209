"""Figures of hosts, edges, fronts and media actors as Prometheus text."""

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
    "batches_total": "Batches of requests that came from edges and API replicas",
    "commits_total": "Batches made durable",
    "commit_seconds_total": "Seconds spent making batches durable",
    "commit_seconds_max": "The slowest batch since the start",
    "commits_at_once_total": "Batches made durable by a loop that had nothing else to do",
    "commit_at_once_seconds_total": "Seconds that this held the loop up",
    "resident_actors": "Actors in memory",
    "online_actors": "Users and sessions with live connections",
    "moved_actors": "Actors that have left this host for hosts of their own",
    "fronts": "Edges and API replicas that fetch from this host",
    "outbox_streams_waiting": "Streams with messages that have not been shipped",
    "copies": "Shards that this host has a copy of",
    "shards_led": "Shards that this host leads",
    "takeovers_total": "Shards that this host began to lead",
    "outbox_shipped_total": "Messages shipped to other hosts and acknowledged",
    "read_only": "1 while the disk is full",
    "memory_bytes_max": "Largest resident memory of this process",
    "media_actors": "Media actors that this one knows of",
    "media_chunks": "Chunks of media",
    "media_raw_bytes": "Bytes of all chunks",
    "media_stored_bytes": "Bytes that are stored for them, where some are packed",
    "media_free_bytes": "Bytes that are free within the file of the chunks",
    "media_disk_free_bytes": "Bytes that are free on the disk with the chunks",
    "media_puts_total": "Chunks stored, or stored again",
    "media_gets_total": "Chunks asked for",
    "media_commits_total": "Batches of changes of chunks made durable",
    "media_refused_total": "Changes of chunks refused, because of too little room or too many",
    "media_damaged_total": "Chunks found damaged",
    "media_mended_total": "Chunks that were damaged, and made whole from another copy",
    "media_beyond_repair": "Damaged chunks that nobody has a good copy of, at the last look",
    "media_scrubbed_total": "Chunks read to see whether they are whole",
    "media_scrub_age_s": "How long ago that chunk was read for which it is longest",
    "media_given_total": "Copies of chunks made for other media actors",
    "media_moved_away_total": "Chunks deleted here because others have them now",
    "media_copies_missing": "Copies of chunks that are missing elsewhere, at the last look",
    "media_collected_total": "Chunks deleted because nobody needs them",
    "media_collected_bytes_total": "Bytes that were stored for them",
    "parts_missing": "Hosts, edges, media actors and others that did not answer this front",
    "connections": "Live connections",
    "connections_refused_total": "Connections refused because the edge was full",
    "requests_waiting": "Requests that are not answered yet",
    "requests_queued": "Requests that wait to be sent to a host",
    "password_hashes_waiting": "Passwords that are being hashed or wait for it",
    "password_hashes_total": "Passwords hashed",
    "media_detours_total": "Chunks that another media actor had to take",
    "media_repairs_total": "Chunks given again to who had no whole copy, after a read",
}
PROCESSES = ("host", "edge", "media", "service")
"""What a process may be: the key under which its name is."""
ONLY_WITH_COPIES = {"copies", "shards_led", "takeovers_total"}
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
                process = next(filter(None, map(figures.get, PROCESSES)), None)
                family.add_metric([str(process)], float(figures[name]))
            yield family


def prometheus_text(figures: list[dict[str, Any]]) -> bytes:
    """Figures (name to number, with the key host, edge, service or media) as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    return generate_latest(registry)
