"""A data folder made from rows.

The stores are written first and `heliograph.json` last: without it, a server and every command
refuse the folder. The logs are empty and the salts new: nothing of the old stores' logs is valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import lmdb

from storage.backup.chunks import Row
from storage.backup.manifest import BackupError
from storage.codec import seal
from storage.engine import MAP_BYTES, LmdbStore, translate
from storage.folder import Description, write
from storage.layout import database_name
from storage.log import sync_folder
from storage.port import disk_error
from storage.replica import CONFIG
from storage.slots import Slots

ROWS_PER_TRANSACTION = 20_000
DAMAGED = b"\x00"
"""No sealed row: whoever reads it is told that it fails its check."""


class NewFolder:
    """A data folder that is being made. Raises BackupError if there is something in it already."""

    def __init__(self, path: Path) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.chmod(0o700)
            used = any(path.iterdir())
        except OSError as error:
            raise BackupError(f"cannot use {path}: {error.strerror}") from error
        if used:
            raise BackupError(
                f"{path} is not empty; choose a new folder with --data. (What a restore left that "
                "was broken off may be deleted.)"
            )
        self.path = path

    def add_store(
        self, name: str, partitions: Mapping[int, Iterable[Row]], config: bytes = b""
    ) -> None:
        """Write a store; `config`: what a copy shall remember. Raises StorageFull,
        StorageFailed."""
        folder = self.path / name
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700)
        if config:
            Slots(folder / CONFIG).write(config)
        LmdbStore(folder, partitions).close()
        env = lmdb.open(str(folder / "rows"), map_size=MAP_BYTES, max_dbs=len(partitions) + 4)
        try:
            for number, rows in partitions.items():
                _fill(env, database_name(number), rows)
            env.sync(True)
        except lmdb.Error as error:
            raise translate(error, folder) from error
        finally:
            env.close()
        for inner in (folder / "rows", folder / "log", folder, folder.parent):
            sync_folder(inner)

    def finish(self, description: Description) -> None:
        """From here on it is a data folder."""
        logs = self.path / "logs"
        logs.mkdir(exist_ok=True)
        try:
            sync_folder(self.path)
            write(self.path, description)
        except OSError as error:
            raise disk_error(error, f"cannot write {self.path}") from error


def _fill(env: lmdb.Environment, database: bytes, rows: Iterable[Row]) -> None:
    handle = env.open_db(database)
    batch: list[tuple[bytes, bytes]] = []
    for key, row in rows:
        batch.append((key, DAMAGED if row is None else seal(key, row)))
        if len(batch) == ROWS_PER_TRANSACTION:
            _put(env, handle, batch)
            batch = []
    _put(env, handle, batch)


def _put(env: lmdb.Environment, handle: Any, batch: list[tuple[bytes, bytes]]) -> None:
    with env.begin(write=True) as txn:
        txn.cursor(db=handle).putmulti(batch, append=True)
