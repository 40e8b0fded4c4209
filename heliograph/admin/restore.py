"""A whole server brought back from a backup, into a new data folder.

Clients may know more than the backup does. A device that had seen update 150 of a mailbox that is
restored at 120 would take the next thirty for known ones. So every mailbox goes on from a number
that is higher than any it ever gave: the seconds since 2020 times `RESTORE_STEP`, because no
mailbox gives as many numbers in a second. Whoever comes with a number from before is too far
behind, is told `too_long`, and starts afresh.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from actors import addresses
from actors.chat.state import EVENTS
from actors.chat.state import HEAD as CHAT_HEAD
from actors.user.state import HEAD, MAILBOX, RESTORE_STEP, RESTORED_FROM
from heliograph.admin.files import restore_files
from heliograph.admin.media import writing_media
from runtime.placement import MOVED_BASE, Replicated, first_members, own_host, place_of
from runtime.replication.protocol import Configuration, encode
from storage.backup.chunks import Row
from storage.backup.fill import NewFolder
from storage.backup.manifest import BackupError, Manifest, PartitionRows
from storage.backup.repository import Repository
from storage.folder import VERSION, Description, describe
from storage.keys import actor_prefix, split_key
from storage.port import BadKey, DataFolderError

YEAR_2020_S = 1_577_836_800
RESTORED_EPOCH = 2
_encode = msgspec.msgpack.Encoder().encode
_USER = bytes([addresses.USER])


class Restored(NamedTuple):
    """What a server was made from. `lost`: what the repository has lost of its files. `undone`:
    how many messages were deleted since, as far as the newest backup knows, and are back; None
    where that cannot be read."""

    manifest: Manifest
    lost: list[str]
    undone: int | None


def restore_server(
    source: Path,
    data: Path,
    until_ms: int | None,
    copies: int | None = None,
    shards: int | None = None,
) -> Restored:
    """Restore the newest backup, or the newest that is not later than a moment. `copies`: more of
    each partition than there were; `shards`: others than there were. Raises StorageError."""
    repository = Repository.open(source)
    manifest = repository.latest(until_ms)
    if manifest.description.version > VERSION:
        raise BackupError(
            f"this backup is of a newer Heliograph (format {manifest.description.version}, this "
            f"one knows {VERSION}); install the newer one"
        )
    base = (int(time.time()) - YEAR_2020_S) * RESTORE_STEP
    if base < RESTORED_FROM:
        raise BackupError("the clock of this machine is years slow; set it first")
    made = _shape(manifest.description, copies, shards)
    folder = NewFolder(data)
    if made.copies > 1:
        placement = Replicated(made.partitions, made.shard_count)
        parts: dict[int, list[PartitionRows]] = {}
        for _, part in manifest.partitions():
            parts.setdefault(placement.shard(part.number), []).append(part)
        for shard, of_it in parts.items():
            _add_copies(folder, repository, shard, of_it, made, base)
    else:
        for store in manifest.stores:
            partitions = {part.number: _rows(repository, part, base) for part in store.partitions}
            folder.add_store(store.name, partitions)
    with writing_media(data, made) as media:
        files = manifest.files
        lost = [] if files is None else restore_files(repository, files, media)
    folder.finish(made)
    return Restored(manifest, lost, _undone(repository, manifest))


def _undone(repository: Repository, manifest: Manifest) -> int | None:
    try:
        newest = repository.latest()
        return 0 if newest == manifest else deleted_since(repository, manifest, newest)
    except BackupError:  # it is damaged, which may be why an older one is restored
        return None


def deleted_since(repository: Repository, then: Manifest, now: Manifest) -> int:
    """How many messages a backup has that are deleted in a later one. Raises DamagedBackup."""
    heads = {
        key: CHAT_HEAD.decode(row).pts
        for key, row in _rows_of_chats(repository, then)
        if row is not None and split_key(key)[2] == CHAT_HEAD.number
    }
    undone = 0
    for key, row in _rows_of_chats(repository, now):
        _, chat_id, table, suffix = split_key(key)
        if table == EVENTS.number and row is not None:
            event = EVENTS.decode(row)
            head = actor_prefix(addresses.CHAT, chat_id) + bytes([CHAT_HEAD.number])
            pts = EVENTS.key.decode(suffix) + event.last_id
            undone += event.deleted and pts > heads.get(head, pts)
    return undone


def _rows_of_chats(repository: Repository, manifest: Manifest) -> Iterator[Row]:
    first, stop = bytes([addresses.CHAT]), bytes([addresses.CHAT + 1])
    for _, part in manifest.partitions():
        yield from repository.between(part.chunks, first, stop)


def _shape(made: Description, copies: int | None, shards: int | None) -> Description:
    """What the restored server is like. Raises BackupError."""
    copies = copies or made.copies
    if copies != made.copies and (copies == 1 or made.dedicated):
        what = "with copies" if made.copies > 1 else "with actors that have a host of their own"
        raise BackupError(f"the backup is of a server {what}; restore it without --copies")
    hosts = made.hosts if copies == made.copies else copies
    kept = made.shard_count if made.copies > 1 else None
    try:
        shaped = describe(made.partitions, hosts, made.dedicated, copies, shards or kept)
    except DataFolderError as error:
        raise BackupError(str(error)) from error
    return replace(shaped, cluster_id=made.cluster_id, created_ms=made.created_ms)


def _add_copies(
    folder: NewFolder,
    repository: Repository,
    shard: int,
    parts: list[PartitionRows],
    made: Description,
    base: int,
) -> None:
    """All copies of a shard, alike to the byte. They remember a configuration, of a later epoch
    than the first: a host that comes without its copy takes a snapshot, and does not lead."""
    members = first_members(shard, made.hosts, made.copies)
    if shard >= MOVED_BASE:
        members = (own_host(shard), *members[:-1])
    config = encode(Configuration(shard, RESTORED_EPOCH, members[0], members, members))
    for host in members:
        rows = {part.number: _rows(repository, part, base) for part in parts}
        folder.add_store(f"{host}/{place_of(shard)}", rows, config)


def _rows(repository: Repository, partition: PartitionRows, base: int) -> Iterator[Row]:
    leap = Leap(base)
    for key, row in repository.rows(partition.chunks):
        yield leap.of(key, row) if key.startswith(_USER) else (key, row)


class Leap:
    """Moves the numbers of mailboxes on to `base`, a multiple of `RESTORE_STEP`, or further where
    they were moved there before by a clock that was ahead. Fed with the rows of users in the order
    of their keys: a user's head comes before the mailbox."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._user: int | str = -1
        self._ahead = 0

    def of(self, key: bytes, row: bytes | None) -> Row:
        """The row as it has to be restored. One that cannot be understood stays as it was;
        `verify` tells of it."""
        try:
            _, user, table, suffix = split_key(key)
            if table == HEAD.number and row is not None:
                head = HEAD.decode(row)
                self._user = user
                steps = head.pts // RESTORE_STEP * RESTORE_STEP
                self._ahead = max(self._base - steps, RESTORE_STEP)
                moved = {
                    "pts": head.pts + self._ahead,
                    "delivered_pts": max(0, head.delivered_pts + self._ahead),
                }
                return key, _encode(replace(head, **moved))
            if table == MAILBOX.number and user == self._user:
                pts = MAILBOX.key.decode(suffix) + self._ahead
                return key[: -len(suffix)] + MAILBOX.key.encode(pts), row
        except (BadKey, ValueError, struct.error, msgspec.MsgspecError):
            pass
        return key, row
