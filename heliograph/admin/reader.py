"""Reads the stores in the folder of one machine for a backup.

What it is asked and what it answers are values, and in pieces that fit into memory many times
over. So it can be asked in the process of the backup, or be a process on another node
(`heliograph.admin.remote`), and does the same there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import lmdb

from heliograph.admin.copies import is_locked
from heliograph.admin.cut import History, history_of
from heliograph.admin.media import media_folders, readable, whole_copy
from media.here import CHUNKS
from runtime.placement import place_of
from storage.backup.chunks import Cut, Row, cut_rows, describe, encode_rows, pack
from storage.backup.follower import Follower
from storage.backup.manifest import BackupError
from storage.chunk_reader import ChunkReader, Held
from storage.port import StorageError
from storage.replica import folder_of, remembered

STORE = "rows/data.mdb"
PIECE_BYTES = 4 * 1024 * 1024
HELD_COUNT = 2_000

Partitions = dict[str, list[int]]
"""The partitions that each store has, by its name."""


class Unsettled(BackupError):
    """What was read may not be what will stay; another look will tell."""


class Reading(Protocol):
    """A reader, wherever it is. Methods raise StorageError; Unsettled where it has ended."""

    def add_hosts(self, names: Iterable[str]) -> Partitions:
        """Follow the stores of hosts; returns those that hold something."""

    def add_copies(self, wanted: Mapping[int, Sequence[str]]) -> Partitions:
        """Follow one copy of each of these shards; `wanted`: the hosts that may have it, the
        best first. Returns those that could be followed."""

    def catch_up(self) -> dict[str, int]:
        """Read on in all logs; returns the number of the last record of each."""

    def histories(self) -> dict[str, History]:
        """What was read of the streams."""

    def last_with_rows(self, cut: Mapping[str, int]) -> dict[str, int]:
        """The last records up to these that changed rows."""

    def not_shown(self, cut: Mapping[str, int]) -> list[str]:
        """The copies whose LMDB has not come to these records. Raises Unsettled if a log says
        something else now: records were taken back."""

    def settle(self, cut: Mapping[str, int]) -> None:
        """From here on rows are as they were after these records."""

    def begin(self, store: str, partition: int, salt: int) -> None:
        """Begin to cut the rows of a partition."""

    def more(self) -> list[Cut]:
        """The chunks that follow, some at a time; none where that was all."""

    def packed(self, names: Sequence[str]) -> list[bytes]:
        """Chunks that `more` returned last, as they are to be kept."""

    def media(self) -> list[str]:
        """The media actors whose chunks are here."""

    def held(self, media: str, after: bytes) -> list[Held]:
        """What one of them has, in the order of names, some at a time."""

    def file_chunks(self, names: Sequence[bytes]) -> list[bytes | None]:
        """Chunks of files as they are to be kept; None where there is no whole copy here."""

    def close(self) -> None:
        """Nothing can be asked any more."""


class Reader:
    """See `Reading`. `path`: a data folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self.stores: dict[str, Follower] = {}
        self._cuts: Iterator[list[Row]] = iter(())
        self._held: dict[str, bytes] = {}
        self._files: dict[str, ChunkReader] = {}

    def close(self) -> None:
        self._cuts = iter(())
        self._files = {}
        self._stack.close()

    def add(self, name: str, store: Follower) -> Partitions:
        """It is one of those that are read."""
        self.stores[name] = store
        return {name: store.partitions}

    def add_hosts(self, names: Iterable[str]) -> Partitions:
        """A host that has been made for a dedicated actor just now may hold no store yet, and so no
        row."""
        found: Partitions = {}
        for name in names:
            folder = self._path / name
            if name.startswith("host-") or (folder / STORE).exists():
                found |= self.add(name, self._stack.enter_context(Follower(folder)))
        return found

    def add_copies(self, wanted: Mapping[int, Sequence[str]]) -> Partitions:
        found: Partitions = {}
        for shard, hosts in wanted.items():
            folders = [folder_of(self._path / host, shard) for host in hosts]
            # Where a host has ended, its copy may lack something since.
            copies = (self.copy(folder) for folder in folders if is_locked(folder.parent))
            copy = next(filter(None, copies), None)
            if copy is not None:
                found |= self.add(place_of(shard), copy)
        return found

    def copy(self, folder: Path) -> Follower | None:
        """Follow a copy; None where it is elsewhere, where its disk is new, or where it has half a
        snapshot."""
        if (folder / STORE).exists() and remembered(folder):
            with contextlib.suppress(StorageError, OSError):
                copy = self._stack.enter_context(Follower(folder))
                if not copy.loading:
                    return copy
        return None

    def catch_up(self) -> dict[str, int]:
        return {name: store.catch_up() for name, store in self.stores.items()}

    def histories(self) -> dict[str, History]:
        return {name: history_of(store) for name, store in self.stores.items()}

    def last_with_rows(self, cut: Mapping[str, int]) -> dict[str, int]:
        return {name: self.stores[name].last_with_rows(record) for name, record in cut.items()}

    def not_shown(self, cut: Mapping[str, int]) -> list[str]:
        late = []
        for name, record in cut.items():
            if self.stores[name].stored() < record:
                late.append(name)
            elif not self.stores[name].is_still(record):
                raise Unsettled(f"what {name} wrote last was taken back")
        return late

    def settle(self, cut: Mapping[str, int]) -> None:
        for name, record in cut.items():
            self.stores[name].settle(record)

    def begin(self, store: str, partition: int, salt: int) -> None:
        self._cuts = cut_rows(self.stores[store].rows(partition), salt)

    def more(self) -> list[Cut]:
        self._held = {}
        found, size = [], 0
        for rows in self._cuts:
            raw = encode_rows(rows)
            cut = describe(rows, raw)
            found.append(cut)
            self._held[cut.hash] = raw
            size += len(raw)
            if size >= PIECE_BYTES:
                break
        return found

    def packed(self, names: Sequence[str]) -> list[bytes]:
        return [pack(self._held[name]) for name in names]

    def media(self) -> list[str]:
        for folder in media_folders(self._path):
            if folder.name not in self._files:
                with readable(folder), contextlib.suppress(lmdb.NotFoundError):  # being made
                    reader = self._stack.enter_context(closing(ChunkReader(folder / CHUNKS)))
                    self._files[folder.name] = reader
        return sorted(self._files)

    def held(self, media: str, after: bytes) -> list[Held]:
        with readable(media):
            return self._files[media].held(after, HELD_COUNT)

    def file_chunks(self, names: Sequence[bytes]) -> list[bytes | None]:
        found = (whole_copy(self._files.values(), name) for name in names)
        return [None if data is None else pack(data) for data in found]
