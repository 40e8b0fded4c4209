"""Strings of other people made harmless; sizes and times in words.

Names and texts come from anybody. On a terminal a control character may move the cursor or change
the title, and a bidi override may make a name look like another. Everything that is shown passes
through `harmless` or `one_line`.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta

from api.visible import DIRECTIONS, is_visible

TAB = "    "
REPLACED = "\ufffd"
KEPT_FORMATS = "\u200c\u200d\u200e\u200f"
"""Joiners, which emoji and several scripts need, and the harmless direction marks."""
MARKS_MAX = 8
"""Combining characters in a row; more only serve to paint over other lines."""
DAY = timedelta(days=1)


def _harmless(char: str) -> str:
    if char == "\n":
        return char
    if char == "\t":
        return TAB
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if char in KEPT_FORMATS:
        return char
    match unicodedata.category(char):
        case "Cc" | "Cs":
            return REPLACED
        case "Cf":
            overrides = any(first <= code <= last for first, last in DIRECTIONS)
            return REPLACED if overrides else ""
        case "Zl" | "Zp":
            return "\n"
    return char


def harmless(text: str) -> str:
    """A text for the terminal: only line feeds are left of what controls it."""
    if text.isascii() and text.replace("\n", " ").isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for char in text.replace("\r\n", "\n"):
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MARKS_MAX:
            shown.append(_harmless(char))
    return "".join(shown)


def one_line(text: str) -> str:
    """The same for names, titles and previews, which have one line; empty if nothing of it can be
    seen."""
    line = " ".join(harmless(text).split())
    return line if is_visible(line) else ""


def plural(count: int, noun: str) -> str:
    """`1 member`, `2 members`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def human_size(size: int) -> str:
    """`1 byte`, `812 bytes`, `34 kB`, `1.2 MB`: in powers of 1,000, as files are sold."""
    if size < 1000:
        return plural(size, "byte")
    shown = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        shown /= 1000
        if shown < 999.5 or unit == "TB":
            break
    return f"{shown:.1f} {unit}" if shown < 9.95 else f"{shown:.0f} {unit}"


def length(ms: int) -> str:
    """How long something is: `0:07`, `1:02:03`."""
    minutes, seconds = divmod(max(ms, 0) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# --- times ------------------------------------------------------------------------------------


def local(ms: int) -> datetime:
    """A time of the protocol on the clock of this machine; one beyond all calendars is shown as
    the beginning of time."""
    try:
        return datetime.fromtimestamp(ms / 1000)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0)


def clock(ms: int) -> str:
    """`09:41`"""
    return local(ms).strftime("%H:%M")


def long_day(day: date, today: date) -> str:
    """`Today`, `Yesterday`, `Monday 5 August`, `5 August 2024`."""
    if day == today:
        return "Today"
    if day == today - DAY:
        return "Yesterday"
    if day.year == today.year:
        return f"{day:%A} {day.day} {day:%B}"
    return f"{day.day} {day:%B} {day.year}"


def short_date(ms: int, now_ms: int) -> str:
    """For the list of chats: `09:41`, `Mon`, `5 Aug`, `05.08.24`."""
    when, now = local(ms), local(now_ms)
    if when.date() == now.date():
        return clock(ms)
    if timedelta(0) <= now.date() - when.date() < 7 * DAY:
        return f"{when:%a}"
    if when.year == now.year:
        return f"{when.day} {when:%b}"
    return f"{when:%d.%m.%y}"


def last_seen(ms: int, now_ms: int) -> str:
    """`last seen 5 minutes ago`, `last seen yesterday at 09:41`."""
    if not ms:
        return "not seen yet"
    minutes = (now_ms - ms) // 60_000
    if minutes < 1:
        return "last seen just now"
    if minutes < 60:
        return f"last seen {plural(minutes, 'minute')} ago"
    when, today = local(ms), local(now_ms).date()
    day = long_day(when.date(), today)
    if day in ("Today", "Yesterday"):
        return f"last seen {day.lower()} at {clock(ms)}"
    return f"last seen on {day}"
