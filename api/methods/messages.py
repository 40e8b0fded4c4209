"""Messages, and how far they are read."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from api import limits
from api import types as t
from api.methods.fields import (
    ChatId,
    MessageId,
    MessageIdOrZero,
    MessageIds,
    RandomId,
    RandomIds,
    TextOrNone,
    Ticket,
)
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


@method(
    "messages.forward",
    to="gateway",
    result=t.SentAll,
    errors=(
        *IN_CHAT,
        "blocked",
        "message_not_found",
        "forbidden",
        "too_many",
        "quota_exceeded",
        "flood",
    ),
)
class ForwardMessages(Params, frozen=True):
    """Send messages that you can read into another chat, or the same one, as they are now, with who
    wrote them and when. Files are not uploaded again, and what becomes of the messages that they
    come from does not touch them any more. Answered when all are durable. They are sent one after
    the other, each by a random id of its own: where one is refused, those before it are sent;
    repeat with the same random ids. What tells of a change of a group cannot be forwarded."""

    from_chat_id: ChatId
    ids: MessageIds
    to_chat_id: ChatId
    random_ids: RandomIds


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
    ids: MessageIds


@method(
    "messages.edit",
    to="chat",
    result=t.Message,
    errors=(*IN_CHAT, "blocked", "message_not_found", "forbidden", "edit_expired", "flood"),
)
class EditMessage(Params, frozen=True):
    """Change the text of a message of your own, or that of its file; for `edit_s` of `help.limits`
    after it was sent, in your saved messages for ever. Answered with the message as it is now; the
    text that it had is gone. With the text that it has, nothing changes."""

    chat_id: ChatId
    id: MessageId
    text: TextOrNone


@method("messages.delete", to="chat", errors=(*IN_CHAT, "message_not_found", "forbidden"))
class DeleteMessages(Params, frozen=True):
    """Delete messages: for yourself alone, or `for_all`, which may be done with your own ones, with
    those of the other person of a private chat, and by a group's owner and admins with everybody's.
    What tells of a change of the group stays. Where one of them is not there or not yours to
    delete, nothing is deleted; those that are deleted already are passed over."""

    chat_id: ChatId
    ids: MessageIds
    for_all: bool


@method("messages.read", to="chat", result=t.ReadMark, errors=IN_CHAT)
class MarkRead(Params, frozen=True):
    """You have read a chat up to `max_id`. Marks only move forward."""

    chat_id: ChatId
    max_id: MessageId


@method("messages.typing", to="chat", errors=IN_CHAT)
class SetTyping(Params, frozen=True):
    """Tell the others that you are typing; it fades after `typing_s`."""

    chat_id: ChatId
