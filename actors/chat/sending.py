"""Sending messages, and telling that somebody types."""

from __future__ import annotations

from msgspec.structs import replace

from actors import addresses, flood
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
    sender = turn.caller.user_id
    head, _ = state.access(sender)
    _check_content(message)
    known = SENDS.get(turn, (sender, message.random_id))
    if known is not None:
        flood.give_back(turn, spent)
        again = SentBefore(state.id, known.message_id, known.date_ms)
        turn.send(addresses.user(sender), again, answer=True)
        return
    if head.blocked_by:
        if sender in head.blocked_by:
            raise ApiError("blocked", "you block this user; take the block back to write to them")
        raise ApiError("blocked")
    if message.reply_to > head.last_id:
        raise ApiError("message_not_found", "the message to reply to is not there")
    media = _media(head, message) if message.media else None
    album = _album(message, turn) if message.album else None
    if head.kind == "private" and head.unanswered != ANSWERED:
        unanswered = _unanswered(state, head, turn)
        if unanswered == sender and not flood.paid(turn, message, (("strangers", 1),), spent):
            return
        if unanswered != head.unanswered:
            state.put(turn, replace(head, unanswered=unanswered))
    for file_id in media.file_ids() if media is not None else ():
        turn.send(addresses.file(file_id), FileReferred(state.id))
    SENDS.put(turn, (sender, message.random_id), SendRow(head.last_id + 1, turn.date_ms))
    if album is not None:
        ALBUMS.put(turn, (sender, message.album), album)
    row = MessageRow(
        sender,
        turn.date_ms,
        message.text,
        message.random_id,
        message.reply_to,
        media=media,
        album=message.album,
    )
    state.append(turn, row)


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


def _check_content(message: SendMessage) -> None:
    if not message.text and not message.media:
        raise ApiError("invalid_params", "a message has a text, a file, or both", field="/text")
    if message.media and len(message.text) > limits.CAPTION_CHARS_MAX:
        words = f"the text of a file has at most {limits.CAPTION_CHARS_MAX} characters"
        raise ApiError("invalid_params", words, field="/text")


def _media(head: ChatHead, message: SendMessage) -> t.Media:
    """The file that goes with a message. The ticket was checked by the gateway."""
    media = media_in(message.media)
    if head.media_bytes + media.size > limits.MEDIA_BYTES_PER_CHAT_MAX:
        raise ApiError("quota_exceeded", "the files of this chat take all the room it may take")
    return media


def _album(message: SendMessage, turn: Turn) -> AlbumRow:
    """The album that the message goes into, with it."""
    known = ALBUMS.get(turn, (turn.caller.user_id, message.album)) or AlbumRow(0)
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


ACTS[SendMessage] = send
