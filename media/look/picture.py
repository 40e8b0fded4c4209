"""Pictures: their size, a thumbnail and a preview, and a copy without metadata.

JPEG, PNG, WebP and GIF are copied without being decoded (`strip`). BMP, TIFF and AVIF are made
anew, as PNG or JPEG, if the copy looks the same: of one picture, in a mode that has eight bits for
a colour, and with a colour profile that fits the copy. Anything else stays a file.
"""

from __future__ import annotations

import io
import struct
from typing import IO, Literal

from PIL import AvifImagePlugin, ExifTags, Image, ImageFile

from media.look.strip import BLOCK, STRIPS
from media.look.types import (
    PHOTO_BYTES_MAX,
    PIXELS_DECODED_MAX,
    PIXELS_STATED_MAX,
    PREVIEW_BYTES_MAX,
    PREVIEW_SIDE,
    SIDE_MAX,
    THUMB_BYTES_MAX,
    THUMB_SIDE,
    Picture,
    Shown,
)

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
_MIMES: dict[str, Shown] = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
}
_COPIED: dict[str, str] = {
    "1": "L",
    "L": "L",
    "LA": "RGBA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "CMYK": "CMYK",
}
"""Modes of pictures that can be made anew, and in which mode; RGBA where something shines through.
Not here: more than eight bits for a colour, numbers without a scale, and LAB."""
_SHOWN_MODES = {*_COPIED, "La", "RGBa", "I;16", "I;16B", "I;16L", "I;16N"}
"""What can be converted to what a thumbnail shows."""
_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "RGBA": b"RGB ", "CMYK": b"CMYK"}
"""What a colour profile says that it is for (ICC.1, 7.2.6)."""
_NCLX = b"colrnclx"
_SDR_PRIMARIES, _SDR_TRANSFERS = {1, 2, 5, 6, 7}, {1, 2, 4, 5, 6, 7, 13, 14, 15}
"""Of ITU-T H.273: colours and brightness as of a screen that shows sRGB, nearly. Pillow decodes
others (a wider gamut, HDR) without telling, and they would look pale."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load() -> None:
    """Load what Pillow loads when it is first needed: a worker can open no files."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = PIXELS_STATED_MAX // 2  # Pillow refuses twice as many
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, kind)
        look_at(file, None)


def look_at(source: IO[bytes], out: IO[bytes] | None) -> Picture:
    """What a picture is. With `out`, a copy without metadata is written there; of a format that
    cannot be copied in parts, an ordinary one is made. Raises anything if the picture is damaged,
    too large, or of no format that we show."""
    if source.seek(0, 2) > PHOTO_BYTES_MAX:
        raise ValueError("too long a file")
    source.seek(0)
    picture = Image.open(source, formats=FORMATS)
    width, height = picture.size
    if width * height > PIXELS_STATED_MAX or max(width, height) > SIDE_MAX:
        raise ValueError("too many pixels")
    if picture.mode not in _SHOWN_MODES:
        raise ValueError(f"{picture.mode} cannot be shown")
    picture.draft("RGB", (2 * THUMB_SIDE, 2 * THUMB_SIDE))
    if picture.width * picture.height > PIXELS_DECODED_MAX:
        raise ValueError("too many pixels")
    orientation = picture.getexif().get(ExifTags.Base.Orientation)
    # Pillow turns TIFFs by itself.
    turned = orientation if orientation in _TURNS and picture.format != "TIFF" else 1
    if turned >= 5:
        width, height = height, width
    kept = picture.format in _MIMES or _can_be_made_anew(picture, source)
    mime = _clean(picture, source, out, turned) if out and kept else ""
    if picture.mode in ("RGB", "RGBA", "L", "CMYK") and "transparency" not in picture.info:
        picture.thumbnail((THUMB_SIDE, THUMB_SIDE), reducing_gap=2.0)  # less to convert
    small = _plain(picture)
    small.thumbnail((THUMB_SIDE, THUMB_SIDE), reducing_gap=2.0)
    if turned != 1:
        small = small.transpose(_TURNS[turned])
    return Picture(
        width=width,
        height=height,
        preview=_preview(small),
        thumb=_thumb(small),
        thumb_width=small.width,
        thumb_height=small.height,
        mime=mime,
        kept=kept,
    )


def _plain(picture: Image.Image) -> Image.Image:
    """In RGB, or RGBA where something shines through, and without what Pillow would write into new
    files by itself (comments, profiles)."""
    if picture.mode.startswith("I"):  # 16 bits
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    plain = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    plain.info.clear()
    return plain


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _thumb(small: Image.Image) -> bytes:
    """JPEG, which takes a tenth of the time of WebP, unless something shines through."""
    if small.mode == "RGBA":
        for quality in (75, 40):
            data = _webp(small, quality)
            if len(data) <= THUMB_BYTES_MAX:
                return data
    for quality in (80, 50):
        out = io.BytesIO()
        _on_white(small).save(out, "JPEG", quality=quality)
        if out.tell() <= THUMB_BYTES_MAX:
            return out.getvalue()
    raise ValueError("the thumbnail does not become small")


def _preview(small: Image.Image) -> bytes:
    tiny = _on_white(small.copy())
    tiny.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    for quality in (50, 20, 0):
        data = _webp(tiny, quality)
        if len(data) <= PREVIEW_BYTES_MAX:
            return data
    return b""


def _webp(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=quality, alpha_quality=quality, method=2)
    return out.getvalue()


def _clean(
    picture: ImageFile.ImageFile, source: IO[bytes], out: IO[bytes], turned: int
) -> Shown | Literal[""]:
    """The type of what was written, empty if there was nothing to drop."""
    mime = _MIMES.get(picture.format or "")
    if mime:
        place = source.tell()
        source.seek(0)
        dropped = STRIPS[mime](source, out, turned)
        source.seek(place)
        return mime if dropped else ""
    profile = picture.info.get("icc_profile") or b""
    exact = picture.format == "BMP" or picture.mode in ("1", "P", "PA", "LA")
    copy = picture.convert(_copied(picture))
    copy.info.clear()
    copy = copy.transpose(_TURNS[turned]) if turned != 1 else copy
    if copy.mode != "CMYK" and (exact or copy.mode == "RGBA"):
        copy.save(out, "PNG", icc_profile=profile)
        return "image/png"
    copy.save(out, "JPEG", quality=92, icc_profile=profile)
    return "image/jpeg"


def _copied(picture: Image.Image) -> str:
    """The mode of a copy."""
    return "RGBA" if picture.has_transparency_data else _COPIED[picture.mode]


def _can_be_made_anew(picture: ImageFile.ImageFile, source: IO[bytes]) -> bool:
    """Whether a copy in another format would look the same."""
    if getattr(picture, "n_frames", 1) != 1 or picture.mode not in _COPIED:
        return False
    profile = picture.info.get("icc_profile") or b""
    if profile and profile[16:20] != _SPACES[_copied(picture)]:
        return False
    return picture.format != "AVIF" or _is_sdr(source)


def _is_sdr(source: IO[bytes]) -> bool:
    """Whether an AVIF says nothing of a gamut or a brightness beyond sRGB."""
    place = source.tell()
    source.seek(0)
    boxes = source.read(BLOCK)
    source.seek(place)
    at = boxes.find(_NCLX)
    if at < 0 or len(boxes) < at + 12:
        return True
    primaries, transfer = struct.unpack_from(">HH", boxes, at + len(_NCLX))
    return primaries in _SDR_PRIMARIES and transfer in _SDR_TRANSFERS
