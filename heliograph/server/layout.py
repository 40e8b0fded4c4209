"""Which host of a cluster lives on which node: decided from what the nodes' data folders hold."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from storage.folder import Description
from storage.node_folder import Content


class LayoutError(Exception):
    """The cluster cannot be started on these nodes; the message says why."""


class Layout(Struct, frozen=True):
    """`homes`: the name of the node of host-0, host-1, and so on. `cluster`: None if it is still to
    be made."""

    cluster: Description | None
    homes: tuple[str, ...]


def lay_out(found: Mapping[str, Content], hosts: int | None) -> Layout:
    """Find each host's node; `found` is by node name. A new cluster gets one host on each of the
    first `hosts` nodes by name (None: as the cluster was made). Raises LayoutError."""
    for name, content in found.items():
        if content.problem:
            raise LayoutError(f"node {name}: {content.problem}")
    clusters = {
        content.cluster.cluster_id: content.cluster
        for content in found.values()
        if content.cluster is not None
    }
    if not clusters:
        return Layout(None, _new(found, hosts))
    if len(clusters) > 1:
        told = ", ".join(
            f"{name} of {content.cluster.cluster_id}"
            for name, content in sorted(found.items())
            if content.cluster is not None
        )
        raise LayoutError(
            f"the nodes' data folders belong to different clusters: {told}; give each node the "
            "folder that it had, or an empty one"
        )
    [cluster] = clusters.values()
    if hosts not in (None, cluster.hosts):
        raise LayoutError(
            f"this cluster was made with {cluster.hosts} nodes; start it with --nodes "
            f"{cluster.hosts}"
        )
    return Layout(cluster, tuple(_home(f"host-{n}", found) for n in range(cluster.hosts)))


def _new(found: Mapping[str, Content], hosts: int | None) -> tuple[str, ...]:
    names = sorted(found)
    if hosts is None:
        raise LayoutError("this is a new cluster: say of how many nodes, with --nodes")
    if len(names) < hosts:
        raise LayoutError(f"{hosts} nodes are wanted, there are {len(names)}: {', '.join(names)}")
    return tuple(names[:hosts])


def _home(host: str, found: Mapping[str, Content]) -> str:
    names = [name for name, content in found.items() if host in content.hosts]
    if len(names) > 1:
        raise LayoutError(f"{host} is in the data folders of two nodes: {', '.join(names)}")
    if not names:
        told = "; ".join(
            f"{name} has {', '.join(content.hosts) or 'nothing'}"
            for name, content in sorted(found.items())
        )
        raise LayoutError(
            f"no node has the data of {host} ({told}): start the node that has it, mount its disk "
            "at the node's data folder, or restore it from a copy"
        )
    return names[0]
