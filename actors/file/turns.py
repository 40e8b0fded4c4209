"""A file: who has uploaded it, and which chats and users refer to it.

Its bytes are chunks in the media pool (`media`), which asks before it deletes any of them.
Owns the decision: a file that is in no message and is nobody's picture, and that nobody has
uploaded for the grace period, is forgotten, and from then on its chunks may go. What users and
chats say comes by streams, exactly once; a file's own turns come one after another, so who uploads
it again is either heard before the decision, which is no then, or begins anew.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses
from actors.file.messages import Condemned, FileKept, FileReferred, FileReleased, MayDelete
from actors.user.messages import FileDeleted
from api import limits
from api import types as t
from runtime.kind import Kind
from runtime.rows import TEXT, U64, Table, View, head_table
from runtime.turn import Turn

RELEASED_MS = 3_600_000
"""So long after a message has given it up, a file is there: another that is being forwarded from it
may be about to refer to it."""
KEEPERS_STEP = 1_000
"""So many users are told of a deletion in one turn."""


class FileHead(Struct, frozen=True, array_like=True):
    """`kept_ms`: when it was uploaded last; `references`: how many messages have it, and how
    many users and groups as their picture; `released_ms`: when one of them gave it up last."""

    size: int = 0
    kind: str = ""
    kept_ms: int = 0
    references: int = 0
    released_ms: int = 0


class ReferrerRow(Struct, frozen=True, array_like=True):
    """Of a chat, or of a user (`addresses.user_mark`): how often it refers to the file."""

    references: int = 0


class KeeperRow(Struct, frozen=True, array_like=True):
    """Somebody who uploaded it, and when, by their own host's time."""

    kept_ms: int


HEAD = head_table(FileHead)
REFERRERS: Table[str, ReferrerRow] = Table(1, ReferrerRow, TEXT)
KEEPERS: Table[int, KeeperRow] = Table(2, KeeperRow, U64)


class FileActor:
    """In memory: the head (None: nobody has uploaded it)."""

    __slots__ = ("head", "id")

    def __init__(self, view: View) -> None:
        self.id = str(view.ref.key)
        self.head = HEAD.get(view, None)

    def put(self, turn: Turn, head: FileHead) -> None:
        self.head = head
        HEAD.put(turn, None, head)


file = Kind("file", FileActor)


@file.on(FileKept)
def kept(state: FileActor, message: FileKept, turn: Turn) -> t.Ok:
    head = state.head or FileHead()
    state.put(
        turn, replace(head, size=message.size, kind=head.kind or message.kind, kept_ms=turn.now_ms)
    )
    KEEPERS.put(turn, message.user_id, KeeperRow(message.uploaded_ms or turn.now_ms))
    return t.Ok()


@file.on(FileReferred)
def referred(state: FileActor, message: FileReferred, turn: Turn) -> None:
    head = state.head or FileHead()
    row = REFERRERS.get(turn, message.by) or ReferrerRow()
    REFERRERS.put(turn, message.by, ReferrerRow(row.references + 1))
    state.put(turn, replace(head, references=head.references + 1))


@file.on(FileReleased)
def released(state: FileActor, message: FileReleased, turn: Turn) -> None:
    row = REFERRERS.get(turn, message.by)
    if row is None or state.head is None:
        return  # from a past that was restored
    if row.references > 1:
        REFERRERS.put(turn, message.by, ReferrerRow(row.references - 1))
    else:
        REFERRERS.delete(turn, message.by)
    references = state.head.references - 1
    state.put(turn, replace(state.head, references=references, released_ms=turn.now_ms))


@file.on(MayDelete)
def may_delete(state: FileActor, message: MayDelete, turn: Turn) -> Condemned:
    head = state.head
    if head is None:
        return Condemned(True)
    used_ms = turn.now_ms - limits.FILE_GRACE_S * 1000
    given_up_ms = turn.now_ms - RELEASED_MS
    if head.references or head.kept_ms > used_ms or head.released_ms > given_up_ms:
        return Condemned(False)
    keepers = KEEPERS.scan(turn, limit=KEEPERS_STEP)
    for user_id, row in keepers:
        KEEPERS.delete(turn, user_id)
        turn.send(addresses.user(user_id), FileDeleted(state.id, row.kept_ms))
    if len(keepers) == KEEPERS_STEP:
        return Condemned(False)  # there may be more of them: ask again
    HEAD.delete(turn, None)
    state.head = None
    return Condemned(True)
