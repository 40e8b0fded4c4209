"""The machine that makes the load: what it has room for, and how busy it is."""

from __future__ import annotations

import resource
from pathlib import Path
from time import monotonic, process_time

import psutil

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
FILES_BESIDE = 64
"""Open files of a process beside its connections."""


class CpuUsed:
    """Since it was made."""

    def __init__(self) -> None:
        self._own_s = process_time()
        self._busy_s = _busy_s()
        self._at_s = monotonic()

    def own_s(self) -> float:
        """Seconds of CPU of this process."""
        return process_time() - self._own_s

    def machine_share(self) -> float:
        """Of all cores, what everything together used."""
        passed_s = max(monotonic() - self._at_s, 1e-9) * (psutil.cpu_count() or 1)
        return min(1.0, (_busy_s() - self._busy_s) / passed_s)


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)


def raise_file_limit() -> None:
    """Each connection is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def no_room(connections: int, processes: int) -> str:
    """Why so many connections cannot be had from here; empty if they can."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = -(-connections // processes) + FILES_BESIDE
    if files != resource.RLIM_INFINITY and each > files:
        return (
            f"{connections:,} connections: a process may have {files:,} files open "
            "(`ulimit -Hn`); share them among more --processes"
        )
    ports = _ports()
    if connections > ports:
        return (
            f"{connections:,} connections: from one address there are {ports:,} ports "
            f"({PORT_RANGE}); widen the range, or use several machines"
        )
    return ""


def _ports() -> int:
    try:
        low, high = map(int, PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return 1 << 16
    return high - low + 1
