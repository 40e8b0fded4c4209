"""A cluster on the machines of `machines.py`, and what its operator does with it."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from actors import addresses
from heliograph.admin.copies import hosts_in
from heliograph.admin.stored import verify_folder
from runtime.placement import own_host, own_partition
from tests.integration.machine_folders import DATA, HOME
from tests.integration.machines import Machine
from tests.integration.running import ROOT, UNLIMITED, wait_for
from tests.integration.under_load import UnderLoad, load_options

NODES = 3
SHARDS = 8
COPIES = 3
HOST = "ray::NodeReplicatedHost"
UP_S_MAX = 400
BACK_S_MAX = 240
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

WRITE = """
import asyncio
import pathlib
import random
import heliograph

async def main():
    rng, enough, sent = random.Random(1), pathlib.Path("enough"), {{}}
    async with heliograph.Client("{url}") as client:
        await client.register("{name}", "password of {name}")
        notes = await client.open_private(client.user_id)
        print(notes.id, flush=True)

        async def write():
            while not enough.exists():
                text = "".join(map(chr, rng.choices(range(0x20000, 0x2A000), k={letters})))
                sent[(await client.send(notes.id, text, timeout_s=120)).id] = text

        await asyncio.gather(*(write() for _ in range({at_once})))
        stored = {{m.id: m.text async for m in client.history(notes.id)}}
        assert stored == sent, (len(stored), len(sent))
        print("written", len(sent))

asyncio.run(main())
"""
"""Texts, which a log takes as they are, until there is a file; all are read back."""


class Cluster:
    """The operator and the machines, and what the operator does with them."""

    def __init__(self, operator: Machine, nodes: list[Machine]) -> None:
        self.operator = operator
        self.home = operator.folder / HOME.removeprefix("/srv/")
        self.consist_of(nodes)
        token = self.home / "cluster-token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)

    def up(self) -> None:
        """It comes back when Heliograph answers."""
        command = ("ray", "up", "--yes", "--disable-usage-stats", "cluster.yaml")
        self.operator.run(*command, timeout_s=UP_S_MAX)

    def down(self) -> None:
        self.operator.run("ray", "down", "--yes", "cluster.yaml")

    def load(self, node: int, *options: str) -> subprocess.Popen[str]:
        """Begin a load on it (see `running.RunningServer.load`)."""
        url = f"http://{self.nodes[node].name}:8000"
        command = ("heliograph", "load", "--url", url, "--no-floor", "--json")
        return self.operator.start(*command, *options)

    def under_load(self, node: int = 0) -> UnderLoad:
        """Faults while messages flow through a node."""
        return UnderLoad(
            lambda: self.load(node, *load_options(pairs=10, per_s=40)),
            lambda: self.turns(node),
            lambda: wait_for(self.all_in_sync, BACK_S_MAX),
        )

    def write(
        self, name: str, letters: int = 4000, at_once: int = 8
    ) -> tuple[str, subprocess.Popen[str]]:
        """Somebody of that name writes into one chat, until `written`: much, if nothing else is
        said. The chat, and who writes."""
        self._enough.unlink(missing_ok=True)
        url = f"http://{self.nodes[0].name}:8000"
        script = WRITE.format(url=url, name=name, letters=letters, at_once=at_once)
        writer = self.operator.start("python", "-c", script)
        assert writer.stdout is not None
        return writer.stdout.readline().strip(), writer

    def written(self, writer: subprocess.Popen[str]) -> int:
        """How many texts were written, and are all there, once."""
        self._enough.touch()
        said, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
        return int(said.split()[-1])

    @property
    def _enough(self) -> Path:
        return self.home / "enough"

    def answers(self, node: int) -> bool:
        """Whether a node says that all hosts can be reached through it."""
        url = f"http://{self.nodes[node].name}:8000/readyz"
        script = f"import httpx2; httpx2.get({url!r}, timeout=3).raise_for_status()"
        return self.operator.run("python", "-c", script, check=False).returncode == 0

    def turns(self, node: int) -> int:
        """How many turns the hosts have executed: the sign that a load is running."""
        text = self.figures(node)
        return sum(
            int(float(n)) for n in re.findall(r"^heliograph_turns_total{.*} (\S+)$", text, re.M)
        )

    def copies(self) -> dict[str, Any]:
        """What `heliograph admin cluster` says on the first node."""
        command = ("heliograph", "admin", "cluster", "--data", DATA, "--json")
        said = self.nodes[0].run(*command, check=False).stdout.splitlines()
        told = [json.loads(line) for line in said if line.startswith("{")]
        return told[-1] if told else {"shards": [], "silent": []}

    def all_in_sync(self) -> bool:
        found = self.copies()
        rows = found["shards"]
        return (
            not found["silent"]
            and len(rows) >= SHARDS
            and all(row["leader"] and not row["missing"] for row in rows)
        )

    def leads(self, host: str) -> bool:
        """Whether a host leads anything, as the first node sees it."""
        return host in {row["leader"] for row in self.copies()["shards"]}

    def lacks(self, host: str) -> bool:
        """Whether a host is behind with a copy, as the first node sees it."""
        return any(host in row["missing"] for row in self.copies()["shards"])

    def dedicate(self, chat_id: str) -> str:
        """Give a chat a host of its own; returns its name."""
        self.nodes[0].run("heliograph", "admin", "dedicate", chat_id, "--data", DATA)
        return own_host(own_partition(addresses.chat(chat_id)))

    def metrics_token(self) -> str:
        """What `/metrics` of each node wants to be shown."""
        command = ("heliograph", "admin", "metrics-token", "--data", DATA)
        return self.nodes[0].run(*command).stdout.strip()

    def figures(self, node: int) -> str:
        """What a node's `/metrics` says."""
        url = f"http://{self.nodes[node].name}:8000/metrics"
        shown = {"authorization": f"Bearer {self.metrics_token()}"}
        script = f"import httpx2; print(httpx2.get({url!r}, headers={shown!r}, timeout=3).text)"
        return self.operator.run("python", "-c", script, check=False).stdout

    def consist_of(self, nodes: list[Machine]) -> None:
        """These are the machines that `up` and `down` are about from now on, the head first."""
        self.nodes = nodes
        self.launcher = launcher_file(nodes)
        (self.home / "cluster.yaml").write_text(self.launcher)

    def start(self, *options: str) -> str:
        """`heliograph cluster start` on the head; returns what it says."""
        command = ("heliograph", "cluster", "start", "--data", DATA, *UNLIMITED, *options)
        return self.nodes[0].run(*command, timeout_s=UP_S_MAX).stdout

    def shares(self) -> Counter[str]:
        """How many copies each host has; nothing while a shard has not as many as it should, in
        sync, and a leader."""
        found = self.copies()
        rows = found["shards"]
        well = len(rows) >= SHARDS and all(
            row["leader"] and not row["missing"] and len(row["members"]) == COPIES for row in rows
        )
        return Counter(host for row in rows for host in row["members"] if well)

    def join(self, node: Machine) -> None:
        """Start Ray on a node that is not the head, as the launcher does."""
        shutil.copy(self.home / "cluster-token", node.folder / "home" / "heliograph-token")
        command = re.findall(r"- (heliograph cluster node .*--address.*)", self.launcher)[0]
        node.run("bash", "-c", command.replace("$RAY_HEAD_IP", self.nodes[0].address))

    def come_back(self, node: Machine) -> None:
        """The same on one that has had a host before, which comes back with it."""
        self.join(node)
        wait_for(lambda: node.processes(HOST) != [], BACK_S_MAX)

    def restart_head(self) -> None:
        """kill -9 of Ray on the head, all at once; it is started again by itself, on what its disk
        has."""
        before = self.nodes[0].processes()
        self.nodes[0].run("ray", "stop", "--force")
        wait_for(lambda: self.nodes[0].raylets(before) != [], BACK_S_MAX)

    def check_stored(self, together: Path) -> None:
        """Verify what a stopped cluster has on its disks; `together` is made, as what one server
        would have."""
        together.mkdir()
        shutil.copy(self.nodes[0].data / "heliograph.json", together)
        for host in (host for node in self.nodes for host in hosts_in(node.data)):
            (together / host.name).symlink_to(host)
        report = verify_folder(together)
        assert report.clean, report.findings

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
        (r"--nodes \d+", f"--nodes {len(nodes)} --shards {SHARDS} {' '.join(UNLIMITED)}"),
    ):
        text, count = re.subn(pattern, value, text)
        assert count, pattern
    return text


def host_of(node: Machine) -> str:
    """The name of a node's host, as `host-1`."""
    return next(node.data.glob("host-*")).name
