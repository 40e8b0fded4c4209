"""What a message shows of its file: a photo without what was dropped from it, albums, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api import methods as m
from api.files import name_in
from api.visible import as_line, is_visible
from fronts.files.service import shown_name
from media.look import Look
from tests.unit.media.desk import (
    Desk,
    hash_of,
    refused,
)


def test_a_photo_is_sent_without_what_was_dropped_from_it(desk: Desk, tmp_path: object) -> None:
    clean = tmp_path / "clean"  # type: ignore[operator]
    clean.write_bytes(b"picture")
    desk.looker.sees = Look(
        mime="image/jpeg",
        kind="photo",
        width=40,
        height=30,
        preview=b"p",
        thumb=b"small",
        thumb_width=4,
        thumb_height=3,
        clean=clean,
    )
    finished = desk.alice.upload(b"picture and position", "photo", "../../etc/pass\u202ewd")
    assert desk.looker.looked == [(b"picture and position", "photo", "passwd")]
    media = finished.media
    assert (media.file_id, media.size) == (hash_of(b"picture"), 7)
    assert name_in(hash_of(b"picture and position")) not in desk.chunks.chunks
    assert (media.kind, media.name, media.width, media.height) == ("photo", "passwd.jpg", 40, 30)
    assert media.thumb is not None
    sent = desk.alice.send(desk.chat, finished.ticket)
    thumb = desk.bob.ask("GET", f"/media/thumb/{desk.chat}/{sent.id}")
    assert (thumb.content, thumb.headers["content-type"]) == (b"small", "image/jpeg")
    link = desk.bob.call(m.GetLink(desk.chat, sent.id, thumb=True))
    assert desk.ask("GET", link.path).content == b"small"
    shown = desk.bob.ask("GET", f"/media/file/{desk.chat}/{sent.id}")
    assert shown.headers["content-disposition"].startswith('inline; filename="passwd.jpg"')


def test_albums_and_captions_have_limits(desk: Desk) -> None:
    ticket = desk.alice.upload(b"one of many").ticket
    ids = [desk.alice.send(desk.chat, ticket, album=5).id for _ in range(limits.ALBUM_MESSAGES_MAX)]
    assert refused(lambda: desk.alice.send(desk.chat, ticket, album=5)) == "too_many"
    desk.alice.send(desk.chat, ticket, album=6)
    shown = desk.bob.call(m.GetHistory(desk.chat)).messages
    assert [message.id for message in shown if message.album == 5] == ids
    long = "x" * (limits.CAPTION_CHARS_MAX + 1)
    assert refused(lambda: desk.alice.send(desk.chat, ticket, long)) == "invalid_params"
    assert refused(lambda: desk.alice.send(desk.chat, "")) == "invalid_params"


@pytest.mark.parametrize(
    ("name", "mime", "expected"),
    [
        ("pic.bmp", "image/png", "pic.png"),
        ("anim.AVIF", "image/jpeg", "anim.jpg"),
        ("scan.tiff", "image/jpeg", "scan.jpg"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("photo.png", "image/jpeg", "photo.jpg"),
        ("a.b.apng", "image/png", "a.b.apng"),
        ("IMG_1", "image/jpeg", "IMG_1.jpg"),
        ("v1.2 final", "image/webp", "v1.2 final.webp"),
        ("gif", "image/gif", "gif.gif"),
        ("", "image/jpeg", ""),
        ("x" * limits.FILE_NAME_CHARS_MAX, "image/jpeg", "x" * 251 + ".jpg"),
    ],
)
def test_the_name_of_a_photo_says_what_is_inside(
    desk: Desk, name: str, mime: str, expected: str
) -> None:
    desk.looker.sees = Look(mime=mime, kind="photo")
    assert desk.alice.upload(b"picture", "photo", name).media.name == expected
    desk.looker.sees = Look(mime=mime, kind="file")
    assert desk.alice.upload(b"a file", "photo", name).media.name == name


@given(st.text(max_size=300))
def test_a_name_is_no_path_and_one_line(name: str) -> None:
    shown = shown_name(name)
    assert "/" not in shown
    assert "\\" not in shown
    assert as_line(shown) == shown
    assert not shown or is_visible(shown)
    assert shown not in (".", "..")
    assert len(shown) <= limits.FILE_NAME_CHARS_MAX
