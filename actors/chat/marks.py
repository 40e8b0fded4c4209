"""How far members have received and read."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses
from actors.chat.messages import MarkDelivered, ReadOn
from actors.chat.state import (
    MESSAGES,
    ChatActor,
    MemberRow,
    MessageRow,
    chat,
    hidden_of,
)
from actors.user.messages import CountUnread, MarksChanged
from api import types as t
from api.methods import MarkRead
from runtime.turn import Turn

MARK_STEP = 1_000
"""A mark moves over so many messages in a turn; one that has further to go goes on in the next."""
UNREAD_ROWS_MAX = 1_000
"""So many messages after a mark are counted; of more, it is counted how many it passes."""


@chat.on(MarkRead)
def mark_read(state: ChatActor, message: MarkRead, turn: Turn) -> t.ReadMark | None:
    state.access(turn.caller.user_id)
    return read_on(state, ReadOn(turn.caller.user_id, message.max_id), turn)


@chat.on(ReadOn)
def read_on(state: ChatActor, message: ReadOn, turn: Turn) -> t.ReadMark | None:
    """One step. Where few messages are left after the mark, they are counted here, exactly; where
    there are many, what this step passes is counted, and the user knows how many there were. Each
    step tells of itself alone: another mark may pass between two of them."""
    user_id = message.user_id
    head, member = state.access(user_id)
    old_id = max(member.read_id, member.first_id - 1)
    goal = max(old_id, min(message.max_id, head.last_id))
    few = head.last_id - goal <= UNREAD_ROWS_MAX
    max_id = goal if few and head.kind != "group" else min(goal, old_id + MARK_STEP)
    left = range(goal + 1, head.last_id + 1)
    unread = of_others(turn, user_id, member, left) if few and max_id == goal else 0
    if max_id == old_id:
        if few:
            return t.ReadMark(goal, unread)
        turn.send(addresses.user(user_id), CountUnread(state.id, goal), answer=True)
        return None
    arrived = max_id == goal
    passed = range(old_id + 1, max_id + 1)
    seen = -1 if few and arrived else of_others(turn, user_id, member, passed)
    senders = _senders(state, user_id, old_id, max_id, "read_id", turn)
    state.put_member(turn, user_id, replace(member, read_id=max_id))
    for sender in senders:
        turn.send(addresses.user(sender), MarksChanged(state.id, "read_outbox", goal, user_id))
    mark = MarksChanged(state.id, "read_inbox", max_id, user_id, unread, seen)
    turn.send(addresses.user(user_id), mark, answer=arrived and not few)
    if not arrived:
        turn.send(turn.ref, ReadOn(user_id, goal), answer=True)
    return t.ReadMark(goal, unread) if arrived and few else None


@chat.on(MarkDelivered)
def mark_delivered(state: ChatActor, message: MarkDelivered, turn: Turn) -> None:
    """One step."""
    user_id = message.user_id
    member = state.members.get(user_id)
    if state.head is None or member is None:
        return
    old_id = max(member.delivered_id, member.first_id - 1)
    goal = min(message.max_id, state.head.last_id)
    max_id = min(goal, old_id + MARK_STEP)
    if max_id <= old_id:
        return
    senders = _senders(state, user_id, old_id, max_id, "delivered_id", turn)
    state.put_member(turn, user_id, replace(member, delivered_id=max_id))
    for sender in senders:
        turn.send(addresses.user(sender), MarksChanged(state.id, "delivered", goal, user_id))
    if max_id < goal:
        turn.send(turn.ref, message)


def _senders(
    state: ChatActor, user_id: int, old_id: int, max_id: int, mark: str, turn: Turn
) -> list[int]:
    """To whom it is news that a member has seen (old_id, max_id]. The first to see a message
    counts: to those of whom nobody else has seen the latest one in there. Service messages are
    nobody's. In a private chat there is only one to tell, unless the member blocks them."""
    if state.head is not None and state.head.kind != "group":
        hidden = user_id in state.head.blocked_by
        return [] if hidden else [other for other in state.members if other != user_id]
    latest: dict[int, int] = {}
    rows = MESSAGES.scan(turn, old_id + 1, max_id + 1, limit=max_id - old_id, reverse=True)
    for message_id, row in rows:
        if row.from_id != user_id and row.from_id in state.members and row.action is None:
            latest.setdefault(row.from_id, message_id)
    return [
        sender
        for sender, message_id in latest.items()
        if not any(
            member.first_id <= message_id <= getattr(member, mark)
            for other, member in state.members.items()
            if other != sender
        )
    ]


def of_others(turn: Turn, user_id: int, member: MemberRow, ids: range) -> int:
    """How many of these messages a member has to read: those of others that are there."""
    if not ids:
        return 0
    hidden = hidden_of(turn, user_id, member, ids)
    rows = MESSAGES.scan(turn, ids.start, ids.stop, limit=len(ids))
    return sum(counts(user_id, row) and number not in hidden for number, row in rows)


def counts(user_id: int, row: MessageRow) -> bool:
    """Whether a message is one that a member can have unread."""
    return row.from_id != user_id and not row.deleted
