"""What the processes of a server weigh: the proportional set size of each, and of what it is."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, NamedTuple

import psutil

from sim.memory import sizes_kb
from tests.bench.light_bench import family, name_of

SETTLED_KB = 1024
SETTLE_S_MAX = 30.0
SETTLE_POLL_S = 3.0
"""Longer than a host waits with a checkpoint."""


class Weight(NamedTuple):
    """KiB: of all processes by name, and of it what is mapped from files, which the system takes
    back when somebody needs the room; `host_anonymous_kb`: of hosts, without that."""

    by_name: dict[str, int]
    mapped_kb: int
    host_anonymous_kb: int

    @property
    def all_kb(self) -> int:
        return sum(self.by_name.values())

    def shown(self) -> dict[str, Any]:
        """As MB."""
        return {
            "all": round(self.all_kb / 1024, 1),
            "mapped": round(self.mapped_kb / 1024, 1),
            "by_process": {name: round(kb / 1024, 1) for name, kb in self.by_name.items()},
        }


def settled(pid: int) -> Weight:
    """Of a server, by its supervisor's id, when it has stopped changing."""
    until = monotonic() + SETTLE_S_MAX
    last = weight(pid)
    while True:
        sleep(SETTLE_POLL_S)
        now = weight(pid)
        if abs(now.all_kb - last.all_kb) <= SETTLED_KB or monotonic() > until:
            return now
        last = now


def weight(pid: int) -> Weight:
    by_name: Counter[str] = Counter()
    mapped = host_anonymous = 0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess, OSError):
            name, sizes = name_of(process, pid), sizes_kb(process.pid)
            by_name[name] += sizes["Pss"]
            mapped += sizes["Pss_File"]
            host_anonymous += sizes["Pss_Anon"] if name == "Host" else 0
    return Weight(dict(by_name.most_common()), mapped, host_anonymous)
