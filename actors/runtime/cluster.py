"""The hosts and edges of a server as detached, named Ray actors: made, found and stopped."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ray

from actors.edge.edge import Edge
from actors.runtime.host import Host
from actors.runtime.settings import Settings, decode_settings
from actors.runtime.transport import NAMESPACE

log = logging.getLogger(__name__)

START_S_MAX = 60.0
STOP_S_MAX = 15.0
SETTINGS_KEY = b"heliograph:settings"


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
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(SETTINGS_KEY, settings.encode(), overwrite=True)
    hosts = [_actor(Host, name, settings) for name in host_names(settings)]
    edges = [_actor(Edge, name, settings) for name in edge_names(settings)]
    ray.get([host.stats.remote() for host in hosts], timeout=START_S_MAX)
    ray.get([edge.ready.remote() for edge in edges], timeout=START_S_MAX)


def settings() -> Settings:
    """Those of the server that runs on this cluster. Needs a connected Ray."""
    from ray.experimental import internal_kv

    raw = internal_kv._internal_kv_get(SETTINGS_KEY)
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


def _find(name: str) -> Any:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None
