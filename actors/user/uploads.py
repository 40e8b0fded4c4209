"""A user's uploads and the room that their files take: handlers of `actors.user.state`.

An upload belongs to its user, who alone can add to it. What is stored of it is a row for each part;
the bytes are chunks in the media pool (`media`), which are there before the row is. It is
given up when nothing is added for a day, or after five days. When it is finished, its file counts
towards the room that the account may take, until the file's actor says that it is deleted.

Running uploads count as well, and so does what came to nothing, until its chunks may be collected:
what was sent for an upload that was given up, parts that were replaced, and what was removed from a
photo. So nobody can fill the disk by beginning uploads and giving them up.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses, flood
from actors.file.messages import FileKept
from actors.user.messages import (
    BytesDiscarded,
    ExpectFile,
    ExpectParts,
    ExpireUploads,
    FileDeleted,
    GetParts,
    KeepFile,
    Parts,
    PartsExpected,
    PartsStored,
    UserSpent,
)
from actors.user.state import HEAD, UserActor, user
from api import limits
from api import types as t
from api.errors import ApiError
from api.files import HASH_BYTES, file_id, part_bytes, part_count, text_of
from api.methods import BeginUpload, CancelUpload, GetUpload
from runtime.rows import TEXT, U64, U64_PAIR, Table, View
from runtime.turn import Turn

WRITTEN_PER_BYTE_MAX = 3
"""What is written anew stays on the disk for a while."""
THUMB = "thumb"
"""The kind of a file that is a small picture of another one."""
EXPIRY = "uploads"
EXPIRY_STEP_MS = HOUR_MS = 3_600_000
DISCARD_ROWS_MAX = 2 * limits.FILE_GRACE_S * 1000 // HOUR_MS


class UploadRow(Struct, frozen=True, array_like=True):
    """`active_ms`: when something was added last. `media`: what became of it, once it is
    finished. `written`: how many bytes were sent for it, repeated parts included. `begun_ms`: when
    it began: chunks that nobody holds are not kept for ever. `named`: the id that the parts of a
    finished one made."""

    size: int
    active_ms: int
    media: t.Media | None = None
    written: int = 0
    begun_ms: int = 0
    named: str = ""


class PartRow(Struct, frozen=True, array_like=True):
    hash: bytes


class FileRow(Struct, frozen=True, array_like=True):
    """A file that this user has uploaded: it counts towards the room of the account."""

    size: int
    kind: str
    uploaded_ms: int


class DiscardRow(Struct, frozen=True, array_like=True):
    """What came to nothing within an hour (its number since 1970 is the key)."""

    bytes: int


UPLOADS: Table[int, UploadRow] = Table(6, UploadRow, U64)
PARTS: Table[tuple[int, int], PartRow] = Table(7, PartRow, U64_PAIR)
FILES: Table[str, FileRow] = Table(8, FileRow, TEXT)
DISCARDED: Table[int, DiscardRow] = Table(9, DiscardRow, U64)


def _running(view: View, upload_id: int) -> UploadRow:
    row = UPLOADS.get(view, upload_id)
    if row is None:
        raise ApiError("upload_not_found")
    return row


def _uploads(view: View) -> list[tuple[int, UploadRow]]:
    return UPLOADS.scan(view, limit=limits.UPLOADS_PER_USER_MAX)


def _parts(view: View, upload_id: int) -> list[tuple[int, bytes]]:
    rows = PARTS.scan(view, (upload_id, 0), (upload_id + 1, 0), limit=limits.PARTS_MAX)
    return [(part, row.hash) for (_, part), row in rows]


def _shown(view: View, upload_id: int, row: UploadRow) -> t.Upload:
    if row.media is not None:  # the parts are forgotten, but nobody needs to send them again
        count = part_count(row.size)
        return t.Upload(upload_id, row.size, count, [t.PartRange(0, count - 1)])
    ranges: list[t.PartRange] = []
    for part, _ in _parts(view, upload_id):
        if ranges and ranges[-1].last == part - 1:
            ranges[-1] = t.PartRange(ranges[-1].first, part)
        else:
            ranges.append(t.PartRange(part, part))
    return t.Upload(upload_id, row.size, part_count(row.size), ranges)


@user.on(BeginUpload)
def begin(
    state: UserActor, message: BeginUpload, turn: Turn, spent: flood.Paid = None
) -> t.Upload | None:
    head = state.access()
    known = UPLOADS.get(turn, message.upload_id)
    if known is not None:
        if known.size != message.size:
            raise ApiError("invalid_params", "this upload has another size", field="/size")
        flood.give_back(turn, spent)
        return _shown(turn, message.upload_id, known)
    running = _uploads(turn)
    if len(running) >= limits.UPLOADS_PER_USER_MAX:
        raise ApiError("too_many", "finish or cancel an upload first")
    _check_room(head.media_bytes + _waiting_bytes(turn, running), message.size)
    if not flood.paid(turn, message, (("uploads", 1),), spent):
        return None
    UPLOADS.put(turn, message.upload_id, UploadRow(message.size, turn.now_ms, begun_ms=turn.now_ms))
    turn.set_timer(EXPIRY, turn.now_ms + EXPIRY_STEP_MS, ExpireUploads())
    return t.Upload(message.upload_id, message.size, part_count(message.size), [])


@user.on(UserSpent)
def spent(state: UserActor, message: UserSpent, turn: Turn) -> t.Upload | None:
    act = flood.act_of(message)
    assert isinstance(act, BeginUpload)
    return begin(state, act, turn, message)


def _waiting_bytes(view: View, uploads: list[tuple[int, UploadRow]]) -> int:
    """Of uploads that are not finished, and of what came to nothing."""
    planned = sum(max(row.size, row.written) for _, row in uploads if row.media is None)
    rows = DISCARDED.scan(view, _oldest_hour(view), limit=DISCARD_ROWS_MAX)
    return planned + sum(row.bytes for _, row in rows)


def _oldest_hour(view: View) -> int:
    """What came to nothing before it has been collected."""
    return max(0, view.now_ms - limits.FILE_GRACE_S * 1000) // HOUR_MS


def _discard(turn: Turn, size: int) -> None:
    """Count bytes that came to nothing, and forget those that have been collected."""
    gone = DISCARDED.scan(turn, 0, _oldest_hour(turn), limit=DISCARD_ROWS_MAX)
    for hour, _ in gone:
        DISCARDED.delete(turn, hour)
    hour = turn.now_ms // HOUR_MS
    row = DISCARDED.get(turn, hour) or DiscardRow(0)
    if size:
        DISCARDED.put(turn, hour, DiscardRow(row.bytes + size))


@user.on(BytesDiscarded)
def discarded(state: UserActor, message: BytesDiscarded, turn: Turn) -> t.Ok:
    state.access()
    _discard(turn, message.size)
    return t.Ok()


def _check_room(taken: int, more: int) -> None:
    if taken + more > limits.MEDIA_BYTES_PER_USER_MAX:
        raise ApiError("quota_exceeded", "your files take all the room that an account may take")


@user.reads(GetUpload)
def get_upload(view: View, message: GetUpload) -> t.Upload:
    return _shown(view, message.upload_id, _running(view, message.upload_id))


@user.on(PartsStored)
def parts_stored(state: UserActor, message: PartsStored, turn: Turn) -> t.Ok:
    """The chunks are in the pool. The same part again replaces it."""
    row = _expecting(turn, message.upload_id, [part for part, _ in message.parts])
    assert all(len(name) == HASH_BYTES for _, name in message.parts)
    written = row.written
    for part, name in message.parts:
        PARTS.put(turn, (message.upload_id, part), PartRow(name))
        written += part_bytes(row.size, part)
    UPLOADS.put(turn, message.upload_id, replace(row, active_ms=turn.now_ms, written=written))
    return t.Ok()


@user.reads(ExpectParts)
def expect_parts(view: View, message: ExpectParts) -> PartsExpected:
    parts = range(message.first, message.first + message.count)
    return PartsExpected(_expecting(view, message.upload_id, parts).size)


@user.reads(ExpectFile)
def expect_file(view: View, message: ExpectFile) -> t.Ok:
    head = HEAD.get(view, None)
    if head is None:
        raise ApiError("user_not_found")
    if FILES.get(view, message.file_id) is None:
        _check_room(head.media_bytes + _waiting_bytes(view, _uploads(view)), message.size)
    return t.Ok()


def _expecting(view: View, upload_id: int, parts: Iterable[int]) -> UploadRow:
    row = _running(view, upload_id)
    if row.media is not None:
        raise ApiError("part_invalid", "this upload is finished")
    if not all(part_bytes(row.size, part) for part in parts):
        raise ApiError("part_invalid", f"the file has {part_count(row.size)} parts")
    if row.written > WRITTEN_PER_BYTE_MAX * row.size + limits.PART_BYTES:
        raise ApiError("flood", "this upload was sent several times over", 3600.0)
    return row


@user.reads(GetParts)
def get_parts(view: View, message: GetParts) -> Parts:
    row = _running(view, message.upload_id)
    stored = _parts(view, message.upload_id)
    if row.media is None and len(stored) < part_count(row.size):
        raise ApiError(
            "upload_incomplete", f"{part_count(row.size) - len(stored)} parts are missing"
        )
    return Parts(row.size, [part for _, part in stored], row.media, row.named)


def check_named(named: str, asked: str) -> None:
    """`named`: the id that the parts of an upload make; empty where it was finished before that was
    noted. Raises `hash_mismatch`."""
    if named and named != asked:
        raise ApiError("hash_mismatch", f"these parts are the file {named}")


@user.on(KeepFile)
def keep_file(state: UserActor, message: KeepFile, turn: Turn) -> None:
    """Answered by the file's actor, which has heard of it then."""
    head = state.access()
    media, upload_id = message.media, message.upload_id
    known = FILES.get(turn, media.file_id)
    if known is None:
        waiting = 0 if upload_id else _waiting_bytes(turn, _uploads(turn))
        _check_room(head.media_bytes + waiting, media.size)
    spare = message.spare
    if upload_id:
        row = _running(turn, upload_id)
        check_named(row.named, message.named)
        parts = PARTS.scan(turn, (upload_id, 0), (upload_id + 1, 0), limit=limits.PARTS_MAX)
        if (
            row.media is None
            and text_of(file_id([part.hash for _, part in parts])) != message.named
        ):
            raise ApiError("hash_mismatch", "other parts were sent meanwhile; finish once more")
        spare = spare + max(0, row.written - row.size) if row.media is None else 0
        _discard(turn, spare)
        for key, _ in parts:
            PARTS.delete(turn, key)
        finished = replace(row, active_ms=turn.now_ms, media=media, named=message.named)
        UPLOADS.put(turn, upload_id, finished)
    else:
        _discard(turn, spare)
    if known is None:
        state.put(turn, replace(head, media_bytes=head.media_bytes + media.size))
    FILES.put(turn, media.file_id, FileRow(media.size, media.kind, turn.now_ms))
    sizes = {media.file_id: media.size}
    if media.thumb is not None:
        sizes[media.thumb.file_id] = media.thumb.size
    for kept_id, size in sizes.items():
        own = kept_id == media.file_id
        kept = FileKept(state.id, size, media.kind if own else THUMB, turn.now_ms)
        turn.send(addresses.file(kept_id), kept, answer=own)


@user.on(CancelUpload)
def cancel(state: UserActor, message: CancelUpload, turn: Turn) -> t.Ok:
    _forget(message.upload_id, turn)
    return t.Ok()


def _forget(upload_id: int, turn: Turn) -> None:
    row = UPLOADS.get(turn, upload_id)
    parts = PARTS.scan(turn, (upload_id, 0), (upload_id + 1, 0), limit=limits.PARTS_MAX)
    if row is not None and row.media is None:
        _discard(turn, row.written)
    for key, _ in parts:
        PARTS.delete(turn, key)
    UPLOADS.delete(turn, upload_id)


@user.on(ExpireUploads)
def expire(state: UserActor, message: ExpireUploads, turn: Turn) -> None:
    """One at a time: a turn scans before it writes."""
    uploads = _uploads(turn)
    idle_ms = turn.now_ms - limits.UPLOAD_S_MAX * 1000
    long_ms = turn.now_ms - limits.UPLOAD_TOTAL_S_MAX * 1000
    old = [
        upload_id for upload_id, row in uploads if row.active_ms < idle_ms or row.begun_ms < long_ms
    ]
    if old:
        _forget(old[0], turn)
    if len(uploads) > bool(old):
        step_ms = 1 if len(old) > 1 else EXPIRY_STEP_MS
        turn.set_timer(EXPIRY, turn.now_ms + step_ms, ExpireUploads())


@user.on(FileDeleted)
def file_deleted(state: UserActor, message: FileDeleted, turn: Turn) -> None:
    row = FILES.get(turn, message.file_id)
    if row is not None and row.uploaded_ms <= message.deleted_ms and state.head is not None:
        FILES.delete(turn, message.file_id)
        head = state.head
        state.put(turn, replace(head, media_bytes=max(0, head.media_bytes - row.size)))
