"""Metadata out of pictures, without touching the picture: JPEG, PNG, WebP and GIF are copied part
by part, and only the parts that a viewer needs. So positions, names, comments, thumbnails of
another picture, and whatever follows the end are gone. Kept are colour profiles, animation, and
(as the only entry of an Exif part) how the picture has to be turned.

Each function reads from the start of `source` and writes to `out`, both seekable, and says whether
anything was dropped. Memory does not grow with the file. Damaged files raise ValueError.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import IO
from zlib import crc32

BLOCK = 64 << 10

Strip = Callable[[IO[bytes], IO[bytes], int], bool]


def exif(orientation: int) -> bytes:
    """A TIFF structure that says only how to turn the picture."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _take(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) != length:
        raise ValueError("the picture ends early")
    return data


def _copy(source: IO[bytes], out: IO[bytes], length: int) -> None:
    while length:
        data = _take(source, min(length, BLOCK))
        out.write(data)
        length -= len(data)


def _skip(source: IO[bytes], length: int) -> None:
    while length:
        length -= len(_take(source, min(length, BLOCK)))


# --- JPEG: segments, then compressed data up to a marker, and so on to the end ------------------

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TURNED = b"Exif\0\0"


def strip_jpeg(source: IO[bytes], out: IO[bytes], orientation: int) -> bool:
    dropped, turn = False, _TURNED + exif(orientation) if orientation != 1 else b""
    if _take(source, 2) != b"\xff\xd8":
        raise ValueError("no JPEG")
    out.write(b"\xff\xd8")
    pending = turn
    while True:
        prefix, marker = _take(source, 2)
        while marker == 0xFF:
            marker = _take(source, 1)[0]
        if prefix != 0xFF or marker in (0, 1) or 0xD0 <= marker <= 0xD8:
            raise ValueError("a marker is missing")
        if pending and marker != 0xE0:
            out.write(b"\xff\xe1" + struct.pack(">H", len(pending) + 2) + pending)
            pending = b""
        if marker == 0xD9:
            out.write(b"\xff\xd9")
            return dropped or source.read(1) != b""
        (length,) = struct.unpack(">H", _take(source, 2))
        if length < 2:
            raise ValueError("a segment is too short")
        body = _take(source, length - 2)
        kept = _jpeg_segment(marker, body)
        if kept is not None:
            out.write(bytes((0xFF, marker)) + struct.pack(">H", len(kept) + 2) + kept)
        if kept != body and not (turn and marker == 0xE1 and body == turn):
            dropped = True
        if marker == 0xDA:
            _jpeg_scan(source, out)


def _jpeg_segment(marker: int, body: bytes) -> bytes | None:
    """What remains of a segment."""
    if marker == 0xE0:  # JFIF, without its thumbnail; there may be more of the same
        return body[:12] + bytes(2) if body.startswith(b"JFIF\0") and len(body) >= 14 else None
    if marker == 0xE2:
        return body if body.startswith(b"ICC_PROFILE\0") else None
    if marker == 0xEE:
        return body[:12] if body.startswith(b"Adobe") else None
    return None if 0xE1 <= marker <= 0xEF or marker == 0xFE or marker >= 0xF0 else body


def _jpeg_scan(source: IO[bytes], out: IO[bytes]) -> None:
    """Copy compressed data, and stop before the marker that follows."""
    while True:
        data = source.read(BLOCK)
        found = _MARKER.search(data)
        if found:
            out.write(data[: found.start()])
            source.seek(found.start() - len(data), 1)
            return
        whole = len(data.rstrip(b"\xff"))
        if not whole:
            raise ValueError("the picture ends early")
        out.write(data[:whole])
        source.seek(whole - len(data), 1)


# --- PNG: chunks ----------------------------------------------------------------------------------

_PNG_KEPT = (
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB bKGD hIST pHYs sPLT cICP mDCV cLLI "
    b"acTL fcTL fdAT"
).split()


def strip_png(source: IO[bytes], out: IO[bytes], orientation: int) -> bool:
    dropped, turn = False, b"eXIf" + exif(orientation) if orientation != 1 else b""
    out.write(_take(source, 8))
    pending = turn
    while True:
        header = _take(source, 8)
        length, kind = struct.unpack(">I4s", header)
        if kind == b"IDAT" and pending:
            out.write(struct.pack(">I", len(pending) - 4) + pending)
            out.write(struct.pack(">I", crc32(pending)))
            pending = b""
        if kind in _PNG_KEPT:
            out.write(header)
            _copy(source, out, length + 4)
        elif turn and kind == b"eXIf" and length == len(turn) - 4:
            dropped |= _take(source, length + 4)[:-4] != turn[4:]
        elif kind[0] & 0x20:
            _skip(source, length + 4)
            dropped = True
        else:
            raise ValueError("an unknown chunk that is needed")
        if kind == b"IEND":
            return dropped or source.read(1) != b""


# --- WebP: chunks in a RIFF file ------------------------------------------------------------------

_WEBP_KEPT = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
_HAS_EXIF, _HAS_XMP = 0x08, 0x04


def strip_webp(source: IO[bytes], out: IO[bytes], orientation: int) -> bool:
    riff, size, webp = struct.unpack("<4sI4s", _take(source, 12))
    if riff != b"RIFF" or webp != b"WEBP":
        raise ValueError("no WebP")
    dropped, extended, turn = False, False, exif(orientation) if orientation != 1 else b""
    out.write(b"RIFF\0\0\0\0WEBP")
    left, written = size - 4, 4
    while left >= 8:
        kind, length = struct.unpack("<4sI", _take(source, 8))
        padded = length + (length & 1)
        left -= 8 + padded
        if left < 0:
            raise ValueError("a chunk is longer than the file")
        if kind not in _WEBP_KEPT:
            same = kind == b"EXIF" and length == len(turn) and _take(source, length) == turn
            if not same:
                source.seek(12 + (size - 4) - left)
                dropped = True
            continue
        out.write(struct.pack("<4sI", kind, length))
        if kind == b"VP8X":
            flags, rest = struct.unpack("<B9s", _take(source, 10))
            kept = flags & ~(_HAS_EXIF | _HAS_XMP) | (_HAS_EXIF if turn else 0)
            out.write(struct.pack("<B9s", kept, rest))
            _copy(source, out, padded - 10 if padded >= 10 else 0)
            extended, dropped = True, dropped or kept != flags
        else:
            _copy(source, out, padded)
        written += 8 + padded
    if turn and extended:
        out.write(struct.pack("<4sI", b"EXIF", len(turn)) + turn)
        written += 8 + len(turn)
    out.seek(4)
    out.write(struct.pack("<I", written))
    out.seek(0, 2)
    source.seek(0, 2)
    return dropped or source.tell() != 12 + (size - 4) - left or left > 0


# --- GIF: blocks ----------------------------------------------------------------------------------

_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def strip_gif(source: IO[bytes], out: IO[bytes], orientation: int) -> bool:
    header = _take(source, 13)
    out.write(header)
    _copy(source, out, _gif_colours(header[10]))
    dropped = False
    while True:
        kind = _take(source, 1)
        if kind == b";":
            out.write(kind)
            return dropped or source.read(1) != b""
        if kind == b",":
            place = _take(source, 9)
            out.write(kind + place)
            _copy(source, out, _gif_colours(place[8]) + 1)
            _gif_blocks(source, out)
        elif kind == b"!":
            label, length = _take(source, 2)
            first = _take(source, length)
            keep = label == 0xF9 or (label == 0xFF and first in _GIF_KEPT)
            if keep:
                out.write(kind + bytes((label, length)) + first)
            if length or keep:
                _gif_blocks(source, out if keep else None)
            dropped |= not keep
        else:
            raise ValueError("an unknown block")


def _gif_colours(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _gif_blocks(source: IO[bytes], out: IO[bytes] | None) -> None:
    while True:
        length = _take(source, 1)
        data = _take(source, length[0])
        if out:
            out.write(length + data)
        if not data:
            return


STRIPS: dict[str, Strip] = {
    "image/jpeg": strip_jpeg,
    "image/png": strip_png,
    "image/webp": strip_webp,
    "image/gif": strip_gif,
}
