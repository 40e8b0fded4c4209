"""The copies of shards in the data folder of a replicated server."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from actors.verify.report import Finding
from runtime.placement import place_of
from storage.layout import ROWS
from storage.node_folder import HOSTS
from storage.port import StorageError
from storage.replica import folders_in
from storage.snapshot import Snapshot


def hosts_in(path: Path) -> list[Path]:
    """The folders of the hosts, with those that have one partition each."""
    return sorted(host for kind in HOSTS for host in path.glob(kind))


def copies_in(path: Path) -> dict[int, list[Path]]:
    """The folders of the copies of each shard."""
    found: dict[int, list[Path]] = {}
    for host in hosts_in(path):
        for shard, folder in sorted(folders_in(host).items()):
            if (folder / ROWS).exists():  # else it was given away
                found.setdefault(shard, []).append(folder)
    return found


def is_locked(host: Path) -> bool:
    """Whether a process runs that has this host's folder."""
    try:
        with open(host / "LOCK", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def newest(folders: list[Path]) -> Path:
    """The copy that holds the most records, which has all that is committed. Raises StorageError
    if none can be read."""
    error: StorageError | None = None
    best: tuple[int, Path] | None = None
    for folder in folders:
        try:
            with Snapshot(folder) as snapshot:
                if best is None or snapshot.records > best[0]:
                    best = (snapshot.records, folder)
        except StorageError as failed:
            error = failed
    if best is None:
        assert error is not None
        raise error
    return best[1]


@contextlib.contextmanager
def snapshots(path: Path) -> Iterator[tuple[list[tuple[str, Snapshot]], list[Finding]]]:
    """The newest copy of each shard by its place, and what is wrong with the copies: one that
    cannot be read, or two with as many records and other rows."""
    findings: list[Finding] = []
    with contextlib.ExitStack() as stack:
        chosen: list[tuple[str, Snapshot]] = []
        for shard, folders in sorted(copies_in(path).items()):
            opened: list[Snapshot] = []
            for folder in folders:
                try:
                    opened.append(stack.enter_context(Snapshot(folder)))
                except StorageError as error:
                    findings.append(Finding(f"{folder.parent.name}/{folder.name}", str(error)))
            if not opened:
                continue
            best = max(opened, key=lambda snapshot: snapshot.records)
            same = [snapshot for snapshot in opened if snapshot.records == best.records]
            if len({_digest(snapshot) for snapshot in same}) > 1:
                findings.append(Finding(place_of(shard), "its copies differ"))
            chosen.append((place_of(shard), best))
        yield chosen, findings


def _digest(snapshot: Snapshot) -> bytes:
    digest = blake2b()
    for partition in snapshot.partitions:
        digest.update(b"partition %d " % partition)
        for key, row in snapshot.rows(partition):
            sizes = b"%d %d " % (len(key), -1 if row is None else len(row))
            digest.update(sizes + key + (row or b""))
    return digest.digest()


def shown_copies(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What hosts say of their copies, by shard, as whoever knows the newest epoch sees it. The
    leader is empty where nobody says that it leads; `appointed` is who does by the newest epoch,
    and it may be so where that host is silent."""
    newest: dict[int, dict[str, Any]] = {}
    for row in rows:
        known = newest.get(row["shard"])
        if known is None or (row["epoch"], row["leading"]) > (known["epoch"], known["leading"]):
            newest[row["shard"]] = row
    return [
        {
            "shard": shard,
            "leader": row["host"] if row["leading"] else "",
            "appointed": row["leader"],
            "epoch": row["epoch"],
            "members": row["members"],
            "in_sync": sorted(row["in_sync"]),
            "missing": sorted(set(row["members"]) - set(row["in_sync"])),
            "behind": row["behind"],
        }
        for shard, row in sorted(newest.items())
    ]


def shown_hosts(
    shards: list[dict[str, Any]], seats: Mapping[str, Any], silent: Iterable[str]
) -> list[dict[str, Any]]:
    """The hosts, with how many copies they have, and how many they lead; `shards` as
    `shown_copies` tells them."""
    silent = set(silent)
    rows = []
    for host in sorted({*seats, *silent, *(h for s in shards for h in s["members"])}):
        seat = seats.get(host)
        rows.append(
            {
                "host": host,
                "zone": seat.zone if seat else "",
                "state": "silent" if host in silent else (seat.mark if seat else "") or "well",
                "copies": sum(host in s["members"] for s in shards),
                "leads": sum(host == s["leader"] for s in shards),
            }
        )
    return rows
