"""Files in the terminal client: what is typed, what is shown, and the parts of it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import heliograph as h
from api import limits
from heliograph.terminal import media, view
from heliograph.terminal.commands import CommandError
from heliograph.terminal.meter import Meter
from heliograph.terminal.model import Outgoing, Pending
from heliograph.terminal.paths import (
    completed,
    files_and_text,
    first_word,
    picture,
    sendable,
    which_and_where,
)
from tests.unit.terminal.pictures import preview_of
from tests.unit.terminal.test_view import CHAT, GROUP, NOW, message, model, put, shown


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with some files."""
    for name in ("a.jpg", "b.jpg", "c d.txt", "it's.txt", "notes", ".hidden.jpg"):
        (tmp_path / name).write_text("content")
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "e.jpg").write_text("content")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


# --- paths ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "paths", "text"),
    [
        ("a.jpg", ["a.jpg"], ""),
        ("a.jpg  look at this.", ["a.jpg"], "look at this."),
        ("a.jpg b.jpg two", ["a.jpg", "b.jpg"], "two"),
        ("a.jpg notes", ["a.jpg"], "notes"),
        ("a.jpg ./notes", ["a.jpg", "./notes"], ""),
        ("a.jpg a.jpg", ["a.jpg"], ""),
        ("notes it's", ["notes"], "it's"),
        ("*.jpg all", ["a.jpg", "b.jpg"], "all"),
        ("down/*.jpg b.*", ["down/e.jpg", "b.jpg"], ""),
        ("'c d.txt' x", ["c d.txt"], "x"),
        ('"c d.txt" "quoted"', ["c d.txt"], '"quoted"'),
        ("c\\ d.txt", ["c d.txt"], ""),
        ("it's.txt don't", ["it's.txt"], "don't"),
        ("none.txt x", ["none.txt"], "x"),
        ("a.jpg ... down * ?", ["a.jpg"], "... down * ?"),
        ("a.jpg\nb\nc", ["a.jpg"], "b\nc"),
    ],
)
def test_which_files_are_meant(folder: Path, rest: str, paths: list[str], text: str) -> None:
    assert files_and_text(rest) == ([Path(path) for path in paths], text)


def test_home(folder: Path) -> None:
    assert files_and_text("~/a.jpg x") == ([folder / "a.jpg"], "x")


def test_what_cannot_be_sent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty").touch()
    Path("huge").touch()
    os.truncate("huge", limits.FILE_BYTES_MAX + 1)
    for name, words in (
        ("none", "there is no file none"),
        ("down", "down is a folder"),
        ("empty", "empty is empty"),
        ("huge", "huge is too large: 2.1 GB; 2.1 GB is the most"),
    ):
        with pytest.raises(CommandError) as caught:
            sendable(Path(name))
        assert str(caught.value) == words
    assert sendable(Path("a.jpg")) == 7
    with pytest.raises(CommandError, match="there is no file"):
        files_and_text("*.png")
    for number in range(11):
        Path(f"{number}.png").write_text("x")
    with pytest.raises(CommandError, match="these are 11 files; 10 go"):
        files_and_text("*.png")


def test_which_picture_is_meant(folder: Path) -> None:
    assert picture("a.jpg") == (False, Path("a.jpg"))
    assert picture("group 'c d.txt'") == (True, Path("c d.txt"))
    assert picture("remove") == (False, None)
    assert picture("group remove") == (True, None)
    assert picture("~/a.jpg") == (False, folder / "a.jpg")
    for rest, words in (
        ("group", "/photo "),
        ("a.jpg b.jpg", "/photo "),
        ("./remove", "there is no file remove"),
        ("group none.jpg", "there is no file none.jpg"),
        ("down", "down is a folder"),
    ):
        with pytest.raises(CommandError, match=words):
            picture(rest)


def test_where_to_save(folder: Path) -> None:
    assert which_and_where("") == (1, 0, folder)
    (folder / "Downloads").mkdir()
    assert which_and_where("") == (1, 0, folder / "Downloads")
    assert which_and_where("2") == (2, 0, folder / "Downloads")
    assert which_and_where("#17 down") == (1, 17, Path("down"))
    assert which_and_where("'new name.txt'") == (1, 0, Path("new name.txt"))
    assert which_and_where("3 ~/x") == (3, 0, folder / "x")
    for rest, words in (
        ("0", "0 is no number of a file"),
        ("1 a.jpg", "a.jpg is there already"),
        ("none/x", "there is no folder none"),
        ("none/", "there is no folder none"),
        ("1 two words", "quote a path"),
    ):
        with pytest.raises(CommandError, match=words):
            which_and_where(rest)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/file a", "/file a.jpg "),
        ("/file a.jpg b", "/file a.jpg b.jpg "),
        ("/file dow", "/file down/"),
        ("/file down/", "/file down/e.jpg "),
        ("/save 2 dow", "/save 2 down/"),
        ("/photo group a", "/photo group a.jpg "),
        ("/file c", "/file c\\ d.txt "),
        ("/file 'c", None),
        ("/file c\\ ", "/file c\\ d.txt "),
        ("/file .h", "/file .hidden.jpg "),
        ("/file ~/a", "/file ~/a.jpg "),
        ("/file a.jpg ", None),
        ("/file x", None),
        ("/file none/x", None),
        ("/open a", None),
        ("a", None),
    ],
)
def test_completion(folder: Path, line: str, expected: str | None) -> None:
    assert completed(line) == expected


def test_completion_stops_where_there_are_two_ways(folder: Path) -> None:
    for name in ("same-1", "same-2"):
        Path(name).touch()
    assert completed("/file s") == "/file same-"
    assert completed("/file same-") is None


@given(st.text(max_size=60))
def test_words_end(text: str) -> None:
    while text.strip():
        _, after = first_word(text)
        assert len(after) < len(text)
        text = after


# --- how far it is ----------------------------------------------------------------------------


def test_speed_and_what_remains() -> None:
    meter = Meter(10_000_000)
    assert meter.words(0) == "0 %  0 bytes of 10 MB"
    meter.tell(1_000_000, 0)
    meter.tell(3_000_000, 1_000)
    assert meter.words(1_000) == "30 %  3.0 MB of 10 MB  2.0 MB/s  0:03 left"
    assert meter.bar(10) == "━━━───────"
    for second in range(2, 30):
        meter.tell(3_000_000 + second * 100_000, second * 1_000)
    assert 99_000 < meter.bytes_per_s(29_000) < 101_000
    assert meter.bytes_per_s(100_000) < 10_000
    meter.waiting = True
    assert meter.words(29_000).endswith("waiting for the server")
    meter.tell(20_000_000, 30_000)
    assert meter.words(30_000).startswith("100 %")
    assert meter.bar(4) == "━━━━"


# --- how it is shown --------------------------------------------------------------------------


def some(kind: h.MediaKind = "photo", name: str = "us.jpg", **more: Any) -> h.Media:
    return h.Media(kind, "f", more.pop("size", 1_234_567), name, "x/y", **more)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (some(width=4000, height=3000), "Photo  us.jpg  1.2 MB  4000×3000"),
        (
            some("video", "v.mp4", width=640, height=360, duration_ms=62_000),
            "Video  v.mp4  1.2 MB  640×360  1:02",
        ),
        (some("audio", "song.mp3", duration_ms=221_000), "Audio  song.mp3  1.2 MB  3:41"),
        (some("voice", "x.ogg", duration_ms=7_000), "Voice message  1.2 MB  0:07"),
        (some("file", "a\nb\x1b.txt", size=12), "File  a b␛.txt  12 bytes"),
    ],
)
def test_what_a_line_tells_of_a_file(file: h.Media, words: str) -> None:
    here = model()
    chat = put(here, message(7, 2, "", media=file))
    assert shown(here, chat, 100)[-1] == f"{words}  #7  {view.clock(NOW)}"


def test_a_text_stands_below_its_file() -> None:
    here = model()
    chat = put(here, message(1, 2, "look", media=some()), message(2, 1, "what?", reply_to=1))
    lines = shown(here, chat, 100)
    assert lines[1:3] == ["Photo  us.jpg  1.2 MB  #1", f"look{view.clock(NOW).rjust(21)}"]
    assert lines[3] == "↪ Bob: Photo: look"
    assert "Photo: look" in view.row(here, put(here, message(3, 2, "look", media=some())), NOW, 60)


def test_the_list_tells_of_files() -> None:
    here = model()
    chat = put(here, message(1, 2, "", media=some()))
    assert "Photo" in view.row(here, chat, NOW, 40).plain
    chat = put(here, message(2, 2, "", media=some("file", "notes.pdf")))
    assert "notes.pdf" in view.row(here, chat, NOW, 40).plain
    here.send(Pending(CHAT, 5, "", NOW, file=outgoing()))
    assert "◷ Photo  a.jpg" in view.row(here, chat, NOW, 60).plain


def test_the_loudness_of_a_recording() -> None:
    wave = base64.b64encode(bytes(range(0, 200, 2))).decode()
    assert media.waveform(wave, 5) == "▂▃▄▅▇"
    assert len(media.waveform(wave, 40)) == 40
    assert media.waveform(base64.b64encode(b"\x00\xff").decode(), 40) == "▁█"
    assert media.waveform("", 40) == media.waveform("no base64!", 40) == ""
    here = model()
    chat = put(here, message(1, 2, "", media=some("voice", waveform=wave)))
    assert shown(here, chat, 80)[1].startswith("▁")


def test_a_tiny_picture() -> None:
    lines = media.picture(preview_of(32, 24), 16)
    assert [line.plain for line in lines] == ["▀" * 16] * 6
    top, bottom = str(lines[0].spans[0].style), str(lines[-1].spans[0].style)
    assert (int(top[1:3], 16) > 150, int(top[5:7], 16) < 100) == (True, True)
    assert (int(bottom[1:3], 16) < 100, int(bottom[5:7], 16) > 150) == (True, True)
    assert len(media.picture(preview_of(8, 40), 32)) == media.PICTURE_LINES
    here = model()
    chat = put(here, message(1, 2, "", media=some(preview=preview_of(32, 24))))
    assert sum("▀" in line for line in shown(here, chat, 100)) == media.PICTURE_LINES


@pytest.mark.parametrize(
    "preview",
    [
        "",
        "no base64!",
        base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPnothing").decode(),
        base64.b64encode(bytes(301)).decode(),
        base64.b64encode(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;").decode(),
        preview_of(129, 1),
    ],
)
def test_what_is_no_tiny_picture_is_not_shown(preview: str) -> None:
    assert media.picture(preview, 16) == ()


@given(st.binary(max_size=320))
def test_no_preview_breaks_the_screen(data: bytes) -> None:
    media.picture(base64.b64encode(data).decode(), 16)
    good = base64.b64decode(preview_of(16, 16))
    media.picture(base64.b64encode(good[:20] + data)[:400].decode(), 16)


def test_an_album_stands_together() -> None:
    here = model()
    files = [message(n, 3, "", media=some(), album=5, chat_id=GROUP) for n in (1, 2, 3)]
    chat = put(here, *files, message(4, 3, "", media=some(), album=6, chat_id=GROUP))
    lines = shown(here, chat, 100)
    clock = view.clock(NOW)
    assert [line.endswith(clock) for line in lines] == [False, False, False, False, True, True]
    assert lines[1:4] == ["Carol", "Photo  us.jpg  1.2 MB  #1", "Photo  us.jpg  1.2 MB  #2"]


def outgoing(name: str = "a.jpg", album: int = 0, size: int = 1_000_000) -> Outgoing:
    return Outgoing(Path(f"/x/{name}"), "photo", Meter(size), 3, album)


def test_how_far_an_upload_is() -> None:
    here = model()
    chat = put(here, message(1, 2))
    file = outgoing()
    here.send(Pending(CHAT, 5, "look", NOW, file=file))
    file.meter.tell(500_000, NOW)
    lines = shown(here, chat, 120)
    assert lines[2].startswith("Photo  a.jpg  1.0 MB")
    assert lines[3].startswith("look")
    assert lines[4].startswith("━━━━━━━━────────  50 %  500 kB of 1.0 MB")
    here.outbox[5].error = "The server's disk is full"
    assert "Not sent: The server's disk is full. /retry" in " ".join(shown(here, chat, 120))
    assert "━" not in " ".join(shown(here, chat, 120)[2:])


@given(
    st.sampled_from(["photo", "video", "audio", "voice", "file"]),
    st.text(max_size=60),
    st.text(max_size=60),
    st.integers(12, 100),
    st.booleans(),
    st.integers(0, 2**50),
)
def test_no_line_is_too_wide(
    kind: h.MediaKind, name: str, text: str, width: int, own: bool, size: int
) -> None:
    here = model()
    wave = base64.b64encode(bytes(100)).decode()
    file = some(kind, name, size=size, waveform=wave, preview=preview_of(32, 32), width=9999)
    chat = put(here, message(1, 1 if own else 2, text, media=file, chat_id=GROUP))
    going = Pending(GROUP, 5, text, NOW, file=outgoing("x" * 80, size=max(size, 1)))
    here.send(going)
    for line in view.conversation(here, chat, NOW, width):
        assert cell_len(line.text.plain) <= width
        assert "\n" not in line.text.plain
    for row in view.row(here, chat, NOW, width).plain.split("\n"):
        assert cell_len(row) <= width


# --- albums on their way ----------------------------------------------------------------------


def test_an_album_waits_for_all_its_files() -> None:
    here = model()
    here.open(CHAT)
    one, two = outgoing(album=9), outgoing(album=9)
    for number, file in enumerate((one, two, outgoing()), 1):
        here.send(Pending(CHAT, number, "text" if number == 1 else "", NOW, file=file))
    here.send(Pending(CHAT, 4, "words", NOW))
    assert [here.ready(p) for p in here.outbox.values()] == [False, False, False, True]
    one.ticket = "one"
    assert not here.ready(here.outbox[1])
    here.forget(here.outbox[2])
    assert here.ready(here.outbox[1])
    here.send(Pending(CHAT, 5, "", NOW, file=two))
    here.forget(here.outbox[1])
    assert [(p.random_id, p.text) for p in here.outbox.values()] == [
        (3, ""),
        (4, "words"),
        (5, "text"),
    ]
