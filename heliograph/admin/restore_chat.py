"""One chat brought back from backups, in the data folder of a server that is stopped.

Only the chat's own rows are written, and only those that are lost: nothing that somebody has seen
since is taken back, so mailboxes and dialogs go on pointing at what they pointed at, and no message
id is given twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from actors import addresses
from actors.chat.state import ALBUMS, EVENTS, HEAD, HIDDEN, MEMBERS, MESSAGES, PHOTO, SENDS
from actors.user.state import DIALOGS, MAILBOX
from heliograph.admin.changes import Known, Said, hidden_in, said_in, told_in
from heliograph.admin.chat_rows import ChatRows, read_rows, shares_past
from heliograph.admin.files import restore_files_of
from heliograph.admin.media import writing_media
from heliograph.admin.mend import Mended, mend
from heliograph.admin.mend_copies import write_to_copies
from heliograph.admin.reader import Reader
from heliograph.admin.sources import (
    RunningCopies,
    StoppedCopies,
    has_all_hosts,
    source_here,
)
from heliograph.admin.stored import placement_of
from heliograph.admin.stores import Stores
from runtime.placement import Placement, shard_at
from runtime.residence import residences_in
from runtime.rows import Table
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
    if made.copies > 1 and not has_all_hosts(data):
        raise BackupError(
            f"{data} is of one node of a cluster. Stop the cluster, bring the folders of all its "
            "hosts together in one folder with a heliograph.json, restore the chat there, and give "
            "each node its folder back"
        )
    folder = DataFolder.open(data, partitions=made.partitions)
    try:
        return _restore(repository, folder, chat_id, until_ms)
    finally:
        folder.close()


def _restore(
    repository: Repository, folder: DataFolder, chat_id: str, until_ms: int | None
) -> Mended:
    placement = placement_of(folder)
    prefix = actor_prefix(addresses.CHAT, chat_id)
    pooled = placement.partition(addresses.chat(chat_id))
    with contextlib.ExitStack() as stack:
        source = source_here(folder)
        if isinstance(source, RunningCopies):
            raise BackupError(f"a server is running on {folder.path}; stop it first")
        reader = Reader(folder.path)
        source.open(stack.enter_context(Stores(reader)))
        stores = reader.stores
        ends = source.ends() or {name: store.records for name, store in stores.items()}
        for name, store in stores.items():
            store.settle(ends[name])
        _find(stores, placement, pooled, chat_id)
        partition = placement.partition(addresses.chat(chat_id))
        place = placement.host(partition)
        if place not in stores or partition not in stores[place].partitions:
            missing = folder.path / place
            raise BackupError(f"{missing} is missing; restore the whole server into a new folder")
        here = read_rows(stores[place].between(partition, prefix, prefix_end(prefix)).items())
        past = [
            rows
            for rows in _past(repository, folder, {pooled, partition}, prefix, until_ms)
            if shares_past(here, rows)
        ]
        if here.empty and all(rows.empty for rows in past):
            raise BackupError(f"there is no chat {chat_id}, neither here nor in these backups")
        last_id, told, hidden, said = _told_to_members(stores, placement, chat_id, [here, *past])
    mended = mend(here, past, last_id, told, hidden, said)
    messages = here.messages | mended.messages
    with contextlib.ExitStack() as stack:
        media = None
        if any(row is not None and row.media is not None for row in messages.values()):
            # Before the rows: where it cannot be written to, nothing is.
            media = stack.enter_context(writing_media(folder.path, folder.description))
        if mended.rows:
            rows = list(_rows(prefix, mended).items())
            batches: list[Writes] = [
                {partition: dict(rows[at : at + ROWS_PER_BATCH])}
                for at in range(0, len(rows), ROWS_PER_BATCH)
            ]
            if isinstance(source, StoppedCopies):
                shard = shard_at(place)
                config, copies = source.configs[shard], source.copies[shard]
                hosts = [host for host, copy in copies.items() if copy.records >= ends[place]]
                there = stores[place].partitions
                write_to_copies(folder.path, config, there, hosts, ends[place], batches)
            else:
                _write(folder.path / place, placement.led_by(place), batches)
        if media is not None:
            mended.lost += restore_files_of(repository, messages, media)
    return mended


def _find(stores: dict[str, Follower], placement: Placement, pooled: int, chat_id: str) -> None:
    """Whether the chat has moved to a partition of its own, which the placement then learns."""
    store = stores.get(placement.host(pooled))
    if store is None or pooled not in store.partitions:
        return
    for residence in residences_in(store.rows(pooled)):
        if residence.ref != addresses.chat(chat_id):
            continue
        own = stores.get(placement.host(residence.partition))
        rows = () if own is None else own.rows(residence.partition)
        if not any(there.ref == residence.ref for there in residences_in(rows)):
            raise BackupError(
                f"{chat_id} is on its way to a host of its own; start the server, and stop it when "
                "the chat has arrived"
            )
        placement.learn(residence.ref, residence.partition)


def _past(
    repository: Repository,
    folder: DataFolder,
    partitions: set[int],
    prefix: bytes,
    until_ms: int | None,
) -> Iterator[ChatRows]:
    """The chat in each backup of this server, newest first, wherever it was then. A backup that
    cannot be read is passed over: an older one may do."""
    for moment_ms in reversed(repository.moments()):
        if until_ms is not None and moment_ms > until_ms:
            continue
        try:
            manifest = repository.manifest(moment_ms)
            if manifest.description.cluster_id != folder.description.cluster_id:
                raise BackupError(f"{repository.path} has backups of another server")
            for _, part in manifest.partitions():
                if part.number in partitions:
                    rows = repository.between(part.chunks, prefix, prefix_end(prefix))
                    yield read_rows(rows)
        except DamagedBackup:
            continue


def _told_to_members(
    stores: dict[str, Follower], placement: Placement, chat_id: str, known: list[ChatRows]
) -> tuple[int, list[Known], set[tuple[int, int]], dict[int, Said]]:
    """The highest message id in the dialogs of all who are or were members, the changes of messages
    that their mailboxes tell of, which ones they have deleted for themselves, and what else their
    mailboxes say of the chat."""
    users = set(addresses.private_peers(chat_id) or ())
    highest, told, hidden = 0, [], set()
    said: dict[int, Said] = {}
    for user_id in users.union(*(rows.members for rows in known)):
        partition = placement.partition(addresses.user(user_id))
        store = stores.get(placement.host(partition))
        if store is None or partition not in store.partitions:
            continue
        prefix = actor_prefix(addresses.USER, user_id)
        key = prefix + bytes([DIALOGS.number]) + DIALOGS.key.encode(chat_id)
        row = store.between(partition, key, key + b"\x00").get(key)
        if row is not None:
            highest = max(highest, DIALOGS.decode(row).top_id)
        first = prefix + bytes([MAILBOX.number])
        mailbox = store.between(partition, first, prefix_end(first)).values()
        entries = [MAILBOX.decode(raw) for raw in mailbox if raw is not None]
        told += told_in(chat_id, entries)
        said[user_id] = said_in(chat_id, entries)
        hidden |= {(user_id, number) for number in hidden_in(chat_id, entries)}
    return highest, told, hidden, said


def _rows(prefix: bytes, mended: Mended) -> dict[bytes, bytes | None]:
    tables: tuple[tuple[Table[Any, Any], Mapping[Any, Any]], ...] = (
        (HEAD, {} if mended.head is None else {None: mended.head}),
        (PHOTO, {None: None} if mended.photo_removed else {}),
        (MEMBERS, mended.members),
        (MESSAGES, mended.messages),
        (SENDS, mended.sends),
        (ALBUMS, mended.albums),
        (EVENTS, mended.events),
        (HIDDEN, mended.hidden),
    )
    found = {}
    for table, rows in tables:
        for key, row in rows.items():
            raw_key = prefix + bytes([table.number]) + table.key.encode(key)
            found[raw_key] = None if row is None else _encode(row)
    return found


def _write(path: Path, partitions: list[int], batches: list[Writes]) -> None:
    """Through the store itself: what is in its log stays valid."""
    host = HostFolder.lock(path, LOCK_S)
    try:
        store = LmdbStore(path, partitions)
        try:
            for batch in batches:
                store.append(batch)
                store.install(batch)
        finally:
            store.close()
    finally:
        host.close()
