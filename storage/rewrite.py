"""The rows of a store, written anew: what was deleted or replaced is on the disk no more.

LMDB leaves what a row held in pages that it has freed, and in the unused parts of those that it
uses. So another environment is filled with the rows that there are, and takes the place of the old
one, while the store works on:

1. the log begins another segment, and a checkpoint moves everything before it to the rows: the
   segments with the old records are deleted;
2. another process (`python -m storage.rewrite FOLDER NAME`) copies the rows as of a moment to a
   folder beside them, with its own interpreter and its own memory;
3. what checkpoints have moved since is taken from the log, which keeps it for so long; for the last
   of it no checkpoint may run, until the two folders have changed names, in one step, and the store
   uses the new one.

A crash before that step leaves the old rows, after it the new ones; what is left over is removed
at the next start. What was deleted before `begin` is gone then; what is deleted meanwhile may need
another time.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmdb

from api.ambient import random_hex
from storage.codec import seal
from storage.engine import LmdbStore
from storage.layout import APPLIED, NEW_ROWS, REWRITTEN, ROWS, remove_new_rows, rows_of
from storage.log import sync_folder
from storage.port import StorageFailed, disk_error
from storage.records import segments_of

REQUEST = "erase.asked"
"""A file beside the rows: somebody waits for them to be written anew. It is removed then."""
BATCH_ROWS = 10_000
RESERVE_BYTES = 256 * 1024 * 1024
"""Of the disk, so much is left to others."""
CATCH_UP_BYTES = 8 * 1024 * 1024
_DATABASES_MAX = 65_536
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
"""Of the other process: it finds the same modules."""
_EXCHANGE, _HERE = 2, -100
"""Of renameat2(2)."""


class RewriteBroken(Exception):
    """It could not be gone on with; the store is as it was, and it may be tried again."""


def asked(folder: Path) -> int:
    """When it was asked for, by the file's own time; 0: it was not."""
    try:
        return (folder / REQUEST).stat().st_mtime_ns
    except OSError:
        return 0


class Rewriting:
    """See the module; `store` is one whose partitions are all in its folder. Not used again."""

    def __init__(self, store: LmdbStore) -> None:
        self._store = store
        self._folder = store.folder
        self._target = store.folder / f"{NEW_ROWS}{random_hex(8)}"
        self._asked = asked(store.folder)
        self._loads = store.loads
        self._rolled = 0
        self._swapped = self._done = False
        self._env: lmdb.Environment | None = None
        self._databases: tuple[Any, dict[int, Any]] | None = None

    def roll(self) -> int:
        """From here on records go to another segment; returns the number of the last one before it.
        Any thread. Raises StorageFull, StorageFailed."""
        self._rolled = self._store.log.roll()
        return self._rolled

    def begin(self) -> None:
        """When the rows hold everything before that segment: keep the records that come, and forget
        those before. Loop thread. Raises RewriteBroken where that cannot be, or there is no room
        for the rows once more."""
        remove_new_rows(self._folder)
        if self._store.loading:
            raise RewriteBroken("the rows are being replaced")
        rows = (self._folder / ROWS / "data.mdb").stat().st_size
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < rows + RESERVE_BYTES:
            raise RewriteBroken(f"there is no room for {rows:,} bytes of rows once more")
        self._try_names()
        self._store.keep_log()
        segments = segments_of(self._folder / "log")
        if segments and segments[0].first <= self._rolled:
            raise RewriteBroken("the log is not cut yet, because another copy needs it, say")

    def _try_names(self) -> None:
        """Whether the file system can exchange names, before anything large is copied."""
        other = self._target.with_name(self._target.name + "-")
        try:
            for folder in (self._target, other):
                folder.mkdir(mode=0o700)
            exchange(self._target, other)
        except OSError as error:
            words = f"this file system cannot exchange the names of folders: {error}"
            raise RewriteBroken(words) from error
        finally:
            remove_new_rows(self._folder)

    def command(self) -> list[str]:
        """What copies the rows, in a process of its own."""
        return [sys.executable, "-m", __name__, str(self._folder), self._target.name]

    def catch_up(self) -> int:
        """Bring the copy to where the rows are now; returns how many records it was behind. Any
        thread. Raises RewriteBroken."""
        store = self._store
        try:
            if self._env is None:
                self._env = store.open_rows(self._target.name)
                self._databases = store.databases_in(self._env)
            env, (meta, databases) = self._env, self._known()
            with env.begin() as txn:
                number = int(txn.get(APPLIED, b"-1", db=meta))
            behind = store.applied - number
            while number < store.applied:
                self._check()
                number = self._apply(env, meta, databases, number)
        except lmdb.Error as error:
            raise RewriteBroken(f"the copy of the rows cannot be written: {error}") from error
        return behind

    def complete(self, now_ms: int) -> None:
        """The same, while no checkpoint runs, and make it durable. Any thread. Raises
        RewriteBroken, OSError."""
        self.catch_up()
        env, (meta, _) = self._known_env(), self._known()
        try:
            with env.begin(write=True) as txn:
                txn.put(REWRITTEN, b"%d" % now_ms, db=meta)
            env.sync(True)
        except lmdb.Error as error:
            raise RewriteBroken(f"the copy of the rows cannot be written: {error}") from error
        sync_folder(self._target)
        sync_folder(self._folder)

    def swap(self) -> None:
        """Give the copy the name of the rows, and use it. Loop thread; still no checkpoint runs,
        and none may before `settled`. Raises RewriteBroken: then nothing has changed."""
        self._check()
        env, (meta, databases) = self._known_env(), self._known()
        try:
            exchange(self._target, self._folder / ROWS)
        except OSError as error:
            raise RewriteBroken(f"the rows cannot change their name: {error}") from error
        self._store.use(env, meta, databases)
        self._env, self._swapped = None, True

    def settled(self) -> None:
        """The change of names is durable. Any thread. Raises StorageFailed: the process must
        stop before the next checkpoint. It goes on from either rows: the log has what both need."""
        try:
            sync_folder(self._folder)
        except OSError as error:
            raise StorageFailed(f"the rows of {self._folder} failed: {error}") from error
        self._done = True

    def end(self) -> None:
        """In any case, last: delete what is left over, and let the log be cut again. It was asked
        for no more, unless it was again. Any thread. (Nothing is touched where it is not known
        which rows a restart finds.)"""
        if self._swapped and not self._done:
            return
        self._store.keep_log(False)
        if self._env is not None:
            self._env.close()
        shutil.rmtree(self._target, ignore_errors=True)
        if self._done and self._asked and asked(self._folder) == self._asked:
            (self._folder / REQUEST).unlink(missing_ok=True)

    def _check(self) -> None:
        if self._store.loading or self._store.loads != self._loads:
            raise RewriteBroken("the rows were replaced meanwhile")

    def _known_env(self) -> lmdb.Environment:
        assert self._env is not None
        return self._env

    def _known(self) -> tuple[Any, dict[int, Any]]:
        assert self._databases is not None
        return self._databases

    def _apply(
        self, env: lmdb.Environment, meta: Any, databases: dict[int, Any], number: int
    ) -> int:
        """Some records after `number`; returns the number of the last."""
        applied = self._store.applied
        payloads = self._store.log.read(number, CATCH_UP_BYTES)
        if not payloads or number < 0:
            raise RewriteBroken(f"the records after {number} are not there any more")
        with env.begin(write=True) as txn:
            for payload in payloads[: applied - number]:
                for partition, rows in rows_of(payload).items():
                    for key, row in rows.items():
                        if row is None:
                            txn.delete(key, db=databases[partition])
                        else:
                            txn.put(key, seal(key, row), db=databases[partition])
                number += 1
            txn.put(APPLIED, b"%d" % number, db=meta)
        return number


def exchange(one: Path, other: Path) -> None:
    """Let two files or folders of one file system change names, in one step. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = (_HERE, os.fsencode(one), _HERE, os.fsencode(other))
    if libc.renameat2(*names, ctypes.c_uint(_EXCHANGE)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def copy(folder: Path, name: str) -> None:
    """Copy all rows of a store of another process, which may be working, as of this moment. Raises
    lmdb.Error."""
    old = lmdb.open(str(folder / ROWS), readonly=True, create=False, max_dbs=_DATABASES_MAX)
    new = lmdb.open(
        str(folder / name),
        map_size=old.info()["map_size"],
        max_dbs=_DATABASES_MAX,
        sync=False,
        metasync=False,
    )
    with old.begin() as reading:
        names = list(reading.cursor().iternext(values=False))
    databases = [(old.open_db(name, create=False), new.open_db(name)) for name in names]
    with old.begin() as reading:  # one moment for all
        for source, target in databases:
            _copy_database(reading, source, new, target)
    new.sync(True)
    new.close()
    old.close()


def _copy_database(
    reading: lmdb.Transaction, source: Any, new: lmdb.Environment, target: Any
) -> None:
    with reading.cursor(source) as cursor:
        more = cursor.first()
        while more:
            with new.begin(write=True, db=target) as txn:
                for _ in range(BATCH_ROWS):
                    txn.put(cursor.key(), cursor.value(), append=True)
                    more = cursor.next()
                    if not more:
                        break


def rewrite(store: LmdbStore, now_ms: int) -> None:
    """All of it, of a store that nobody else uses. Raises RewriteBroken, StorageFailed,
    StorageFull."""
    rewriting = Rewriting(store)
    rewriting.roll()
    _checkpoint(store)
    try:
        rewriting.begin()
        subprocess.run(rewriting.command(), check=True, env=ENVIRONMENT)
        rewriting.complete(now_ms)
        rewriting.swap()
        rewriting.settled()
    except subprocess.CalledProcessError as error:
        raise RewriteBroken(f"the rows of {store.folder} could not be copied: {error}") from error
    except OSError as error:
        raise disk_error(error, f"cannot write the rows of {store.folder} anew") from error
    finally:
        rewriting.end()


def _checkpoint(store: LmdbStore) -> None:
    checkpoint = store.begin_checkpoint()
    checkpoint.open()
    while checkpoint.step(BATCH_ROWS):
        pass
    checkpoint.commit()
    checkpoint.finish()


if __name__ == "__main__":
    os.nice(19)
    copy(Path(sys.argv[1]), sys.argv[2])
