"""Old backups dropped, and with them what no other has: what was deleted from the server is gone
for good only when it is in no backup, either.

The manifests go first, the chunks that no manifest is left to name then. What a crash leaves of
these, the next time takes, because every chunk in the folder is looked at.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from storage.backup.index import held_in
from storage.backup.manifest import BackupError, DamagedBackup, Manifest
from storage.backup.repository import Repository
from storage.port import disk_error


class Dropped(NamedTuple):
    """How many backups are gone, and the files of how many chunks, with how many bytes."""

    backups: int
    chunks: int
    bytes: int


def drop_all_but(repository: Repository, newest: int) -> Dropped:
    """Keep so many of the newest backups, at least one, of a repository that is open for writing.
    Raises BackupError where one of those to be kept cannot be read: then nothing is dropped."""
    if newest < 1:
        raise BackupError("at least one backup is kept; to drop all of them delete the folder")
    moments = repository.moments()
    kept, old = moments[-newest:], moments[:-newest]
    try:
        needed = {name for moment in kept for name in _names(repository, moment)}
    except DamagedBackup as error:
        raise BackupError(
            f"{error}; as long as it is not known what a backup needs, nothing can be dropped"
        ) from error
    chunks = size = 0
    try:
        repository.forget(old)
        for path in repository.chunk_files():
            if path.name not in needed:
                size += path.stat().st_size
                path.unlink()
                chunks += 1
                with contextlib.suppress(OSError):  # others are in it
                    path.parent.rmdir()
    except OSError as error:
        raise disk_error(error, f"cannot delete in {repository.path}") from error
    return Dropped(len(old), chunks, size)


def _names(repository: Repository, moment_ms: int) -> set[str]:
    """The chunks that a backup needs, those of files too."""
    manifest: Manifest = repository.manifest(moment_ms)
    names = {chunk.hash for chunk in manifest.chunks()}
    for index in manifest.files.index if manifest.files else ():
        names |= {held.name.hex() for held in held_in(repository.get(index))}
    return names
