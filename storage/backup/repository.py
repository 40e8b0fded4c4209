"""The folder with all backups of a server.

    repository.json     format, and the salt of the borders
    chunks/ab/abcd…     rows, compressed with zstandard, named by the BLAKE3 hash of what is inside
    backups/1700….json  manifests, named by their moment

A file appears under its name when it is whole and synced, and a manifest after all its chunks: a
backup that was broken off does not exist, and what it left is used by the next one. Only the owner
can read it, as the data folder. One backup is made at a time; reading needs no lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path

import msgspec
import zstandard
from msgspec import Struct

from api.ambient import random_below
from storage.backup.chunks import Row, decode_rows, describe, encode_rows, hash_of, pack
from storage.backup.manifest import (
    BackupError,
    Chunk,
    DamagedBackup,
    Manifest,
    decode_manifest,
    encode_manifest,
)
from storage.log import sync_folder
from storage.port import disk_error

FORMAT = 1
CHUNK_BYTES_MAX = 16 * 1024 * 1024
"""Nothing larger is ever unpacked."""
DESCRIPTION, CHUNKS, BACKUPS, LOCK = "repository.json", "chunks", "backups", "LOCK"
_DRAFT, _ASIDE = ".new", ".damaged"
_HELD = "a backup into {} is being made by process {}; wait until it is through"


class _About(Struct, frozen=True):
    format: int
    salt: int


class Repository:
    """See the module. Raises BackupError where it cannot be used."""

    def __init__(self, path: Path, about: _About, lock: int = -1) -> None:
        self.path = path
        self.salt = about.salt
        self._lock = lock
        self._touched: set[Path] = set()
        self._decompressor = zstandard.ZstdDecompressor()

    @classmethod
    def open(cls, path: Path) -> Repository:
        """To read. Raises BackupError."""
        about = _about(path)
        if about is None:
            raise BackupError(f"{path} holds no backups; name the folder that was backed up to")
        return cls(path, about)

    @classmethod
    @contextlib.contextmanager
    def writing(cls, path: Path) -> Iterator[Repository]:
        """To make a backup; made if it is not there. Raises BackupError."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        begun = {LOCK, CHUNKS, BACKUPS, DESCRIPTION + _DRAFT}
        strange = {entry.name for entry in path.iterdir()} - begun
        if strange and not (path / DESCRIPTION).exists():
            raise BackupError(
                f"{path} holds something else; choose a new or empty folder with --to"
            )
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
                raise BackupError(_HELD.format(path, holder or "unknown")) from error
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
            about = _about(path)
            if about is None:
                for name in (CHUNKS, BACKUPS):
                    (path / name).mkdir(mode=0o700, exist_ok=True)
                about = _About(FORMAT, random_below(1 << 32))
                _write(path / DESCRIPTION, msgspec.json.encode(about))
                sync_folder(path)
            for draft in path.glob(f"{CHUNKS}/*/*{_DRAFT}"):
                draft.unlink()  # of a backup that was broken off
            yield cls(path, about, lock)
        finally:
            os.close(lock)

    # --- chunks -------------------------------------------------------------------------------

    def chunk_path(self, name: str) -> Path:
        return self.path / CHUNKS / name[:2] / name

    def size(self, name: str) -> int:
        """How large the file of a chunk is; 0 where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return self.chunk_path(name).stat().st_size
        return 0

    def add(self, name: str, packed: bytes) -> None:
        """Store a chunk that somebody has packed. Raises DamagedBackup, StorageFull."""
        assert self._lock >= 0
        self._unpack(name, packed, "what was to be written as it")
        path = self.chunk_path(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _write(path, packed)
        self._touched.add(path.parent)

    def put(self, rows: list[Row]) -> tuple[Chunk, bool]:
        """Store rows as a chunk; returns it, and whether it is new. Raises StorageFull."""
        raw = encode_rows(rows)
        cut = describe(rows, raw)
        if new := not self.size(cut.hash):
            self.add(cut.hash, pack(raw))
        return Chunk(cut.hash, cut.rows, cut.first, self.size(cut.hash)), new

    def read(self, name: str) -> bytes:
        """What is in a chunk. Raises DamagedBackup."""
        path = self.chunk_path(name)
        try:
            return self._unpack(name, path.read_bytes(), f"chunk {path}")
        except OSError as error:
            raise DamagedBackup(f"chunk {path} cannot be read: {error.strerror}") from error

    def put_aside(self, name: str) -> None:
        """Give a chunk whose bytes are damaged another name, so that the next backup writes it
        again if the server still has it. Nothing is done to one that cannot be read, or where the
        folder can only be read."""
        path = self.chunk_path(name)
        with contextlib.suppress(OSError):
            packed = path.read_bytes()
            try:
                self._unpack(name, packed, f"chunk {path}")
            except DamagedBackup:
                path.rename(path.with_name(path.name + _ASIDE))

    def _unpack(self, name: str, packed: bytes, what: str) -> bytes:
        try:
            raw = self._decompressor.decompress(
                packed, max_output_size=CHUNK_BYTES_MAX, allow_extra_data=False
            )
        except zstandard.ZstdError as error:
            raise DamagedBackup(f"{what} is damaged: {error}") from error
        if hash_of(raw) != name:
            raise DamagedBackup(f"{what} is damaged: its hash is another one")
        return raw

    def get(self, chunk: Chunk) -> list[Row]:
        """The rows of a chunk. Raises DamagedBackup."""
        return decode_rows(self.read(chunk.hash))

    def rows(self, chunks: list[Chunk]) -> Iterator[Row]:
        """The rows of a partition. Raises DamagedBackup."""
        for chunk in chunks:
            yield from self.get(chunk)

    def between(self, chunks: list[Chunk], start: bytes, stop: bytes) -> Iterator[Row]:
        """The rows of a partition with start <= key < stop; reads only the chunks that have some.
        Raises DamagedBackup."""
        firsts = [bytes.fromhex(chunk.first) for chunk in chunks]
        begin = max(0, bisect_right(firsts, start) - 1)
        for key, row in self.rows(chunks[begin : bisect_left(firsts, stop)]):
            if start <= key < stop:
                yield key, row

    # --- backups ------------------------------------------------------------------------------

    def finish(self, manifest: Manifest) -> None:
        """From here on the backup exists. Raises StorageFull."""
        for folder in self._touched:
            sync_folder(folder)
        sync_folder(self.path / CHUNKS)
        self._touched.clear()
        _write(self._manifest_path(manifest.moment_ms), encode_manifest(manifest))
        sync_folder(self.path / BACKUPS)

    def moments(self) -> list[int]:
        """Of all backups, oldest first."""
        found = (self.path / BACKUPS).glob("*.json")
        return sorted(int(path.stem) for path in found if path.stem.isdecimal())

    def chunk_files(self) -> list[Path]:
        """All there are, and those that were put aside."""
        return [path for path in (self.path / CHUNKS).glob("*/*") if path.is_file()]

    def forget(self, moments: list[int]) -> None:
        """From here on these backups do not exist; their chunks do. Raises OSError."""
        assert self._lock >= 0
        for moment_ms in moments:
            self._manifest_path(moment_ms).unlink(missing_ok=True)
        sync_folder(self.path / BACKUPS)

    def manifest(self, moment_ms: int) -> Manifest:
        """A backup. Raises BackupError."""
        path = self._manifest_path(moment_ms)
        try:
            return decode_manifest(path.read_bytes(), str(path))
        except OSError as error:
            raise DamagedBackup(f"{path} cannot be read: {error.strerror}") from error

    def latest(self, until_ms: int | None = None) -> Manifest:
        """The newest backup, or the newest that is not later than a moment. Raises BackupError."""
        moments = self.moments()
        if not moments:
            raise BackupError(f"{self.path} holds no whole backup")
        early = [m for m in moments if until_ms is None or m <= until_ms]
        if not early:
            raise BackupError(
                f"the oldest backup in {self.path} is later than that; "
                f"see: heliograph admin backups --from {self.path}"
            )
        return self.manifest(early[-1])

    def _manifest_path(self, moment_ms: int) -> Path:
        return self.path / BACKUPS / f"{moment_ms:016d}.json"


def _about(path: Path) -> _About | None:
    try:
        about = msgspec.json.decode((path / DESCRIPTION).read_bytes(), type=_About)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackupError(f"cannot read {path / DESCRIPTION}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise DamagedBackup(f"{path / DESCRIPTION} is damaged: {error}") from error
    if about.format > FORMAT:
        raise BackupError(f"{path} was written by a newer Heliograph; install the newer one")
    return about


def _write(path: Path, data: bytes) -> None:
    """A whole, synced file or none; its folder is synced by the caller. Raises StorageFull,
    StorageFailed."""
    draft = path.with_name(path.name + _DRAFT)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise disk_error(error, f"cannot write {path}") from error
