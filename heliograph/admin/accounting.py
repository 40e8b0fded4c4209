"""What files take: by kind, by user, by chat, and what is stored for them.

Facts are in the heads of files, users and chats, which are read in this data folder without their
other rows; chunks are told by the media actors of all nodes. Both are gone through once, sorted as
they are, so that no more is kept in memory than what is shown.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from actors import addresses
from actors.chat import state as chat
from actors.file import turns as file
from actors.user import state as user
from api import limits
from heliograph.admin.stored import host_folders, placement_of
from media.listing import ChunkLine
from runtime.placement import MOVED_BASE, Placement
from runtime.refs import KINDS, ActorRef, prefix_of
from runtime.residence import residences_in
from runtime.rows import Table
from storage.folder import DataFolder
from storage.keys import split_key
from storage.snapshot import Snapshot

HEADS: dict[str, Table[None, Any]] = {"file": file.HEAD, "user": user.HEAD, "chat": chat.HEAD}


@dataclass
class KindUse:
    """Of the files of one kind. `uses`: how many messages, users and groups have them, and
    `used_bytes` what they would take if each had its own; `unused`: nobody has them, or not yet."""

    files: int = 0
    bytes: int = 0
    uses: int = 0
    used_bytes: int = 0
    unused_files: int = 0
    unused_bytes: int = 0

    def add(self, head: file.FileHead) -> None:
        self.files += 1
        self.bytes += head.size
        self.uses += head.references
        self.used_bytes += head.size * head.references
        if not head.references:
            self.unused_files += 1
            self.unused_bytes += head.size


@dataclass(order=True)
class Taker:
    """A user or a chat, with the bytes of its files. `id`: as in the API; `name`: as it is shown
    to people."""

    bytes: int
    id: int | str
    name: str = field(default="", compare=False)


@dataclass
class FileUse:
    """What the rows say. `users` and `chats`: those that take most, the largest first."""

    kinds: dict[str, KindUse] = field(default_factory=dict)
    users: list[Taker] = field(default_factory=list)
    chats: list[Taker] = field(default_factory=list)
    damaged_rows: int = 0
    partitions_missing: int = 0

    @property
    def bytes(self) -> int:
        return sum(kind.bytes for kind in self.kinds.values())

    @property
    def used_again_bytes(self) -> int:
        """What is not stored once more although it is used once more."""
        return sum(k.used_bytes + k.unused_bytes - k.bytes for k in self.kinds.values())


@dataclass
class ChunkUse:
    """What the media actors say. Each chunk counts once, but in `copies`, `copies_bytes`, and for
    the copies that it lacks. `unheld`: no file consists of them: parts of uploads that run, were
    given up, or were sent again. They wait until nobody has needed them for the grace period; `due`
    are those for which it is over."""

    chunks: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    held_raw_bytes: int = 0
    copies: int = 0
    copies_bytes: int = 0
    copies_missing: int = 0
    unheld_chunks: int = 0
    unheld_bytes: int = 0
    due_bytes: int = 0

    def add(self, copies: list[ChunkLine], wanted: int, now_ms: int) -> None:
        """A chunk, as those who have a copy tell it; `wanted` copies there shall be."""
        stored_bytes = max(copy.stored_bytes for copy in copies)
        raw_bytes = max(copy.raw_bytes for copy in copies)
        self.chunks += 1
        self.raw_bytes += raw_bytes
        self.stored_bytes += stored_bytes
        self.copies += len(copies)
        self.copies_bytes += sum(copy.stored_bytes for copy in copies)
        self.copies_missing += max(0, wanted - len(copies))
        if any(copy.held for copy in copies):
            self.held_raw_bytes += raw_bytes
            return
        self.unheld_chunks += 1
        self.unheld_bytes += stored_bytes
        if now_ms - max(copy.touched_ms for copy in copies) >= limits.FILE_GRACE_S * 1000:
            self.due_bytes += stored_bytes


def chunk_use(lists: Iterable[Iterable[ChunkLine]], wanted: int, now_ms: int) -> ChunkUse:
    """`lists`: the chunks of each media actor, in the order of their names."""
    use = ChunkUse()
    by_name = attrgetter("name")
    for _, copies in groupby(heapq.merge(*lists, key=by_name), key=by_name):
        use.add(list(copies), wanted, now_ms)
    return use


def file_use(path: Path, most: int) -> FileUse:
    """What the rows in a data folder say, with the `most` largest users and chats. A server may be
    running on it. Raises DataFolderError, StorageError."""
    placement = placement_of(DataFolder.look(path))
    use = FileUse()
    with contextlib.ExitStack() as stack:
        stores: dict[int, Snapshot] = {}
        for folder in host_folders(path):
            snapshot = stack.enter_context(Snapshot(folder))
            stores |= dict.fromkeys(snapshot.partitions, snapshot)
        use.partitions_missing = len(set(range(placement.partitions)) - stores.keys())
        for _, head in _heads(stores, "file", use):
            use.kinds.setdefault(head.kind or "unknown", KindUse()).add(head)
        use.users = _largest(_takers(stores, "user", use), most)
        use.chats = _largest(_takers(stores, "chat", use), most)
        names = _Names(placement, stores)
        for taker in (*use.users, *use.chats):
            taker.name = names.of(taker.id)
    use.kinds = dict(sorted(use.kinds.items(), key=lambda item: -item[1].bytes))
    return use


def _largest(takers: Iterator[Taker], most: int) -> list[Taker]:
    return heapq.nlargest(most, takers)


def _takers(stores: Mapping[int, Snapshot], kind: str, use: FileUse) -> Iterator[Taker]:
    for key, head in _heads(stores, kind, use):
        if head.media_bytes:
            yield Taker(head.media_bytes, key)


def _heads(stores: Mapping[int, Snapshot], kind: str, use: FileUse) -> Iterator[tuple[Any, Any]]:
    """Key and head of all actors of a kind, each once: not what is left over where a chat has moved
    away, nor what has not arrived where it moves to."""
    for partition, snapshot in stores.items():
        moves = list(residences_in(snapshot.rows(partition)))
        left = {str(move.ref.key) for move in moves if move.phase == "left"}
        here = {str(move.ref.key) for move in moves if move.phase == "here"}
        for key, row in snapshot.heads(partition, KINDS[kind]):
            actor = split_key(key)[1]
            if str(actor) in left or (partition >= MOVED_BASE and str(actor) not in here):
                continue
            if row is None:
                use.damaged_rows += 1
            else:
                yield actor, HEADS[kind].decode(row)


class _Names:
    """What users and chats are called."""

    def __init__(self, placement: Placement, stores: Mapping[int, Snapshot]) -> None:
        self._placement = placement
        self._stores = stores

    def of(self, key: int | str) -> str:
        if isinstance(key, int):
            head = self._head(addresses.user(key), user.HEAD)
            return "" if head is None else f"{head.name} ({head.username})"
        peers = addresses.private_peers(key)
        if peers is None:
            head = self._head(addresses.chat(key), chat.HEAD)
            return "" if head is None else head.title
        low, high = peers
        if low == high:
            return f"saved messages of {self.of(low)}"
        return f"{self.of(low)} and {self.of(high)}"

    def _head(self, ref: ActorRef, table: Table[None, Any]) -> Any:
        key = prefix_of(ref) + b"\x00"
        for partition in self._partitions(ref):
            row = self._stores[partition].get(partition, key)
            if row is not None:
                return table.decode(row)
        return None

    def _partitions(self, ref: ActorRef) -> list[int]:
        """Where it is, or has moved to."""
        home = self._placement.partition(ref)
        own = [partition for partition in self._stores if partition >= MOVED_BASE]
        return [partition for partition in (*own, home) if partition in self._stores]
