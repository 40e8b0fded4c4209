"""Sounds: how long, and how loud when."""

from __future__ import annotations

import struct
import wave
from typing import IO, cast

from PIL import Image

from media.look.types import WAVEFORM_SLICES, Sound

_OGG_TAIL = 64 << 10


def peaks(source: IO[bytes]) -> Sound:
    """The waveform of sound in one channel, one unsigned byte a sample. (Pillow finds the extremes
    of a row of pixels fast.)"""
    samples = source.seek(0, 2)
    waveform = bytearray()
    for number in range(WAVEFORM_SLICES if samples else 0):
        start = number * samples // WAVEFORM_SLICES
        end = max(start + 1, (number + 1) * samples // WAVEFORM_SLICES)
        source.seek(start)
        row = source.read(end - start)
        pixels = Image.frombuffer("L", (len(row), 1), row, "raw", "L", 0, 1)
        low, high = cast("tuple[int, int]", pixels.getextrema())
        waveform.append(min(255, 2 * max(high - 128, 128 - low)))
    return Sound(waveform=bytes(waveform))


def simple_sound(source: IO[bytes], mime: str) -> Sound:
    """The length of a WAV or Ogg file, which can be read off. Raises anything if it cannot."""
    source.seek(0)
    if mime == "audio/wav":
        with wave.open(source, "rb") as sound:
            return Sound(duration_ms=1000 * sound.getnframes() // sound.getframerate())
    if mime != "audio/ogg":
        return Sound()
    head = source.read(512)
    source.seek(max(0, source.seek(0, 2) - _OGG_TAIL))
    tail = source.read(_OGG_TAIL)
    (position,) = struct.unpack_from("<q", tail, tail.rindex(b"OggS") + 6)
    if b"OpusHead" in head:
        (skipped,) = struct.unpack_from("<H", head, head.index(b"OpusHead") + 10)
        position, rate = position - skipped, 48_000
    else:
        (rate,) = struct.unpack_from("<I", head, head.index(b"\x01vorbis") + 12)
    return Sound(duration_ms=max(0, 1000 * position // rate))
