"""Messages, and how far they are read."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api import limits
from api import types as t
from api.methods.fields import ChatId, MessageId, MessageIdOrZero, RandomId, TextOrNone, Ticket
from api.methods.registry import IN_CHAT, Params, method


@method(
    "messages.send",
    to="chat",
    tickets=("media",),
    result=t.Sent,
    errors=(
        *IN_CHAT,
        "blocked",
        "ticket_invalid",
        "message_not_found",
        "too_many",
        "quota_exceeded",
        "flood",
    ),
)
class SendMessage(Params, frozen=True):
    """Send a text, a file, or both. Answered when it is durable; repeat with the same `random_id`
    until it is answered: it is stored once. A repetition is answered as the first, but without
    `pts`, and what it holds is not looked at: with another text, the first one stays. Messages
    with the same `album`, a number of your choice, are shown together."""

    chat_id: ChatId
    text: TextOrNone
    random_id: RandomId
    reply_to: MessageIdOrZero = 0
    media: Ticket = ""
    album: Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)] = 0


@method("messages.history", to="chat", result=t.History, read=True, errors=IN_CHAT)
class GetHistory(Params, frozen=True):
    """Messages of a chat by range of ids, in ascending order: the `limit` messages before
    `before_id` (0: the latest), or those after `after_id`; both together are refused. There may be
    fewer where they are long; `more` tells."""

    chat_id: ChatId
    before_id: MessageIdOrZero = 0
    after_id: MessageIdOrZero | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=limits.HISTORY_PAGE_MAX)] = 50


@method("messages.get", to="chat", result=t.History, read=True, errors=IN_CHAT)
class GetMessages(Params, frozen=True):
    """Messages by their ids; those that are not there or not yours to read are left out. With
    `more`, the answer was full: ask again for the ids after the last one."""

    chat_id: ChatId
    ids: Annotated[list[MessageId], Meta(min_length=1, max_length=limits.MESSAGES_PER_REQUEST_MAX)]


@method("messages.read", to="chat", result=t.ReadMark, errors=IN_CHAT)
class MarkRead(Params, frozen=True):
    """You have read a chat up to `max_id`. Marks only move forward."""

    chat_id: ChatId
    max_id: MessageId


@method("messages.typing", to="chat", errors=IN_CHAT)
class SetTyping(Params, frozen=True):
    """Tell the others that you are typing; it fades after `typing_s`."""

    chat_id: ChatId
