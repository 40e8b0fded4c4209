"""How long people wait after a fault of a cluster: python -m tests.bench.failover_bench --json

On three machines of their own (`tests/integration/machines.py`; needs root) with three copies. For
each fault 40 pairs write five messages a second each through the first machine, whatever becomes of
them; the figure is the longest wait of the worst pair, from one acknowledgement to the next. Only
the second and third machine are hit, so that the people keep their connections, and only while they
lead something. The load average is told with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import time
from typing import Any

import psutil

from tests.integration.machine_cluster import BACK_S_MAX, HOST, NODES, Cluster, host_of
from tests.integration.machines import Machine, machines, missing
from tests.integration.running import check, result_of, wait_for

KINDS = ("host", "node", "cut", "pause")
BOUND_S = {"host": 3.0, "node": 3.0, "cut": 8.0, "pause": 8.0}
"""What 95 of 100 faults must stay below."""
PAUSE_S = 10.0
LOAD_S = {"host": 10, "node": 10, "cut": 18, "pause": 18}
PEOPLE = ("--pairs", "40", "--rate", "200")


def fault(cluster: Cluster, kind: str) -> dict[str, float]:
    """Do harm once, mend it, and wait until all copies are in sync again."""
    node = random.choice(cluster.nodes[1:])
    wait_for(lambda: cluster.leads(host_of(node)), BACK_S_MAX)
    before = cluster.turns(0)
    load = cluster.load(0, LOAD_S[kind], *PEOPLE)
    wait_for(lambda: cluster.turns(0) > before + 500)
    led = sum(row["leader"] == host_of(node) for row in cluster.copies()["shards"])
    harm(cluster, kind, node)
    figures = result_of(load)
    check(figures, 10)
    if kind == "node":
        cluster.come_back(node)
    wait_for(cluster.all_in_sync, BACK_S_MAX)
    return {"wait_s": figures["gap_max_s"], "led": led, "load_average": os.getloadavg()[0]}


def harm(cluster: Cluster, kind: str, node: Machine) -> None:
    if kind == "host":
        node.kill_one(HOST)
    elif kind == "node":
        for process in node.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    elif kind == "cut":
        others = [other for other in cluster.nodes if other is not node]
        for other in others:
            node.stop_hearing(other)
            other.stop_hearing(node)
        time.sleep(PAUSE_S)
        for machine in cluster.nodes:
            machine.hear_all()
    else:
        host = node.processes(HOST)[0]
        host.suspend()
        time.sleep(PAUSE_S)
        host.resume()


def summary(kind: str, faults: list[dict[str, float]]) -> dict[str, Any]:
    waits = sorted(one["wait_s"] for one in faults)
    return {
        "faults": len(waits),
        "p50_s": percentile(waits, 50),
        "p95_s": percentile(waits, 95),
        "max_s": waits[-1],
        "bound_s": BOUND_S[kind],
        "load_average": [round(one["load_average"], 1) for one in faults],
        "waits_s": waits,
    }


def percentile(waits: list[float], percent: int) -> float:
    """The smallest of them that so many of a hundred do not exceed."""
    return waits[max(0, -(-len(waits) * percent // 100) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=20, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args()
    if reason := missing():
        sys.exit(f"cannot measure here: {reason}")
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in options.kinds}
    with machines(NODES) as (operator, nodes):
        cluster = Cluster(operator, nodes)
        cluster.up()
        for _ in range(options.faults):
            for kind in options.kinds:
                found[kind].append(fault(cluster, kind))
                print(kind, found[kind][-1], file=sys.stderr, flush=True)
    summaries = {kind: summary(kind, faults) for kind, faults in found.items()}
    if options.json:
        print(json.dumps(summaries, indent=1))
        return
    for kind, figures in summaries.items():
        print(kind, *(f"{name}={value}" for name, value in figures.items() if name != "waits_s"))


if __name__ == "__main__":
    main()
