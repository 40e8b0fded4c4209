"""What is found in files, what processes say to each other about it, and all limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from api import limits
from api.types import MediaKind

Kind = MediaKind
Family = Literal["image", "video", "audio", "other"]

PHOTO_BYTES_MAX = 32 << 20
"""A longer picture is sent as a file. (Files above this may have a hole in the middle.)"""
PIXELS_STATED_MAX = 200_000_000
"""What a picture may claim. JPEGs are decoded at a smaller scale, so they may be large."""
PIXELS_DECODED_MAX = 50_000_000
SIDE_MAX = 65_535
THUMB_SIDE, THUMB_BYTES_MAX = 320, 64 << 10
PREVIEW_SIDE, PREVIEW_BYTES_MAX = 24, limits.PREVIEW_BYTES_MAX
WAVEFORM_SLICES = limits.WAVEFORM_BYTES
DURATION_MS_MAX = 1_000_000_000  # eleven days

OCTETS = "application/octet-stream"

Mime = Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9.+-]+$", max_length=100)]
Shown = Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
Side = Annotated[int, Meta(ge=0, le=SIDE_MAX)]
Duration = Annotated[int, Meta(ge=0, le=DURATION_MS_MAX)]
Thumb = Annotated[bytes, Meta(max_length=THUMB_BYTES_MAX)]
Preview = Annotated[bytes, Meta(max_length=PREVIEW_BYTES_MAX)]
Waveform = Annotated[bytes, Meta(max_length=WAVEFORM_SLICES)]


class Look(Struct, frozen=True, kw_only=True):
    """What a file is. Fields that do not apply, or that nothing here can find out, are 0 or empty.

    `mime`: by content; of `clean` where there is one. `kind`: as asked, if the content is of that
    kind, otherwise "file". `width`, `height`: pixels as shown, after turning. `waveform`: for
    sounds 100 bytes, the peak of each slice from 0 to 255. `preview`: a WebP of at most 24 px and
    300 bytes, to be shown blurred. `thumb`: a JPEG, or a WebP where something shines through; the
    longest side at most 320 px, at most 64 KiB. `clean`: for a photo, a file beside the one looked
    at (its name and ".clean") that shows the same without metadata; None if there was nothing to
    drop. Who called removes it.
    """

    mime: str
    kind: Kind
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    waveform: bytes = b""
    preview: bytes = b""
    thumb: bytes = b""
    thumb_width: int = 0
    thumb_height: int = 0
    clean: Path | None = None


class Message(Struct, frozen=True, array_like=True, tag=True):
    """Base of what the caller's process, the zygote and the workers say."""


# --- jobs: to the zygote, with descriptors of the input, the output and the pipe for findings --


class Inspect(Message, frozen=True):
    """Find the type and, of a picture or simple sound, everything else. `clean`: write a picture
    without metadata to the output."""

    name: str
    clean: bool


class Frame(Message, frozen=True):
    """The input is a frame of a video: make a thumbnail and a preview of it."""


class Peaks(Message, frozen=True):
    """The input is sound as unsigned bytes: find the peaks."""


class Run(Message, frozen=True):
    """Become this program, which reads the input as /proc/self/fd/3 and writes to the output."""

    command: list[str]


Job = Inspect | Frame | Peaks | Run

# --- findings: from a worker, at most one of each ------------------------------------------------


class Type(Message, frozen=True):
    """Said first, so that it is known when the rest fails."""

    mime: Mime
    family: Family


class Picture(Message, frozen=True):
    """`mime`: of what was written to the output, empty if nothing had to be dropped. `kept`:
    whether it can be kept as a photo, looking as it does; otherwise it stays a file."""

    width: Side
    height: Side
    preview: Preview
    thumb: Thumb
    thumb_width: Side
    thumb_height: Side
    mime: Shown | Literal[""] = ""
    kept: bool = True


class Sound(Message, frozen=True):
    duration_ms: Duration = 0
    waveform: Waveform = b""


Finding = Type | Picture | Sound
FINDINGS_BYTES_MAX = THUMB_BYTES_MAX + (4 << 10)
