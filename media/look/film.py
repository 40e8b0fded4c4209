"""What ffmpeg is asked, and what ffprobe says: programs of the system, run like workers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from media.look.types import DURATION_MS_MAX, PIXELS_DECODED_MAX, SIDE_MAX, THUMB_SIDE

INPUT_PATH = "/proc/self/fd/3"
PROBE_BYTES_MAX = 64 << 10
RATE_HZ, SAMPLES_MAX = 8000, 24 << 20

_INPUT = [
    "-protocol_whitelist",
    "file",
    "-format_whitelist",
    "mov,matroska,webm,ogg,wav,w64,aiff,flac,mp3,aac,amr,avi,flv,mpeg,mpegts,asf,caf",
]
"""No other addresses, and no formats that name other files."""
_SHOWN = (
    "format=duration:stream=codec_type,width,height,duration,sample_aspect_ratio"
    ":stream_disposition=attached_pic:stream_side_data=rotation:stream_tags=rotate"
)


class Stream(Struct):
    codec_type: str = ""
    width: int = 0
    height: int = 0
    duration: str = ""
    sample_aspect_ratio: str = ""
    disposition: dict[str, int] = {}
    side_data_list: list[dict[str, Any]] = []
    tags: dict[str, str] = {}


class Format(Struct):
    duration: str = ""


class Probe(Struct):
    streams: list[Stream] = []
    format: Format = msgspec.field(default_factory=Format)


class Film(Struct, frozen=True):
    """What ffprobe says. `width`, `height`: as shown, 0 without pictures that move."""

    has_sound: bool
    has_video: bool
    width: int
    height: int
    duration_ms: int


class Ffmpeg:
    """The commands, or `None` where they are not installed."""

    def __init__(self, ffmpeg: str, ffprobe: str) -> None:
        self._ffmpeg, self._ffprobe = ffmpeg, ffprobe

    @classmethod
    def find(cls) -> Ffmpeg | None:
        found = [shutil.which(name) for name in ("ffmpeg", "ffprobe")]
        real = [str(Path(path).resolve()) for path in found if path]
        return cls(*real) if len(real) == 2 else None

    def probe(self) -> list[str]:
        return [
            *(self._ffprobe, "-v", "quiet", "-of", "json=c=1", "-show_entries", _SHOWN),
            *(*_INPUT, "-max_pixels", str(PIXELS_DECODED_MAX), "-i", INPUT_PATH),
        ]

    def poster(self, at_ms: int) -> list[str]:
        """A frame as PNG, the longest side as a thumbnail's."""
        scale = f"scale={THUMB_SIDE}:{THUMB_SIDE}:force_original_aspect_ratio=decrease"
        return [
            *self._decode(at_ms),
            *("-map", "0:V:0", "-frames:v", "1", "-vf", f"scale=iw*sar:ih,{scale}"),
            *("-pix_fmt", "rgb24", "-c:v", "png", "-f", "image2pipe", "pipe:1"),
        ]

    def samples(self, duration_ms: int) -> tuple[list[str], int]:
        """The sound in one channel of unsigned bytes, and how many there are in a second."""
        rate = min(RATE_HZ, max(10, SAMPLES_MAX * 1000 // max(1, duration_ms)))
        shape = ["-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-fs", str(SAMPLES_MAX)]
        return [*self._decode(0), *shape, "-f", "u8", "pipe:1"], rate

    def _decode(self, at_ms: int) -> list[str]:
        return [
            *(self._ffmpeg, "-v", "quiet", "-nostdin", "-threads", "1", "-filter_threads", "1"),
            *(*_INPUT, "-max_pixels", str(PIXELS_DECODED_MAX)),
            *("-ss", f"{at_ms}ms", "-i", INPUT_PATH, "-threads", "1"),
        ]


def read_probe(data: bytes) -> Film | None:
    """What ffprobe wrote, None if that makes no sense."""
    try:
        probe = msgspec.json.decode(data, type=Probe)
        video = [s for s in probe.streams if s.codec_type == "video" and not _is_cover(s)]
        width, height = _size(video[0]) if video else (0, 0)
        lengths = [probe.format.duration, *(stream.duration for stream in probe.streams)]
        duration_ms = max(int(1000 * float(length or 0)) for length in lengths)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return Film(
        has_sound=any(stream.codec_type == "audio" for stream in probe.streams),
        has_video=bool(video),
        width=min(max(width, 0), SIDE_MAX),
        height=min(max(height, 0), SIDE_MAX),
        duration_ms=min(max(duration_ms, 0), DURATION_MS_MAX),
    )


def _is_cover(stream: Stream) -> bool:
    return stream.disposition.get("attached_pic", 0) == 1


def _size(stream: Stream) -> tuple[int, int]:
    width, height = stream.width, stream.height
    wide, _, high = stream.sample_aspect_ratio.partition(":")
    if wide.isdecimal() and high.isdecimal() and int(wide) and int(high):
        width = width * int(wide) // int(high)
    turns = [data.get("rotation") for data in stream.side_data_list] + [stream.tags.get("rotate")]
    turned = any(abs(int(turn)) % 180 == 90 for turn in turns if turn is not None)
    return (height, width) if turned else (width, height)
