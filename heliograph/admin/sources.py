"""Which stores a backup is read from, and how much of them will never be taken back.

A copy's log may end with records that are not committed, and that another leader takes back. What
can be relied upon:

- whatever LMDB holds was shown, so it is committed. A running host moves what it shows to LMDB
  every few seconds, so a backup of a running server waits until LMDB has come to where it wants to
  be, and looks whether the log still says what it read there;
- a copy in sync has in its log all that is committed. It was in sync when the ends of the logs
  were noted if one and the same epoch says so before and after: epochs have one configuration;
- where nothing runs, what all copies in sync have in common. All that is committed is, and whoever
  leads next has it.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from actors.runtime.placement import place_of
from actors.runtime.replication.protocol import Configuration, decode_configuration
from heliograph.admin.copies import copies_in, hosts_in
from heliograph.admin.stored import host_folders, placement_of
from storage.backup.follower import Follower
from storage.backup.manifest import BackupError
from storage.folder import DataFolder
from storage.port import StorageError
from storage.replica import remembered

COMMITTED_S_MAX = 60.0
LOOK_S = 0.1
STORE = "rows/data.mdb"

Look = Callable[[], Mapping[int, Configuration]]
"""The newest configuration of each partition that there is; of epoch 0 where nobody can tell it."""


class Unsettled(BackupError):
    """What was read may not be what will stay; another look will tell."""


class Source(Protocol):
    """Where the stores of a server are."""

    def open(self, stack: ExitStack) -> dict[str, Follower]:
        """All stores, by name. Raises StorageError."""

    def ends(self) -> dict[str, int] | None:
        """Up to where to take stores that nobody writes to."""

    def confirm(self, stores: Mapping[str, Follower], cut: dict[str, int]) -> None:
        """Come back when nothing up to the cut can be taken back. Raises Unsettled."""


@contextlib.contextmanager
def source_of(folder: DataFolder) -> Iterator[Source]:
    """Raises BackupError for a cluster's node on which nothing runs."""
    if folder.description.copies == 1:
        yield SingleSource(folder)
    elif has_all_hosts(folder.path):
        yield CopiesSource(folder, lambda: known_here(folder.path))
    else:
        from heliograph.admin.live import NotRunning, watching

        with contextlib.ExitStack() as stack:
            try:
                view = stack.enter_context(watching(folder.path))
            except NotRunning as error:
                raise BackupError(
                    f"{folder.path} is of one node of a cluster: only while that runs it can "
                    f"be told what is in sync, and {error}"
                ) from error
            yield CopiesSource(folder, lambda: _led(view().rows))


class SingleSource:
    """One store per host. One that has been made for a dedicated actor just now may hold no store
    yet, and so no row."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def open(self, stack: ExitStack) -> dict[str, Follower]:
        path = self._folder.path
        found = [
            host
            for host in host_folders(path)
            if host.name.startswith("host-") or (host / STORE).exists()
        ]
        missing = set(placement_of(self._folder).pooled_hosts()) - {host.name for host in found}
        if missing:
            raise BackupError(
                f"{path} lacks {', '.join(sorted(missing))}: a backup needs the folders of all "
                "hosts on this machine"
            )
        return {host.name: stack.enter_context(Follower(host)) for host in found}

    def ends(self) -> None:
        return None

    def confirm(self, stores: Mapping[str, Follower], cut: dict[str, int]) -> None:
        """What is in the only log stays."""


class CopiesSource:
    """Of each partition a copy in sync, the leader's by preference."""

    def __init__(self, folder: DataFolder, look: Look) -> None:
        self._path = folder.path
        self._pooled = range(folder.description.partitions)
        self._look = look
        self.configs: Mapping[int, Configuration] = {}
        self.copies: dict[int, dict[str, Follower]] = {}
        """The copies in sync that are here, by partition and host."""
        self._running = False

    def open(self, stack: ExitStack) -> dict[str, Follower]:
        self.configs = self._look()
        self._running = any(map(is_locked, hosts_in(self._path)))
        partitions = sorted({*self._pooled, *self.configs})
        self.copies = {p: self._in_sync(p, stack) for p in partitions}
        lacking = [str(p) for p, copies in self.copies.items() if not copies]
        if lacking:
            raise BackupError(
                f"{self._path} has no copy in sync of partition {', '.join(lacking)}; make the "
                "backup on a node that has (see: heliograph admin cluster), or when these are in "
                "sync again"
            )
        return {place_of(p): self._best(list(c.values())) for p, c in self.copies.items()}

    def _best(self, copies: list[Follower]) -> Follower:
        """The leader's; where nothing runs, one that has all that the copies have in common."""
        return copies[0] if self._running else max(copies, key=lambda copy: copy.begin)

    def _in_sync(self, partition: int, stack: ExitStack) -> dict[str, Follower]:
        config = self.configs.get(partition)
        if config is None:
            return {}
        found = {}
        for host in sorted(config.in_sync, key=lambda host: host != config.leader):
            folder = self._path / host / place_of(partition)
            if not (folder / STORE).exists() or not remembered(folder):
                continue  # it is elsewhere, or its disk is new
            if self._running and not is_locked(folder.parent):
                continue  # it may lack something since its host has ended
            with contextlib.suppress(StorageError):
                copy = stack.enter_context(Follower(folder))
                if not copy.loading:
                    found[host] = copy
        return found

    def ends(self) -> dict[str, int] | None:
        if self._running:
            return None
        return {place_of(p): _in_common([*c.values()]) for p, c in self.copies.items()}

    def confirm(self, stores: Mapping[str, Follower], cut: dict[str, int]) -> None:
        if self._running:
            end_s = time.monotonic() + COMMITTED_S_MAX
            for name, store in stores.items():
                cut[name] = store.last_with_rows(cut[name])
                while store.stored() < cut[name]:
                    if time.monotonic() > end_s:
                        raise Unsettled(f"what {name} wrote last is not committed")
                    time.sleep(LOOK_S)
                if not store.is_still(cut[name]):
                    raise Unsettled(f"what {name} wrote last was taken back")
        elif any(map(is_locked, hosts_in(self._path))):
            raise Unsettled("a server was started meanwhile")
        now = self._look()
        if now != self.configs:
            raise Unsettled("another copy leads, or is in sync, since")


def _in_common(copies: list[Follower]) -> int:
    """The last record that all have. Number and epoch name a record and all before it, and what
    one of them has in LMDB is committed."""
    shown = max(copy.begin for copy in copies)
    last = max(shown, min(copy.records for copy in copies))
    while last > shown and len({copy.epoch_at(last) for copy in copies}) > 1:
        last -= 1
    return last


def known_here(path: Path) -> dict[int, Configuration]:
    """The newest configuration of each partition that a copy in a data folder has adopted."""
    newest: dict[int, Configuration] = {}
    for partition, folders in copies_in(path).items():
        for folder in folders:
            if raw := remembered(folder):
                config = decode_configuration(raw)
                known = newest.get(partition)
                if known is None or config.epoch > known.epoch:
                    newest[partition] = config
    return newest


def has_all_hosts(path: Path) -> bool:
    """Whether all that know something are on this machine."""
    hosts = {host for config in known_here(path).values() for host in config.members}
    return all((path / host).is_dir() for host in hosts)


def _led(rows: list[dict[str, Any]]) -> dict[int, Configuration]:
    """The configurations under which hosts lead now."""
    unknown = {p: Configuration(p, 0, "", (), ()) for p in (row["partition"] for row in rows)}
    return unknown | {
        row["partition"]: Configuration(
            row["partition"],
            row["epoch"],
            row["leader"],
            tuple(row["members"]),
            tuple(row["in_sync"]),
        )
        for row in rows
        if row["leading"]
    }


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
