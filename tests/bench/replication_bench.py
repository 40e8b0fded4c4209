"""What copies cost, and how long a fault is felt: python -m tests.bench.replication_bench

By turns on this machine: three hosts with one copy of everything, three hosts with three; also the
CPU that hosts and edges take for a message, and when there is none. Then
hosts are killed and stopped (SIGSTOP) while people write, and for each fault the longest wait of
all is taken, from one acknowledgement to the next.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.integration.running import RunningServer, check, result_of, turns, wait_for

HOST = "ray::ReplicatedHost"
LOADS = {"200x8": ("200", "8"), "20x1": ("20", "1"), "1x1": ("1", "1")}
WORKERS = ("ray::ReplicatedHost", "ray::Host", "ray::Edge")
SETTLED_S = 4.0
"""So long after its start a load runs evenly."""
PAUSE_S = 10.0
LOAD_S = "14"
BACK_S = 12.0
"""So long after a fault those lead again that shall."""


def cost(folder: Path, seconds: int, rounds: int) -> dict[str, Any]:
    """Messages a second and milliseconds of either server, the best round of each."""
    servers = {
        "1 copy": RunningServer(folder / "one", "--hosts", "3"),
        "3 copies": RunningServer(folder / "three", "--copies", "3"),
    }
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for name, server in servers.items():
            server.start()
            time.sleep(SETTLED_S)
            idle_s = cpu_s_within(server, seconds / 2)
            found[f"{name} idle"] = {"cpu_percent": round(200 * idle_s / seconds, 1)}
            for title, (pairs, window) in LOADS.items():
                load = server.load("--pairs", pairs, "--window", window, "--seconds", str(seconds))
                time.sleep(SETTLED_S)
                busy_s = cpu_s_within(server, seconds / 2)
                figures = result_of(load)
                check(figures, 10)
                figures["cpu_ms"] = round(2000 * busy_s / seconds / figures["sent_per_s"], 3)
                best = found.setdefault(f"{name} {title}", figures)
                if figures["sent_per_s"] > best["sent_per_s"]:
                    found[f"{name} {title}"] = figures
            server.stop()
    kept = ("sent_per_s", "p50_ms", "p99_ms", "cpu_ms", "cpu_percent")
    return {name: {key: each[key] for key in kept if key in each} for name, each in found.items()}


def cpu_s_within(server: RunningServer, seconds: float) -> float:
    """What hosts and edges use meanwhile."""
    before = cpu_s(server)
    time.sleep(seconds)
    return cpu_s(server) - before


def cpu_s(server: RunningServer) -> float:
    """What hosts and edges have used."""
    pids = [pid for title in WORKERS for pid in server.pids(title)]
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def faults(server: RunningServer, kind: str, count: int) -> list[float]:
    """For each fault the longest wait for an acknowledgement, in seconds, of the worst of 40 pairs,
    which write whatever becomes of it."""
    waits = []
    for _ in range(count):
        before = turns(server)
        load = server.load("--pairs", "40", "--rate", "200", "--seconds", LOAD_S)
        wait_for(lambda: turns(server) > before + 500)  # noqa: B023 - called before the next turn
        pid = random.choice(server.pids(HOST))
        if kind == "kill":
            os.kill(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(PAUSE_S)
            os.kill(pid, signal.SIGCONT)
        figures = result_of(load)
        check(figures, 10)
        waits.append(figures["gap_max_s"])
        wait_for(lambda: len(server.pids(HOST)) == 3)
        time.sleep(BACK_S)
    return sorted(waits)


def percentile(waits: list[float], percent: int) -> float:
    return waits[min(len(waits) - 1, len(waits) * percent // 100)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--faults", type=int, default=20)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="heliograph-") as folder:
        if options.rounds:
            found["cost"] = cost(Path(folder), options.seconds, options.rounds)
        if options.faults:
            server = RunningServer(Path(folder) / "faults", "--copies", "3").start()
            for kind in ("kill", "pause"):
                waits = faults(server, kind, options.faults)
                found[kind] = {
                    "faults": len(waits),
                    "median_s": percentile(waits, 50),
                    "p95_s": percentile(waits, 95),
                    "max_s": waits[-1],
                }
            server.stop()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
