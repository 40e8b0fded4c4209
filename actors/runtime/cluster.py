"""The hosts and edges of a server as detached, named Ray actors: made, found and stopped.

On a cluster each is pinned to its node by a resource that the node was started with: when the node
comes back, with a new identity in Ray but the same resource and data folder, Ray starts them again
there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ray
from msgspec.structs import replace

from actors.edge.edge import Edge
from actors.runtime.host import Host
from actors.runtime.names import DATA_VARIABLE, NODE_RESOURCE
from actors.runtime.replication.host import ReplicatedHost
from actors.runtime.settings import Settings, decode_settings
from actors.runtime.transport import NAMESPACE
from storage import node_folder
from storage.folder import Description

log = logging.getLogger(__name__)

START_S_MAX = 60.0
CLUSTER_START_S_MAX = 120.0
STOP_S_MAX = 15.0
SETTINGS_KEY = b"heliograph:settings"
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
            **options,
        )
        .remote(name, settings.encode())
    )


def edge_names(settings: Settings) -> list[str]:
    return [f"edge-{number}" for number in range(settings.edges)]


def host_names(settings: Settings) -> list[str]:
    """Pooled hosts, and the hosts of dedicated actors that have been used before."""
    pooled = [f"host-{number}" for number in range(settings.hosts)]
    used = sorted(path.name for path in Path(settings.data).glob("dedicated-*"))
    return pooled + used


def start(settings: Settings) -> None:
    """Make hosts and edges, and wait until they answer. Needs a connected Ray."""
    _remember(settings)
    host = ReplicatedHost if settings.copies > 1 else Host
    hosts = [_actor(host, name, settings) for name in host_names(settings)]
    edges = [_actor(Edge, name, settings) for name in edge_names(settings)]
    _wait(hosts, edges, START_S_MAX)


def start_on(homes: Sequence[Home], settings: Settings) -> None:
    """The same on a cluster: a host and an edge on each of these nodes, in this order. What runs
    already with the same settings goes on; after a restart of all machines Ray itself has begun to
    make the actors again. Needs a connected Ray."""
    assert len(homes) == settings.hosts == settings.edges
    if _remembered() not in (None, settings.encode()):
        log.info("the settings are new: hosts and edges are made anew")
        end(settings)
    _remember(settings)
    cls = NodeReplicatedHost if settings.copies > 1 else NodeHost
    hosts, edges = [], []
    for number, home in enumerate(homes):
        there = replace(settings, data=home.data)
        hosts.append(_actor(cls, f"host-{number}", there, **home.pin))
        edges.append(_actor(Edge, f"edge-{number}", there, **home.pin))
    _wait(hosts, edges, CLUSTER_START_S_MAX)


def _wait(hosts: list[Any], edges: list[Any], seconds: float) -> None:
    ray.get([host.stats.remote() for host in hosts], timeout=seconds)
    ray.get([edge.ready.remote() for edge in edges], timeout=seconds)


def _remember(settings: Settings) -> None:
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(SETTINGS_KEY, settings.encode(), overwrite=True)


def _remembered() -> bytes | None:
    from ray.experimental import internal_kv

    raw: bytes | None = internal_kv._internal_kv_get(SETTINGS_KEY)
    return raw


def node_names() -> list[str]:
    """The living nodes that were started as nodes of a Heliograph. Needs a connected Ray."""
    names = [
        resource.removeprefix(NODE_RESOURCE)
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
        for resource in node["Resources"]
        if resource.startswith(NODE_RESOURCE)
    ]
    return sorted(names)


def look_at(node: str) -> tuple[str, node_folder.Content]:
    """The path of a node's data folder, and what is in it."""
    path, content = _on_node(node, _look)
    return path, content


def claim(home: Home, cluster: Description, host: str) -> None:
    """Make a node's unused data folder the place of a host of a cluster."""
    _on_node(home.node, node_folder.claim, Path(home.data), cluster, host)


def _look() -> tuple[str, node_folder.Content]:
    path = os.environ[DATA_VARIABLE]
    return path, node_folder.look(Path(path))


def _on_node(node: str, work: Callable[..., Any], *arguments: Any) -> Any:
    task = ray.remote(work).options(num_cpus=0, **Home(node, "").pin)
    return ray.get(task.remote(*arguments), timeout=START_S_MAX)


def settings() -> Settings:
    """Those of the server that runs on this cluster. Needs a connected Ray."""
    raw = _remembered()
    if raw is None:
        raise RuntimeError("this cluster runs no Heliograph")
    return decode_settings(raw)


def dedicated_host(name: str) -> Any:
    """The host of a dedicated actor; made if there is none yet."""
    return _actor(Host, name, settings())


def stop(settings: Settings) -> None:
    """Edges ask their clients to come back, hosts finish what was begun and close their folders."""
    for names in (edge_names(settings), host_names(settings)):
        handles = [_find(name) for name in names]
        calls = [handle.drain.remote() for handle in handles if handle is not None]
        done, late = (
            ray.wait(calls, num_returns=len(calls), timeout=STOP_S_MAX) if calls else ([], [])
        )
        for call in done:
            try:
                ray.get(call)
            except ray.exceptions.RayError as error:
                log.warning("an actor did not stop cleanly: %s", error)
        if late:
            log.warning("%d actors did not stop in time", len(late))


def end(settings: Settings) -> None:
    """Take hosts and edges out of the cluster for good; `stop` comes first where it can."""
    from ray.experimental import internal_kv

    for name in edge_names(settings) + host_names(settings):
        handle = _find(name)
        if handle is not None:
            ray.kill(handle, no_restart=True)
    internal_kv._internal_kv_del(SETTINGS_KEY)


def _find(name: str) -> Any:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None
