"""One chat brought back from backups, in the data folder of a server that is stopped.

Only the chat's own rows are written, and only those that are lost: nothing that somebody has seen
since is taken back, so mailboxes and dialogs go on pointing at what they pointed at, and no message
id is given twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from actors.chat import HEAD, MEMBERS, MESSAGES, SENDS
from actors.runtime import refs
from actors.runtime.placement import Placement
from actors.runtime.refs import KINDS
from actors.user import DIALOGS
from heliograph.admin.mend import ChatRows, Mended, mend, read_rows, shares_past
from heliograph.admin.stored import host_folders, placement_of
from storage.backup.follower import Follower
from storage.backup.manifest import BackupError, DamagedBackup
from storage.backup.repository import Repository
from storage.engine import LmdbStore
from storage.folder import DataFolder, HostFolder
from storage.keys import actor_prefix, prefix_end
from storage.port import Writes

ROWS_PER_BATCH = 2_000
LOCK_S = 5.0
_encode = msgspec.msgpack.Encoder().encode


def restore_chat(source: Path, data: Path, chat_id: str, until_ms: int | None) -> Mended:
    """Bring back what is lost of a chat, from the backups that are not later than a moment; returns
    what was written. Raises StorageError."""
    repository = Repository.open(source)
    repository.latest(until_ms)  # there is one
    made = DataFolder.look(data).description
    if made.copies > 1:
        raise BackupError(f"{data} is of a server that keeps copies on several hosts")
    folder = DataFolder.open(data, partitions=made.partitions)
    try:
        return _restore(repository, folder, chat_id, until_ms)
    finally:
        folder.close()


def _restore(
    repository: Repository, folder: DataFolder, chat_id: str, until_ms: int | None
) -> Mended:
    placement = placement_of(folder)
    prefix = actor_prefix(KINDS["chat"], chat_id)
    partition = placement.partition(refs.chat(chat_id))
    path = folder.path / placement.host(partition)
    with contextlib.ExitStack() as stack:
        stores = {p.name: stack.enter_context(Follower(p)) for p in host_folders(folder.path)}
        for store in stores.values():
            store.settle(store.records)
        if path.name not in stores or partition not in stores[path.name].partitions:
            raise BackupError(f"{path} is missing; restore the whole server into a new folder")
        here = read_rows(stores[path.name].between(partition, prefix, prefix_end(prefix)).items())
        past = [
            rows
            for rows in _past(repository, folder, partition, prefix, until_ms)
            if shares_past(here, rows)
        ]
        if here.empty and all(rows.empty for rows in past):
            raise BackupError(f"there is no chat {chat_id}, neither here nor in these backups")
        last_id = _last_id_seen(stores, placement, chat_id, [here, *past])
    mended = mend(here, past, last_id)
    if mended.rows:
        _write(path, placement.led_by(path.name), {partition: _rows(prefix, mended)})
    return mended


def _past(
    repository: Repository, folder: DataFolder, partition: int, prefix: bytes, until_ms: int | None
) -> Iterator[ChatRows]:
    """The chat in each backup of this server, newest first. A backup that cannot be read is passed
    over: an older one may do."""
    for moment_ms in reversed(repository.moments()):
        if until_ms is not None and moment_ms > until_ms:
            continue
        try:
            manifest = repository.manifest(moment_ms)
            if manifest.description.cluster_id != folder.description.cluster_id:
                raise BackupError(f"{repository.path} has backups of another server")
            for _, part in manifest.partitions():
                if part.number == partition:
                    rows = repository.between(part.chunks, prefix, prefix_end(prefix))
                    yield read_rows(rows)
        except DamagedBackup:
            continue


def _last_id_seen(
    stores: dict[str, Follower], placement: Placement, chat_id: str, known: list[ChatRows]
) -> int:
    """The highest message id in the dialogs of all who are or were members."""
    users = set(refs.private_peers(chat_id) or ())
    highest = 0
    for user_id in users.union(*(rows.members for rows in known)):
        partition = placement.partition(refs.user(user_id))
        store = stores.get(placement.host(partition))
        if store is None or partition not in store.partitions:
            continue
        key = actor_prefix(KINDS["user"], user_id) + bytes([DIALOGS.number])
        key += DIALOGS.key.encode(chat_id)
        row = store.between(partition, key, key + b"\x00").get(key)
        if row is not None:
            highest = max(highest, DIALOGS.decode(row).top_id)
    return highest


def _rows(prefix: bytes, mended: Mended) -> dict[bytes, bytes | None]:
    found: dict[bytes, bytes | None] = {}
    if mended.head is not None:
        found[prefix + bytes([HEAD.number])] = _encode(mended.head)
    for user_id, member in mended.members.items():
        found[prefix + bytes([MEMBERS.number]) + MEMBERS.key.encode(user_id)] = _encode(member)
    for number, message in mended.messages.items():
        found[prefix + bytes([MESSAGES.number]) + MESSAGES.key.encode(number)] = _encode(message)
    for send, row in mended.sends.items():
        key = prefix + bytes([SENDS.number]) + SENDS.key.encode(send)
        found[key] = None if row is None else _encode(row)
    return found


def _write(path: Path, partitions: list[int], writes: Writes) -> None:
    """Through the store itself: what is in its log stays valid."""
    host = HostFolder.lock(path, LOCK_S)
    try:
        store = LmdbStore(path, partitions)
        try:
            for partition, rows in writes.items():
                items = list(rows.items())
                for at in range(0, len(items), ROWS_PER_BATCH):
                    batch: Writes = {partition: dict(items[at : at + ROWS_PER_BATCH])}
                    store.append(batch)
                    store.install(batch)
        finally:
            store.close()
    finally:
        host.close()
