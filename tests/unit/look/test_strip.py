"""Metadata is gone, and the picture is the same."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from media.look.mime import mime_of
from media.look.strip import STRIPS
from tests.unit.look import samples


def strip(data: bytes, orientation: int = 1) -> tuple[bytes, bool]:
    out = io.BytesIO()
    dropped = STRIPS[mime_of(data[:65536])](io.BytesIO(data), out, orientation)
    return out.getvalue(), dropped


def frames(data: bytes) -> list[tuple[str, bytes, object]]:
    with Image.open(io.BytesIO(data)) as picture:
        return [
            (frame.mode, frame.tobytes(), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(picture)
        ]


SECRETS = {
    "jpeg": samples.jpeg(),
    "cmyk": samples.jpeg("CMYK"),
    "grey": samples.jpeg("L"),
    "progressive": samples.jpeg(progressive=True),
    "restarts": samples.jpeg(restart_marker_rows=1),
    "png": samples.png(),
    "palette": samples.png("P"),
    "bits": samples.png("1"),
    "deep": samples.png("I;16"),
    "see-through": samples.png("RGBA"),
    "webp": samples.webp(),
    "lossless": samples.webp("RGBA", lossless=True),
    "gif": samples.gif(),
    "moving gif": samples.moving("GIF"),
    "moving webp": samples.moving("WEBP"),
    "moving png": samples.moving("PNG"),
}


@pytest.mark.parametrize("data", SECRETS.values(), ids=SECRETS)
def test_secrets_are_gone_and_pixels_stay(data: bytes) -> None:
    clean, dropped = strip(data)
    assert dropped
    assert len(clean) < len(data)
    assert not any(word in clean for word in samples.GPS_WORDS)
    assert frames(clean) == frames(data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(clean)) as after:
        assert dict(after.getexif()) == {}
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert after.info.get("loop") == before.info.get("loop")
        assert getattr(after, "n_frames", 1) == getattr(before, "n_frames", 1)


@pytest.mark.parametrize("data", SECRETS.values(), ids=SECRETS)
def test_a_clean_picture_has_nothing_to_drop(data: bytes) -> None:
    clean, _ = strip(data)
    assert strip(clean) == (clean, False)


@pytest.mark.parametrize("make", [samples.jpeg, samples.png, samples.webp])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_only_the_turn_is_kept(make: type, orientation: int) -> None:
    data: bytes = make(orientation=orientation)
    clean, dropped = strip(data, orientation)
    assert dropped
    with Image.open(io.BytesIO(clean)) as after:
        assert dict(after.getexif()) == {0x0112: orientation}
    assert not any(word in clean for word in samples.GPS_WORDS)
    assert frames(clean) == frames(data)
    assert strip(clean, orientation) == (clean, False)


@pytest.mark.parametrize("data", SECRETS.values(), ids=SECRETS)
def test_what_follows_the_end_is_dropped(data: bytes) -> None:
    clean, _ = strip(data)
    assert strip(clean + b"PK\3\4 a secret comment") == (clean, True)


@pytest.mark.parametrize("block", [2, 3, 7, 64])
def test_parts_may_end_anywhere(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Memory is bounded by reading in blocks, whose ends fall between any two bytes."""
    whole = [strip(data) for data in SECRETS.values()]
    monkeypatch.setattr("media.look.strip.BLOCK", block)
    assert [strip(data) for data in SECRETS.values()] == whole


def test_thumbnails_of_jfif_are_dropped() -> None:
    data = samples.jpeg(secret=False)
    start = data.index(b"JFIF\0")
    head = data[: start - 2] + (16 + 12).to_bytes(2, "big") + data[start : start + 12]
    clean, dropped = strip(head + b"\2\2" + b"a secret com" + data[start + 14 :])
    assert dropped
    assert b"secret" not in clean
    assert frames(clean) == frames(data)


@given(
    st.sampled_from(list(SECRETS.values())),
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 10_000),
)
def test_damaged_pictures_are_refused_or_copied(
    data: bytes, changes: list[tuple[int, bytes]], cut: int
) -> None:
    damaged = bytearray(data[:cut])
    for place, piece in changes:
        damaged[place % (len(damaged) + 1) : place % (len(damaged) + 1) + len(piece)] = piece
    out = io.BytesIO()
    try:
        STRIPS[mime_of(data)](io.BytesIO(bytes(damaged)), out, 6)
    except ValueError:
        return
    assert len(out.getvalue()) <= len(damaged) + 60


def test_installed_pictures_keep_their_pixels() -> None:
    folders = sorted(Path("/usr/share").rglob("*.*"))
    paths = [p for p in folders if p.suffix in (".png", ".jpg", ".gif", ".webp") and p.is_file()]
    if not paths:
        pytest.skip("none installed")
    for path in paths[:: max(1, len(paths) // 400)]:
        data = path.read_bytes()
        if mime_of(data) not in STRIPS:
            continue
        clean, dropped = strip(data)
        assert frames(clean) == frames(data), path
        assert dropped or clean == data, path
        assert strip(clean) == (clean, False), path
