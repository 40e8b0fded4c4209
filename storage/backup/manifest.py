"""What one backup is, as its manifest says: JSON that names chunks by their hashes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from blake3 import blake3
from msgspec import Struct

from storage.folder import Description
from storage.formats import too_new
from storage.port import StorageError

FORMAT = 2
"""Since 2 there are files, which a Heliograph that knows 1 only would leave out in silence."""


class BackupError(StorageError):
    """A backup cannot be made, read or restored; the message says what to do."""


class DamagedBackup(BackupError):
    """A file of a repository is missing, or is not what it was."""


class Chunk(Struct, frozen=True, array_like=True):
    """`first`: the key of its first row, in hexadecimal. `bytes`: of the file."""

    hash: str
    rows: int
    first: str
    bytes: int


class PartitionRows(Struct, frozen=True):
    """The rows of a partition, in order. `damaged`: keys of rows that failed their check."""

    number: int
    rows: int
    chunks: list[Chunk]
    damaged: list[str] = []


class StoreRows(Struct, frozen=True):
    """A store: the folder of a host, and the number of the last record that is in the backup."""

    name: str
    record: int
    partitions: list[PartitionRows]


class FileChunks(Struct, frozen=True):
    """The chunks of files, `bytes` together in their files. They are named by the same hash as all
    others, and `index` are the chunks of rows that name them (see `storage.backup.index`). `lost`:
    those of which no whole copy was found, in hexadecimal. `unseen`: the media actors that could
    not be looked at; what only they had is missing."""

    chunks: int = 0
    bytes: int = 0
    index: list[Chunk] = []
    lost: list[str] = []
    unseen: list[str] = []


class Manifest(Struct, frozen=True):
    """A backup: everything that was acknowledged before `moment_ms` is in it. `files`: None where
    it was made without."""

    format: int
    moment_ms: int
    description: Description
    stores: list[StoreRows]
    files: FileChunks | None = None

    @property
    def rows(self) -> int:
        return sum(partition.rows for _, partition in self.partitions())

    @property
    def bytes(self) -> int:
        """Of its chunks' files, which other backups may share."""
        files = self.files.bytes if self.files else 0
        return files + sum({chunk.hash: chunk.bytes for chunk in self.chunks()}.values())

    @property
    def damaged(self) -> int:
        """How many rows and chunks of files, and media actors that could not be looked at."""
        rows = sum(len(partition.damaged) for _, partition in self.partitions())
        return rows + (len(self.files.lost) + len(self.files.unseen) if self.files else 0)

    def partitions(self) -> Iterator[tuple[StoreRows, PartitionRows]]:
        for store in self.stores:
            for partition in store.partitions:
                yield store, partition

    def chunks(self) -> Iterator[Chunk]:
        """Those that hold rows."""
        for _, partition in self.partitions():
            yield from partition.chunks
        if self.files:
            yield from self.files.index


class _File(Struct):
    """What is in the file: the manifest, and its hash."""

    blake3: str
    manifest: msgspec.Raw


def encode_manifest(manifest: Manifest) -> bytes:
    body = msgspec.json.encode(manifest)
    return msgspec.json.encode(_File(blake3(body).hexdigest(), msgspec.Raw(body)))


def decode_manifest(raw: bytes, name: str) -> Manifest:
    """Raises DamagedBackup, BackupError."""
    try:
        file = msgspec.json.decode(raw, type=_File)
        body = bytes(file.manifest)
        if blake3(body).hexdigest() != file.blake3:
            raise DamagedBackup(f"{name} is damaged; this backup cannot be used, take another one")
        if why := too_new(body, "format", FORMAT, name):
            raise BackupError(why)
        return msgspec.json.decode(body, type=Manifest)
    except msgspec.MsgspecError as error:
        raise DamagedBackup(f"{name} is damaged ({error}); take another backup") from error
