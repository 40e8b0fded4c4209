"""Which host of a cluster lives on which node: decided from what the nodes' data folders hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from runtime.placement import partition_of_own
from storage.folder import Description
from storage.node_folder import Content


class LayoutError(Exception):
    """The cluster cannot be started on these nodes; the message says why."""


class Layout(Struct, frozen=True):
    """`homes`: the name of each host's node; `own`: of those that have one partition each;
    `newcomers`: those hosts that are to be made; `missing`: hosts whose nodes are not there.
    `cluster`: None if it is still to be made."""

    cluster: Description | None
    homes: dict[str, str]
    newcomers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    own: dict[str, str] = {}


def lay_out(found: Mapping[str, Content], hosts: int | None, known: Iterable[str] = ()) -> Layout:
    """Find each host's node; `found` is by node name, `known` are the hosts of the running cluster,
    as far as that can tell. A new cluster gets one host on each of the first `hosts` nodes by name.
    One with copies may do without some, and an unused node gets a new host (not beyond `hosts`).
    Raises LayoutError."""
    for name, content in found.items():
        if content.problem:
            raise LayoutError(f"node {name}: {content.problem}")
    clusters = {
        content.cluster.cluster_id: content.cluster
        for content in found.values()
        if content.cluster is not None
    }
    if not clusters:
        homes = _new(found, hosts)
        return Layout(None, homes, tuple(homes))
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
    all_homes = _homes(found)
    homes = {host: all_homes[host] for host in sorted(filter(is_pooled, all_homes), key=_number)}
    own = {host: node for host, node in all_homes.items() if not is_pooled(host)}
    wanted = set(filter(is_pooled, known)) or first_hosts(cluster.hosts)
    missing = sorted(wanted - homes.keys(), key=_number)
    if cluster.copies == 1 and hosts not in (None, cluster.hosts):
        raise LayoutError(
            f"this cluster was made with {cluster.hosts} nodes; start it with --nodes "
            f"{cluster.hosts}"
        )
    if missing and len(missing) > cluster.copies - 1:
        raise LayoutError(_without(missing, found))
    newcomers = {}
    if cluster.copies > 1:
        unused = sorted(name for name, content in found.items() if content.cluster is None)
        after = 1 + max(map(_number, wanted | homes.keys()))
        room = len(unused) if hosts is None else max(0, hosts - len(wanted | homes.keys()))
        newcomers = {f"host-{after + n}": name for n, name in enumerate(unused[:room])}
    return Layout(cluster, homes | newcomers, tuple(newcomers), tuple(missing), own)


def is_pooled(host: str) -> bool:
    """Whether it has its share of all partitions, and not one for itself."""
    return partition_of_own(host) is None


def first_hosts(count: int) -> set[str]:
    """The hosts that a cluster begins with."""
    return {f"host-{number}" for number in range(count)}


def _new(found: Mapping[str, Content], hosts: int | None) -> dict[str, str]:
    names = sorted(found)
    if hosts is None:
        raise LayoutError("this is a new cluster: say of how many nodes, with --nodes")
    if len(names) < hosts:
        raise LayoutError(f"{hosts} nodes are wanted, there are {len(names)}: {', '.join(names)}")
    return {f"host-{number}": name for number, name in enumerate(names[:hosts])}


def _homes(found: Mapping[str, Content]) -> dict[str, str]:
    homes: dict[str, str] = {}
    for name, content in sorted(found.items()):
        for host in content.hosts:
            if host in homes:
                raise LayoutError(
                    f"{host} is in the data folders of two nodes: {homes[host]}, {name}"
                )
            homes[host] = name
    return homes


def _number(host: str) -> int:
    return int(host.removeprefix("host-"))


def _without(missing: Iterable[str], found: Mapping[str, Content]) -> str:
    told = "; ".join(
        f"{name} has {', '.join(content.hosts) or 'nothing'}"
        for name, content in sorted(found.items())
    )
    return (
        f"no node has the data of {', '.join(missing)} ({told}): start the node that has it, mount "
        "its disk at the node's data folder, or restore it from a copy"
    )
