"""Four hosts on one machine, three copies of everything: copies move from host to host with load
running, and what was acknowledged is there, once, in order."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.integration.running import RunningServer, wait_for
from tests.integration.sharing import FOUR_HOSTS, SHARDS
from tests.integration.under_load import UnderLoad

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = FOUR_HOSTS
HOST = "ray::ReplicatedHost"
MOVES_S_MAX = 300
SHARE = SHARDS * 3 // 4
"""Of the copies, if all hosts have as many."""


def cluster(server: RunningServer) -> dict[str, Any]:
    done = server.run("admin", "cluster", "--data", str(server.data), "--json")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def copies(shown: dict[str, Any]) -> Counter[str]:
    return Counter(host for row in shown["shards"] for host in row["members"])


def is_well(shown: dict[str, Any]) -> bool:
    return not shown["silent"] and all(
        row["leader"] and not row["missing"] and len(row["members"]) == 3 for row in shown["shards"]
    )


def until(server: RunningServer, well: Callable[[dict[str, Any]], bool]) -> None:
    wait_for(lambda: well(cluster(server)), MOVES_S_MAX)


def drain(server: RunningServer, host: str, *options: str) -> None:
    done = server.run("admin", "drain", host, "--data", str(server.data), *options)
    assert done.returncode == 0, done.stdout + done.stderr


def pid_of(server: RunningServer, host: str) -> int:
    """Each host keeps its folder locked."""
    folder = str(server.data / host) + os.sep
    for pid in server.pids(HOST):
        if any(file.path.startswith(folder) for file in psutil.Process(pid).open_files()):
            return pid
    raise AssertionError(f"no process has {folder}")


def test_a_drained_host_leads_nothing(server: RunningServer, under_load: UnderLoad) -> None:
    def work() -> None:
        drain(server, "host-0")
        shown = cluster(server)
        assert all(row["leader"] != "host-0" for row in shown["shards"])
        assert copies(shown)["host-0"] == SHARE
        drain(server, "host-0", "--undo")
        until(server, lambda now: any(row["leader"] == "host-0" for row in now["shards"]))

    until(server, is_well)
    under_load(work)


@pytest.mark.soak
def test_a_host_that_is_gone_is_replaced_and_finds_a_place_when_it_comes_back(
    server: RunningServer, under_load: UnderLoad
) -> None:
    def work() -> None:
        pid = pid_of(server, "host-2")
        os.kill(pid, signal.SIGSTOP)
        try:
            until(server, lambda now: not copies(now)["host-2"])
        finally:
            os.kill(pid, signal.SIGCONT)
        until(server, lambda now: copies(now)["host-2"] == SHARE and is_well(now))

    under_load(work)


@pytest.mark.soak
def test_a_host_gives_away_all_it_has(server: RunningServer, under_load: UnderLoad) -> None:
    def work() -> None:
        drain(server, "host-3", "--for-good")
        assert not copies(cluster(server))["host-3"]
        os.kill(pid_of(server, "host-3"), signal.SIGKILL)  # nobody misses it
        until(server, is_well)
        drain(server, "host-3", "--undo")
        until(server, lambda now: copies(now)["host-3"] == SHARE and is_well(now))

    under_load(work)
    left = [path.name for path in (server.data / "host-3").glob("shard-*/rows")]
    assert len(left) == SHARE


def test_a_host_that_there_is_not_is_told(server: RunningServer) -> None:
    done = server.run("admin", "drain", "host-9", "--data", str(server.data))
    assert done.returncode == 2
    assert "no host 'host-9'; there are host-0, host-1, host-2, host-3" in done.stderr
