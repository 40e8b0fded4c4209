"""The hosts, edges and media actors of a server as detached, named Ray actors: made, found and
stopped.

On a cluster each is pinned to its node by a resource that the node was started with: when the node
comes back, with a new identity in Ray but the same resource and data folder, Ray starts them again
there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ray
from msgspec.structs import replace

from runtime.placement import OWN, partition_of_own
from runtime.replication.protocol import Mark, Seat
from shells.edge import Edge
from shells.gcs import GcsRoster
from shells.host import Host
from shells.media import MediaActor
from shells.names import DATA_VARIABLE, NODE_RESOURCE
from shells.replicated_host import ReplicatedHost
from shells.settings import Settings, decode_settings
from shells.transport import NAMESPACE, Gcs
from storage import node_folder
from storage.folder import Description

log = logging.getLogger(__name__)

START_S_MAX = 60.0
RETRY_S = 0.2
CLUSTER_START_S_MAX = 120.0
STOP_S_MAX, STOP_EACH_S_MAX = 18.0, 8.0
"""For all, and for those of a kind: some may be about to be started again, and again. Less than a
supervisor waits."""
SETTINGS_KEY = b"heliograph:settings"
HOSTS = ("host-", OWN)
PREFIXES = ("edge-", *HOSTS, "media-")
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


def _actor(cls: type, name: str, settings: Settings, **options: Any) -> Any:
    return (
        ray.remote(cls)
        .options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            get_if_exists=True,
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=0,
            enable_task_events=False,  # a tenth of what a call costs
            **options,
        )
        .remote(name, settings.encode())
    )


def host_names(settings: Settings) -> list[str]:
    """Pooled hosts, and the hosts of dedicated actors that have been used before."""
    pooled = [f"host-{number}" for number in range(settings.hosts)]
    used = sorted(path.name for path in Path(settings.data).glob(f"{OWN}*"))
    return pooled + used


def process_names(prefix: str | tuple[str, ...] = PREFIXES) -> list[str]:
    """The actors of a server that there are, also those that are about to be started again. Needs
    a connected Ray."""
    named = ray.util.list_named_actors(all_namespaces=True)
    ours = (str(actor["name"]) for actor in named if actor["namespace"] == NAMESPACE)
    return sorted(name for name in ours if name.startswith(prefix))


def start(settings: Settings) -> None:
    """Make hosts, media actors and edges, and wait until they answer. Needs a connected Ray."""
    _remember(settings)
    host = ReplicatedHost if settings.copies > 1 else Host
    hosts = {name: _actor(host, name, settings) for name in host_names(settings)}
    media = [f"media-{number}" for number in range(settings.hosts)]
    hosts |= {name: _actor(MediaActor, name, settings) for name in media}
    names = [f"edge-{number}" for number in range(settings.edges)]
    edges = {name: _actor(Edge, name, settings) for name in names}
    _wait(hosts, edges, START_S_MAX)


def start_on(homes: Mapping[str, Home], settings: Settings) -> None:
    """The same on a cluster: each of these hosts on its node, an edge and a media actor beside a
    pooled one. What runs already with the same settings goes on; after a restart of all machines
    Ray itself has begun to make the actors again. Needs a connected Ray."""
    if _remembered() not in (None, settings.encode()):
        log.info("the settings are new: all actors are made anew")
        end()
    _remember(settings)
    hosts, edges = {}, {}
    for name, home in homes.items():
        hosts[name] = _on(home, name, settings)
        if partition_of_own(name) is None:
            there = replace(settings, data=home.data)
            edge, media = _beside(name, "edge"), _beside(name, "media")
            edges[edge] = _actor(Edge, edge, there, **home.pin)
            hosts[media] = _actor(NodeMediaActor, media, there, **home.pin)
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


def _remember(settings: Settings) -> None:
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(SETTINGS_KEY, settings.encode(), overwrite=True)


def _remembered() -> bytes | None:
    from ray.experimental import internal_kv

    raw: bytes | None = internal_kv._internal_kv_get(SETTINGS_KEY)
    return raw


def node_names() -> list[str]:
    """The living nodes that were started as nodes of a Heliograph; one that has come back before it
    was missed counts once. Needs a connected Ray."""
    names = {
        resource.removeprefix(NODE_RESOURCE)
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
        for resource in node["Resources"]
        if resource.startswith(NODE_RESOURCE)
    }
    return sorted(names)


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


def settings() -> Settings:
    """Those of the server that runs on this cluster. Needs a connected Ray."""
    raw = _remembered()
    if raw is None:
        raise RuntimeError("this cluster runs no Heliograph")
    return decode_settings(raw)


def seats(cluster_id: str) -> dict[str, Seat]:
    """The hosts on the roster of a server with copies. Needs a connected Ray."""
    return GcsRoster(Gcs(), cluster_id).read()


def mark(cluster_id: str, host: str, mark: Mark) -> None:
    """Say what an operator wants of a host. Needs a connected Ray."""
    asyncio.run(GcsRoster(Gcs(), cluster_id).mark(host, mark))


def dedicated_host(name: str) -> Any:
    """The host of a dedicated actor; made if there is none yet. Not on a cluster, where somebody
    else decides on which node it lives: raises ValueError."""
    found = _find(name)
    if found is None and node_names():
        raise ValueError(f"there is no host {name}")
    return found or _actor(Host, name, settings())


def start_own(name: str, home: Home | None) -> None:
    """Make the host that a partition has for itself, if there is none yet, and wait until it
    answers. Raises TimeoutError."""
    if home is None:
        host = _actor(ReplicatedHost, name, settings())
    else:
        host = _on(home, name, settings())
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
    return _actor(cls, name, replace(settings, data=home.data), **home.pin)


def stop() -> None:
    """Edges ask their clients to come back, hosts and media actors finish what was begun and close
    their folders. Needs a connected Ray."""
    end_s = time.monotonic() + STOP_S_MAX
    for prefix in ("edge-", HOSTS, "media-"):
        handles = [_find(name) for name in process_names(prefix)]
        calls = [handle.drain.remote() for handle in handles if handle is not None]
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
    from ray.experimental import internal_kv

    for name in process_names():
        handle = _find(name)
        if handle is not None:
            ray.kill(handle, no_restart=True)
    internal_kv._internal_kv_del(SETTINGS_KEY)


def _find(name: str) -> Any:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None
