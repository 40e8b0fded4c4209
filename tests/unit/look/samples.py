"""Pictures and sounds for the tests."""

from __future__ import annotations

import io
import math
import struct
import subprocess
import wave
import zlib
from pathlib import Path

from PIL import Image, ImageCms, PngImagePlugin

GPS_WORDS = (b"Secret Street", b"CameraMaker", b"a secret comment")


def scene(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A picture that looks different from each side."""
    picture = Image.linear_gradient("L").resize(size)
    other = picture.transpose(Image.Transpose.ROTATE_90).resize(size)
    whole = Image.merge("RGB", (picture, other, Image.new("L", size, 30)))
    whole.paste((250, 240, 10), (0, 0, size[0] // 3, size[1] // 4))
    if mode == "RGBA":
        whole.putalpha(picture)
        return whole
    if mode == "I;16":
        return picture.convert("I").point(lambda value: value * 257).convert("I;16")
    return whole.convert(mode)


def exif(orientation: int = 1) -> Image.Exif:
    """With a position, a maker and a comment."""
    data = Image.Exif()
    data[0x010F] = "CameraMaker"
    data[0x0112] = orientation
    gps = data.get_ifd(0x8825)
    gps[1], gps[2], gps[0x1C] = "N", (52.0, 31.0, 12.0), b"Secret Street"
    return data


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">Secret Street</x:xmpmeta>'


def jpeg(mode: str = "RGB", orientation: int = 1, secret: bool = True, **options: object) -> bytes:
    out = io.BytesIO()
    said = {"exif": exif(orientation), "comment": b"a secret comment", "xmp": XMP} if secret else {}
    scene(mode).save(out, "JPEG", icc_profile=profile(), **said, **options)  # type: ignore[arg-type]
    return out.getvalue()


def png(mode: str = "RGB", orientation: int = 1, secret: bool = True) -> bytes:
    out, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Comment", "a secret comment")
    info.add_itxt("Place", "Secret Street", zip=False)
    said = {"exif": exif(orientation), "pnginfo": info} if secret else {}
    scene(mode).save(out, "PNG", icc_profile=profile(), **said)  # type: ignore[arg-type]
    return out.getvalue()


def webp(mode: str = "RGB", orientation: int = 1, secret: bool = True, **options: object) -> bytes:
    out = io.BytesIO()
    said = {"exif": exif(orientation), "xmp": XMP} if secret else {}
    scene(mode).save(out, "WEBP", **said, **options)  # type: ignore[arg-type]
    return out.getvalue()


def gif(secret: bool = True) -> bytes:
    out = io.BytesIO()
    said = {"comment": b"a secret comment"} if secret else {}
    scene().save(out, "GIF", **said)
    return out.getvalue()


def moving(kind: str, frames: int = 4) -> bytes:
    """Several pictures in one file, with a comment where the format has some."""
    out = io.BytesIO()
    others = [scene().rotate(90 * turn) for turn in range(1, frames)]
    said = {"comment": b"a secret comment"} if kind == "GIF" else {"exif": exif()}
    scene().save(out, kind, save_all=True, append_images=others, duration=50, loop=0, **said)
    return out.getvalue()


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few kilobytes for each gigabyte that it would become."""
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(1 + width)) for _ in range(100)] + [packer.flush()]
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b"".join(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wav(seconds: float = 1.0) -> bytes:
    """A tone that becomes louder."""
    out, count = io.BytesIO(), int(8000 * seconds)
    samples = [int(32_000 * i / count * math.sin(i / 3)) for i in range(count)]
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(struct.pack(f"<{count}h", *samples))
    return out.getvalue()


def film(path: Path, *options: str, seconds: int = 2) -> Path:
    """A video with sound, made by ffmpeg, 64x48."""
    picture = f"testsrc2=size=64x48:rate=10:duration={seconds}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=440:duration={seconds}"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *options, str(path)], check=True)
    return path
