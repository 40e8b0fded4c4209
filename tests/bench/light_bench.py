"""How light a server is: `python -m tests.bench.light_bench [--nodes N] [--seconds 60] [--json]`.

Starts one on a folder of its own, and tells how long it took until it was ready, what CPU that cost
(which says more than the time on a machine with other work), and then, while nobody does anything,
the memory and the CPU of each of its processes.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import sleep
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from heliograph.server.ports import free_ports
from sim.memory import pss_kb
from tests.bench.bench import report, server

SETTLE_S = 10.0
"""Until what is done once after a start has been done."""
SCRIPTS = {
    "heliograph.server.main": "server",
    "gcs_server": "GCS",
    "raylet/raylet": "raylet",
    "runtime_env/agent": "runtime environment agent",
    "dashboard/agent": "dashboard agent",
    "dashboard/dashboard": "dashboard",
    "log_monitor": "log monitor",
    "monitor.py": "monitor",
    "haproxy": "HAProxy",
}


def family(pid: int) -> list[psutil.Process]:
    """A server's processes: the supervisor and all its descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def name_of(process: psutil.Process, supervisor: int) -> str:
    """What a process is, the same for all of its kind."""
    if process.pid == supervisor:
        return "supervisor"
    words = process.cmdline()
    if words and words[0].startswith("ray::"):
        return words[0].removeprefix("ray::").split(".")[0].split(":")[-1]
    command = " ".join(words[:4])
    return next((name for part, name in SCRIPTS.items() if part in command), process.name())


def cpu_s(pid: int) -> dict[psutil.Process, float]:
    """What each process has used until now."""
    found = {}
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process] = times.user + times.system
    return found


def by_name(values: dict[psutil.Process, float], supervisor: int) -> dict[str, float]:
    """Summed over all of a kind, the most first."""
    sums: Counter[str] = Counter()
    for process, value in values.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            sums[name_of(process, supervisor)] += value  # type: ignore[assignment]
    return {name: round(value, 2) for name, value in sums.most_common()}


def measure(console: Console, nodes: int, seconds: float) -> dict[str, Any]:
    options = ("--nodes", str(nodes)) if nodes > 1 else ()
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-") as folder:
        port, ws_port = free_ports(2)
        with (
            console.status(f"a server of {nodes} nodes"),
            server(
                Path(folder) / "data",
                port,
                Path(folder) / "server.log",
                *("--ws-port", str(ws_port)),
                *options,
            ) as started,
        ):
            ready = by_name(cpu_s(started.pid), started.pid)
            sleep(SETTLE_S)
            before = cpu_s(started.pid)
            sleep(seconds)
            after = cpu_s(started.pid)
            memory: dict[psutil.Process, float] = {}
            for process in after:
                with contextlib.suppress(OSError):
                    memory[process] = pss_kb(process.pid) / 1024
            used = {one: 100 * (after[one] - before.get(one, 0.0)) / seconds for one in after}
            return {
                "nodes": nodes,
                "ready_s": round(started.seconds, 2),
                "ready_cpu_s": round(sum(ready.values()), 2),
                "ready_cpu_s_by_process": ready,
                "processes": len(after),
                "mb": round(sum(memory.values()), 1),
                "mb_by_process": by_name(memory, started.pid),
                "idle_percent": round(sum(used.values()), 2),
                "idle_percent_by_process": by_name(used, started.pid),
            }


def table(result: dict[str, Any]) -> Table:
    nodes = "one node" if result["nodes"] == 1 else f"{result['nodes']} nodes"
    shown = Table(title=f"A server of {nodes}", title_justify="left")
    shown.add_column(f"ready after {result['ready_s']} s", style="bold")
    for heading in ("CPU s until ready", "MB (PSS)", "% of a core, idle"):
        shown.add_column(heading, justify="right")
    columns = ("ready_cpu_s", "mb", "idle_percent")
    for name in result["mb_by_process"]:
        values = [result[f"{column}_by_process"].get(name, 0.0) for column in columns]
        shown.add_row(name, *(f"{value:.2f}" for value in values))
    shown.add_section()
    shown.add_row(f"{result['processes']} processes", *(f"{result[it]:.2f}" for it in columns))
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0, help="of idleness")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = report(
        lambda console: measure(console, options.nodes, options.seconds), table, options.json
    )
    return int(not result)


if __name__ == "__main__":
    sys.exit(main())
