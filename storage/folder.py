"""The data folder: what it is, in which version, and who may use it.

Two locks: one on the whole folder, held by the server that runs on it, and one per host, held by
the host's process, because a host that is being restarted may meet its dying predecessor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from api.ambient import monotonic_s, now_ms, random_hex
from storage.formats import too_new
from storage.log import sync_folder
from storage.port import DataFolderError

VERSION = 2
"""Since 2 a shard may have several partitions, which a Heliograph that knows 1 only would look for
in folders of their own."""
DESCRIBED = "heliograph.json"
"""The file that says what a folder is."""
_LOCK = "LOCK"
_LOCK_STEP_S = 0.05


class Description(Struct, frozen=True):
    """What `heliograph.json` says. `shards`: of a server with copies (0: as many as partitions)."""

    version: int
    cluster_id: str
    partitions: int
    hosts: int
    created_ms: int
    dedicated: tuple[str, ...] = ()
    copies: int = 1
    shards: int = 0

    @property
    def shard_count(self) -> int:
        """How many shards there are."""
        return self.shards or self.partitions


class _Lock:
    """An advisory lock on a file, released by the kernel when the process ends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _LOCK
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, wait_s: float) -> bool:
        deadline_s = monotonic_s() + wait_s
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if monotonic_s() >= deadline_s:
                    return False
                time.sleep(_LOCK_STEP_S)
                continue
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
            return True

    def holder(self) -> str:
        return os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"

    def close(self) -> None:
        os.close(self._fd)


class DataFolder:
    """A server's data folder. Raises DataFolderError where it cannot be used."""

    def __init__(self, path: Path, description: Description, lock: _Lock | None) -> None:
        self.path = path
        self.description = description
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        partitions: int,
        hosts: int | None = None,
        dedicated: tuple[str, ...] | None = None,
        copies: int | None = None,
        shards: int | None = None,
    ) -> DataFolder:
        """Lock the folder for a server; make it if it is not there. How many partitions, hosts,
        copies and shards there are, and what is dedicated, is fixed when it is made: rows lie where
        these say. None: as it was made (one host, or as many as copies; one copy; as many shards as
        hosts; nothing dedicated)."""
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (path / DESCRIBED).exists() and any(path.iterdir()):
                known = {_LOCK, "logs", "run.json"}
                if not {entry.name for entry in path.iterdir()} <= known:
                    raise DataFolderError(
                        f"{path} holds something else than Heliograph's data; choose an empty "
                        "folder with --data"
                    )
            lock = _Lock(path)
        except OSError as error:
            raise DataFolderError(f"cannot use {path}: {error.strerror}") from error
        if not lock.take(0.0):
            holder = lock.holder()
            lock.close()
            raise DataFolderError(
                f"{path} is in use by process {holder}; stop that server first, or choose another "
                "folder with --data"
            )
        try:
            description = _read(path)
            if description is None:
                hosts = hosts or copies or 1
                description = describe(partitions, hosts, dedicated or (), copies or 1, shards)
                write(path, description)
                with contextlib.suppress(OSError):
                    (path / "logs").mkdir(exist_ok=True)
            check_unchanged(f"{path}", description, hosts, dedicated, copies, shards)
            description = up_to_date(path, description)
        except DataFolderError:
            lock.close()
            raise
        return cls(path, description, lock)

    @classmethod
    def look(cls, path: Path) -> DataFolder:
        """Open a folder to read, without the lock."""
        description = _read(path)
        if description is None:
            raise DataFolderError(f"{path} is no data folder of Heliograph")
        return cls(path, description, None)

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class HostFolder:
    """A host's folder within the data folder, locked by the host's process."""

    def __init__(self, path: Path, lock: _Lock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def lock(cls, path: Path, wait_s: float) -> HostFolder:
        """Lock it, waiting up to `wait_s` for a predecessor to end. Raises DataFolderError."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _Lock(path)
        if not lock.take(wait_s):
            holder = lock.holder()
            lock.close()
            raise DataFolderError(f"{path} is in use by process {holder}")
        return cls(path, lock)

    def close(self) -> None:
        self._lock.close()


def _read(path: Path) -> Description | None:
    try:
        raw = (path / DESCRIBED).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataFolderError(f"cannot read {path / DESCRIBED}: {error.strerror}") from error
    try:
        if why := too_new(raw, "version", VERSION, f"{path}"):
            raise DataFolderError(why)
        return msgspec.json.decode(raw, type=Description)
    except msgspec.MsgspecError as error:
        raise DataFolderError(f"{path / DESCRIBED} is damaged: {error}") from error


def check_unchanged(
    what: str,
    made: Description,
    hosts: int | None = None,
    dedicated: tuple[str, ...] | None = None,
    copies: int | None = None,
    shards: int | None = None,
) -> None:
    """Whether that is how a server was made (None: however it was). Raises DataFolderError."""
    if copies not in (None, made.copies):
        raise DataFolderError(
            f"{what} was made with {made.copies} copies; start it with --copies {made.copies}"
        )
    if hosts not in (None, made.hosts):
        raise DataFolderError(
            f"{what} was made for {made.hosts} hosts; start it with --hosts {made.hosts}"
        )
    if shards is not None and made.copies == 1:
        raise DataFolderError("--shards are of servers with copies")
    if shards not in (None, made.shard_count):
        raise DataFolderError(
            f"{what} was made with {made.shard_count} shards; start it with --shards "
            f"{made.shard_count}. To have others, restore a backup of it with --shards into a new "
            "folder"
        )
    if dedicated is not None and set(dedicated) != set(made.dedicated):
        options = " ".join(f"--dedicated {name}" for name in made.dedicated)
        raise DataFolderError(
            f"{what} was made {f'with {options}' if options else 'without --dedicated'}; "
            "start it like that"
        )


def describe(
    partitions: int,
    hosts: int,
    dedicated: tuple[str, ...] = (),
    copies: int = 1,
    shards: int | None = None,
) -> Description:
    """A new server. Raises DataFolderError where there can't be such a one."""
    if copies > hosts:
        raise DataFolderError(f"{copies} copies need as many hosts; there would be {hosts}")
    if copies > 1 and dedicated:
        raise DataFolderError("actors with a host of their own cannot have copies yet")
    if copies == 1 and shards is not None:
        raise DataFolderError("--shards are of servers with copies")
    if shards is not None and not 1 <= shards <= partitions:
        raise DataFolderError(f"there can be 1 to {partitions} shards, not {shards}")
    return Description(
        version=VERSION,
        cluster_id=random_hex(8),
        partitions=partitions,
        hosts=hosts,
        created_ms=now_ms(),
        dedicated=dedicated,
        copies=copies,
        shards=0 if copies == 1 else shards or min(hosts, partitions),
    )


def up_to_date(path: Path, made: Description) -> Description:
    """Have the folder of a server with copies say that it is of this format: copies that are made
    from now on, those that knew an older one only would not find."""
    if made.copies == 1 or made.version == VERSION:
        return made
    made = replace(made, version=VERSION, shards=made.shard_count)
    write(path, made)
    return made


def write(path: Path, description: Description) -> None:
    """Have a folder say what it is; it is durable when this comes back. Raises OSError."""
    draft = path / f"{DESCRIBED}.new"
    with open(draft, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(description)))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path / DESCRIBED)
    sync_folder(path)
