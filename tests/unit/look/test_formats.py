"""Every format and mode that Pillow writes: a photo looks as it did, or stays a file."""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from media.look import Look, Looker
from media.look.mime import mime_of
from tests.unit.look import samples

pytestmark = pytest.mark.filterwarnings("ignore:IM image format is deprecated")

PHOTOS = {"image/jpeg", "image/png", "image/webp", "image/gif"}
MODES = [
    *(
        "1",
        "L",
        "LA",
        "La",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "LAB",
        "HSV",
    ),
    *("I", "I;16", "F"),
]
TOLERANCE = 24
"""Of 255, on the average of squares: a JPEG, and conversions between modes."""
SRGB, LAB = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")


def scene(mode: str) -> Image.Image:
    base = samples.scene()
    if mode == "LAB":
        made = ImageCms.profileToProfile(base, SRGB, LAB, outputMode="LAB")
        assert made is not None
        return made
    if mode in ("I", "I;16", "F"):
        wide = base.convert("L").convert("I").point(lambda value: value * 257)
        return wide.convert(mode)
    steps = {"La": "LA", "RGBa": "RGBA", "PA": "P"}
    return base.convert(steps[mode]).convert(mode) if mode in steps else base.convert(mode)


def written(kind: str, mode: str, **how: Any) -> bytes | None:
    """None if Pillow writes no such."""
    out = io.BytesIO()
    try:
        scene(mode).save(out, kind, **how)
    except (OSError, ValueError, KeyError, SystemError):
        return None
    return out.getvalue()


Image.init()
FORMATS = sorted({*Image.registered_extensions().values()} & {*Image.SAVE} - {"PDF"})


@functools.cache
def of(kind: str) -> dict[str, bytes]:
    """A picture of each mode that Pillow writes in this format."""
    found = {mode: written(kind, mode) for mode in MODES}
    return {mode: data for mode, data in found.items() if data is not None}


class Eyes:
    def __init__(self, looker: Looker, folder: Path) -> None:
        self._looker = looker
        self._path = folder / "file"

    def photo(self, data: bytes) -> tuple[Look, bytes]:
        """What is seen in an upload, and what is stored of it."""
        self._path.write_bytes(data)
        look = asyncio.run(self._looker.look(self._path, "photo", "name"))
        return look, data if look.clean is None else look.clean.read_bytes()


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eyes]:
    looker = Looker(1)
    yield Eyes(looker, tmp_path_factory.mktemp("look"))
    asyncio.run(looker.close())


def frames(data: bytes) -> list[Image.Image]:
    """As they are shown, on a ground of two colours."""
    shown = []
    with Image.open(io.BytesIO(data)) as opened:
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            frame = ImageOps.exif_transpose(opened)
            if frame.mode.startswith("I"):
                frame = frame.convert("I").point(lambda value: value / 257).convert("L")
            frame = frame.convert("RGBA")
            ground = Image.new("RGBA", frame.size, "navy")
            ground.paste("orange", (0, 0, frame.width // 2, frame.height))
            shown.append(Image.alpha_composite(ground, frame).convert("RGB"))
    return shown


def check(seen: tuple[Look, bytes], data: bytes) -> None:
    """It looks the same, or is the same."""
    look, stored = seen
    if look.kind == "file":
        assert stored == data
        assert look.clean is None
        return
    assert look.mime in PHOTOS
    assert look.mime == mime_of(stored)
    before, after = frames(data), frames(stored)
    if Image.open(io.BytesIO(data)).format != "MPO":  # viewers show the first picture of these
        assert len(before) == len(after)
    for old, new in zip(before, after, strict=False):
        assert old.size == new.size == (look.width, look.height)
        squares = ImageChops.difference(old, new).histogram()
        mean = sum(n * (i % 256) ** 2 for i, n in enumerate(squares)) / sum(squares)
        assert mean <= TOLERANCE**2
    profiles = [Image.open(io.BytesIO(d)).info.get("icc_profile") for d in (data, stored)]
    assert profiles[0] == profiles[1]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_mode(eyes: Eyes, kind: str) -> None:
    for mode, data in of(kind).items():
        try:
            check(eyes.photo(data), data)
        except AssertionError as error:
            raise AssertionError(f"{kind} {mode}: {error}") from error


def test_what_is_kept_as_a_photo(eyes: Eyes) -> None:
    """Of the formats that are made anew, these; the others stay files."""

    def kept(kind: str) -> set[str]:
        pictures = [data for data in of(kind).values() if eyes.photo(data)[0].kind == "photo"]
        return {Image.open(io.BytesIO(data)).mode for data in pictures}

    assert kept("TIFF") == {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
    assert kept("BMP") == {"1", "L", "P", "RGB"}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_several_pictures_in_one(eyes: Eyes, kind: str) -> None:
    out = io.BytesIO()
    pictures = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    pictures[0].save(out, kind, save_all=True, append_images=pictures[1:])
    seen = eyes.photo(out.getvalue())
    check(seen, out.getvalue())
    assert (seen[0].kind == "file") == (kind in ("TIFF", "AVIF"))
    assert seen[0].thumb, "the first one is shown"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_turned_pictures(eyes: Eyes, kind: str, orientation: int) -> None:
    data = written(kind, "RGB", exif=samples.exif(orientation))
    assert data
    seen = eyes.photo(data)
    assert seen[0].kind == "photo"
    check(seen, data)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "CMYK"), ("TIFF", "CMYK"), ("TIFF", "L")])
def test_a_profile_that_does_not_fit_a_copy(eyes: Eyes, kind: str, mode: str) -> None:
    """A copied one is kept with it; one that would be made anew stays a file."""
    profile = bytearray(samples.profile())
    for space in (b"RGB ", b"GRAY", b"CMYK", b"Lab "):
        profile[16:20] = space
        data = written(kind, mode, icc_profile=bytes(profile))
        assert data
        seen = eyes.photo(data)
        check(seen, data)
        fits = space == {"CMYK": b"CMYK", "L": b"GRAY"}[mode]
        assert (seen[0].kind == "photo") == (fits or kind == "JPEG")


@pytest.mark.parametrize(("primaries", "transfer"), [(9, 16), (9, 18), (12, 13), (1, 16)])
def test_a_wide_gamut_or_hdr_stays_a_file(eyes: Eyes, primaries: int, transfer: int) -> None:
    data = written("AVIF", "RGB")
    assert data
    at = data.index(b"colrnclx") + 8
    assert eyes.photo(data)[0].kind == "photo"
    said = primaries.to_bytes(2) + transfer.to_bytes(2)
    assert eyes.photo(data[:at] + said + data[at + 4 :])[0].kind == "file"
