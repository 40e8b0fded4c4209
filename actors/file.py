"""A file: who has uploaded it and which chats refer to it.

Its bytes are chunks in the media pool (`actors.media`), which asks before it deletes any of them.
Owns the decision: a file that no message has, and that nobody has uploaded for the grace period,
is forgotten, and from then on its chunks may go. What users and chats say comes by streams, exactly
once; a file's own turns come one after another, so who uploads it again is either heard before the
decision, which is no then, or begins anew.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors.messages import Condemned, FileDeleted, FileKept, FileReferred, MayDelete
from actors.runtime import refs
from actors.runtime.kind import Kind
from actors.runtime.rows import TEXT, U64, Table, View, head_table
from actors.runtime.turn import Turn
from api import limits
from api import types as t

KEEPERS_STEP = 1_000
"""So many users are told of a deletion in one turn."""


class FileHead(Struct, frozen=True, array_like=True):
    """`kept_ms`: when it was uploaded last; `references`: how many messages have it."""

    size: int = 0
    kind: str = ""
    kept_ms: int = 0
    references: int = 0


class ChatRow(Struct, frozen=True, array_like=True):
    """`references`: how many messages of the chat have the file."""

    references: int = 0


class KeeperRow(Struct, frozen=True, array_like=True):
    """Somebody who uploaded it."""

    kept_ms: int


HEAD = head_table(FileHead)
CHATS: Table[str, ChatRow] = Table(1, ChatRow, TEXT)
KEEPERS: Table[int, KeeperRow] = Table(2, KeeperRow, U64)


class File:
    """In memory: the head (None: nobody has uploaded it)."""

    __slots__ = ("head", "id")

    def __init__(self, view: View) -> None:
        self.id = str(view.ref.key)
        self.head = HEAD.get(view, None)

    def put(self, turn: Turn, head: FileHead) -> None:
        self.head = head
        HEAD.put(turn, None, head)


file = Kind("file", File)


@file.on(FileKept)
def kept(state: File, message: FileKept, turn: Turn) -> t.Ok:
    head = state.head or FileHead()
    state.put(
        turn, replace(head, size=message.size, kind=head.kind or message.kind, kept_ms=turn.now_ms)
    )
    KEEPERS.put(turn, message.user_id, KeeperRow(turn.now_ms))
    return t.Ok()


@file.on(FileReferred)
def referred(state: File, message: FileReferred, turn: Turn) -> None:
    head = state.head or FileHead()
    row = CHATS.get(turn, message.chat_id) or ChatRow()
    CHATS.put(turn, message.chat_id, ChatRow(row.references + 1))
    state.put(turn, replace(head, references=head.references + 1))


@file.on(MayDelete)
def may_delete(state: File, message: MayDelete, turn: Turn) -> Condemned:
    head = state.head
    if head is None:
        return Condemned(True)
    used_ms = turn.now_ms - limits.FILE_GRACE_S * 1000
    if head.references or head.kept_ms > used_ms:
        return Condemned(False)
    keepers = KEEPERS.scan(turn, limit=KEEPERS_STEP)
    for user_id, _ in keepers:
        KEEPERS.delete(turn, user_id)
        turn.send(refs.user(user_id), FileDeleted(state.id, turn.now_ms))
    if len(keepers) == KEEPERS_STEP:
        return Condemned(False)  # there may be more of them: ask again
    HEAD.delete(turn, None)
    state.head = None
    return Condemned(True)
