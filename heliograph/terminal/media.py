"""Files as styled lines: what they are, the loudness of recordings, tiny pictures, and how far they
are on their way. Pure."""

from __future__ import annotations

import base64
import binascii
import io
from functools import lru_cache

from PIL import Image
from rich.text import Text

import heliograph as h
from api import limits
from heliograph.terminal.meter import Meter
from heliograph.terminal.text import human_size, length, one_line

KINDS: dict[str, str] = {
    "photo": "Photo",
    "video": "Video",
    "audio": "Audio",
    "voice": "Voice message",
    "file": "File",
}
BLOCKS = "▁▂▃▄▅▆▇█"
WAVEFORM_CELLS = 40
PICTURE_CELLS = 32
PICTURE_LINES = 10
PREVIEW_PIXELS_MAX = 128
BAR_CELLS = 16


def kind_words(media: h.Media) -> str:
    """`Photo`, and for what is called by its name that: `notes.pdf`; for the list of chats."""
    name = one_line(media.name)
    return name if media.kind in ("file", "audio") and name else KINDS[media.kind]


def media_words(media: h.Media) -> str:
    """`Photo  us.jpg  1.2 MB  4000×3000`"""
    words = [KINDS[media.kind]]
    if media.kind != "voice":
        words.append(one_line(media.name))
    words.append(human_size(media.size))
    if media.width and media.height:
        words.append(f"{media.width}×{media.height}")
    if media.duration_ms:
        words.append(length(media.duration_ms))
    return "  ".join(filter(None, words))


def media_lines(media: h.Media, width: int) -> list[Text]:
    """What is drawn of a file above its words."""
    if media.kind == "voice":
        wave = waveform(media.waveform, min(width, WAVEFORM_CELLS))
        return [Text(wave, "cyan")] if wave else []
    if media.kind in ("photo", "video"):
        return [line.copy() for line in picture(media.preview, min(width, PICTURE_CELLS))]
    return []


@lru_cache(maxsize=256)
def waveform(encoded: str, width: int) -> str:
    """The loudness as one line of blocks; empty if there is none."""
    try:
        loudness = base64.b64decode(encoded, validate=True)[: limits.WAVEFORM_BYTES]
    except binascii.Error:
        return ""
    width = min(width, len(loudness))
    parts = (
        loudness[n * len(loudness) // width : (n + 1) * len(loudness) // width]
        for n in range(width)
    )
    return "".join(BLOCKS[max(part) * len(BLOCKS) // 256] for part in parts)


@lru_cache(maxsize=256)
def picture(preview: str, width: int) -> tuple[Text, ...]:
    """A tiny picture in half blocks, each two pixels, one above the other; nothing if it is not
    one."""
    try:
        data = base64.b64decode(preview, validate=True)
        if not 0 < len(data) <= limits.PREVIEW_BYTES_MAX:
            return ()
        with Image.open(io.BytesIO(data), formats=["WEBP"]) as opened:
            if max(opened.size) > PREVIEW_PIXELS_MAX:
                return ()
            image = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return ()
    scale = min(width / image.width, 2 * PICTURE_LINES / image.height)
    columns = max(int(image.width * scale), 1)
    rows = max(int(image.height * scale) // 2, 1)
    pixels = image.resize((columns, 2 * rows), Image.Resampling.BILINEAR).tobytes()

    def colour(x: int, y: int) -> str:
        at = 3 * (y * columns + x)
        return "#{:02x}{:02x}{:02x}".format(*pixels[at : at + 3])

    return tuple(
        Text.assemble(
            *(("▀", f"{colour(x, 2 * row)} on {colour(x, 2 * row + 1)}") for x in range(columns))
        )
        for row in range(rows)
    )


def progress(meter: Meter, now_ms: int, width: int) -> Text:
    """A bar with words, as far as there is room."""
    words = meter.words(now_ms)
    bar = meter.bar(BAR_CELLS) if len(words) + 2 + BAR_CELLS <= width else ""
    line = Text.assemble((bar, "cyan"), "  " if bar else "", (words, "dim"))
    line.truncate(max(width, 0), overflow="ellipsis")
    return line
