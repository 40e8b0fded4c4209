"""What the operator can see in a data folder, whether a server is running on it or not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actors import addresses
from actors.user.state import HEAD, SESSIONS, UserHead
from actors.verify.report import Chunks, Finding, Report
from actors.verify.walk import verify
from heliograph.admin.copies import copies_in, hosts_in, newest, snapshots
from heliograph.admin.media import chunks_in
from runtime.placement import Placement, Replicated
from storage.folder import DataFolder, Description
from storage.keys import split_key
from storage.port import StorageError
from storage.snapshot import Snapshot

LOOKS_MAX = 4
LOOK_AGAIN_S = 1.0


def placement_of(folder: DataFolder) -> Placement:
    """Where the actors of a data folder are."""
    return placement_by(folder.description)


def placement_by(made: Description) -> Placement:
    """Where the actors of such a data folder are."""
    if made.copies > 1:
        return Replicated(made.partitions, made.shard_count)
    return Placement(made.partitions, made.hosts, made.dedicated)


def host_folders(path: Path) -> list[Path]:
    """The stores in a data folder; of each shard, where there are copies, the one that has most.
    Raises StorageError."""
    copies = copies_in(path)
    if copies:
        return [newest(folders) for _, folders in sorted(copies.items())]
    return hosts_in(path)


def verify_folder(path: Path) -> Report:
    """Check everything in a data folder. Beside a running server, the hosts are looked at one after
    the other; what does not fit between them for that reason alone does on another look, so what
    is only found once is dropped. Raises DataFolderError."""
    made = DataFolder.look(path).description
    report = _verify_once(path, made)
    for _ in range(LOOKS_MAX - 1):
        if report.clean:
            break
        time.sleep(LOOK_AGAIN_S)
        report = _verify_once(path, made).lasting(report)
    return report


def _verify_once(path: Path, made: Description) -> Report:
    placement = placement_by(made)
    verify_stores = _verify_copies if isinstance(placement, Replicated) else _verify_hosts
    with contextlib.ExitStack() as stack:
        try:
            chunks = stack.enter_context(chunks_in(path, made))
        except StorageError as error:
            report = verify_stores(path, placement, None)
            report.add("files", str(error))
            return report
        return verify_stores(path, placement, chunks)


def _verify_hosts(path: Path, placement: Placement, chunks: Chunks | None) -> Report:
    unreadable: list[Finding] = []
    with contextlib.ExitStack() as stack:
        sources = []
        for folder in host_folders(path):
            try:
                sources.append((folder.name, stack.enter_context(Snapshot(folder))))
            except StorageError as error:
                unreadable.append(Finding(folder.name, str(error)))
        report = verify(placement, sources, chunks)
    for host in placement.pooled_hosts():
        if not (path / host).exists():
            unreadable.append(Finding(host, "its folder is missing"))
    for finding in unreadable:
        report.add(finding.where, finding.what)
    return report


def _verify_copies(path: Path, placement: Placement, chunks: Chunks | None) -> Report:
    with snapshots(path) as (sources, findings):
        report = verify(placement, sources, chunks)
        there = {name for name, _ in sources}
    for place in placement.pooled_hosts():
        if place not in there:
            report.add(place, "it has no copy")
    for finding in findings:
        report.add(finding.where, finding.what)
    return report


@dataclass
class Account:
    """What `heliograph admin users` shows of a user."""

    id: int
    username: str
    name: str
    created_ms: int
    last_seen_ms: int
    sessions: int


def accounts(path: Path) -> Iterator[Account]:
    """All users of a data folder. Raises DataFolderError, StorageError."""
    DataFolder.look(path)
    for folder in host_folders(path):
        with Snapshot(folder) as snapshot:
            for partition in snapshot.partitions:
                yield from _accounts_in(snapshot, partition)


def _accounts_in(snapshot: Snapshot, partition: int) -> Iterator[Account]:
    found: Account | None = None
    for key, row in snapshot.rows(partition):
        kind, actor, table, _ = split_key(key)
        if kind != addresses.USER or row is None:
            continue
        if table == HEAD.number:
            if found is not None:
                yield found
            head: UserHead = HEAD.decode(row)
            found = Account(
                int(actor), head.username, head.name, head.created_ms, head.last_seen_ms, 0
            )
        elif table == SESSIONS.number and found is not None and found.id == actor:
            found.sessions += 1
    if found is not None:
        yield found
