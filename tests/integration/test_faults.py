"""Everything is killed once, with load running: what was acknowledged is there, once, in order.

The load tool counts (see `heliograph load --help`): it resends what is unanswered with the same
`random_id`, and at the end reads every history back and compares it with what was acknowledged.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Thread

import psutil
import pytest

from tests.integration.running import HANGS_S, RunningServer, wait_for
from tests.integration.under_load import UnderLoad, erase

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

OPTIONS = ("--hosts", "2", "--edges", "2")


def killed(server: RunningServer, title: str, index: int = 0) -> Callable[[], None]:
    def kill() -> None:
        pid = server.pids(title)[index]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in server.pids(title) and len(server.pids(title)) > index)

    kill.__qualname__ = f"kill -9 of {title}"
    return kill


@pytest.mark.parametrize("index", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_kill_each_host(server: RunningServer, under_load: UnderLoad, index: int) -> None:
    under_load(killed(server, "ray::Host", index))


@pytest.mark.parametrize("index", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_kill_each_edge(server: RunningServer, under_load: UnderLoad, index: int) -> None:
    under_load(killed(server, "ray::Edge", index))


@pytest.mark.parametrize(
    "title",
    [
        "ray::ServeReplica:heliograph:Front",
        pytest.param("ray::ServeController", marks=pytest.mark.soak),
        "ray::HAProxyManager",
    ],
)
def test_kill_the_front(server: RunningServer, under_load: UnderLoad, title: str) -> None:
    under_load(killed(server, title))
    wait_for(server.answers)


@pytest.mark.soak  # the gate has this with copies (`test_replication`)
@pytest.mark.parametrize("kill", [False, True])
def test_rows_are_written_anew(server: RunningServer, under_load: UnderLoad, kill: bool) -> None:
    """Also where a host dies meanwhile, and goes on with it in its next life."""

    def fault() -> None:
        erasing = Thread(target=erase, args=[server])
        erasing.start()
        if kill:
            killed(server, "ray::Host")()
        erasing.join()

    under_load(fault)
    erase(server)


@pytest.mark.soak
def test_stop_and_start(server: RunningServer, under_load: UnderLoad) -> None:
    def restart() -> None:
        server.stop()
        server.start()

    under_load(restart)


def test_kill_everything_at_once(server: RunningServer, under_load: UnderLoad) -> None:
    """As a power cut: supervisor, Ray, hosts, edges, front."""

    def cut() -> None:
        server.kill()
        server.start()

    under_load(cut)


@pytest.mark.soak
def test_kill_ray(server: RunningServer, under_load: UnderLoad) -> None:
    """The supervisor starts the server again when the cluster under it is gone."""

    def kill() -> None:
        raylets = [p for p in server.family() if "raylet" in p.name()]
        assert raylets
        raylets[0].kill()
        psutil.wait_procs(raylets, timeout=HANGS_S)
        wait_for(lambda: not (server.data / "run.json").exists())
        server.wait_ready()

    under_load(kill)


@pytest.mark.soak
def test_kill_the_supervisor(server: RunningServer, under_load: UnderLoad) -> None:
    """Nothing is left behind that would be in the way of the next start."""

    def kill() -> None:
        assert server.process is not None
        family = server.family()
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(family, timeout=HANGS_S)
        assert not alive, f"left behind: {alive}"
        server.start()

    under_load(kill)
