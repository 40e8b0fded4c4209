"""Ray's nodes on this machine: one, or for `heliograph up --nodes` several, a cluster to develop
with, where each has one host and a folder of its own in the data folder. All listen on loopback
only."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heliograph.server import worker
from runtime.placement import OWN
from shells.names import NODE_RESOURCE
from storage import node_folder
from storage.folder import Description


def folder(data: Path, number: int) -> Path:
    """The data folder of a node."""
    return data / f"node-{number}"


def count(data: Path) -> int:
    """How many there are."""
    return sum(path.is_dir() for path in data.glob("node-*"))


def prepare(data: Path, cluster: Description) -> None:
    """Make the nodes' folders when there are none yet. `host-N` in the data folder leads to each
    host's, so that whatever looks at the data of one server finds it. Raises DataFolderError."""
    link(data)
    if folder(data, 0).exists():
        return
    for number in reversed(range(cluster.hosts)):
        host = f"host-{number}"
        node_folder.claim(folder(data, number), cluster, host)
        (data / host).symlink_to(Path(folder(data, number).name) / host)


def link(data: Path) -> None:
    """The same for hosts that were made while the server ran."""
    for host in data.glob(f"node-*/{OWN}*"):
        if not (data / host.name).exists():
            (data / host.name).symlink_to(host.relative_to(data))


def look(data: Path) -> dict[str, tuple[str, node_folder.Content]]:
    """The path of each node's folder, and what is in it, by the node's name; none where there are
    no such nodes."""
    found = sorted(path for path in data.glob("node-*") if path.is_dir())
    return {path.name: (str(path), node_folder.look(path)) for path in found}


def temporary(run: str) -> str:
    """What `RAY_TMPDIR` must be while nodes are started: they say where they are in a file in
    there, which must not be the one that others on this machine look into."""
    (Path(run) / "ray").mkdir(exist_ok=True)
    return run


class LocalNodes:
    """The nodes, as children of this process, which die with it. `ray start` would not start a
    second one on loopback, the cluster of Ray's own tests does, and unlike `ray.init` it can be
    told what not to start: nobody reads what the log monitor reads (0.9 % of a core), nor adds
    nodes as the monitor would. `options`: of each."""

    def __init__(self, count: int, **options: Any) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(shutdown_at_exit=True)
        self._options = options
        self.names = [f"node-{number}" for number in range(count)]
        """The first is the head: with it ends the cluster."""

    def start(self) -> str:
        """Start all; returns Ray's address."""
        for name in self.names:
            self.start_one(name)
        self._cluster.wait_for_nodes()
        return str(self._cluster.address)

    def start_one(self, name: str) -> None:
        """Also again, when all that was left of it has ended: it has another identity in Ray then,
        and Ray starts there what is pinned to its name. Raises what Ray raises."""
        on_signal = signal.getsignal(signal.SIGTERM)
        with taken_port() as taken:
            self._cluster.add_node(
                wait=False,
                resources={f"{NODE_RESOURCE}{name}": 1} if len(self.names) > 1 else {},
                include_dashboard=False,
                dashboard_port=taken,
                include_log_monitor=False,
                no_monitor=True,
                worker_path=worker.__file__,
                **self._options,
            )
        signal.signal(signal.SIGTERM, on_signal)  # Ray put its own in its place


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port for Ray's dashboard that it cannot have. `include_dashboard=False` leaves out its
    pages and not its process (76 MB, and the start waits for it); where the port that it was given
    is in use, Ray goes on without it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
