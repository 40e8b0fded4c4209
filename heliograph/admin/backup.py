"""A backup of a whole data folder, beside the running server or without one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from heliograph.admin.cut import NoCut, find_cut
from heliograph.admin.sources import Source, Unsettled, source_of
from storage.backup.chunks import Row, cut_rows
from storage.backup.follower import Follower
from storage.backup.manifest import FORMAT, BackupError, Chunk, Manifest, PartitionRows, StoreRows
from storage.backup.repository import Repository
from storage.folder import DataFolder
from storage.port import CorruptLog

ATTEMPTS_MAX = 10
AGAIN_S = 0.2


@dataclass
class Made:
    """What a backup has cost. `damaged`: rows that failed their check, by partition and key."""

    moment_ms: int = 0
    rows: int = 0
    chunks: int = 0
    new_chunks: int = 0
    new_bytes: int = 0
    reused_bytes: int = 0
    seconds: float = 0.0
    damaged: list[str] = field(default_factory=list)


def make_backup(data: Path, to: Path) -> Made:
    """Back up a data folder into a repository. Raises StorageError."""
    folder = DataFolder.look(data)
    if to.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"{to} is in the data folder; choose a folder on another disk with --to")
    begin_s = time.monotonic()
    made = Made()
    with Repository.writing(to) as repository, _stores_of(folder) as (moment_ms, stores):
        made.moment_ms = max(moment_ms, *(m + 1 for m in repository.moments()[-1:]), 0)
        rows = [_store(repository, name, store, made) for name, store in stores.items()]
        repository.finish(Manifest(FORMAT, made.moment_ms, folder.description, rows))
    made.seconds = time.monotonic() - begin_s
    return made


@contextlib.contextmanager
def _stores_of(folder: DataFolder) -> Iterator[tuple[int, dict[str, Follower]]]:
    """All stores of a data folder at a moment at which they fit together."""
    with source_of(folder) as source:
        yield from _settled(folder, source)


def _settled(folder: DataFolder, source: Source) -> Iterator[tuple[int, dict[str, Follower]]]:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        with contextlib.ExitStack() as stack:
            try:
                stores = source.open(stack)
                moment_ms, cut = find_cut(stores, source.ends())
                source.confirm(stores, cut)
            except (NoCut, CorruptLog, Unsettled) as error:
                if attempt == ATTEMPTS_MAX:
                    raise BackupError(
                        f"no backup was made: {error}. See what is wrong with: "
                        f"heliograph admin verify --data {folder.path}"
                    ) from error
            else:
                for name, store in stores.items():
                    store.settle(cut[name])
                yield moment_ms, stores
                return
        time.sleep(AGAIN_S)


def _store(repository: Repository, name: str, store: Follower, made: Made) -> StoreRows:
    partitions = [_partition(repository, store, number, made) for number in store.partitions]
    return StoreRows(name, store.records, partitions)


def _partition(repository: Repository, store: Follower, number: int, made: Made) -> PartitionRows:
    damaged: list[str] = []

    def rows() -> Iterator[Row]:
        for key, row in store.rows(number):
            if row is None:
                damaged.append(key.hex())
                made.damaged.append(f"row {key.hex()} of partition {number} fails its check")
            yield key, row

    count, chunks = 0, list[Chunk]()
    for cut in cut_rows(rows(), repository.salt):
        chunk, new = repository.put(cut)
        chunks.append(chunk)
        count += chunk.rows
        made.new_chunks += new
        made.new_bytes += chunk.bytes if new else 0
        made.reused_bytes += 0 if new else chunk.bytes
    made.rows += count
    made.chunks += len(chunks)
    return PartitionRows(number, count, chunks, damaged)
