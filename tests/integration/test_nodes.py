"""`heliograph up --nodes`: several Ray nodes on this machine, each with a host and a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import RunningServer, check, result_of, survive, verify, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


@pytest.mark.parametrize(
    ("options", "host"),
    [((), "ray::NodeReplicatedHost"), (("--copies", "1"), "ray::NodeHost")],
    ids=["three copies", "one copy"],
)
def test_a_cluster_on_one_machine(folder: Path, options: tuple[str, ...], host: str) -> None:
    """A host is killed, all is stopped, and it goes on; nothing is left running."""
    server = RunningServer(folder, "--nodes", "3", *options).start()
    raylets = [process for process in server.family() if "raylet" in process.name()]
    assert len(raylets) == len(server.pids(host)) == 3

    def kill() -> None:
        pid = server.kill_one(host)
        wait_for(lambda: pid not in (pids := server.pids(host)) and len(pids) == 3)

    survive(server, ("--pairs", "10", "--window", "4"), kill)
    server.stop()
    verify(server)
    server.start()
    check(result_of(server.load("--pairs", "5", "--window", "4", "--seconds", "2")))
    server.stop()


def test_a_folder_that_was_made_without_nodes_is_refused(folder: Path) -> None:
    (folder / "host-0").mkdir(parents=True)
    other = RunningServer(folder)
    ports = ["--port", str(other.port), "--ws-port", str(other.ws_port)]
    refused = other.run("up", "--data", str(folder), "--nodes", "3", *ports)
    assert refused.returncode == 2
    assert "was made without --nodes" in refused.stderr
