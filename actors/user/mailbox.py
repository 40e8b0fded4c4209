"""What chats tell a user: new messages and marks, and what the user's devices confirm.

Part of the user actor (see `actors.user.state`).
"""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses
from actors.chat.messages import Joined, MarkDelivered
from actors.updates import (
    DeletedEntry,
    DeliveredEntry,
    Entry,
    MessageEntry,
    ReadInboxEntry,
    ReadOutboxEntry,
)
from actors.user.messages import (
    CountUnread,
    Invite,
    MarksChanged,
    NewMessage,
    Received,
    SentBefore,
    Tell,
    TellDeleted,
)
from actors.user.state import BLOCKED, MAILBOX, UserActor, user
from api import types as t
from api.errors import ApiError
from api.frames import own_update
from runtime.turn import Turn

RECEIVED_STEP = 1_000
"""So many updates that a device confirms are looked at in a turn, and the others in the next."""


@user.on(NewMessage)
def new_message(state: UserActor, message: NewMessage, turn: Turn) -> t.Sent | None:
    """An event of a chat: number it, move the dialog up. If the sender waits, answer."""
    row = state.dialog(turn, message.chat_id)
    own = message.from_id == state.id
    unread = row.unread + (1 if message.notify and not own else 0)
    state.put_dialog(
        turn,
        message.chat_id,
        replace(
            row,
            top_id=message.message_id,
            top_date_ms=message.date_ms,
            unread=unread,
            left=message.left,
            top_pts=state.access().pts + 1,
        ),
    )
    entry = MessageEntry(message.chat_id, message.message_id, 1 if own else 0)
    answering = turn.answer_to is not None
    update = message.update
    if own and message.random_id:
        update = own_update(update, message.random_id)
    pts = state.record(turn, entry, update, skip=answering)
    if not own:
        state.remember(pts, message.chat_id, message.message_id)
    if not answering:
        return None
    return t.Sent(message.chat_id, message.message_id, message.date_ms, pts)


@user.on(Tell)
def tell(state: UserActor, message: Tell, turn: Turn) -> None:
    update = message.update
    if message.random_id:
        update = own_update(update, message.random_id)
    state.record(turn, message.entry, update)


@user.on(TellDeleted)
def deleted(state: UserActor, message: TellDeleted, turn: Turn) -> None:
    row = state.dialog(turn, message.chat_id)
    if message.unread:
        # (A member row that came from a backup may have a mark of before.)
        row = replace(row, unread=max(0, row.unread - message.unread))
        state.put_dialog(turn, message.chat_id, row)
    ids, revision = list(message.ids), message.revision
    state.record(turn, DeletedEntry(message.chat_id, ids, row.unread, revision))


@user.on(SentBefore)
def sent_before(state: UserActor, message: SentBefore, turn: Turn) -> t.Sent:
    return t.Sent(message.chat_id, message.message_id, message.date_ms)


@user.on(CountUnread)
def count_unread(state: UserActor, message: CountUnread, turn: Turn) -> t.ReadMark:
    return t.ReadMark(message.max_id, state.dialog(turn, message.chat_id).unread)


@user.on(MarksChanged)
def marks_changed(state: UserActor, message: MarksChanged, turn: Turn) -> t.ReadMark | None:
    row = state.dialog(turn, message.chat_id)
    kind, chat_id, max_id = message.kind, message.chat_id, message.max_id
    entry: Entry
    if kind == "read_inbox":
        unread = message.unread if message.seen < 0 else max(0, row.unread - message.seen)
        row = replace(row, read_inbox_id=max_id, unread=unread)
        entry = ReadInboxEntry(chat_id, max_id, unread)
    elif max_id <= (row.read_outbox_id if kind == "read_outbox" else row.delivered_id):
        return None  # somebody else was further
    elif kind == "read_outbox":
        row = replace(row, read_outbox_id=max_id)
        entry = ReadOutboxEntry(chat_id, max_id, message.user_id)
    else:
        row = replace(row, delivered_id=max_id)
        entry = DeliveredEntry(chat_id, max_id, message.user_id)
    state.put_dialog(turn, chat_id, row)
    state.record(turn, entry)
    return t.ReadMark(max_id, row.unread)


@user.on(Received)
def received(state: UserActor, message: Received, turn: Turn) -> None:
    """A device has everything up to `pts`: tell the chats, each once a step."""
    head = state.access()
    pts = message.pts
    if not head.delivered_pts < pts <= head.pts:
        return
    delivered: dict[str, int] = {}
    if head.delivered_pts < state.recent_after:
        rows = MAILBOX.scan(turn, head.delivered_pts + 1, pts + 1, limit=RECEIVED_STEP)
        if len(rows) == RECEIVED_STEP:
            pts = rows[-1][0]
        for _, entry in rows:
            if isinstance(entry, MessageEntry) and not entry.own:
                delivered[entry.chat_id] = entry.message_id
    while state.recent and state.recent[0][0] <= pts:
        _, chat_id, max_id = state.recent.pop(0)
        delivered[chat_id] = max(max_id, delivered.get(chat_id, 0))
    state.put(turn, replace(head, delivered_pts=pts))
    for chat_id, max_id in delivered.items():
        turn.send(addresses.chat(chat_id), MarkDelivered(state.id, max_id))
    if pts < message.pts:
        turn.send(turn.ref, message)


@user.on(Invite)
def invite(state: UserActor, message: Invite, turn: Turn) -> None:
    state.access()
    if BLOCKED.get(turn, message.by) is not None:
        raise ApiError("blocked", "this user does not let you add them to groups")
    turn.send(
        addresses.chat(message.chat_id), Joined(state.id, message.by, message.paid), answer=True
    )
