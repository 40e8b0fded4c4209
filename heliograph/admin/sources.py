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

None of this depends on where a store is: what is not in this machine's folder is read on the nodes
of the cluster that have it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from heliograph.admin.copies import copies_in, hosts_in, is_locked
from heliograph.admin.media import names_of
from heliograph.admin.reader import Reader, Unsettled
from heliograph.admin.stored import placement_of
from heliograph.admin.stores import Node, Stores
from runtime.placement import place_of
from runtime.replication.protocol import Configuration, decode_configuration
from storage.backup.follower import Follower
from storage.backup.manifest import BackupError
from storage.folder import DataFolder
from storage.replica import folder_of, remembered

COMMITTED_S_MAX = 60.0
LOOK_S = 0.1

Look = Callable[[], Mapping[int, Configuration]]
"""The newest configuration of each shard that there is; of epoch 0 where nobody can tell it."""


class Source(Protocol):
    """Where the stores of a server are."""

    def open(self, stores: Stores) -> None:
        """Follow all stores. Raises StorageError."""

    def ends(self) -> dict[str, int] | None:
        """Up to where to take stores that nobody writes to."""

    def confirm(self, stores: Stores, cut: dict[str, int]) -> dict[str, int]:
        """Come back when nothing up to the cut can be taken back; returns the records to take,
        which change the same rows. Raises Unsettled."""


class Sources(NamedTuple):
    """Where all of a server is. `nodes`: those that have what is not here; `media`: the actors
    that have the chunks of its files."""

    source: Source
    nodes: list[Node]
    media: set[str]


@contextlib.contextmanager
def source_of(folder: DataFolder, again: bool = False) -> Iterator[Sources]:
    """Raises BackupError where some of it is on other
    nodes and nothing runs; Unsettled where it did when this was asked before (`again`)."""
    if is_whole(folder):
        yield Sources(source_here(folder), [], names_of(folder.description))
        return
    from heliograph.admin.live import NotRunning, watching

    with contextlib.ExitStack() as stack:
        try:
            watch = stack.enter_context(watching(folder.path))
        except NotRunning as error:
            missing = ", ".join(_missing(folder)) or "what is in sync, and other nodes' copies"
            failed = Unsettled if again else BackupError
            raise failed(
                f"{folder.path} is of one node of a cluster, and lacks {missing}: that can be had "
                f"while the cluster runs, but {error}"
            ) from error
        source: Source
        if folder.description.copies == 1:
            source = SingleSource(folder)
        else:
            source = RunningCopies(folder, lambda: _led(watch.view().rows))
        yield Sources(source, watch.nodes(), watch.media())


def source_here(folder: DataFolder) -> SingleSource | RunningCopies | StoppedCopies:
    """Of a data folder that has everything."""
    if folder.description.copies == 1:
        return SingleSource(folder)
    if any(map(is_locked, hosts_in(folder.path))):
        return RunningCopies(folder, lambda: known_here(folder.path))
    return StoppedCopies(folder)


class SingleSource:
    """One store per host."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def open(self, stores: Stores) -> None:
        names = [host.name for host in hosts_in(self._folder.path)]
        stores.add(stores.here, stores.here.add_hosts(names))
        for node in stores.nodes:
            if others := set(node.hosts) - set(names):
                reader = stores.on(node)
                stores.add(reader, reader.add_hosts(sorted(others)))
        if missing := sorted(set(_missing(self._folder)) - set(stores.partitions)):
            raise BackupError(
                f"{self._folder.path} lacks {', '.join(missing)}, and no node that is there has "
                "it: a backup needs the folders of all hosts"
            )

    def ends(self) -> None:
        return None

    def confirm(self, stores: Stores, cut: dict[str, int]) -> dict[str, int]:
        """What is in the only log stays."""
        return cut


class RunningCopies:
    """Of each shard a copy in sync, beside a running server: one that is here, else where the
    leader is, else where another one in sync is."""

    def __init__(self, folder: DataFolder, look: Look) -> None:
        self._pooled = range(folder.description.shard_count)
        self._look = look
        self._configs: Mapping[int, Configuration] = {}

    def open(self, stores: Stores) -> None:
        self._configs = self._look()
        wanted = {p: _in_sync(self._configs, p) for p in sorted({*self._pooled, *self._configs})}
        stores.add(stores.here, stores.here.add_copies(wanted))
        _read_on_nodes(wanted, stores)
        if lacking := _lacking(wanted, stores):
            raise Unsettled(_no_copy(lacking))

    def ends(self) -> None:
        return None

    def confirm(self, stores: Stores, cut: dict[str, int]) -> dict[str, int]:
        end_s = time.monotonic() + COMMITTED_S_MAX
        cut = stores.last_with_rows(cut)
        late = stores.not_shown(cut)
        while late:
            if time.monotonic() > end_s:
                raise Unsettled(f"what {', '.join(sorted(late))} wrote last is not committed")
            time.sleep(LOOK_S)
            late = stores.not_shown({name: cut[name] for name in late})
        if self._look() != self._configs:
            raise Unsettled("another copy leads, or is in sync, since")
        return cut


class StoppedCopies:
    """What the copies in sync of each shard have in common, where nothing runs."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.path
        self.configs = known_here(folder.path)
        self.copies: dict[int, dict[str, Follower]] = {}
        """The copies in sync, by shard and host."""
        self._wanted = {
            p: _in_sync(self.configs, p)
            for p in sorted({*range(folder.description.shard_count), *self.configs})
        }

    def open(self, stores: Stores) -> None:
        here = stores.here
        assert isinstance(here, Reader)
        self.copies = {p: self._followed(here, p, hosts) for p, hosts in self._wanted.items()}
        if lacking := [p for p, copies in self.copies.items() if not copies]:
            raise BackupError(_no_copy(lacking))
        for shard, copies in self.copies.items():
            # One that has all that they have in common.
            best = max(copies.values(), key=lambda copy: copy.begin)
            stores.add(here, here.add(place_of(shard), best))

    def _followed(self, here: Reader, shard: int, hosts: Sequence[str]) -> dict[str, Follower]:
        found = {h: here.copy(folder_of(self._path / h, shard)) for h in hosts}
        return {host: copy for host, copy in found.items() if copy is not None}

    def ends(self) -> dict[str, int]:
        return {place_of(p): _in_common([*c.values()]) for p, c in self.copies.items()}

    def confirm(self, stores: Stores, cut: dict[str, int]) -> dict[str, int]:
        if any(map(is_locked, hosts_in(self._path))):
            raise Unsettled("a server was started meanwhile")
        if known_here(self._path) != self.configs:
            raise Unsettled("a server has run meanwhile")
        return cut


def _in_sync(configs: Mapping[int, Configuration], shard: int) -> list[str]:
    """The hosts whose copies are in sync, the leader first."""
    config = configs.get(shard)
    if config is None:
        return []
    return sorted(config.in_sync, key=lambda host: host != config.leader)


def _read_on_nodes(wanted: Mapping[int, Sequence[str]], stores: Stores) -> None:
    """What could not be read here."""
    node_of = {host: node for node in stores.nodes for host in node.hosts}
    for turn in range(max(map(len, wanted.values()))):
        asked: dict[Node, dict[int, list[str]]] = {}
        for shard in _lacking(wanted, stores):
            for host in wanted[shard][turn : turn + 1]:
                if host in node_of:
                    asked.setdefault(node_of[host], {})[shard] = [host]
        for node, copies in asked.items():
            reader = stores.on(node)
            stores.add(reader, reader.add_copies(copies))


def _lacking(wanted: Mapping[int, Sequence[str]], stores: Stores) -> list[int]:
    return [p for p in wanted if place_of(p) not in stores.partitions]


def _no_copy(shards: list[int]) -> str:
    return (
        f"no copy in sync of shard {', '.join(map(str, shards))} can be read; see: "
        "heliograph admin cluster"
    )


def _in_common(copies: list[Follower]) -> int:
    """The last record that all have. Number and epoch name a record and all before it, and what
    one of them has in LMDB is committed."""
    shown = max(copy.begin for copy in copies)
    last = max(shown, min(copy.records for copy in copies))
    while last > shown and len({copy.epoch_at(last) for copy in copies}) > 1:
        last -= 1
    return last


def known_here(path: Path) -> dict[int, Configuration]:
    """The newest configuration of each shard that a copy in a data folder has adopted."""
    newest: dict[int, Configuration] = {}
    for shard, folders in copies_in(path).items():
        for folder in folders:
            if raw := remembered(folder):
                config = decode_configuration(raw)
                known = newest.get(shard)
                if known is None or config.epoch > known.epoch:
                    newest[shard] = config
    return newest


def is_whole(folder: DataFolder) -> bool:
    """Whether nothing that belongs to this server is on another node."""
    if folder.description.copies > 1:
        return has_all_hosts(folder.path)
    return not _missing(folder)


def has_all_hosts(path: Path) -> bool:
    """Whether all that know something are on this machine."""
    hosts = {host for config in known_here(path).values() for host in config.members}
    return bool(hosts) and all((path / host).is_dir() for host in hosts)


def _missing(folder: DataFolder) -> list[str]:
    """The hosts whose stores are not here, where there is one of each."""
    if folder.description.copies > 1:
        return []
    there = {host.name for host in hosts_in(folder.path)}
    return sorted(set(placement_of(folder).pooled_hosts()) - there)


def _led(rows: list[dict[str, Any]]) -> dict[int, Configuration]:
    """The configurations under which hosts lead now."""
    unknown = {p: Configuration(p, 0, "", (), ()) for p in (row["shard"] for row in rows)}
    return unknown | {
        row["shard"]: Configuration(
            row["shard"],
            row["epoch"],
            row["leader"],
            tuple(row["members"]),
            tuple(row["in_sync"]),
        )
        for row in rows
        if row["leading"]
    }
