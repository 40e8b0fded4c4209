"""Three copies on four hosts of one machine: each host dies, stops, or loses its disk with load
running, and what was acknowledged is there, once, in order, in every copy."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from heliograph.admin.copies import copies_in
from storage.snapshot import Snapshot
from tests.integration.running import RunningServer, verify, wait_for
from tests.integration.sharing import FOUR_HOSTS, SHARDS
from tests.integration.under_load import UnderLoad, erase

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = FOUR_HOSTS
HOSTS = 4
HOST = "ray::ReplicatedHost"


def figure(server: RunningServer, name: str) -> list[float]:
    """What the hosts say of themselves."""
    text = server.metrics()
    return [
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith(f"heliograph_{name}{{") and 'process="host-' in line
    ]


def test_the_operator_sees_who_leads(server: RunningServer) -> None:
    wait_for(lambda: server.run("admin", "cluster", "--data", str(server.data)).returncode == 0)
    done = server.run("admin", "cluster", "--data", str(server.data), "--json")
    shown = json.loads(done.stdout)
    assert not shown["silent"]
    assert len(shown["shards"]) == SHARDS
    assert {row["leader"] for row in shown["shards"]} == {
        f"host-{number}" for number in range(HOSTS)
    }


@pytest.mark.parametrize(
    "index", [0, *(pytest.param(number, marks=pytest.mark.soak) for number in range(1, HOSTS))]
)
def test_kill_each_host(server: RunningServer, under_load: UnderLoad, index: int) -> None:
    def kill() -> None:
        pid = server.pids(HOST)[index]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in server.pids(HOST) and len(server.pids(HOST)) == HOSTS)

    under_load(kill)


def test_a_host_that_was_stopped_goes_on_as_a_follower(
    server: RunningServer, under_load: UnderLoad
) -> None:
    """It believes to lead when it wakes up; it must not answer as if it did."""

    def pause() -> None:
        led = dict(zip(server.pids(HOST), figure(server, "shards_led"), strict=False))
        pid = max(server.pids(HOST), key=lambda pid: led.get(pid, 0))
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: sum(figure(server, "shards_led")) == SHARDS)
        finally:
            os.kill(pid, signal.SIGCONT)

    under_load(pause)


def test_rows_are_written_anew(server: RunningServer, under_load: UnderLoad) -> None:
    """Of every copy, one after the other, while all of them go on."""
    under_load(lambda: erase(server))


@pytest.mark.soak
def test_everything_stops_and_starts(server: RunningServer, under_load: UnderLoad) -> None:
    def restart() -> None:
        server.stop()
        server.start()

    under_load(restart)


@pytest.mark.soak
def test_a_power_cut(server: RunningServer, under_load: UnderLoad) -> None:
    def cut() -> None:
        server.kill()
        server.start()

    under_load(cut)


@pytest.mark.soak
def test_a_lost_disk_is_filled_again(server: RunningServer, under_load: UnderLoad) -> None:
    """While the server goes on, one host comes back with an empty folder."""
    victim = server.data / "host-1"

    def lose() -> None:
        server.stop()
        shutil.rmtree(victim)
        server.start()

    under_load(lose)
    under_load.end()
    records = {
        shard: [newest_record(folder) for folder in folders]
        for shard, folders in stopped(server).items()
    }
    assert len(records) == SHARDS
    for shard, found in records.items():
        assert len(found) == 3, shard
        assert min(found) > 0, shard
    server.start()
    verify(server)


def stopped(server: RunningServer) -> dict[int, list[Path]]:
    server.stop()
    return copies_in(server.data)


def newest_record(folder: Path) -> int:
    with Snapshot(folder) as snapshot:
        return snapshot.records
