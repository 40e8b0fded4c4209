"""The chunks of files in a backup, and back from it.

A chunk never changes and is named by its hash, so a chunk that the repository has is not read
again, and there is no moment to be found: what is needed at the moment of the stores is there
before it, or comes between. So everything is read *before* that moment, and what is new is read
again *after* it. A chunk that is deleted in between was there the first time, if it was needed; one
that came in between is not deleted for the grace period of days.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from actors.chat.state import MessageRow
from api.files import name_in, part_count, split
from heliograph.admin.media import MediaStores
from heliograph.admin.reader import Reading
from storage.backup.chunks import Row, cut_rows
from storage.backup.index import held_in, merged, row_of
from storage.backup.manifest import DamagedBackup, FileChunks
from storage.backup.repository import Repository
from storage.chunk_reader import Held

PIECE = 8
"""So many chunks, of half a MiB, are in memory at a time."""


@dataclass
class Copied:
    """What was read anew of the chunks of files; `media`: the actors that were looked
    at, each time."""

    chunks: int = 0
    bytes: int = 0
    media: list[set[str]] = field(default_factory=list)

    def unseen(self, media: set[str]) -> list[str]:
        """Those of these actors of which something may be missing."""
        return sorted(m for m in media if not all(m in seen for seen in self.media))


@dataclass
class _Found:
    """What goes into the index."""

    chunks: int = 0
    bytes: int = 0
    lost: list[str] = field(default_factory=list)


def copy_files(
    repository: Repository, readers: Sequence[Reading], copied: Copied, before: FileChunks | None
) -> FileChunks:
    """Bring all chunks into the repository; returns what there is now, with what there was
    `before`. Raises StorageError."""
    seen = [(reader, media) for reader in readers for media in reader.media()]
    copied.media.append({media for _, media in seen})
    lists: list[Iterable[Held]] = [_all(reader, media) for reader, media in seen]
    if before is not None:
        lists.append(held_in(repository.rows(before.index)))
    found = _Found()
    rows = _rows(repository, readers, merged(*lists), copied, found)
    index = [repository.put(cut)[0] for cut in cut_rows(rows, repository.salt)]
    return FileChunks(found.chunks, found.bytes, index, found.lost)


def _all(reader: Reading, media: str) -> Iterator[Held]:
    after = b""
    while some := reader.held(media, after):
        yield from some
        after = some[-1].name


def _rows(
    repository: Repository,
    readers: Sequence[Reading],
    held: Iterator[Held],
    copied: Copied,
    found: _Found,
) -> Iterator[Row]:
    """The rows of all chunks that are in the repository, then."""
    while some := list(islice(held, PIECE)):
        _fetch(repository, readers, [one.name for one in some], copied)
        for one in some:
            size = repository.size(one.name.hex())
            if size:
                found.chunks += 1
                found.bytes += size
                yield row_of(one)
            else:
                found.lost.append(one.name.hex())


def _fetch(
    repository: Repository, readers: Sequence[Reading], names: list[bytes], copied: Copied
) -> None:
    for reader in readers:
        names = [name for name in names if not repository.size(name.hex())]
        if not names:
            return
        for name, packed in zip(names, reader.file_chunks(names), strict=True):
            if packed is not None:
                repository.add(name.hex(), packed)
                copied.chunks += 1
                copied.bytes += len(packed)


def restore_files(repository: Repository, files: FileChunks, media: MediaStores) -> list[str]:
    """Write all chunks of a backup to media actors' stores; returns what the repository has lost
    of them. Raises StorageError."""
    lost = []
    for index in files.index:
        try:
            rows = repository.get(index)
        except DamagedBackup as error:
            lost.append(f"a list of {index.rows} chunks of files: {error}")
            continue
        for held in held_in(rows):
            try:
                media.put(held, repository.read(held.name.hex()))
            except DamagedBackup as error:
                lost.append(str(error))
    return lost


def restore_files_of(
    repository: Repository, messages: Mapping[int, MessageRow | None], media: MediaStores
) -> list[str]:
    """Write the chunks of these messages' files that the stores lack; returns which are whole in
    no backup, either. Raises StorageError."""
    lost = []
    for number, row in sorted(messages.items()):
        for root, size in _files_of(row):
            missing = [n for n in _chunks(repository, root, size, media) if not media.has(n)]
            for name in missing:
                data = _whole(repository, name)
                if data is not None:
                    media.put(Held(name, (root,)), data)
                else:
                    lost.append(f"message {number}: chunk {name.hex()} of its file is in no backup")
    return lost


def _files_of(row: MessageRow | None) -> list[tuple[bytes, int]]:
    """Names and sizes."""
    if row is None or row.media is None:
        return []
    thumb = row.media.thumb
    found = [(row.media.file_id, row.media.size)] + ([(thumb.file_id, thumb.size)] if thumb else [])
    return [(name_in(file_id), size) for file_id, size in found]


def _chunks(repository: Repository, root: bytes, size: int, media: MediaStores) -> list[bytes]:
    """Of which a file consists, as far as that can be told."""
    if part_count(size) == 1:
        return [root]
    parts = media.get(root)
    if parts is None:
        parts = _whole(repository, root)
    return [root, *split(parts or b"")]


def _whole(repository: Repository, name: bytes) -> bytes | None:
    """A chunk; None where it is missing or damaged."""
    with contextlib.suppress(DamagedBackup):
        return repository.read(name.hex())
    return None
