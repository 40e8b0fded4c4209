"""A partition is given a host for itself, on a cluster or a server with copies: on which node that
shall be, and that its partition begins. Whatever was begun is gone on with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from api.errors import ApiError
from heliograph.server import local_nodes
from runtime.placement import own_host, partition_of_own
from runtime.replication.protocol import Seat, Unavailable
from storage.node_folder import Content

if TYPE_CHECKING:
    from shells.cluster import Home
    from shells.settings import Settings

FOUND_S_MAX = 60.0
STEP_S = 0.25


class Place(NamedTuple):
    """The name of a host, and its node."""

    host: str
    node: str


def place(
    partition: int,
    nodes: Mapping[str, Content],
    seats: Mapping[str, Seat],
    members: Collection[str],
    settle: Callable[[str, str], str],
) -> Place:
    """Where the partition has its host, or shall have it. `nodes`: those that are there, by name;
    `members`: who has copies of the partition now; `settle(host, node)` gives a host a node for
    ever, and returns the one that it was given first. A host that lived on a node that is not there
    any more is given up when others have its copy. Raises Unavailable."""
    number = 0
    while True:
        number += 1
        host = own_host(partition, number)
        homes = [name for name, content in nodes.items() if host in content.hosts]
        node = homes[0] if homes else settle(host, _least_used(nodes, seats))
        if node in nodes:
            return Place(host, node)
        if host in members or not members:
            raise Unavailable(
                f"{host} lives on node {node}, which is not there; start that, or repeat this when "
                "other hosts have its copy"
            )


def _least_used(nodes: Mapping[str, Content], seats: Mapping[str, Seat]) -> str:
    """The node with the fewest such hosts that shall not be stopped. Raises Unavailable."""

    def own(content: Content) -> int:
        return sum(partition_of_own(host) is not None for host in content.hosts)

    fit = {
        name: own(content)
        for name, content in nodes.items()
        if content.cluster is not None and not _marked(content.hosts, seats)
    }
    if not fit:
        raise Unavailable("there is no node for it")
    return min(fit, key=lambda name: (fit[name], name))


def _marked(hosts: Iterable[str], seats: Mapping[str, Seat]) -> bool:
    return any(host in seats and seats[host].mark for host in hosts)


async def make(data: Path, settings: Settings, partition: int) -> str:
    """Have a partition led that has a host for itself; returns the name of that. On one machine
    without copies there is nothing to do: who needs such a host starts it. Raises ApiError."""
    from shells import cluster

    try:
        host, home = await _home(data, settings, partition)
        if home is not None:
            await asyncio.to_thread(cluster.claim_own, home, settings.cluster_id, host)
            local_nodes.link(data)
        if home is not None or settings.copies > 1:
            await asyncio.to_thread(cluster.start_own, host, home)
        if settings.copies > 1:
            await _founded(settings, host)
    except (Unavailable, TimeoutError) as error:
        raise ApiError("unavailable", f"{error}; nothing was changed for anybody", 1.0) from error
    return host


async def _home(data: Path, settings: Settings, partition: int) -> tuple[str, Home | None]:
    """The host, and its node where there are nodes. Raises Unavailable, TimeoutError."""
    from heliograph.server.cluster import look
    from shells import registry
    from shells.cluster import Home
    from shells.gcs import GcsConfigStore, GcsRoster
    from shells.transport import Gcs

    names = registry.node_names()
    if not names:
        return own_host(partition), None
    looked = local_nodes.look(data) or await asyncio.to_thread(look, names, print)
    roster = GcsRoster(Gcs(), settings.cluster_id)
    config = await GcsConfigStore(Gcs(), settings.cluster_id).newest(partition)
    contents = {node: content for node, (_, content) in looked.items()}
    members = config.members if config is not None else ()
    host, node = place(partition, contents, roster.read(), members, roster.settle)
    return host, Home(node, looked[node][0])


async def _founded(settings: Settings, host: str) -> None:
    """Wait until it leads, or others do for it. Raises Unavailable."""
    from runtime.lines.host_lines import HostLines
    from runtime.replication.copies import Courier
    from runtime.replication.founding import found
    from shells.gcs import GcsConfigStore, GcsRoster
    from shells.transport import Gcs

    roster = GcsRoster(Gcs(), settings.cluster_id)
    lines = HostLines(roster)
    configs = GcsConfigStore(Gcs(), settings.cluster_id)
    counts = {"copies": settings.copies, "shards": settings.shards}
    end_s = time.monotonic() + FOUND_S_MAX
    try:
        while True:
            try:
                await found(host, configs, roster, Courier(lines.call), **counts)
                return
            except Unavailable:
                if time.monotonic() > end_s:
                    raise
            await asyncio.sleep(STEP_S)
    finally:
        lines.close()
