"""What of a chat's rows is lost, and what it has to be: nothing is read or written here.

Messages never change, and every change to a group is a message, so a chat can be put together
again. A lost message is taken from a backup. A lost head or member is taken from there too, and
brought up to date by the service messages since. What a `random_id` became stands in the messages.
Rows that pass their check are never touched, but the count of an album that has lost messages; and
the number of the last message never goes back.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from actors.chat.state import (
    ALBUMS,
    HEAD,
    MEMBERS,
    MESSAGES,
    PHOTO,
    SENDS,
    AlbumRow,
    ChatHead,
    MemberRow,
    MessageRow,
    SendRow,
)
from api import limits
from storage.backup.chunks import Row
from storage.keys import split_key

R = TypeVar("R")
_BY_NUMBER = {table.number: table for table in (HEAD, MEMBERS, MESSAGES, SENDS, PHOTO, ALBUMS)}


@dataclass
class ChatRows:
    """The rows of a chat; None where one fails its check. `head`: None also where there is none.
    `photo_damaged`: the row of its picture fails its check."""

    head: ChatHead | None = None
    members: dict[int, MemberRow | None] = field(default_factory=dict)
    messages: dict[int, MessageRow | None] = field(default_factory=dict)
    sends: dict[tuple[int, int], SendRow | None] = field(default_factory=dict)
    albums: dict[tuple[int, int], AlbumRow | None] = field(default_factory=dict)
    photo_damaged: bool = False

    @property
    def empty(self) -> bool:
        return self.head is None and not self.messages and not self.members

    @property
    def last_id(self) -> int:
        """The highest message id that these rows know of."""
        head = self.head.last_id if self.head else 0
        return max(head, *self.messages, *(row.message_id for row in _good(self.sends)), 0)


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
        if table is HEAD:
            found.head = row
        elif table is MEMBERS:
            found.members[key] = row
        elif table is MESSAGES:
            found.messages[key] = row
        elif table is PHOTO:
            found.photo_damaged = row is None
        elif table is ALBUMS:
            found.albums[key] = row
        else:
            found.sends[key] = row
    return found


def _good(rows: dict[Any, R | None]) -> list[R]:
    return [row for row in rows.values() if row is not None]


def shares_past(here: ChatRows, backup: ChatRows) -> bool:
    """Whether a backup is of this chat's own past. One that was made before the server was brought
    back to an earlier moment may have other messages with the same numbers."""
    both = ((row, here.messages.get(number)) for number, row in backup.messages.items())
    return all(there is None or now is None or there == now for there, now in both)


@dataclass
class Mended:
    """Rows to be written, and what could not be found (`lost`). `photo_removed`: the row of the
    picture, which may have been released since the backup, is deleted."""

    head: ChatHead | None = None
    members: dict[int, MemberRow] = field(default_factory=dict)
    messages: dict[int, MessageRow] = field(default_factory=dict)
    sends: dict[tuple[int, int], SendRow | None] = field(default_factory=dict)
    albums: dict[tuple[int, int], AlbumRow] = field(default_factory=dict)
    photo_removed: bool = False
    lost: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        single = (self.head is not None) + self.photo_removed
        rows = len(self.members) + len(self.messages) + len(self.sends) + len(self.albums)
        return single + rows


def mend(here: ChatRows, backups: Iterable[ChatRows], last_id: int) -> Mended:
    """What has to be written so that the chat is whole. `backups`: newest first, those that share
    its past; `last_id`: the highest id that anybody has seen of it."""
    last_id = max(last_id, here.last_id)
    mended = Mended()
    lost = {n for n in range(1, last_id + 1) if here.messages.get(n) is None}
    needs_head = here.head is None or here.head.last_id < last_id
    base: ChatRows | None = None
    for backup in backups:
        if base is None and backup.head is not None:
            base = backup
        found = {n: row for n in lost if (row := backup.messages.get(n)) is not None}
        mended.messages |= found
        lost -= found.keys()
        if base is not None and not lost:
            break
    mended.lost += [f"message {number} is in no backup" for number in sorted(lost)]
    past = _replayed(base or ChatRows(), here, mended, last_id)
    if needs_head:
        _mend_head(here, past, last_id, mended)
    for user_id in past.members.keys() | here.members.keys():
        if here.members.get(user_id) is not None:
            continue
        member = past.members.get(user_id)
        if member is None:
            mended.lost.append(f"member {user_id} is in no backup")
        else:
            mended.members[user_id] = member
    _mend_sends(here, mended, last_id)
    _mend_albums(here, mended)
    if here.photo_damaged:
        mended.photo_removed = True
        mended.lost.append("the picture of the group: set it again")
    return mended


def _mend_head(here: ChatRows, past: ChatRows, last_id: int, mended: Mended) -> None:
    head = here.head or past.head
    if head is None:
        mended.lost.append("what the chat is called and of which kind it is, is in no backup")
    else:
        mended.head = replace(head, last_id=last_id)


def _replayed(base: ChatRows, here: ChatRows, mended: Mended, last_id: int) -> ChatRows:
    """The head and members of a backup, brought up to date by the service messages since."""
    head = base.head
    members = {user_id: row for user_id, row in base.members.items() if row is not None}
    for number in range(head.last_id + 1 if head else 1, last_id + 1):
        message = mended.messages.get(number) or here.messages.get(number)
        if message is not None and message.action is not None:
            head = _act(head, members, number, message)
    return ChatRows(head, dict(members))


def _act(
    head: ChatHead | None, members: dict[int, MemberRow], number: int, message: MessageRow
) -> ChatHead | None:
    """What a service message did, as `actors.chat.group` does it."""
    assert message.action is not None
    kind, user_id, text = message.action
    by, row = message.from_id, members.get(user_id)
    if kind == "group_created":
        members[by] = MemberRow("owner", message.date_ms, number)
        return ChatHead("group", text, message.date_ms)
    if kind == "renamed":
        return head and replace(head, title=text)
    if kind == "member_added":
        members[user_id] = MemberRow("member", message.date_ms, number)
    elif row is None:
        return head
    elif kind in ("member_left", "member_removed"):
        members[user_id] = replace(row, role="member", left_id=number)
    elif kind in ("admin_added", "admin_removed"):
        members[user_id] = replace(row, role="admin" if kind == "admin_added" else "member")
    elif kind == "owner_changed":
        members[user_id] = replace(row, role="owner")
        if by in members:
            members[by] = replace(members[by], role="admin")
    return head


def _mend_sends(here: ChatRows, mended: Mended, last_id: int) -> None:
    """A repeated send of a message that is there must find it; a damaged row that no message
    explains is of one that is forgotten, unless messages are lost."""
    wanted: dict[tuple[int, int], SendRow] = {}
    for number in range(max(1, last_id - limits.RANDOM_IDS_PER_CHAT_MAX + 1), last_id + 1):
        message = mended.messages.get(number) or here.messages.get(number)
        if message is not None and message.random_id:
            wanted[(message.from_id, message.random_id)] = SendRow(number, message.date_ms)
    for send, row in wanted.items():
        if here.sends.get(send) is None:
            mended.sends[send] = row
    if not mended.lost:
        damaged = (send for send, row in here.sends.items() if row is None)
        mended.sends |= dict.fromkeys((send for send in damaged if send not in wanted), None)


def _mend_albums(here: ChatRows, mended: Mended) -> None:
    """Albums of which the row is damaged, or messages came back or are lost, are counted again."""
    there = _albums({**here.messages, **mended.messages})
    unknown = [album for album, row in here.albums.items() if row is None]
    unknown += [album for album in _albums(mended.messages) if album not in here.albums]
    if mended.lost:
        known = [(album, row) for album, row in here.albums.items() if row is not None]
        unknown += [album for album, row in known if row.messages > there[album]]
    mended.albums |= {album: AlbumRow(there[album]) for album in unknown}


def _albums(messages: Mapping[int, MessageRow | None]) -> Counter[tuple[int, int]]:
    """How many of them are in each album of each sender."""
    return Counter((row.from_id, row.album) for row in messages.values() if row and row.album)
