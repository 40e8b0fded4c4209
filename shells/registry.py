"""The processes of a server as named, detached actors of Ray, and what its nodes and settings are:
all that is the same for whoever makes them, finds them or lists them. Needs a connected Ray."""

from __future__ import annotations

from typing import Any

import ray

from runtime.placement import OWN
from shells.names import NODE_RESOURCE
from shells.settings import Settings, decode_settings

NAMESPACE = "heliograph"
SETTINGS_KEY = b"heliograph:settings"
HOSTS = ("host-", OWN)
PREFIXES = ("edge-", *HOSTS, "media-")


def find(name: str) -> Any:
    """The handle of an actor. Raises ValueError if there is none."""
    return ray.get_actor(name, namespace=NAMESPACE)


def is_there(name: str) -> bool:
    """Whether there is an actor of this name; it may be about to be started again."""
    try:
        find(name)
    except ValueError:
        return False
    return True


def make(cls: type, name: str, settings: Settings, **options: Any) -> Any:
    """The handle of an actor, which is made if there is none."""
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


def process_names(prefix: str | tuple[str, ...] = PREFIXES) -> list[str]:
    """The actors of a server that there are, also those that are about to be started again."""
    named = ray.util.list_named_actors(all_namespaces=True)
    ours = (str(actor["name"]) for actor in named if actor["namespace"] == NAMESPACE)
    return sorted(name for name in ours if name.startswith(prefix))


def node_names() -> list[str]:
    """The living nodes that were started as nodes of a Heliograph; one that has come back before it
    was missed counts once."""
    names = {
        resource.removeprefix(NODE_RESOURCE)
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
        for resource in node["Resources"]
        if resource.startswith(NODE_RESOURCE)
    }
    return sorted(names)


def remember(settings: Settings) -> None:
    """Tell all nodes the settings of the server."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_put(SETTINGS_KEY, settings.encode(), overwrite=True)


def remembered() -> bytes | None:
    """The encoded settings of the server that runs on this cluster; None if none runs."""
    from ray.experimental import internal_kv

    raw: bytes | None = internal_kv._internal_kv_get(SETTINGS_KEY)
    return raw


def forget() -> None:
    """No server runs any more."""
    from ray.experimental import internal_kv

    internal_kv._internal_kv_del(SETTINGS_KEY)


def settings() -> Settings:
    """Those of the server that runs on this cluster. Raises RuntimeError if none runs."""
    raw = remembered()
    if raw is None:
        raise RuntimeError("this cluster runs no Heliograph")
    return decode_settings(raw)
