"""The data folder of one node of a cluster: which cluster it is of, and which hosts' rows it holds.

Each node has a folder like a single server's, with the same `heliograph.json` in all of a cluster.
Which hosts live on a node is told by the folder alone (there is a `host-N` in it, and there may be
some `dedicated-N`), so that machines can change their names and addresses, and disks their
machines.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from storage.folder import DESCRIBED, DataFolder, Description, up_to_date, write
from storage.log import sync_folder
from storage.port import DataFolderError

NOT_DATA = {
    "entrance.json",
    "gcs",
    "logs",
    "node.json",
    "ray",
    "ray-token",
    "run.json",
    "lost+found",
}
"""What may be in a folder that is of no cluster yet."""

HOSTS = ("host-*", "dedicated-*")
"""Hosts that have their share of a cluster, and hosts that have one partition each."""


class Content(Struct, frozen=True):
    """What is in a node's folder. `cluster`: None in one that is of no cluster yet. `problem`: why
    it cannot be used, else empty."""

    cluster: Description | None = None
    hosts: tuple[str, ...] = ()
    problem: str = ""


def look(path: Path) -> Content:
    """What is there; changes nothing."""
    try:
        if (path / DESCRIBED).exists():
            hosts = tuple(sorted(e.name for kind in HOSTS for e in path.glob(kind)))
            return Content(DataFolder.look(path).description, hosts)
        strange = {entry.name for entry in path.iterdir()} - NOT_DATA if path.exists() else set()
    except OSError as error:
        return Content(problem=f"cannot read {path}: {error.strerror}")
    except DataFolderError as error:
        return Content(problem=str(error))
    if strange:
        return Content(problem=f"{path} holds something else than Heliograph's data")
    return Content()


def claim(path: Path, cluster: Description, host: str) -> None:
    """Make an unused folder one of a cluster's, and the place of one of its hosts."""
    found = look(path)
    if found.problem or found.cluster is not None:
        raise DataFolderError(found.problem or f"{path} is in use already")
    (path / host).mkdir(parents=True, exist_ok=True, mode=0o700)
    write(path, cluster)


def add(path: Path, cluster_id: str, host: str) -> None:
    """Make a folder of a cluster the place of one host more; it may be that already."""
    found = look(path)
    if found.cluster is None or found.cluster.cluster_id != cluster_id:
        raise DataFolderError(found.problem or f"{path} is of no node of this cluster")
    (path / host).mkdir(exist_ok=True, mode=0o700)
    sync_folder(path)


def check(path: Path, cluster_id: str, host: str) -> None:
    """Raises DataFolderError unless this is the folder in which a host of a cluster lives. A host
    must not begin anew in an empty one (a disk that is not mounted): it would number again what it
    had numbered before."""
    found = look(path)
    if found.problem:
        raise DataFolderError(found.problem)
    if found.cluster is None:
        raise DataFolderError(
            f"{path} is empty, but {host} had its data there; is its disk mounted?"
        )
    if found.cluster.cluster_id != cluster_id:
        raise DataFolderError(
            f"{path} belongs to another cluster ({found.cluster.cluster_id}, this one is "
            f"{cluster_id}); give this node the folder that it had, or an empty one"
        )
    if host not in found.hosts:
        raise DataFolderError(
            f"{path} is of another node of this cluster: it holds {', '.join(found.hosts)}, "
            f"not {host}"
        )
    up_to_date(path, found.cluster)
