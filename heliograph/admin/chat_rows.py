"""The rows of one chat, as they are read from a store or a backup to be mended."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from actors.chat.state import (
    ALBUMS,
    EVENTS,
    HEAD,
    HIDDEN,
    MEMBERS,
    MESSAGES,
    PHOTO,
    SENDS,
    AlbumRow,
    ChatHead,
    EventRow,
    HiddenRow,
    MemberRow,
    MessageRow,
    SendRow,
)
from storage.backup.chunks import Row
from storage.keys import split_key

R = TypeVar("R")
_BY_NUMBER = {
    table.number: table for table in (HEAD, MEMBERS, MESSAGES, SENDS, PHOTO, ALBUMS, EVENTS, HIDDEN)
}


@dataclass
class ChatRows:
    """The rows of a chat; None where one fails its check. `head`: None also where there is none.
    `photo_damaged`: the row of its picture fails its check."""

    head: ChatHead | None = None
    members: dict[int, MemberRow | None] = field(default_factory=dict)
    messages: dict[int, MessageRow | None] = field(default_factory=dict)
    sends: dict[tuple[int, int], SendRow | None] = field(default_factory=dict)
    albums: dict[tuple[int, int], AlbumRow | None] = field(default_factory=dict)
    events: dict[int, EventRow | None] = field(default_factory=dict)
    hidden: dict[tuple[int, int], HiddenRow | None] = field(default_factory=dict)
    photo_damaged: bool = False

    @property
    def empty(self) -> bool:
        return self.head is None and not self.messages and not self.members

    @property
    def last_id(self) -> int:
        """The highest message id that these rows know of."""
        head = self.head.last_id if self.head else 0
        return max(head, *self.messages, *(row.message_id for row in good(self.sends)), 0)

    def put(self, number: int, key: Any, row: Any) -> None:
        """Take a row of this table in."""
        if number == HEAD.number:
            self.head = row
        elif number == PHOTO.number:
            self.photo_damaged = row is None
        else:
            rows: dict[int, dict[Any, Any]] = {
                MEMBERS.number: self.members,
                MESSAGES.number: self.messages,
                SENDS.number: self.sends,
                ALBUMS.number: self.albums,
                EVENTS.number: self.events,
                HIDDEN.number: self.hidden,
            }
            rows[number][key] = row


def read_rows(rows: Iterable[Row]) -> ChatRows:
    """Decode all rows of one chat."""
    found = ChatRows()
    for raw_key, raw in rows:
        _, _, number, suffix = split_key(raw_key)
        table: Any = _BY_NUMBER.get(number)
        if table is None:
            continue
        try:
            key = table.key.decode(suffix)
        except (struct.error, ValueError):
            continue
        try:
            row = None if raw is None else table.decode(raw)
        except msgspec.MsgspecError:
            row = None
        found.put(number, key, row)
    return found


def good(rows: dict[Any, R | None]) -> list[R]:
    """Those that pass their check."""
    return [row for row in rows.values() if row is not None]


def revision_of(row: MessageRow) -> int:
    """The chat's `pts` of a message's last change; 0 if there was none."""
    return 0 if row.change is None else row.change.revision


def shares_past(here: ChatRows, backup: ChatRows) -> bool:
    """Whether a backup is of this chat's own past. One that was made before the server was brought
    back to an earlier moment may have other messages with the same numbers, or other changes."""
    both = ((row, here.messages.get(number)) for number, row in backup.messages.items())
    return all(there is None or now is None or _may_become(there, now) for there, now in both)


def _may_become(there: MessageRow, now: MessageRow) -> bool:
    if now.deleted and not now.from_id:
        return True  # it was mended, without knowing whose it was
    if revision_of(there) == revision_of(now):
        return there == now
    was, is_now = ((row.from_id, row.date_ms, row.random_id) for row in (there, now))
    return revision_of(there) < revision_of(now) and was == is_now
