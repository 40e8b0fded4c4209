"""The hosts, edges and media actors of a server as detached, named Ray actors: made, found and
stopped.

On a cluster each is pinned to its node by a resource that the node was started with: when the node
comes back, with a new identity in Ray but the same resource and data folder, Ray starts them again
there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ray
from msgspec.structs import replace

from runtime.placement import OWN, partition_of_own
from runtime.replication.protocol import Mark, Seat
from shells import registry
from shells.edge import Edge
from shells.gcs import GcsRoster
from shells.host import Host
from shells.media import MediaActor
from shells.names import DATA_VARIABLE, NODE_RESOURCE
from shells.replicated_host import ReplicatedHost
from shells.settings import Settings, decode_settings
from shells.transport import Gcs
from storage import node_folder
from storage.folder import Description

log = logging.getLogger(__name__)

START_S_MAX = 60.0
RETRY_S = 0.2
CLUSTER_START_S_MAX = 120.0
STOP_S_MAX, STOP_EACH_S_MAX = 18.0, 8.0
"""For all, and for those of a kind: some may be about to be started again, and again. Less than a
supervisor waits."""
NODE_SHARE = 0.001
"""How much of a node's resource an actor or a task takes; a node has one."""


class Home(NamedTuple):
    """A node with a host: its name, and the path of its data folder there."""

    node: str
    data: str

    @property
    def pin(self) -> dict[str, Any]:
        return {"resources": {f"{NODE_RESOURCE}{self.node}": NODE_SHARE}}


class NodeHost(Host):
    """A host on a node of its own: it looks first whether the node's folder is still the one it
    lived in."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        node_folder.check(Path(config.data), config.cluster_id, name)
        await super().__init__(name, settings)


class NodeReplicatedHost(ReplicatedHost):
    """The same for a host with copies."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        node_folder.check(Path(config.data), config.cluster_id, name)
        await super().__init__(name, settings)


class NodeMediaActor(MediaActor):
    """The same for a media actor, which lives beside a host."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        node_folder.check(Path(config.data), config.cluster_id, _beside(name, "host"))
        await super().__init__(name, settings)


def _beside(name: str, what: str) -> str:
    """What has the same number."""
    return f"{what}-{name.rpartition('-')[2]}"


def host_names(settings: Settings) -> list[str]:
    """Pooled hosts, and the hosts of dedicated actors that have been used before."""
    pooled = [f"host-{number}" for number in range(settings.hosts)]
    used = sorted(path.name for path in Path(settings.data).glob(f"{OWN}*"))
    return pooled + used


def start(settings: Settings) -> None:
    """Make hosts, media actors and edges, and wait until they answer. Needs a connected Ray."""
    registry.remember(settings)
    host = ReplicatedHost if settings.copies > 1 else Host
    hosts = {name: registry.make(host, name, settings) for name in host_names(settings)}
    media = [f"media-{number}" for number in range(settings.hosts)]
    hosts |= {name: registry.make(MediaActor, name, settings) for name in media}
    names = [f"edge-{number}" for number in range(settings.edges)]
    edges = {name: registry.make(Edge, name, settings) for name in names}
    _wait(hosts, edges, START_S_MAX)


def start_on(homes: Mapping[str, Home], settings: Settings) -> None:
    """The same on a cluster: each of these hosts on its node, an edge and a media actor beside a
    pooled one. What runs already with the same settings goes on; after a restart of all machines
    Ray itself has begun to make the actors again. Needs a connected Ray."""
    if registry.remembered() not in (None, settings.encode()):
        log.info("the settings are new: all actors are made anew")
        end()
    registry.remember(settings)
    hosts, edges = {}, {}
    for name, home in homes.items():
        hosts[name] = _on(home, name, settings)
        if partition_of_own(name) is None:
            there = replace(settings, data=home.data)
            edge, media = _beside(name, "edge"), _beside(name, "media")
            edges[edge] = registry.make(Edge, edge, there, **home.pin)
            hosts[media] = registry.make(NodeMediaActor, media, there, **home.pin)
    _wait(hosts, edges, CLUSTER_START_S_MAX)


def _wait(hosts: dict[str, Any], edges: dict[str, Any], seconds: float) -> None:
    """Raises TimeoutError, which names those that do not answer."""
    for calls in (
        {host.stats.remote(): name for name, host in hosts.items()},
        {edge.ready.remote(): name for name, edge in edges.items()},
    ):
        done, late = ray.wait(list(calls), num_returns=len(calls), timeout=seconds)
        ray.get(done)
        if late:
            names = ", ".join(calls[call] for call in late)
            raise TimeoutError(f"{names} did not start within {seconds:.0f} s")


def look_at(node: str) -> tuple[str, node_folder.Content]:
    """The path of a node's data folder, and what is in it. Raises TimeoutError."""
    path, content = work_on(node, _look)
    return path, content


def claim_own(home: Home, cluster_id: str, host: str) -> None:
    """Make room on a node for a host that is made while the server runs. Raises TimeoutError."""
    work_on(home.node, node_folder.add, Path(home.data), cluster_id, host)


def claim(home: Home, cluster: Description, host: str) -> None:
    """Make a node's unused data folder the place of a host of a cluster."""
    work_on(home.node, node_folder.claim, Path(home.data), cluster, host)


def _look() -> tuple[str, node_folder.Content]:
    path = os.environ[DATA_VARIABLE]
    return path, node_folder.look(Path(path))


def work_on(node: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on a node. Raises TimeoutError."""
    task = ray.remote(work).options(num_cpus=0, **Home(node, "").pin)
    return ray.get(task.remote(*arguments), timeout=START_S_MAX)


def seats(cluster_id: str) -> dict[str, Seat]:
    """The hosts on the roster of a server with copies. Needs a connected Ray."""
    return GcsRoster(Gcs(), cluster_id).read()


def mark(cluster_id: str, host: str, mark: Mark) -> None:
    """Say what an operator wants of a host. Needs a connected Ray."""
    asyncio.run(GcsRoster(Gcs(), cluster_id).mark(host, mark))


def start_own(name: str, home: Home | None) -> None:
    """Make the host that a partition has for itself, if there is none yet, and wait until it
    answers. Raises TimeoutError."""
    if home is None:
        host = registry.make(ReplicatedHost, name, registry.settings())
    else:
        host = _on(home, name, registry.settings())
    end_s = time.monotonic() + START_S_MAX
    while True:
        try:
            _wait({name: host}, {}, max(1.0, end_s - time.monotonic()))
            return
        except ray.exceptions.RayActorError as error:  # it died, and Ray makes it again
            if time.monotonic() > end_s:
                raise TimeoutError(f"{name} does not stay up") from error
            time.sleep(RETRY_S)


def _on(home: Home, name: str, settings: Settings) -> Any:
    """A host on its node."""
    cls = NodeReplicatedHost if settings.copies > 1 else NodeHost
    return registry.make(cls, name, replace(settings, data=home.data), **home.pin)


def stop() -> None:
    """Edges ask their clients to come back, hosts and media actors finish what was begun and close
    their folders. Needs a connected Ray."""
    end_s = time.monotonic() + STOP_S_MAX
    for prefix in ("edge-", registry.HOSTS, "media-"):
        calls = [handle.drain.remote() for handle in _handles(prefix)]
        wait_s = max(0.0, min(STOP_EACH_S_MAX, end_s - time.monotonic()))
        done, late = ray.wait(calls, num_returns=len(calls), timeout=wait_s) if calls else ([], [])
        for call in done:
            try:
                ray.get(call)
            except ray.exceptions.RayError as error:
                log.warning("an actor did not stop cleanly: %s", error)
        if late:
            log.warning("%d actors did not stop in time", len(late))


def end() -> None:
    """Take hosts, edges and media actors out of the cluster for good; `stop` comes first where it
    can."""
    for handle in _handles(registry.PREFIXES):
        ray.kill(handle, no_restart=True)
    registry.forget()


def _handles(prefix: str | tuple[str, ...]) -> Iterator[Any]:
    """Of the actors that are still there."""
    for name in registry.process_names(prefix):
        with contextlib.suppress(ValueError):
            yield registry.find(name)
