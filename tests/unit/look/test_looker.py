"""Files of all kinds, and hostile ones, through the whole machinery."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from api.errors import ApiError
from media.look import Kind, Look, Looker
from media.look.looker import ZYGOTE
from media.look.mime import mime_of
from media.look.types import PREVIEW_BYTES_MAX, THUMB_BYTES_MAX, WAVEFORM_SLICES
from tests.profile import tries
from tests.unit.look import attacker, samples

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")

PLAIN = {"width": 0, "height": 0, "thumb": b"", "preview": b"", "waveform": b"", "clean": None}


class Eyes:
    """A looker for tests that are not coroutines."""

    def __init__(self, looker: Looker, folder: Path) -> None:
        self.looker = looker
        self.path = folder / "file"

    def look(self, data: bytes | Path, kind: Kind = "photo", name: str = "name") -> Look:
        path = data if isinstance(data, Path) else self.path
        self.path.with_name("file.clean").unlink(missing_ok=True)
        if isinstance(data, bytes):
            path.write_bytes(data)
        return asyncio.run(self.looker.look(path, kind, name))


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eyes]:
    looker = Looker(1)
    yield Eyes(looker, tmp_path_factory.mktemp("look"))
    asyncio.run(looker.close())


@pytest.fixture(scope="module")
def no_ffmpeg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eyes]:
    looker = Looker(1, ffmpeg=False)
    yield Eyes(looker, tmp_path_factory.mktemp("look"))
    asyncio.run(looker.close())


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def is_plain(look: Look, mime: str) -> bool:
    assert {field: getattr(look, field) for field in PLAIN} == PLAIN
    return look.kind == "file" and look.mime == mime


# --- pictures -------------------------------------------------------------------------------------

MODES = {
    "jpeg": samples.jpeg(),
    "cmyk": samples.jpeg("CMYK"),
    "grey": samples.jpeg("L"),
    "progressive": samples.jpeg(progressive=True),
    "png": samples.png(),
    "palette": samples.png("P"),
    "bits": samples.png("1"),
    "deep": samples.png("I;16"),
    "see-through": samples.png("RGBA"),
    "grey see-through": samples.png("LA"),
    "webp": samples.webp(),
    "lossless": samples.webp("RGBA", lossless=True),
    "gif": samples.gif(),
    "moving gif": samples.moving("GIF"),
    "moving webp": samples.moving("WEBP"),
    "moving png": samples.moving("PNG"),
}


@pytest.mark.parametrize("data", MODES.values(), ids=MODES)
def test_a_photo(eyes: Eyes, data: bytes) -> None:
    look = eyes.look(data)
    assert (look.kind, look.mime) == ("photo", mime_of(data))
    assert (look.width, look.height) == (60, 40)
    assert (look.thumb_width, look.thumb_height) == (60, 40)
    assert len(look.preview) <= PREVIEW_BYTES_MAX
    assert opened(look.preview).size == (24, 16)
    thumb = opened(look.thumb)
    assert thumb.size == (60, 40)
    assert thumb.format == ("WEBP" if opened(data).has_transparency_data else "JPEG")
    assert not any(word in look.thumb + look.preview for word in samples.GPS_WORDS)
    assert b"ICC" not in look.thumb + look.preview
    if look.clean:
        clean = look.clean.read_bytes()
        assert not any(word in clean for word in samples.GPS_WORDS)
        assert opened(clean).tobytes() == opened(data).tobytes()
        assert eyes.look(clean).clean is None
    else:
        assert not any(word in data for word in samples.GPS_WORDS)


def test_thumbnails_have_the_colours_of_the_picture(eyes: Eyes) -> None:
    """Also those of 16 bits and of printers, which are easily inverted or cut off."""
    for name in ("jpeg", "cmyk", "png", "deep", "webp", "grey"):
        shown = opened(eyes.look(MODES[name]).thumb).convert("L")
        meant = samples.scene("I;16" if name == "deep" else "L")
        if name == "deep":
            meant = meant.convert("I").point(lambda value: value / 256)
        meant = meant.convert("L")
        for place in ((50, 5), (50, 35), (30, 20)):
            difference = abs(int(shown.getpixel(place)) - int(meant.getpixel(place)))  # type: ignore[arg-type]
            assert difference < 25, (name, place)


@pytest.mark.parametrize("make", [samples.jpeg, samples.png, samples.webp])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photos(eyes: Eyes, make: type, orientation: int) -> None:
    data: bytes = make(orientation=orientation)
    look = eyes.look(data)
    turned = orientation >= 5
    assert (look.width, look.height) == ((40, 60) if turned else (60, 40))
    assert (look.thumb_width, look.thumb_height) == (look.width, look.height)
    thumb = opened(look.thumb).convert("RGB")
    yellow_in = {1: "tl", 2: "tr", 3: "br", 4: "bl", 5: "tl", 6: "tr", 7: "br", 8: "bl"}
    place = yellow_in[orientation]
    x = 4 if place[1] == "l" else thumb.width - 5
    y = 4 if place[0] == "t" else thumb.height - 5
    red, green, blue = thumb.getpixel((x, y))  # type: ignore[misc]
    assert red > 180
    assert green > 180
    assert blue < 90
    assert look.clean is not None
    kept = dict(opened(look.clean.read_bytes()).getexif())
    assert kept == ({} if orientation == 1 else {0x0112: orientation})


@pytest.mark.parametrize(
    ("kind", "mode", "mime"),
    [("TIFF", "RGB", "image/jpeg"), ("BMP", "RGB", "image/png"), ("AVIF", "RGB", "image/jpeg"),
     ("AVIF", "RGBA", "image/png"), ("TIFF", "CMYK", "image/jpeg")],
)  # fmt: skip
def test_formats_that_are_made_anew(eyes: Eyes, kind: str, mode: str, mime: str) -> None:
    out = io.BytesIO()
    said = {"exif": samples.exif(6)} if kind != "BMP" else {}
    samples.scene(mode).save(out, kind, **said)
    look = eyes.look(out.getvalue())
    assert (look.kind, look.mime) == ("photo", mime)
    assert look.clean is not None
    clean = look.clean.read_bytes()
    assert mime_of(clean) == mime
    assert opened(clean).size == (look.width, look.height)
    assert dict(opened(clean).getexif()) == {}
    assert not any(word in clean for word in samples.GPS_WORDS)


def test_a_picture_as_a_file_keeps_everything(eyes: Eyes) -> None:
    look = eyes.look(samples.jpeg(), "file")
    assert (look.kind, look.clean, look.width) == ("file", None, 60)
    assert look.thumb
    assert not eyes.path.with_name("file.clean").exists()


def test_a_large_noisy_picture_stays_in_its_limits(eyes: Eyes) -> None:
    noise = Image.frombytes("RGBA", (900, 600), random.Random(1).randbytes(900 * 600 * 4))
    out = io.BytesIO()
    noise.save(out, "PNG", compress_level=1)
    look = eyes.look(out.getvalue())
    assert (look.thumb_width, look.thumb_height) == (320, 213)
    assert 0 < len(look.thumb) <= THUMB_BYTES_MAX
    assert 0 < len(look.preview) <= PREVIEW_BYTES_MAX


def test_thin_pictures(eyes: Eyes) -> None:
    out = io.BytesIO()
    Image.new("RGB", (5000, 1)).save(out, "PNG")
    look = eyes.look(out.getvalue())
    assert (look.width, look.height) == (5000, 1)
    assert (look.thumb_width, look.thumb_height) == (320, 1)


# --- sounds and videos ----------------------------------------------------------------------------


@needs_ffmpeg
def test_a_voice_message_has_a_waveform(eyes: Eyes) -> None:
    look = eyes.look(samples.wav(), "voice")
    assert (look.kind, look.mime, look.duration_ms) == ("voice", "audio/wav", 1000)
    assert len(look.waveform) == WAVEFORM_SLICES
    assert look.waveform[0] < 10
    assert look.waveform[-1] > 230
    assert list(look.waveform[::10]) == sorted(look.waveform[::10])


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "mime", "codec"),
    [("ogg", "audio/ogg", "libopus"), ("mp3", "audio/mpeg", "libmp3lame"),
     ("m4a", "audio/mp4", "aac"), ("webm", "audio/webm", "libopus"),
     ("flac", "audio/flac", "flac")],
)  # fmt: skip
def test_sounds(eyes: Eyes, tmp_path: Path, ending: str, mime: str, codec: str) -> None:
    path = samples.film(tmp_path / f"sound.{ending}", "-vn", "-c:a", codec)
    look = eyes.look(path, "audio")
    assert (look.kind, look.mime, len(look.waveform)) == ("audio", mime, WAVEFORM_SLICES)
    assert 1900 < look.duration_ms < 2150
    assert eyes.look(path, "video").kind == "file"
    assert eyes.look(path, "photo").kind == "file"


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "mime", "options"),
    [("mp4", "video/mp4", ["-c:v", "mpeg4"]), ("webm", "video/webm", ["-c:v", "libvpx"]),
     ("mov", "video/quicktime", ["-c:v", "mjpeg"]), ("mkv", "video/x-matroska", ["-an"]),
     ("avi", "video/x-msvideo", [])],
)  # fmt: skip
def test_videos(eyes: Eyes, tmp_path: Path, ending: str, mime: str, options: list[str]) -> None:
    look = eyes.look(samples.film(tmp_path / f"video.{ending}", *options), "video")
    assert (look.kind, look.mime, look.width, look.height) == ("video", mime, 64, 48)
    assert 1900 < look.duration_ms < 2150
    assert opened(look.thumb).size == (look.thumb_width, look.thumb_height)
    assert look.thumb_width == 320
    assert 0 < len(look.preview) <= PREVIEW_BYTES_MAX
    assert os.listdir(tmp_path) == [f"video.{ending}"]


@needs_ffmpeg
def test_turned_video(eyes: Eyes, tmp_path: Path) -> None:
    plain = samples.film(tmp_path / "plain.mp4", "-c:v", "mpeg4")
    path = tmp_path / "turned.mp4"
    turn = ["-c", "copy", "-metadata:s:v:0", "rotate=90", str(path)]
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(plain), *turn], check=True)
    if b"\0\1\0\0" + bytes(4) not in path.read_bytes():
        pytest.skip("this ffmpeg turns by other means")
    look = eyes.look(path, "video")
    assert (look.width, look.height) == (48, 64)
    assert (look.thumb_width, look.thumb_height) == (240, 320)


@needs_ffmpeg
def test_a_video_with_a_hole(eyes: Eyes, tmp_path: Path) -> None:
    """Of a long file only the ends are there."""
    path = samples.film(tmp_path / "video.mp4", "-c:v", "mpeg4", "-q:v", "1", seconds=20)
    data = path.read_bytes()
    third = len(data) // 3
    with path.open("r+b") as file:
        file.seek(third)
        file.write(bytes(third))
    look = eyes.look(path, "video")
    assert (look.kind, look.width, look.duration_ms // 1000) == ("video", 64, 20)
    assert look.thumb


@needs_ffmpeg
def test_a_truncated_video(eyes: Eyes, tmp_path: Path) -> None:
    data = samples.film(tmp_path / "video.mp4", "-c:v", "mpeg4").read_bytes()
    assert is_plain(eyes.look(data[: len(data) // 2], "video"), "video/mp4")


@needs_ffmpeg
def test_lists_that_name_other_files_are_not_followed(eyes: Eyes) -> None:
    for text in ("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "ffconcat version 1.0\nfile /etc/passwd\n"):
        assert is_plain(eyes.look(text.encode(), "video"), "text/plain")


def test_without_ffmpeg(no_ffmpeg: Eyes) -> None:
    video = no_ffmpeg.look(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100), "video")
    assert video == Look(mime="video/mp4", kind="video")
    sound = no_ffmpeg.look(samples.wav(), "voice")
    assert sound == Look(mime="audio/wav", kind="voice", duration_ms=1000)
    assert no_ffmpeg.look(samples.wav(), "video").kind == "file"


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["libopus", "libvorbis"])
def test_the_length_of_ogg_without_ffmpeg(no_ffmpeg: Eyes, tmp_path: Path, codec: str) -> None:
    path = samples.film(tmp_path / "sound.ogg", "-vn", "-c:a", codec)
    assert abs(no_ffmpeg.look(path, "voice").duration_ms - 2000) < 30


# --- hostile files --------------------------------------------------------------------------------


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(20 << 20))
    return out.getvalue()


HOSTILE = {
    "bomb": (samples.bomb(), "image/png"),
    "wide bomb": (samples.bomb(60_000, 900), "image/png"),
    "truncated": (samples.jpeg()[:-300], "image/jpeg"),
    "zip bomb": (zip_bomb(), "application/zip"),
    "gzip bomb": (gzip.compress(bytes(20 << 20)), "application/gzip"),
    "no end": (b"\xff\xd8\xff\xe1", "image/jpeg"),
    "page": (b"<!DOCTYPE html><script>alert(1)</script>", "text/html"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "image/svg+xml"),
    "program": (b"\x7fELF\2\1\1" + bytes(100), "application/x-elf"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "application/postscript"),
    "gif that is none": (b"GIF89a<script>alert(1)</script>", "image/gif"),
    "empty": (b"", "application/octet-stream"),
}


@pytest.mark.parametrize(("data", "mime"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["photo", "video", "voice", "file"])
def test_hostile_files_are_plain_files(eyes: Eyes, data: bytes, mime: str, kind: Kind) -> None:
    assert is_plain(eyes.look(data, kind, "holiday.jpg"), mime)
    assert os.listdir(eyes.path.parent) == ["file"]


def test_what_hides_behind_a_picture_is_dropped(eyes: Eyes) -> None:
    picture = samples.png(secret=False)
    look = eyes.look(picture + zip_bomb())
    assert (look.kind, look.mime) == ("photo", "image/png")
    assert look.clean is not None
    assert look.clean.read_bytes() == picture


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a\0b", "\udcff.csv", "x" * 9999]
)
def test_names_are_not_used_as_paths(eyes: Eyes, name: str) -> None:
    assert eyes.look(samples.png(secret=False), "photo", name).kind == "photo"
    assert os.listdir(eyes.path.parent) == ["file"]


def test_links_are_not_followed(eyes: Eyes, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic"):
        eyes.look(tmp_path / "link")


ORIGINALS = [*MODES.values(), samples.wav(0.1)]


@settings(
    deadline=None,
    max_examples=tries(300),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(ORIGINALS),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=6),
    st.integers(0, 6000),
    st.sampled_from(["photo", "file", "voice"]),
)
def test_damaged_files(
    no_ffmpeg: Eyes, data: bytes, changes: list[tuple[int, bytes]], cut: int, kind: Kind
) -> None:
    damaged = bytearray(data[:cut])
    for place, piece in changes:
        damaged[place % (len(damaged) + 1) : place % (len(damaged) + 1) + len(piece)] = piece
    look = no_ffmpeg.look(bytes(damaged), kind)
    assert look.mime == mime_of(bytes(damaged)) or look.clean
    if look.kind == "photo":
        assert look.width
        assert look.thumb


def test_installed_pictures(eyes: Eyes) -> None:
    folders = sorted(Path("/usr/share").rglob("*.*"))
    paths = [
        path
        for path in folders
        if path.suffix in (".png", ".jpg", ".gif", ".webp") and path.is_file()
    ]
    if not paths:
        pytest.skip("none installed")
    for path in paths[:: max(1, len(paths) // 200)]:
        data = path.read_bytes()
        if mime_of(data).startswith("image/"):
            look = eyes.look(data)
            assert look.kind == "photo", path
            assert (look.width, look.height) == opened(data).size, path


# --- no room --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jpeg", "bmp"])
def test_a_photo_is_no_file_because_the_disk_is_full(
    eyes: Eyes, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """It would be stored with everything that was to be removed from it. (One is copied in parts,
    the other is written by Pillow.)"""
    bmp = io.BytesIO()
    samples.scene().save(bmp, "BMP")
    kinds = {"jpeg": samples.jpeg(), "bmp": bmp.getvalue()}
    opening = os.open

    def full(path: object, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".clean"):
            opening(path, flags, mode)  # type: ignore[call-overload]
            return opening("/dev/full", os.O_RDWR)
        return opening(path, flags, mode)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr("media.look.parts.os.open", full)
    with pytest.raises(OSError, match="No space left"):
        eyes.look(kinds[ending])
    monkeypatch.undo()
    assert eyes.look(kinds[ending]).kind == "photo"


# --- the queue ------------------------------------------------------------------------------------


class Queue:
    """A looker with one worker, and a file of text."""

    def __init__(self, folder: Path, waiting: int = 0, *zygote: str) -> None:
        self.path = folder / "file"
        self.path.write_bytes(b"text")
        self.looker = Looker(1, waiting, zygote=zygote or ZYGOTE)

    def look(self, name: str = "") -> asyncio.Task[Look]:
        return asyncio.ensure_future(self.looker.look(self.path, "file", name))


def test_overload_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = Queue(tmp_path)
        first, second = queue.look(), queue.look()
        with pytest.raises(ApiError, match="overloaded"):
            await second
        assert (await first).mime == "text/plain"
        assert (await queue.look()).mime == "text/plain"
        await queue.looker.close()

    asyncio.run(scenario())


def test_who_gives_up_blocks_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = Queue(tmp_path, 1)
        first, second = queue.look(), queue.look()
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).mime == "text/plain"
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await queue.look()).mime == "text/plain"
        await queue.looker.close()

    asyncio.run(scenario())


def test_a_zygote_that_was_killed_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = Queue(tmp_path)
        await queue.look()
        process = queue.looker._all[0]._process
        assert process is not None
        process.kill()
        process.wait()
        assert (await queue.look()).mime == "text/plain"
        await queue.looker.close()

    asyncio.run(scenario())


def test_closing_ends_what_is_running(tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = Queue(tmp_path, 1, sys.executable, attacker.__file__, str(tmp_path))
        assert (await queue.look("nothing")).kind == "file"
        running, waiting = queue.look("wait"), queue.look("wait")
        while not queue.looker._slots.empty():  # noqa: ASYNC110  until a thread has taken it
            await asyncio.sleep(0)
        process = queue.looker._all[0]._process
        await queue.looker.close()
        assert is_plain(await running, "application/octet-stream")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert process is not None
        assert process.returncode == -signal.SIGKILL

    asyncio.run(scenario())
