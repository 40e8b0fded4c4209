"""Private chats: they are opened, and one side blocks the other."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses, flood
from actors.chat.messages import OpenChat, SetBlock
from actors.chat.state import ACTS, ChatActor, ChatHead, MemberRow, chat, view_of
from actors.user.messages import MarksChanged
from api import types as t
from runtime.turn import Turn


@chat.on(OpenChat)
def open_chat(
    state: ChatActor, message: OpenChat, turn: Turn, spent: flood.Paid = None
) -> t.Chat | None:
    """Both users exist. Opening an open chat changes nothing."""
    head = state.head
    if head is not None and head.created_ms:
        flood.give_back(turn, spent)
    else:
        saved = message.opener_id == message.peer_id
        if not saved and not flood.paid(turn, message, (("chats", 1),), spent):
            return None
        blocked_by = () if head is None else head.blocked_by
        state.put(turn, ChatHead("saved" if saved else "private", "", turn.date_ms, 0, blocked_by))
        for user_id in {message.opener_id, message.peer_id}:
            state.put_member(turn, user_id, MemberRow("member", turn.date_ms, 1))
    return view_of(state, turn)


@chat.on(SetBlock)
def set_block(state: ChatActor, message: SetBlock, turn: Turn) -> None:
    """Where the chat is not open yet, the block is kept for when it is."""
    head = state.head or ChatHead("private", "", 0)
    others = tuple(user_id for user_id in head.blocked_by if user_id != message.blocker_id)
    blocked_by = (*others, message.blocker_id) if message.blocked else others
    state.put(turn, replace(head, blocked_by=blocked_by))
    row = state.members.get(message.blocker_id)
    if row is None:
        return
    if not message.blocked:
        _tell_marks(state, message.blocker_id, row, turn)
    elif message.blocker_id not in head.blocked_by:
        told = replace(row, told_delivered_id=row.delivered_id, told_read_id=row.read_id)
        state.put_member(turn, message.blocker_id, told)


def _tell_marks(state: ChatActor, user_id: int, row: MemberRow, turn: Turn) -> None:
    """What somebody has received and read, also while they told nobody of it."""
    for other in state.members:
        if other != user_id:
            for kind, max_id in (("delivered", row.delivered_id), ("read_outbox", row.read_id)):
                turn.send(addresses.user(other), MarksChanged(state.id, kind, max_id, user_id))


ACTS[OpenChat] = open_chat
