"""A cluster of three machines, started and stopped with Ray's own launcher: a host is killed, the
head is started again, everything is stopped and started; no message is lost, doubled or reordered.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliograph.admin.stored import verify_folder
from tests.integration.machine_folders import DATA, HOME
from tests.integration.machines import Machine, machines
from tests.integration.running import ROOT, check, result_of, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

NODES = 3
HOST = "ray::NodeReplicatedHost"
UP_S_MAX = 240
GONE_S_MAX = 120
"""A node ends when it has missed its head for a minute."""
BACK_S_MAX = 90
LOAD = ("--pairs", "10", "--window", "4", "--no-floor", "--json")
TALK = """
import asyncio
import heliograph

async def main():
    async with heliograph.Client("{url}") as client:
        await client.{enter}("somebody", "password of somebody")
        notes = await client.open_private(client.user_id)
        {line}

asyncio.run(main())
"""


class Cluster:
    """The operator and the machines, and what the operator does with them."""

    def __init__(self, operator: Machine, nodes: list[Machine]) -> None:
        self.operator = operator
        self.nodes = nodes
        self.home = operator.folder / HOME.removeprefix("/srv/")
        self.launcher = launcher_file(nodes)
        (self.home / "cluster.yaml").write_text(self.launcher)
        token = self.home / "cluster-token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)

    def up(self) -> None:
        """It comes back when Heliograph answers."""
        command = ("ray", "up", "--yes", "--disable-usage-stats", "cluster.yaml")
        self.operator.run(*command, timeout_s=UP_S_MAX)

    def down(self) -> None:
        self.operator.run("ray", "down", "--yes", "cluster.yaml")

    def load(self, node: int, seconds: int, *options: str) -> subprocess.Popen[str]:
        url = f"http://{self.nodes[node].name}:8000"
        command = ("heliograph", "load", "--url", url, "--seconds", str(seconds), *LOAD)
        return self.operator.start(*command, *options)

    def answers(self, node: int) -> bool:
        """Whether a node says that all hosts can be reached through it."""
        url = f"http://{self.nodes[node].name}:8000/readyz"
        script = f"import httpx2; httpx2.get({url!r}, timeout=3).raise_for_status()"
        return self.operator.run("python", "-c", script, check=False).returncode == 0

    def turns(self, node: int) -> int:
        """How many turns the hosts have executed: the sign that a load is running."""
        url = f"http://{self.nodes[node].name}:8000/metrics"
        script = f"import httpx2; print(httpx2.get({url!r}, timeout=3).text)"
        text = self.operator.run("python", "-c", script, check=False).stdout
        return sum(
            int(float(n)) for n in re.findall(r"^heliograph_turns_total{.*} (\S+)$", text, re.M)
        )

    def copies(self) -> dict[str, Any]:
        """What `heliograph admin cluster` says on the first node."""
        command = ("heliograph", "admin", "cluster", "--data", DATA, "--json")
        said = self.nodes[0].run(*command, check=False).stdout.strip().splitlines()
        found: dict[str, Any] = json.loads(said[-1]) if said else {"partitions": [], "silent": []}
        return found

    def all_in_sync(self) -> bool:
        found = self.copies()
        rows = found["partitions"]
        return (
            not found["silent"]
            and len(rows) == 16
            and all(row["leader"] and not row["missing"] for row in rows)
        )

    def talk(self, enter: str, line: str) -> str:
        """Have a user do something in the chat with themselves; returns what was printed."""
        script = TALK.format(url=f"http://{self.nodes[0].name}:8000", enter=enter, line=line)
        return self.operator.run("python", "-c", script).stdout


def launcher_file(nodes: list[Machine]) -> str:
    """The cluster.yaml of this repository, with the addresses of these machines."""
    text = (ROOT / "cluster.yaml").read_text()
    head, *workers = (node.address for node in nodes)
    for pattern, value in (
        (r"head_ip: .*", f"head_ip: {head}"),
        (r"worker_ips: .*", f"worker_ips: [{', '.join(workers)}]"),
        (r"ssh_user: .*", "ssh_user: root"),
        (r"--nodes \d+", f"--nodes {len(nodes)}"),
    ):
        text, count = re.subn(pattern, value, text)
        assert count, pattern
    return text


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with machines(NODES) as (operator, nodes):
        running = Cluster(operator, nodes)
        running.up()
        yield running


def test_each_node_has_a_host_and_can_be_used(cluster: Cluster) -> None:
    for number, node in enumerate(cluster.nodes):
        assert cluster.answers(number)
        assert len(node.processes(HOST)) == 1
        assert len(node.processes("ray::Edge")) == 1
        assert len(list(node.data.glob("host-*"))) == 1
    check(result_of(cluster.load(2, 3)))


def test_a_killed_host_comes_back(cluster: Cluster) -> None:
    before = cluster.turns(0)
    load = cluster.load(0, 12)
    wait_for(lambda: cluster.turns(0) > before + 500)
    node = cluster.nodes[1]
    pid = node.kill_one(HOST)
    wait_for(lambda: [p for p in node.processes(HOST) if p.pid != pid] != [])
    check(result_of(load))


def test_the_head_is_started_again(cluster: Cluster) -> None:
    """Hosts of the other nodes run on meanwhile; the head's comes back with it."""
    before = cluster.turns(1)
    load = cluster.load(1, 50)
    wait_for(lambda: cluster.turns(1) > before + 500)
    head = cluster.nodes[0]
    others = [node.processes(HOST)[0] for node in cluster.nodes[1:]]
    head.run("ray", "stop", "--force")
    commands = re.findall(r"- (heliograph cluster node .*--head.*)", launcher_file(cluster.nodes))
    head.run("bash", "-c", commands[0])
    wait_for(lambda: all(cluster.answers(n) for n in range(NODES)), BACK_S_MAX)
    assert all(process.is_running() for process in others)
    check(result_of(load))


def test_a_machine_dies_and_comes_back(cluster: Cluster) -> None:
    """The others go on, and its copies catch up."""
    before = cluster.turns(0)
    load = cluster.load(0, 25)
    wait_for(lambda: cluster.turns(0) > before + 500)
    node = cluster.nodes[2]
    node.kill()
    figures = result_of(load)
    check(figures)
    node.boot()
    commands = re.findall(r"- (heliograph cluster node .*--address.*)", cluster.launcher)
    node.run("bash", "-c", commands[0].replace("$RAY_HEAD_IP", cluster.nodes[0].address))
    wait_for(lambda: node.processes(HOST) != [], BACK_S_MAX)
    wait_for(cluster.all_in_sync, BACK_S_MAX)


@pytest.mark.parametrize("ways", [1, 2])
def test_a_machine_is_cut_off(cluster: Cluster, ways: int) -> None:
    """From the other machines, but not from the people."""
    before = cluster.turns(0)
    load = cluster.load(0, 25)
    wait_for(lambda: cluster.turns(0) > before + 500)
    node = cluster.nodes[1]
    others = [other for other in cluster.nodes if other is not node]
    for other in others:
        node.stop_hearing(other)
        if ways == 2:
            other.stop_hearing(node)
    host = next(node.data.glob("host-*")).name
    wait_for(lambda: host not in {row["leader"] for row in cluster.copies()["partitions"]})
    for machine in cluster.nodes:
        machine.hear_all()
    check(result_of(load))
    wait_for(cluster.all_in_sync, BACK_S_MAX)


def test_a_folder_of_another_cluster_is_refused(cluster: Cluster) -> None:
    described = cluster.nodes[1].data / "heliograph.json"
    own = described.read_text()
    described.write_text(re.sub(r'"cluster_id": "\w+"', '"cluster_id": "0123456789"', own))
    start = ("heliograph", "cluster", "start", "--data", DATA)
    refused = cluster.nodes[0].run(*start, check=False)
    described.write_text(own)
    assert refused.returncode == 2
    assert "belong to different clusters" in refused.stdout
    assert "node-1 of 0123456789" in refused.stdout


def test_down_and_up(cluster: Cluster, tmp_path: Path) -> None:
    """Nothing is left running, what was stored is sound, and it is there again."""
    cluster.talk("register", 'await client.send(notes.id, "before")')
    cluster.down()
    wait_for(lambda: not any(node.processes() for node in cluster.nodes), GONE_S_MAX)
    together = tmp_path / "together"  # what one server would have
    together.mkdir()
    shutil.copy(cluster.nodes[0].data / "heliograph.json", together)
    for node in cluster.nodes:
        for host in node.data.glob("host-*"):
            (together / host.name).symlink_to(host)
    report = verify_folder(together)
    assert report.clean, report.findings
    cluster.up()
    said = cluster.talk("login", "print([m.text async for m in client.history(notes.id)])")
    assert "['before']" in said
    check(result_of(cluster.load(1, 3)))
