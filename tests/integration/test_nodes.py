"""`heliograph up --nodes`: several Ray nodes on this machine, each with a host and a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.running import RunningServer, check, result_of, turns, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


def test_a_cluster_on_one_machine(folder: Path) -> None:
    """A host is killed, all is stopped, and it goes on; nothing is left running."""
    server = RunningServer(folder, "--nodes", "3").start()
    raylets = [process for process in server.family() if "raylet" in process.name()]
    assert len(raylets) == len(server.pids("ray::NodeHost")) == 3
    load = server.load("--pairs", "10", "--window", "4", "--seconds", "8")
    wait_for(lambda: turns(server) > 500)
    pid = server.kill_one("ray::NodeHost")
    wait_for(lambda: pid not in (pids := server.pids("ray::NodeHost")) and len(pids) == 3)
    check(result_of(load))
    server.stop()
    verified = server.run("admin", "verify", "--data", str(folder))
    assert verified.returncode == 0, verified.stdout + verified.stderr
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
