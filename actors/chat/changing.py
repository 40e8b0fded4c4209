"""Editing and deleting messages.

A change replaces the row of its message; what stood there before is not kept anywhere. Everybody
who may read the message is told, those too who have left the chat since.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses, flood
from actors.chat.marks import counts
from actors.chat.sending import check_text, may_write, pays
from actors.chat.state import (
    ACTS,
    ALBUMS,
    HIDDEN,
    MEMBERS,
    MESSAGES,
    UNCHANGED,
    AlbumRow,
    Change,
    ChatActor,
    ChatHead,
    HiddenRow,
    MemberRow,
    MessageRow,
    chat,
    hidden_of,
    readable,
    shown,
)
from actors.file.messages import FileReleased
from actors.updates import EditedEntry
from actors.user.messages import Tell, TellDeleted
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import encode as to_json
from api.methods import DeleteMessages, EditMessage
from runtime.turn import Turn

STAYS = "this message tells of a change of the group, and stays as it is"


@chat.on(EditMessage)
def edit(
    state: ChatActor, message: EditMessage, turn: Turn, spent: flood.Paid = None
) -> t.Message | None:
    user_id, number = turn.caller.user_id, message.id
    head, member = state.access(user_id)
    row = MESSAGES.get(turn, number)
    caller = _Reader(turn, head, user_id, member, [number])
    if row is None or row.deleted or not caller.sees(number):
        raise ApiError("message_not_found")
    _check_edit(head, message, row, turn)
    may_write(head, user_id)
    if row.text == message.text:
        flood.give_back(turn, spent)
        return shown(state.id, number, row, user_id)
    readers = _readers(turn, head, [number])
    if not pays(state, message, turn, spent):
        return None
    change = replace(row.change or UNCHANGED, edited_ms=turn.date_ms)
    row = state.change(turn, number, replace(row, text=message.text), change)
    assert row.change is not None
    update = to_json(t.MessageEdited(shown(state.id, number, row)))
    entry = EditedEntry(state.id, number, row.change.revision)
    for reader in readers:
        if reader.sees(number):
            own = row.random_id if reader.user_id == row.from_id else 0
            turn.send(addresses.user(reader.user_id), Tell(entry, update, own))
    return shown(state.id, number, row, user_id)


ACTS[EditMessage] = edit


def _check_edit(head: ChatHead, message: EditMessage, row: MessageRow, turn: Turn) -> None:
    if row.from_id != turn.caller.user_id:
        raise ApiError("forbidden", "only who has sent a message may change it")
    if row.action is not None:
        raise ApiError("forbidden", STAYS)
    if row.forward is not None:
        raise ApiError("forbidden", "a forwarded message stays as its author has written it")
    check_text(message.text, row.media is not None)
    age_ms = turn.date_ms - row.date_ms
    if head.kind != "saved" and age_ms > limits.EDIT_S * 1000 and row.text != message.text:
        hours = limits.EDIT_S // 3600
        raise ApiError("edit_expired", f"a message can be changed for {hours} hours")


@chat.on(DeleteMessages)
def delete(state: ChatActor, message: DeleteMessages, turn: Turn) -> t.Ok:
    user_id = turn.caller.user_id
    member = MEMBERS.get(turn, user_id)
    if message.for_all:
        state.access(user_id)
    head = state.head
    if head is None or member is None:
        raise ApiError("chat_not_found")
    ids, there = sorted(set(message.ids)), readable(head, member)
    if not all(number in there for number in ids):
        raise ApiError("message_not_found", "not all of these messages are there")
    found = {number: MESSAGES.get(turn, number) for number in ids}
    rows = {number: row for number, row in found.items() if row is not None and not row.deleted}
    for row in rows.values():
        _check_delete(head, member, row, message, turn)
    if message.for_all:
        _delete(state, head, rows, turn)
    else:
        _hide(state, head, member, rows, turn)
    return t.Ok()


def _check_delete(
    head: ChatHead, member: MemberRow, row: MessageRow, message: DeleteMessages, turn: Turn
) -> None:
    if row.action is not None:
        raise ApiError("forbidden", STAYS)
    others = head.kind == "group" and row.from_id != turn.caller.user_id
    if message.for_all and others and member.role == "member":
        raise ApiError("forbidden", "only admins may delete what others have written for all")


class _Reader:
    """A member, or past member, and which of some messages (`ids`) they see."""

    def __init__(
        self, turn: Turn, head: ChatHead, user_id: int, member: MemberRow, ids: list[int]
    ) -> None:
        self.user_id = user_id
        self._member = member
        self._there = readable(head, member)
        self._hidden = hidden_of(turn, user_id, member, ids)

    def sees(self, message_id: int) -> bool:
        """They may read it, and have not deleted it for themselves."""
        return message_id in self._there and message_id not in self._hidden

    def unread(self, message_id: int, row: MessageRow) -> bool:
        """Whether it is unread to them. (Nothing is to who has left.)"""
        unseen = not self._member.left_id and message_id > self._member.read_id
        return unseen and counts(self.user_id, row) and self.sees(message_id)


def _readers(turn: Turn, head: ChatHead, ids: list[int]) -> list[_Reader]:
    """Everybody who is or was in the chat."""
    return [_Reader(turn, head, user_id, member, ids) for user_id, member in MEMBERS.all(turn)]


def _delete(state: ChatActor, head: ChatHead, rows: dict[int, MessageRow], turn: Turn) -> None:
    """For all. Told once to each of those who could read some of them."""
    if not rows:
        return
    readers = _readers(turn, head, list(rows))
    revision = 0
    for number, row in rows.items():
        revision = _bury(state, number, row, turn)
    for reader in readers:
        ids = tuple(number for number in rows if reader.sees(number))
        if ids:
            unread = sum(reader.unread(number, row) for number, row in rows.items())
            told = TellDeleted(state.id, ids, unread, revision)
            turn.send(addresses.user(reader.user_id), told)


def _bury(state: ChatActor, number: int, row: MessageRow, turn: Turn) -> int:
    """A tombstone takes the message's place; returns its revision."""
    head = state.head
    assert head is not None
    if row.media is not None:
        state.put(turn, replace(head, media_bytes=head.media_bytes - row.media.size))
        for file_id in row.media.file_ids():
            turn.send(addresses.file(file_id), FileReleased(state.id))
    if row.album:
        _leave_album(row, turn)
    tombstone = MessageRow(row.from_id, row.date_ms, "", row.random_id)
    tombstone = state.change(turn, number, tombstone, Change(0, deleted_ms=turn.date_ms))
    assert tombstone.change is not None
    return tombstone.change.revision


def _leave_album(row: MessageRow, turn: Turn) -> None:
    """(One that was begun before its messages were counted may have more than are.)"""
    album = (row.from_id, row.album)
    known = ALBUMS.get(turn, album)
    if known is not None and known.messages > 1:
        ALBUMS.put(turn, album, AlbumRow(known.messages - 1))
    elif known is not None:
        ALBUMS.delete(turn, album)


def _hide(
    state: ChatActor,
    head: ChatHead,
    member: MemberRow,
    rows: dict[int, MessageRow],
    turn: Turn,
) -> None:
    """For the caller alone."""
    if not rows:
        return
    user_id = turn.caller.user_id
    reader = _Reader(turn, head, user_id, member, list(rows))
    ids = tuple(number for number in rows if reader.sees(number))
    if not ids:
        return
    unread = sum(reader.unread(number, rows[number]) for number in ids)
    for number in ids:
        HIDDEN.put(turn, (user_id, number), HiddenRow(turn.date_ms))
    state.put_member(turn, user_id, replace(member, hidden=member.hidden + len(ids)))
    turn.send(addresses.user(user_id), TellDeleted(state.id, ids, unread))
