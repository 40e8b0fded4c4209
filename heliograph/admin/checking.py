"""What is in a repository of backups, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actors.verify.report import Report
from actors.verify.walk import verify
from heliograph.admin.stored import placement_by
from runtime.placement import place_of
from storage.backup.chunks import Row
from storage.backup.index import held_in
from storage.backup.manifest import Chunk, DamagedBackup, FileChunks, Manifest, StoreRows
from storage.backup.repository import Repository
from storage.replica import OLD_NAME


def backups(source: Path) -> Iterator[Manifest | DamagedBackup]:
    """All backups, oldest first; an error for one whose manifest is damaged. Raises BackupError."""
    repository = Repository.open(source)
    for moment_ms in repository.moments():
        try:
            yield repository.manifest(moment_ms)
        except DamagedBackup as error:
            yield error


class StoreView:
    """A store as a backup has it, for `actors.verify`."""

    def __init__(self, repository: Repository, store: StoreRows) -> None:
        self._repository = repository
        self._chunks = {part.number: part.chunks for part in store.partitions}
        self.partitions = list(self._chunks)

    def rows(self, partition: int) -> Iterator[Row]:
        return self._repository.rows(self._chunks[partition])


def check_backups(source: Path) -> Report:
    """Read every chunk of every backup and compare its hash; one of files that is damaged is put
    aside, so that the next backup writes it again. Then, where all of the newest backup
    can be read, check its rows as `heliograph admin verify` does. Raises BackupError."""
    repository = Repository.open(source)
    found = list(backups(source))
    if not found:
        raise DamagedBackup(f"{source} holds no whole backup")
    problems: list[tuple[str, str]] = []
    checked = _Checked(repository)
    newest: Manifest | None = None
    for manifest in found:
        if isinstance(manifest, DamagedBackup):
            problems.append(("repository", str(manifest)))
            continue
        here = list(checked.problems(manifest))
        problems += [(f"backup {manifest.moment_ms}", problem) for problem in here]
        newest = None if here else manifest
    report = Report() if newest is None else _verify(repository, newest)
    for where, what in problems:
        report.add(where, what)
    report.counts["backups"] = len(found)
    report.counts["chunks"] = len(checked.chunks)
    report.counts["chunks of files"] = len(checked.files)
    return report


class _Checked:
    """What was read: a chunk that several backups share is read once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.chunks: dict[str, str] = {}
        """What is wrong with each chunk of rows; empty if nothing is."""
        self.files: dict[bytes, str] = {}
        """The same for those of files."""

    def problems(self, manifest: Manifest) -> Iterator[str]:
        for chunk in manifest.chunks():
            if chunk.hash not in self.chunks:
                self.chunks[chunk.hash] = _problem(self._repository, chunk)
            if self.chunks[chunk.hash]:
                yield self.chunks[chunk.hash]
        for chunk in manifest.files.index if manifest.files else ():
            if not self.chunks[chunk.hash]:
                yield from self._of_files(chunk)

    def _of_files(self, index: Chunk) -> Iterator[str]:
        for held in held_in(self._repository.get(index)):
            if held.name not in self.files:
                self.files[held.name] = ""
                try:
                    self._repository.read(held.name.hex())
                except DamagedBackup as error:
                    self.files[held.name] = str(error)
                    self._repository.put_aside(held.name.hex())
            if self.files[held.name]:
                yield self.files[held.name]


class FilesIn:
    """The chunks of files that a backup has, for `actors.verify`."""

    def __init__(self, repository: Repository, files: FileChunks) -> None:
        self._repository = repository
        self._names = {held.name for held in held_in(repository.rows(files.index))}

    def has(self, name: bytes) -> bool:
        return name in self._names

    def get(self, name: bytes) -> bytes | None:
        if name not in self._names:
            return None
        try:
            return self._repository.read(name.hex())
        except DamagedBackup:
            return None


def _problem(repository: Repository, chunk: Chunk) -> str:
    """What is wrong with a chunk; empty if nothing is."""
    try:
        rows = repository.get(chunk)
    except DamagedBackup as error:
        return str(error)
    keys = [key for key, _ in rows]
    if len(rows) != chunk.rows or keys != sorted(set(keys)):
        return f"chunk {chunk.hash} does not hold what its manifest says"
    return ""


def _verify(repository: Repository, manifest: Manifest) -> Report:
    placement = placement_by(manifest.description)
    stores = [(_place(store), StoreView(repository, store)) for store in manifest.stores]
    files = None if manifest.files is None else FilesIn(repository, manifest.files)
    return verify(placement, stores, files)


def _place(store: StoreRows) -> str:
    """Where its rows were: backups of an older version call shards as these did."""
    if store.name.startswith(OLD_NAME):
        return place_of(int(store.name.removeprefix(OLD_NAME)))
    return store.name
