"""What can be read of a chat. Part of the chat actor (see `actors.chat.state`).

One gate mediates every read: a member reads from the message with which they joined; a past member
reads up to the message with which they left; to anybody else the chat does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from actors.chat.messages import GetOverview, GetSends, Overview, Sends
from actors.chat.state import (
    HEAD,
    MEMBERS,
    MESSAGES,
    PHOTO,
    SENDS,
    ChatActor,
    ChatHead,
    MemberRow,
    MessageRow,
    chat,
    hidden_of,
    readable,
    shown,
    view_of,
)
from api import types as t
from api.errors import ApiError
from api.methods import GetChat, GetHistory, GetMessages
from api.pages import fitting
from runtime.rows import View

TITLE_STEP = 1_000


def _access(view: View) -> tuple[ChatHead, MemberRow]:
    """The gate; the member may be a past one."""
    head = HEAD.get(view, None)
    member: MemberRow | None = MEMBERS.get(view, view.caller.user_id)
    if head is None or member is None:
        raise ApiError("chat_not_found")
    return head, member


def _shown(
    view: View, member: MemberRow, rows: list[tuple[int, MessageRow]]
) -> Iterator[t.Message]:
    """Messages as the caller, this member, sees them."""
    chat_id, viewer = str(view.ref.key), view.caller.user_id
    hidden = hidden_of(view, viewer, member, [number for number, _ in rows])
    for number, row in rows:
        yield shown(chat_id, number, row, viewer, hidden=number in hidden)


def _page(
    view: View, member: MemberRow, rows: list[tuple[int, MessageRow]], limit: int
) -> t.History:
    """As many of `rows` as fit, in ascending order."""
    page = fitting(_shown(view, member, rows[:limit]))
    return t.History(sorted(page, key=lambda message: message.id), len(page) < len(rows))


@chat.reads(GetHistory)
def history(view: View, message: GetHistory) -> t.History:
    head, member = _access(view)
    there, limit = readable(head, member), message.limit
    if message.after_id is not UNSET:
        if message.before_id:
            words = "ask for what is before a message or for what is after one, not for both"
            raise ApiError("invalid_params", words, field="/after_id")
        first = max(there.start, message.after_id + 1)
        rows = MESSAGES.scan(view, first, max(first, there.stop), limit=limit + 1)
        return _page(view, member, rows, limit)
    stop = min(there.stop, message.before_id or there.stop)
    start = min(there.start, stop)
    rows = MESSAGES.scan(view, start, stop, limit=limit + 1, reverse=True)
    return _page(view, member, rows, limit)


@chat.reads(GetMessages)
def messages(view: View, message: GetMessages) -> t.History:
    head, member = _access(view)
    there = readable(head, member)
    found: list[tuple[int, MessageRow]] = []
    for number in sorted(set(message.ids)):
        if number in there:
            row = MESSAGES.get(view, number)
            if row is not None:
                found.append((number, row))
    return _page(view, member, found, len(found))


@chat.reads(GetSends)
def sends(view: View, message: GetSends) -> Sends:
    _access(view)
    user_id = view.caller.user_id
    rows = [SENDS.get(view, (user_id, random_id)) for random_id in message.random_ids]
    return Sends([None if row is None else (row.message_id, row.date_ms) for row in rows])


@chat.reads(GetOverview)
def overview(view: View, message: GetOverview) -> Overview:
    head, member = _access(view)
    number = message.message_id
    title, photo = head.title, PHOTO.get(view, None) if head.kind == "group" else None
    if member.left_id:
        title, photo = member.title or _title_at(view, member.left_id), None
    row = MESSAGES.get(view, number) if number in readable(head, member) else None
    if row is None:
        return Overview(title, photo)
    return Overview(title, photo, *_shown(view, member, [(number, row)]))


def _title_at(view: View, message_id: int) -> str:
    """What a group was called at a message: for those who left before that was noted of them. The
    first message of every group tells its title."""
    end = message_id + 1
    while end > 1:
        rows = MESSAGES.scan(view, 1, end, limit=TITLE_STEP, reverse=True)
        for _, row in rows:
            if row.action is not None and row.action[0] in ("group_created", "renamed"):
                return row.action[2]
        if not rows:
            break
        end = rows[-1][0]
    return ""


@chat.reads(GetChat)
def get(view: View, message: GetChat) -> t.Chat:
    state = ChatActor(view)
    state.access(view.caller.user_id)
    return view_of(state, view)
