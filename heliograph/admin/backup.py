"""A backup of a whole data folder, beside the running server or without one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from heliograph.admin.copies import hosts_in
from heliograph.admin.cut import NoCut, find_cut
from heliograph.admin.files import Copied, copy_files
from heliograph.admin.reader import Reader, Unsettled
from heliograph.admin.sources import Sources, source_of
from heliograph.admin.stores import Stores
from storage.backup.manifest import (
    FORMAT,
    BackupError,
    Chunk,
    FileChunks,
    Manifest,
    PartitionRows,
    StoreRows,
)
from storage.backup.repository import Repository
from storage.folder import DataFolder
from storage.port import CorruptLog

ATTEMPTS_MAX = 10
AGAIN_S = 0.2
AGAIN_S_MAX = 5.0
"""All attempts together outlast a takeover."""


@dataclass
class Made:
    """What a backup has cost. `damaged`: rows that failed their check, chunks of files that are
    nowhere whole, and media actors that could not be looked at."""

    moment_ms: int = 0
    rows: int = 0
    chunks: int = 0
    new_chunks: int = 0
    new_bytes: int = 0
    reused_bytes: int = 0
    file_chunks: int = 0
    new_file_chunks: int = 0
    new_file_bytes: int = 0
    seconds: float = 0.0
    damaged: list[str] = field(default_factory=list)


def make_backup(data: Path, to: Path, files: bool = True) -> Made:
    """Back up a server into a repository: what is in this data folder, and what its cluster has
    elsewhere; `files`: with the chunks of files. Raises StorageError."""
    folder = DataFolder.look(data)
    if to.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"{to} is in the data folder; choose a folder on another disk with --to")
    begin_s = time.monotonic()
    with Repository.writing(to) as repository:
        made = _made(folder, repository, files)
    made.seconds = time.monotonic() - begin_s
    return made


def _made(folder: DataFolder, repository: Repository, files: bool) -> Made:
    """Begins anew where what was read did not fit, or where it cannot be read on."""
    for attempt in range(ATTEMPTS_MAX):
        try:
            with (
                source_of(folder, again=attempt > 0) as sources,
                Stores(Reader(folder.path), sources.nodes) as stores,
            ):
                return _make(folder, repository, sources, stores, files)
        except (NoCut, CorruptLog, Unsettled) as error:
            if attempt == ATTEMPTS_MAX - 1:
                raise BackupError(
                    f"no backup was made: {error}. See what is wrong with: "
                    f"heliograph admin verify --data {folder.path}"
                ) from error
        time.sleep(min(AGAIN_S * 2**attempt, AGAIN_S_MAX))
    raise AssertionError


def _make(
    folder: DataFolder, repository: Repository, sources: Sources, stores: Stores, files: bool
) -> Made:
    copied, source = Copied(), sources.source
    before = _files(folder, repository, stores, copied, None) if files else None
    source.open(stores)
    moment_ms, cut = find_cut(stores, source.ends())
    cut = source.confirm(stores, cut)
    stores.settle(cut)
    made = Made(max(moment_ms, *(m + 1 for m in repository.moments()[-1:]), 0))
    rows = [
        StoreRows(name, cut[name], [_partition(repository, stores, name, n, made) for n in numbers])
        for name, numbers in stores.partitions.items()
    ]
    after = _files(folder, repository, stores, copied, before) if files else None
    if after is not None:
        after = replace(after, unseen=copied.unseen(sources.media))
        made.file_chunks, made.new_file_chunks = after.chunks, copied.chunks
        made.new_file_bytes = copied.bytes
        made.damaged += [f"chunk {name} of files has no whole copy" for name in after.lost]
        made.damaged += [f"{media} could not be looked at" for media in after.unseen]
    repository.finish(Manifest(FORMAT, made.moment_ms, folder.description, rows, after))
    return made


def _files(
    folder: DataFolder,
    repository: Repository,
    stores: Stores,
    copied: Copied,
    before: FileChunks | None,
) -> FileChunks:
    """The chunks of files that are here, and on nodes with other hosts."""
    here = {host.name for host in hosts_in(folder.path)}
    others = [stores.on(node) for node in stores.nodes if not here.issuperset(node.hosts)]
    return copy_files(repository, [stores.here, *others], copied, before)


def _partition(
    repository: Repository, stores: Stores, name: str, number: int, made: Made
) -> PartitionRows:
    part = PartitionRows(number, 0, [])
    for piece, packed in stores.pieces(name, number, repository.salt):
        new = [cut.hash for cut in piece if not repository.size(cut.hash)]
        for chunk_name, chunk in zip(new, packed(new), strict=True):
            repository.add(chunk_name, chunk)
        for cut in piece:
            size = repository.size(cut.hash)
            part.chunks.append(Chunk(cut.hash, cut.rows, cut.first, size))
            part.damaged.extend(cut.damaged)
            made.new_chunks += cut.hash in new
            made.new_bytes += size if cut.hash in new else 0
            made.reused_bytes += 0 if cut.hash in new else size
    rows = sum(chunk.rows for chunk in part.chunks)
    made.damaged += [f"row {key} of partition {number} fails its check" for key in part.damaged]
    made.rows += rows
    made.chunks += len(part.chunks)
    return replace(part, rows=rows)
