"""What a server does when one of Ray's processes dies."""

from __future__ import annotations

import logging

import pytest

from heliograph.server.keeping import PAUSE_S_MIN
from heliograph.server.ray_processes import GCS, RAYLET, Ended, RayProcess
from heliograph.server.watching import HTTP_S, Lost, Watch

NODES = ("node-1", "node-2")


class Server:
    """A server of several nodes, of which some die."""

    def __init__(self, kept: tuple[str, ...] = NODES) -> None:
        self.dead: list[Ended] = []
        self.did: list[str] = []
        self.broken = False
        self.trouble = ""
        self.watch = Watch(self, kept, self._start, self._end_workers, lambda: self.trouble)

    def kill(self, node: str, pid: int = 7, kind: str = RAYLET) -> None:
        self.dead.append(Ended(RayProcess(pid, kind, node), -9))

    def look(self) -> None:
        self.did.append("look")

    def ended(self) -> list[Ended]:
        found, self.dead = self.dead, []
        return found

    def _start(self, node: str) -> None:
        self.did.append(f"start {node}")
        if self.broken:
            raise OSError("no room")

    def _end_workers(self, pid: int) -> None:
        self.did.append(f"end workers of {pid}")


def test_a_node_that_dies_is_started_again_and_it_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Before, what was left of it is ended: it holds the disk."""
    server = Server()
    server.watch.step(0.0)
    server.kill("node-1")
    server.watch.step(1.0)
    assert server.did == ["end workers of 7", "start node-1", "look"]
    server.watch.step(2.0)
    assert caplog.messages == [
        "node-1 is down: its raylet was killed by SIGKILL",
        "node-1 is well again, after 1 s",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_a_node_that_cannot_be_started_is_told_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server()
    server.broken = True
    server.kill("node-2")
    for n in range(200):
        server.watch.step(n * PAUSE_S_MIN)
    tries = server.did.count("start node-2")
    assert 3 < tries < 12
    assert caplog.messages[:2] == [
        "node-2 is down: its raylet was killed by SIGKILL",
        "node-2 cannot be started: no room",
    ]
    assert 3 < len(caplog.messages) < 7
    server.broken = False
    for n in range(200, 300):
        server.watch.step(n * PAUSE_S_MIN)
    assert server.did[-2:] == ["start node-2", "look"]
    assert caplog.messages[-1].startswith("node-2 is well again")


@pytest.mark.parametrize(("node", "kind"), [("node-0", RAYLET), ("", GCS), ("", RAYLET)])
def test_without_its_head_the_server_ends_and_says_why(node: str, kind: str) -> None:
    server = Server(() if kind == RAYLET and not node else NODES)
    server.kill(node, kind=kind)
    with pytest.raises(Lost, match=f"Ray's {kind} was killed by SIGKILL"):
        server.watch.step(0.0)


def test_what_clients_see_is_told(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.trouble = "does not answer: ReadTimeout"
    server.watch.step(0.0)
    server.watch.step(1.0)
    assert caplog.messages == ["HTTP does not answer: ReadTimeout"]
    server.trouble = ""
    server.watch.step(2.0)
    assert len(caplog.messages) == 1, "it is not looked at so often"
    server.watch.step(HTTP_S)
    assert caplog.messages[1:] == ["HTTP is well again, after 5 s"]
