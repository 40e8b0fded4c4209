"""The model as styled lines for the terminal.

Pure; whatever comes from people is made harmless here and put into `rich.text.Text`, which
interprets no markup."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

import heliograph as h
from api import limits
from heliograph.terminal.media import KINDS, kind_words, media_lines, media_words, progress
from heliograph.terminal.model import ChatState, Model, Outgoing, Pending, Tick
from heliograph.terminal.text import (
    clock,
    harmless,
    human_size,
    last_seen,
    local,
    long_day,
    one_line,
    plural,
)
from heliograph.terminal.text import short_date as short
from heliograph.terminal.transfers import Saving

TICKS: dict[Tick, tuple[str, str]] = {
    "sending": ("◷", "dim"),
    "failed": ("✗", "bold red"),
    "sent": ("✓", "dim"),
    "delivered": ("✓✓", "dim"),
    "read": ("✓✓", "bold cyan"),
}
AUTHORS = ("cyan", "green", "yellow", "magenta", "blue", "red", "bright_cyan", "bright_magenta")
BLOCK_MAX = 80
CONNECTION: dict[h.ConnectionState, str] = {
    "offline": "connecting…",
    "connecting": "connecting…",
    "syncing": "updating…",
    "online": "online",
    "ended": "logged out",
}

_console = Console(file=io.StringIO(), width=80, color_system=None)


@lru_cache(maxsize=4096)
def wrapped(text: str, width: int) -> tuple[str, ...]:
    """A text as harmless lines of at most `width` cells."""
    lines = Text(harmless(text)).wrap(_console, max(width, 2), overflow="fold")
    return tuple(line.plain for line in lines) or ("",)


def _cut(text: str, width: int) -> str:
    """A line of at most `width` cells, with `…` where something is left out."""
    shown = Text(text)
    shown.truncate(max(width, 0), overflow="ellipsis")
    return shown.plain


def _sides(left: Text, right: Text, width: int) -> Text:
    """One line with something at each end; the left gives way."""
    room = width - right.cell_len - (1 if right else 0)
    left = left.copy()
    left.truncate(max(room, 0), overflow="ellipsis")
    gap = " " * max(width - left.cell_len - right.cell_len, 0)
    return Text.assemble(left, gap, right)


# --- words ------------------------------------------------------------------------------------


def name(model: Model, user_id: int) -> str:
    """A user's name, or `you`."""
    return "you" if user_id == model.me else one_line(model.name(user_id)) or f"user {user_id}"


def title(model: Model, chat: ChatState) -> str:
    return one_line(model.title(chat)) or "(no title)"


def service(model: Model, message: h.Message) -> str:
    """What happened to a group, in words."""
    action = message.action
    if message.deleted:
        return "This message was deleted"
    if action is None:
        return "a message that you may no longer read"
    by, whom = name(model, message.from_id), name(model, action.user_id)
    itself = action.user_id == message.from_id
    match action.kind:
        case "group_created":
            words = f"{by} created the group “{one_line(action.text)}”"
        case "member_added":
            words = f"{by} joined" if itself else f"{by} added {whom}"
        case "member_removed":
            words = f"{by} removed {whom}"
        case "member_left":
            words = f"{by} left"
        case "renamed":
            words = f"{by} renamed the group to “{one_line(action.text)}”"
        case "photo_changed":
            words = f"{by} changed the picture of the group"
        case "photo_removed":
            words = f"{by} removed the picture of the group"
        case "admin_added":
            words = f"{by} made {whom} an admin"
        case "admin_removed":
            words = f"{whom} {'are' if whom == 'you' else 'is'} no admin any more, by {by}"
        case "owner_changed":
            words = f"{by} handed the group over to {whom}"
    return f"You{words[3:]}" if words.startswith("you ") else words


def typing_words(model: Model, chat: ChatState, now_ms: int) -> str:
    """`Bob is typing…`; empty if nobody is."""
    names = [name(model, user_id) for user_id in model.typing(chat, now_ms)]
    if not names:
        return ""
    if len(names) > 2:
        return f"{len(names)} people are typing…"
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} typing…"


def status_words(model: Model, chat: ChatState, now_ms: int) -> str:
    """What stands beside the title: typing, presence, number of members."""
    typing = typing_words(model, chat, now_ms)
    if typing:
        return typing
    if chat.left:
        return "you are not in this group any more"
    if chat.group:
        return plural(len(chat.members), "member") if chat.members else ""
    if model.saved(chat):
        return "only you see this"
    peer = model.peer(chat)
    if peer in model.blocked:
        return "blocked by you"
    user = model.users.get(peer)
    if user is None or user.status is None:
        return ""
    return "online" if user.status.online else last_seen(user.status.last_seen_ms, now_ms)


# --- the head of a chat, and the list ----------------------------------------------------------


def head(
    model: Model, chat: ChatState, connection: h.ConnectionState, now_ms: int, width: int
) -> Text:
    """The line above a conversation."""
    words = status_words(model, chat, now_ms)
    left = Text(title(model, chat), "bold")
    if not chat.group and not model.saved(chat):
        user = model.users.get(model.peer(chat))
        if user is not None:
            left.append(f"  @{one_line(user.username)}", "not bold dim")
    right = Text(words, "green" if words == "online" or words.endswith("typing…") else "dim")
    if connection != "online":
        right = Text(CONNECTION[connection], "yellow")
    return _sides(left, right, width)


def preview(model: Model, chat: ChatState, now_ms: int) -> Text:
    """The second line of a chat in the list."""
    typing = typing_words(model, chat, now_ms)
    if typing:
        return Text(typing if chat.group else "typing…", "green")
    if chat.draft.strip():
        return Text.assemble(("Draft: ", "red"), one_line(chat.draft))
    waiting = model.pending(chat.id)
    if waiting:
        tick, style = TICKS[waiting[-1].tick]
        file = waiting[-1].file
        words = _outgoing(file) if file is not None else one_line(waiting[-1].text[:200])
        return Text.assemble((f"{tick} ", style), words)
    message = chat.top
    if message is None:
        return Text("no messages yet" if not chat.top_id else "", "dim italic")
    if not _talks(message):
        return Text(service(model, message), "italic")
    line = Text()
    tick_of = model.tick(message)
    if tick_of is not None:
        tick, style = TICKS[tick_of]
        line.append(f"{tick} ", style)
    elif chat.group:
        line.append(f"{name(model, message.from_id)}: ", "bold")
    return line.append(short_words(message))


def short_words(message: h.Message) -> str:
    """A message in one line: `Photo: look`."""
    if message.deleted:
        return "a deleted message"
    text = one_line(message.text[:200])
    if message.media is None:
        return text
    return ": ".join(filter(None, (kind_words(message.media), text)))


def row(model: Model, chat: ChatState, now_ms: int, width: int) -> Text:
    """A chat in the list: two lines."""
    dot = Text("● ", "green") if model.online(model.peer(chat)) else Text("  ")
    if chat.group or model.saved(chat):
        dot = Text("# " if chat.group else "★ ", "dim")
    when = Text(short(chat.top_date_ms, now_ms) if chat.top_date_ms else "", "dim")
    bold = "bold" if chat.unread else ""
    first = _sides(dot.append(title(model, chat), bold), when, width)
    badge = Text(f" {min(chat.unread, 999)} ", "bold reverse") if chat.unread else Text()
    second = _sides(Text("  ").append_text(preview(model, chat, now_ms)), badge, width)
    return Text("\n").join([first, second])


# --- the conversation --------------------------------------------------------------------------


def rule(words: str, width: int, style: str) -> Text:
    """`──── Today ────`"""
    words = f" {_cut(words, width - 4)} "
    left = max((width - cell_len(words)) // 2, 0)
    right = max(width - cell_len(words) - left, 0)
    return Text("─" * left + words + "─" * right, style)


class Line(NamedTuple):
    """A line of a conversation; `key` is the id of the message it belongs to."""

    key: int
    text: Text


MARKER = -1
"""Key of the line "new messages"."""
PENDING = limits.JSON_INT_MAX
"""Key of the lines of messages on their way."""


def conversation(
    model: Model, chat: ChatState, now_ms: int, width: int, *, numbered: bool = False
) -> list[Line]:
    """All that is loaded of a chat, in lines of at most `width` cells, the latest at the end; with
    `numbered`, each message with its id."""
    lines: list[Line] = []
    if chat.more:
        lines.append(Line(0, Text("↑ older messages".center(width), "dim")))
    elif chat.loaded and not chat.messages and not model.pending(chat.id):
        empty = _cut("Nothing here yet. Write the first message.", width)
        lines.append(Line(0, Text(empty.center(width), "dim")))
    today = local(now_ms).date()
    day = author = None
    messages = list(chat.messages.values())
    marked = chat.marker_id == 0 or (chat.more and chat.first_id > chat.marker_id)
    for message, after in zip(messages, [*messages, None][1:], strict=True):
        date = local(message.date_ms).date()
        if date != day:
            day, author = date, None
            lines.append(Line(message.id, rule(long_day(date, today), width, "dim")))
        if not marked and message.id > chat.marker_id and message.from_id != model.me:
            marked, author = True, None
            lines.append(Line(MARKER, rule("new messages", width, "bold yellow")))
        open_end = _goes_on(message, after) and not numbered
        texts = _message_lines(
            model, chat, message, author, width, open_end=open_end, numbered=numbered
        )
        lines += [Line(message.id, text) for text in texts]
        author = message.from_id if _talks(message) else None
    for pending in model.pending(chat.id):
        lines += [
            Line(PENDING, text) for text in _pending_lines(model, chat, pending, now_ms, width)
        ]
    return lines


def _talks(message: h.Message) -> bool:
    """Somebody said something, in contrast to what happened to a group."""
    return bool(message.text) or message.media is not None


def _goes_on(message: h.Message, after: h.Message | None) -> bool:
    """The next message belongs to the same album: the time stands below its last one."""
    return (
        after is not None
        and bool(message.album)
        and (after.album, after.from_id) == (message.album, message.from_id)
    )


def _service_lines(model: Model, message: h.Message, width: int) -> Iterator[Text]:
    for line in wrapped(service(model, message), max(width - 4, 8)):
        yield Text(line.center(width).rstrip(), "italic dim")


def _message_lines(
    model: Model,
    chat: ChatState,
    message: h.Message,
    author: int | None,
    width: int,
    *,
    open_end: bool,
    numbered: bool,
) -> Iterator[Text]:
    """`author` is whose message stands before it, so that a name stands above the first only;
    `open_end`: without the time."""
    if not _talks(message):
        yield from _service_lines(model, message, width)
        return
    own = message.from_id == model.me
    if chat.group and not own and message.from_id != author:
        style = f"bold {AUTHORS[message.from_id % len(AUTHORS)]}"
        yield Text(f" {_cut(name(model, message.from_id), width - 2)}", style)
    foot = Text() if open_end else _foot(model, message, numbered=numbered)
    room = _widest(width)
    body = [Text(_cut(words, room), "dim italic") for words in _headings(model, chat, message)]
    if message.media is not None:
        body += media_lines(message.media, room)
        number = Text(f"  #{message.id}", "dim")
        words = Text(_cut(media_words(message.media), room - number.cell_len), "bold")
        body.append(words.append_text(number))
    yield from _block(body + _text_lines(message.text, room), foot, width, own=own)


def _foot(model: Model, message: h.Message, *, numbered: bool) -> Text:
    """`#12 edited 14:05 ✓`"""
    foot = Text(f"#{message.id} " if numbered else "", "bold yellow")
    foot.append("edited " if message.edited_ms else "", "dim").append(clock(message.date_ms), "dim")
    tick_of = model.tick(message)
    if tick_of is not None:
        tick, style = TICKS[tick_of]
        foot.append(" ").append(tick, style)
    return foot


def _headings(model: Model, chat: ChatState, message: h.Message) -> Iterator[str]:
    """Who wrote it, if it was forwarded; what it replies to."""
    if message.forward is not None:
        yield f"Forwarded from {name(model, message.forward.from_id)}"
    if message.reply_to:
        yield f"↪ {_quoted(model, chat, message.reply_to)}"


def _quoted(model: Model, chat: ChatState, message_id: int) -> str:
    quoted = chat.messages.get(message_id) or chat.quoted.get(message_id)
    if quoted is None:
        return "…" if message_id not in chat.quoted else "a message that you cannot read"
    if not _talks(quoted):
        return service(model, quoted)
    return f"{name(model, quoted.from_id)}: {short_words(quoted)}"


def _pending_lines(
    model: Model, chat: ChatState, pending: Pending, now_ms: int, width: int
) -> Iterator[Text]:
    tick, style = TICKS[pending.tick]
    foot = Text(f"{clock(pending.date_ms)} ", "dim").append(tick, style)
    room = _widest(width)
    body: list[Text] = []
    if pending.reply_to:
        quote = f"↪ {_quoted(model, chat, pending.reply_to)}"
        body.append(Text(_cut(quote, room), "dim italic"))
    if pending.file is not None:
        body.append(Text(_cut(_outgoing(pending.file), room), "bold"))
    body += _text_lines(pending.text, room)
    if pending.file is not None and not pending.file.ticket and not pending.error:
        body.append(progress(pending.file.meter, now_ms, room))
    yield from _block(body, foot, width, own=True)
    if pending.error:
        words = f"Not sent: {one_line(pending.error)}. /retry sends it again, /drop forgets it."
        for line in wrapped(words, max(width - 2, 8)):
            yield Text(" " * max(width - 1 - cell_len(line), 0) + line, "red")


def _outgoing(file: Outgoing) -> str:
    """`Photo  us.jpg  1.2 MB`"""
    return f"{KINDS[file.kind]}  {one_line(file.path.name)}  {human_size(file.meter.size)}"


def _text_lines(text: str, width: int) -> list[Text]:
    return [Text(line) for line in wrapped(text, width)] if text else []


def _widest(width: int) -> int:
    """How wide a message may be."""
    return max(min(width * 3 // 4, BLOCK_MAX), min(width - 2, 20))


def _block(body: list[Text], foot: Text, width: int, *, own: bool) -> Iterator[Text]:
    """A message: its lines with time and ticks at the end; own ones stand at the right."""
    last = body[-1]
    foot_cells = foot.cell_len + 2 if foot else 0
    if last.cell_len + foot_cells <= _widest(width):
        block = max(*(line.cell_len for line in body), last.cell_len + foot_cells)
        body[-1] = _sides(last, foot, block)
    else:
        block = max(*(line.cell_len for line in body), foot.cell_len)
        body.append(Text(" " * (block - foot.cell_len)).append_text(foot))
    indent = " " * (max(width - 1 - block, 0) if own else 1)
    for line in body:
        yield Text(indent).append_text(line)


# --- files that are saved ---------------------------------------------------------------------


def savings(found: list[Saving], now_ms: int, width: int) -> Text:
    """A line for each file that is being saved."""
    lines = []
    for saving in found:
        assert saving.message.media is not None
        left = Text(f"Saving {kind_words(saving.message.media)}")
        lines.append(_sides(left, progress(saving.meter, now_ms, width * 3 // 4), width))
    return Text("\n").join(lines)
