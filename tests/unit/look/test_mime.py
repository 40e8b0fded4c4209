"""Types by content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.look.mime import HEAD, TAIL, family_of, mime_of
from tests.unit.look import samples


def office(part: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(part, "x")
    return out.getvalue()


def epub() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (samples.jpeg(), "image/jpeg"),
        (samples.png(), "image/png"),
        (samples.webp(), "image/webp"),
        (samples.gif(), "image/gif"),
        (samples.wav(0.1), "audio/wav"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video/mp4"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1", "image/avif"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm", "video/webm"),
        (b"\xff\xfb\x90\x44" + bytes(400), "audio/mpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (office("word/document.xml"), "application/vnd.openxmlformats-"
         "officedocument.wordprocessingml.document"),
        (office("other/document.xml"), "application/zip"),
        (epub(), "application/epub+zip"),
        (b"\x1f\x8b\x08\0", "application/gzip"),
        (b"\x7fELF\2\1\1", "application/x-elf"),
        ("Grüße, Мир, 世界\n".encode(), "text/plain"),
        ("Привет, мир\n".encode("cp1251"), "text/plain"),
        ("hello".encode("utf-16"), "text/plain"),
        (b"<?xml version='1.0'?>\n<!-- hi -->\n<svg xmlns='x'/>", "image/svg+xml"),
        (b"<!DOCTYPE html>\n<p>", "text/html"),
        (b"<?xml version='1.0'?><feed/>", "text/xml"),
        (b"", "application/octet-stream"),
        (b"\x07\x00\x01\x02", "application/octet-stream"),
    ],
)  # fmt: skip
def test_types(data: bytes, mime: str) -> None:
    assert mime_of(data[:HEAD], data[-TAIL:]) == mime


def test_the_name_tells_apart_only_texts() -> None:
    assert mime_of(b"a,b\n", name="table.csv") == "text/csv"
    assert mime_of(samples.png(), name="table.csv") == "image/png"
    assert mime_of(b"a,b\n", name="picture.png") == "text/plain"
    assert mime_of(b"a,b\n", name="page.html") == "text/plain"


def test_a_drawing_is_no_picture() -> None:
    assert family_of("image/svg+xml") == "other"
    assert family_of("image/png") == "image"


@given(st.binary(max_size=2000), st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_have_a_type(head: bytes, tail: bytes, name: str) -> None:
    assert "/" in mime_of(head, tail, name)


@pytest.mark.parametrize("filling", [b" ", b"\n<!--", b"<?xml ", b"<!-- -->", b"\xff", b"PK\3\4"])
def test_repetition_costs_no_time(filling: bytes) -> None:
    """With an expression that goes back this would take for ever."""
    assert mime_of((filling * HEAD)[:HEAD])


ENDINGS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".html": "text/html",
    ".ttf": "font/ttf",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_installed_files(ending: str) -> None:
    paths = [path for path in Path("/usr/share").rglob(f"*{ending}") if path.is_file()][:500]
    if not paths:
        pytest.skip("none installed")
    wrong = []
    for path in paths:
        data = path.read_bytes()
        if data and mime_of(data[:HEAD], data[-TAIL:]) != ENDINGS[ending]:
            wrong.append((path, mime_of(data[:HEAD], data[-TAIL:])))
    assert len(wrong) <= len(paths) // 20, wrong
