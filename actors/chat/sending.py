"""Sending messages, and telling that somebody types."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses, flood
from actors.chat.messages import TakeForwarded
from actors.chat.state import (
    ACTS,
    ALBUMS,
    ANSWERED,
    SENDS,
    AlbumRow,
    ChatActor,
    ChatHead,
    MessageRow,
    SendRow,
    chat,
)
from actors.file.messages import FileReferred
from actors.tickets import media_in
from actors.user.messages import SentBefore, ShowEvent
from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import event_frame
from api.methods import SendMessage, SetTyping
from runtime.turn import Turn


@chat.on(SendMessage)
def send(state: ChatActor, message: SendMessage, turn: Turn, spent: flood.Paid = None) -> None:
    """Answered by the sender's user, whose mailbox numbers it."""
    state.access(turn.caller.user_id)
    check_text(message.text, bool(message.media))
    row = MessageRow(
        turn.caller.user_id,
        turn.date_ms,
        message.text,
        message.random_id,
        message.reply_to,
        # The ticket was checked by the gateway.
        media=media_in(message.media) if message.media else None,
        album=message.album,
    )
    _post(state, message, row, turn, spent)


@chat.on(TakeForwarded)
def take(state: ChatActor, message: TakeForwarded, turn: Turn, spent: flood.Paid = None) -> None:
    state.access(turn.caller.user_id)
    row = MessageRow(
        turn.caller.user_id,
        turn.date_ms,
        message.text,
        message.random_id,
        media=message.media,
        album=message.album,
        forward=message.origin,
    )
    _post(state, message, row, turn, spent)


def _post(state: ChatActor, act: flood.Act, row: MessageRow, turn: Turn, spent: flood.Paid) -> None:
    """Put a member's message into the chat; one whose `random_id` is known is there."""
    head, sender = state.head, row.from_id
    assert head is not None
    known = SENDS.get(turn, (sender, row.random_id))
    if known is not None:
        flood.give_back(turn, spent)
        again = SentBefore(state.id, known.message_id, known.date_ms)
        turn.send(addresses.user(sender), again, answer=True)
        return
    may_write(head, sender)
    if row.reply_to > head.last_id:
        raise ApiError("message_not_found", "the message to reply to is not there")
    if row.media is not None:
        _check_room(head, row.media)
    album = _album(row, turn) if row.album else None
    if not pays(state, act, turn, spent):
        return
    for file_id in row.media.file_ids() if row.media is not None else ():
        turn.send(addresses.file(file_id), FileReferred(state.id))
    SENDS.put(turn, (sender, row.random_id), SendRow(head.last_id + 1, turn.date_ms))
    if album is not None:
        ALBUMS.put(turn, (sender, row.album), album)
    state.append(turn, row)


def may_write(head: ChatHead, user_id: int) -> None:
    """Raises `blocked`."""
    if user_id in head.blocked_by:
        raise ApiError("blocked", "you block this user; take the block back to write to them")
    if head.blocked_by:
        raise ApiError("blocked")


def pays(state: ChatActor, act: flood.Act, turn: Turn, spent: flood.Paid) -> bool:
    """Whether the caller may write now: what is written to somebody who has never answered is paid
    for (see `flood.paid`)."""
    head = state.head
    assert head is not None
    if head.kind != "private" or head.unanswered == ANSWERED:
        return True
    unanswered = _unanswered(state, head, turn)
    if unanswered == turn.caller.user_id and not flood.paid(turn, act, (("strangers", 1),), spent):
        return False
    if unanswered != head.unanswered:
        state.put(turn, replace(head, unanswered=unanswered))
    return True


def _unanswered(state: ChatActor, head: ChatHead, turn: Turn) -> int:
    """Who will have written without an answer when the caller has written."""
    sender = turn.caller.user_id
    if head.unanswered:
        return sender if head.unanswered == sender else ANSWERED
    if not head.last_id:
        return sender
    # The chat is older than this. Sends are remembered for long; what is older counts as answered.
    (peer,) = (user_id for user_id in state.members if user_id != sender)
    wrote = SENDS.scan(turn, (peer, 0), (peer + 1, 0), limit=1)
    return ANSWERED if wrote or head.last_id > limits.RANDOM_IDS_PER_CHAT_MAX else sender


def check_text(text: str, media: bool) -> None:
    """Whether it may be the text of a message, or of one with a file. Raises `invalid_params`."""
    if not text and not media:
        raise ApiError("invalid_params", "a message has a text, a file, or both", field="/text")
    if media and len(text) > limits.CAPTION_CHARS_MAX:
        words = f"the text of a file has at most {limits.CAPTION_CHARS_MAX} characters"
        raise ApiError("invalid_params", words, field="/text")


def _check_room(head: ChatHead, media: t.Media) -> None:
    if head.media_bytes + media.size > limits.MEDIA_BYTES_PER_CHAT_MAX:
        raise ApiError("quota_exceeded", "the files of this chat take all the room it may take")


def _album(row: MessageRow, turn: Turn) -> AlbumRow:
    """The album that a message goes into, with it."""
    known = ALBUMS.get(turn, (row.from_id, row.album)) or AlbumRow(0)
    if known.messages >= limits.ALBUM_MESSAGES_MAX:
        raise ApiError("too_many", f"an album has at most {limits.ALBUM_MESSAGES_MAX} messages")
    return AlbumRow(known.messages + 1)


@chat.on(SetTyping)
def typing(state: ChatActor, message: SetTyping, turn: Turn) -> t.Ok:
    user_id = turn.caller.user_id
    head, _ = state.access(user_id)
    if not head.blocked_by:
        frame = event_frame(t.Typing(state.id, user_id))
        for other in state.members:
            if other != user_id:
                turn.tell(addresses.user(other), ShowEvent(frame))
    return t.Ok()


ACTS.update({SendMessage: send, TakeForwarded: take})
