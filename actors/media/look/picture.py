"""Pictures: their size, a thumbnail and a preview, and a copy without metadata."""

from __future__ import annotations

import io
from typing import IO, Literal

from PIL import AvifImagePlugin, ExifTags, Image, ImageFile

from actors.media.look.strip import STRIPS
from actors.media.look.types import (
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
    picture.draft("RGB", (2 * THUMB_SIDE, 2 * THUMB_SIDE))
    if picture.width * picture.height > PIXELS_DECODED_MAX:
        raise ValueError("too many pixels")
    orientation = picture.getexif().get(ExifTags.Base.Orientation)
    turned = orientation if orientation in _TURNS else 1
    if turned >= 5:
        width, height = height, width
    mime = _clean(picture, source, out, turned) if out else ""
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
    plain = _plain(picture)
    plain = plain.transpose(_TURNS[turned]) if turned != 1 else plain
    if picture.format == "BMP" or plain.mode == "RGBA":
        plain.save(out, "PNG", icc_profile=profile)
        return "image/png"
    plain.save(out, "JPEG", quality=92, icc_profile=profile)
    return "image/jpeg"
