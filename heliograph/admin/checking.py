"""What is in a repository of backups, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from actors.verify import Report, verify
from heliograph.admin.stored import placement_by
from storage.backup.chunks import Row
from storage.backup.manifest import Chunk, DamagedBackup, Manifest, StoreRows
from storage.backup.repository import Repository


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
    """Read every chunk of every backup and compare its hash; then, where all of the newest backup
    can be read, check its rows as `heliograph admin verify` does. Raises BackupError."""
    repository = Repository.open(source)
    found = list(backups(source))
    if not found:
        raise DamagedBackup(f"{source} holds no whole backup")
    problems: list[tuple[str, str]] = []
    known: dict[str, str] = {}
    newest: Manifest | None = None
    for manifest in found:
        if isinstance(manifest, DamagedBackup):
            problems.append(("repository", str(manifest)))
            continue
        before = len(problems)
        where = f"backup {manifest.moment_ms}"
        for chunk in manifest.chunks():
            if chunk.hash not in known:
                known[chunk.hash] = _problem(repository, chunk)
            if known[chunk.hash]:
                problems.append((where, known[chunk.hash]))
        newest = manifest if len(problems) == before else None
    report = Report() if newest is None else _verify(repository, newest)
    for where, what in problems:
        report.add(where, what)
    report.counts["backups"] = len(found)
    report.counts["chunks"] = len(known)
    return report


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
    return verify(placement, [(s.name, StoreView(repository, s)) for s in manifest.stores])
