"""What was deleted, gone from the disks of this machine: the rows of every host are written anew,
by the hosts where they run, and here where they do not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from api.ambient import now_ms
from heliograph.failing import Told
from storage.engine import LmdbStore
from storage.folder import DataFolder, HostFolder
from storage.layout import ROWS
from storage.port import DataFolderError
from storage.replica import CONFIG, LmdbReplica
from storage.rewrite import REQUEST, RewriteBroken, asked, rewrite
from storage.snapshot import Snapshot

LOOK_S = 0.1


def erase(data: Path, wait_s: float) -> int:
    """Returns how many stores were written anew. Raises Told where that is not done in time, and
    StorageError."""
    DataFolder.look(data)  # it is one
    hosts = sorted({folder for folder, _ in stores_in(data)})
    if not hosts:
        raise Told(f"there is no host in {data}")
    done, working = 0, []
    for host in hosts:
        stores = [store for folder, store in stores_in(data) if folder == host]
        try:
            lock = HostFolder.lock(host, 0.0)
        except DataFolderError:
            working += stores
            continue
        try:
            for store in stores:
                _rewrite(store)
                done += 1
        finally:
            lock.close()
    _ask(working, wait_s)
    return done + len(working)


def stores_in(data: Path) -> Iterator[tuple[Path, Path]]:
    """Each host's folder, with that of a store in it."""
    for rows in sorted(data.glob(f"**/{ROWS}/data.mdb")):
        store = rows.parent.parent
        if (store / "log").is_dir():
            host = store.parent if (store / CONFIG).exists() else store
            yield host, store


def _rewrite(folder: Path) -> None:
    with Snapshot(folder) as snapshot:
        partitions = snapshot.partitions
    if (folder / CONFIG).exists():
        store: LmdbStore = LmdbReplica(folder, partitions)
    else:
        store = LmdbStore(folder, partitions)
    try:
        rewrite(store, now_ms())
    except RewriteBroken as error:
        raise Told(
            f"the rows of {folder} cannot be written anew without a server ({error}); start it, "
            "and do this again"
        ) from error
    finally:
        store.close()


def _ask(folders: list[Path], wait_s: float) -> None:
    """Have the hosts do it, and wait for them."""
    for folder in folders:
        request = folder / REQUEST
        request.touch(mode=0o600)
        os.utime(request)  # also where somebody asked before
    until_s = time.monotonic() + wait_s
    while left := [folder for folder in folders if asked(folder)]:
        if time.monotonic() > until_s:
            raise Told(
                f"{len(left)} of {len(folders)} stores are not done yet, {left[0]} for one; the "
                "hosts go on with it, and their logs say why it takes so long"
            )
        time.sleep(LOOK_S)
