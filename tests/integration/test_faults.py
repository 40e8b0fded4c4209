"""Everything is killed once, with load running: what was acknowledged is there, once, in order.

The load tool counts (see `heliograph load --help`): it resends what is unanswered with the same
`random_id`, and at the end reads every history back and compares it with what was acknowledged.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.integration.running import RunningServer, survive, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

LOAD = ("--pairs", "20", "--window", "4")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of this module: two hosts, two edges."""
    folder = tmp_path_factory.mktemp("faults") / "data"
    running = RunningServer(folder, "--hosts", "2", "--edges", "2").start()
    yield running
    if running.process is not None:
        running.stop()


def killed(server: RunningServer, title: str, index: int = 0) -> Callable[[], None]:
    def kill() -> None:
        pid = server.pids(title)[index]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in server.pids(title) and len(server.pids(title)) > index)

    return kill


@pytest.mark.parametrize("index", [0, 1])
def test_kill_each_host(server: RunningServer, index: int) -> None:
    survive(server, LOAD, killed(server, "ray::Host", index))


@pytest.mark.parametrize("index", [0, 1])
def test_kill_each_edge(server: RunningServer, index: int) -> None:
    survive(server, LOAD, killed(server, "ray::Edge", index))


@pytest.mark.parametrize(
    "title",
    [
        "ray::ServeReplica:heliograph:Front",
        "ray::ServeReplica:heliograph:Auth",
        "ray::ServeController",
        "ray::HAProxyManager",
    ],
)
def test_kill_the_front(server: RunningServer, title: str) -> None:
    survive(server, LOAD, killed(server, title))
    wait_for(server.answers)


def test_stop_and_start(server: RunningServer) -> None:
    def restart() -> None:
        server.stop()
        server.start()

    survive(server, LOAD, restart)


def test_kill_everything_at_once(server: RunningServer) -> None:
    """As a power cut: supervisor, Ray, hosts, edges, front."""

    def cut() -> None:
        server.kill()
        server.start()

    survive(server, LOAD, cut)


def test_kill_ray(server: RunningServer) -> None:
    """The supervisor starts the server again when the cluster under it is gone."""

    def kill() -> None:
        raylets = [p for p in server.family() if "raylet" in p.name()]
        assert raylets
        raylets[0].kill()
        psutil.wait_procs(raylets, timeout=10)
        wait_for(lambda: not (server.data / "run.json").exists(), 90)
        server.wait_ready()

    survive(server, LOAD, kill)


def test_kill_the_supervisor(server: RunningServer) -> None:
    """Nothing is left behind that would be in the way of the next start."""

    def kill() -> None:
        assert server.process is not None
        family = server.family()
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(family, timeout=30)
        assert not alive, f"left behind: {alive}"
        server.start()

    survive(server, LOAD, kill)
