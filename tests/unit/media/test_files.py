"""What becomes of files: who keeps them, when they may be deleted, what they take of the room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors import addresses
from actors.file.messages import MayDelete
from actors.file.turns import HEAD
from actors.user.messages import BytesDiscarded, KeepFile
from actors.user.uploads import DISCARDED
from api import limits
from api import methods as m
from api.errors import ApiError
from api.files import text_of
from api.types import PartRange
from media.look import Look
from tests.unit.actors.rows import pass_time, rows_of
from tests.unit.media.desk import Desk, code, hash_of, refused

GRACE_MS = limits.FILE_GRACE_S * 1000
DAY_MS = 24 * 3600 * 1000


def may_delete(desk: Desk, file_id: str) -> bool:
    answer = desk.town.ask(addresses.file(file_id), MayDelete())
    return bool(answer["condemned"] if isinstance(answer, dict) else answer[0])


def test_what_nobody_sends_is_deleted_after_the_grace(desk: Desk) -> None:
    file_id = desk.alice.upload(b"never sent").media.file_id
    assert not may_delete(desk, file_id)
    desk.town.now_ms += GRACE_MS - 1
    assert not may_delete(desk, file_id)
    desk.town.now_ms += 1
    assert may_delete(desk, file_id)
    assert may_delete(desk, file_id)


def test_what_a_message_has_is_kept(desk: Desk) -> None:
    finished = desk.alice.upload(b"sent")
    desk.alice.send(desk.chat, finished.ticket)
    desk.town.settle()
    desk.town.now_ms += 100 * GRACE_MS
    assert not may_delete(desk, finished.media.file_id)


def test_uploading_it_again_keeps_it(desk: Desk) -> None:
    file_id = desk.alice.upload(b"twice").media.file_id
    desk.town.now_ms += GRACE_MS - 1
    assert desk.bob.upload(b"twice").media.file_id == file_id
    desk.town.now_ms += GRACE_MS - 1
    assert not may_delete(desk, file_id)
    desk.town.now_ms += 1
    assert may_delete(desk, file_id)


def test_a_small_picture_is_told_apart(desk: Desk) -> None:
    """So that accounts of the storage do not count it as a photo."""
    desk.looker.sees = Look(mime="image/jpeg", kind="photo", thumb=b"small", thumb_width=4)
    media = desk.alice.upload(b"a picture", "photo").media
    assert media.thumb is not None
    desk.town.settle()
    for file_id, kind in ((media.file_id, "photo"), (media.thumb.file_id, "thumb")):
        head = HEAD.get(rows_of(desk.town, addresses.file(file_id)), None)
        assert head is not None
        assert head.kind == kind


def test_a_file_that_nobody_knows_may_go(desk: Desk) -> None:
    """Its upload was not finished: the pool asks only for what has been untouched for as long."""
    assert may_delete(desk, hash_of(b"unknown"))


def test_an_account_has_room_for_so_much(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEDIA_BYTES_PER_USER_MAX", 100)
    first = desk.alice.upload(b"x" * 60).media.file_id
    assert desk.alice.upload(b"x" * 60).media.file_id == first  # counts once
    assert refused(lambda: desk.alice.call(m.BeginUpload(1, 41))) == "quota_exceeded"
    desk.alice.call(m.BeginUpload(1, 30))
    assert refused(lambda: desk.alice.call(m.BeginUpload(2, 11))) == "quota_exceeded"
    desk.alice.call(m.CancelUpload(1))
    desk.alice.call(m.BeginUpload(2, 40))
    desk.alice.call(m.CancelUpload(2))
    desk.town.now_ms += GRACE_MS
    assert may_delete(desk, first)
    desk.town.settle()
    desk.alice.call(m.BeginUpload(3, 100))


def test_a_chat_has_room_for_so_much(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEDIA_BYTES_PER_CHAT_MAX", 10)
    ticket = desk.alice.upload(b"x" * 6).ticket
    desk.alice.send(desk.chat, ticket)
    assert refused(lambda: desk.alice.send(desk.chat, ticket)) == "quota_exceeded"
    desk.alice.send(desk.chat, "", "words")


# --- what came to nothing takes room until it is collected ----------------------------------------


def has_room_for(desk: Desk, size: int) -> bool:
    """Whether an upload of so many bytes, and of not one more, can begin."""
    more = m.BeginUpload(98, size + 1)
    full = refused(lambda: desk.alice.call(more)) == "quota_exceeded"
    desk.alice.call(m.BeginUpload(99, size))
    desk.alice.call(m.CancelUpload(99))
    return full


@pytest.fixture
def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEDIA_BYTES_PER_USER_MAX", 100)


def begin_and_send(desk: Desk, size: int, times: int = 1) -> None:
    desk.alice.call(m.BeginUpload(7, size))
    for number in range(times):
        desk.alice.put(7, 0, bytes([number]) * size)


def test_a_loop_of_cancelled_uploads_comes_to_an_end(desk: Desk, small_room: None) -> None:
    for _ in range(4):
        begin_and_send(desk, 25)
        desk.alice.call(m.CancelUpload(7))
        desk.alice.call(m.CancelUpload(7))
    assert refused(lambda: desk.alice.call(m.BeginUpload(7, 1))) == "quota_exceeded"
    desk.bob.call(m.BeginUpload(7, 100))  # others have theirs


def test_it_ends_with_the_grace_period(desk: Desk, small_room: None) -> None:
    begin_and_send(desk, 30)
    desk.alice.call(m.CancelUpload(7))
    desk.town.now_ms += GRACE_MS // 2
    begin_and_send(desk, 20)
    desk.alice.call(m.CancelUpload(7))
    desk.town.now_ms += GRACE_MS // 2 - 1
    assert has_room_for(desk, 50)
    desk.town.now_ms += 3_600_000
    assert has_room_for(desk, 80)
    begin_and_send(desk, 1)
    desk.alice.call(m.CancelUpload(7))
    user = rows_of(desk.town, addresses.user(desk.alice.caller.user_id))
    assert [row.bytes for _, row in DISCARDED.scan(user, limit=9)] == [20, 1], "the old one is gone"


def test_uploads_that_are_left_count_when_they_are_given_up(desk: Desk, small_room: None) -> None:
    begin_and_send(desk, 30)
    pass_time(desk.town, DAY_MS + 3_600_000)
    assert refused(lambda: desk.alice.call(m.GetUpload(7))) == "upload_not_found"
    assert has_room_for(desk, 70)


def test_parts_that_are_sent_again_count(desk: Desk, small_room: None) -> None:
    """While the upload runs, and when it is finished: so it is no way around either."""
    begin_and_send(desk, 20, times=3)
    assert has_room_for(desk, 40)
    for _ in range(2):
        done = desk.alice.call(m.FinishUpload(7, hash_of(b"\x02" * 20)))
        assert has_room_for(desk, 40)
    at_once = KeepFile(7, done.media, done.media.file_id, spare=20)
    desk.town.ask(addresses.user(desk.alice.caller.user_id), at_once, desk.alice.caller)
    assert has_room_for(desk, 40), "two calls of finish count once"


def test_what_is_removed_from_a_photo_counts(desk: Desk, small_room: None, tmp_path: Path) -> None:
    """Where it was stored, as it came in parts."""
    clean = tmp_path / "clean"
    clean.write_bytes(b"picture")
    desk.looker.sees = Look(mime="image/jpeg", kind="photo", clean=clean)
    for number in range(3):
        desk.alice.upload(b"picture and position %d" % number, "photo")
    assert has_room_for(desk, 100 - 7), "it was never stored"
    begin_and_send(desk, 10)
    desk.alice.call(m.FinishUpload(7, hash_of(b"\x00" * 10), kind="photo"))
    assert has_room_for(desk, 100 - 7 - 10)


def test_a_small_file_without_room_is_not_stored(desk: Desk, small_room: None) -> None:
    def send(content: bytes) -> str:
        answer = desk.alice.ask(
            "POST", "/media/upload", params={"hash": hash_of(content)}, content=content
        )
        return "" if answer.status_code == 200 else code(answer)

    assert send(b"a" * 60) == ""
    assert send(b"b" * 41) == "quota_exceeded"
    assert hash_of(b"b" * 41) not in map(text_of, desk.chunks.chunks)
    assert send(b"a" * 60) == "", "it is there already"


def test_what_was_stored_in_vain_counts(
    desk: Desk, small_room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload is cancelled while its part is stored; a file is stored, and not kept. Of one that
    cannot be looked at, nothing was stored."""
    put = desk.chunks.put

    async def put_and_cancel(name: bytes, data: bytes) -> None:
        await put(name, data)
        await desk.town.gateway.ask(
            addresses.user(desk.alice.caller.user_id), m.CancelUpload(7), desk.alice.caller
        )

    monkeypatch.setattr(desk.chunks, "put", put_and_cancel)
    desk.alice.call(m.BeginUpload(7, 20))
    with pytest.raises(AssertionError, match="upload_not_found"):
        desk.alice.put(7, 0, b"x" * 20)
    assert has_room_for(desk, 80)

    async def look(*args: object) -> Look:
        raise ApiError("unavailable", "too many are looked at", 1.0)

    monkeypatch.setattr(desk.looker, "look", look)
    with pytest.raises(AssertionError, match="unavailable"):
        desk.alice.upload(b"y" * 30, "photo")
    assert has_room_for(desk, 80)

    monkeypatch.setattr(desk.chunks, "put", put)
    ask = desk.town.gateway.ask

    async def half_down(ref: Any, message: Any, *args: Any, **more: Any) -> bytes:
        if isinstance(message, KeepFile):
            raise ApiError("unavailable")
        return await ask(ref, message, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(desk.town.gateway, "ask", half_down)
        with pytest.raises(AssertionError, match="unavailable"):
            desk.alice.upload(b"y" * 30)
    assert has_room_for(desk, 50)


def test_the_reason_is_told_also_where_nothing_can_be_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = desk.town.gateway.ask

    async def half_down(ref: Any, message: Any, *args: Any, **more: Any) -> bytes:
        if isinstance(message, BytesDiscarded):
            raise ApiError("unavailable")
        if isinstance(message, KeepFile):
            raise ApiError("quota_exceeded")
        return await ask(ref, message, *args, **more)

    monkeypatch.setattr(desk.town.gateway, "ask", half_down)
    with pytest.raises(AssertionError, match="quota_exceeded"):
        desk.alice.upload(b"too much")


# --- uploads that are left ------------------------------------------------------------------------


def test_uploads_that_are_left_are_given_up(desk: Desk) -> None:
    desk.alice.call(m.BeginUpload(1, 5))
    desk.alice.call(m.BeginUpload(3, 5))
    desk.alice.put(1, 0, b"12345")
    pass_time(desk.town, DAY_MS)
    desk.alice.call(m.BeginUpload(2, 5))
    assert desk.alice.call(m.GetUpload(1)).stored == [PartRange(0, 0)]
    pass_time(desk.town, 3_600_000)
    pass_time(desk.town, 1)  # the next one
    assert refused(lambda: desk.alice.call(m.GetUpload(1))) == "upload_not_found"
    assert refused(lambda: desk.alice.call(m.GetUpload(3))) == "upload_not_found"
    assert desk.alice.call(m.GetUpload(2)).parts == 1


def test_an_upload_may_not_take_for_ever(desk: Desk) -> None:
    """Its first chunks would be collected before it is finished."""
    long = limits.PART_BYTES * 9
    desk.alice.call(m.BeginUpload(1, long))
    for day in range(6):
        assert desk.alice.call(m.GetUpload(1)).size == long
        part = bytes([day]) * limits.PART_BYTES
        desk.alice.put(1, day, part)
        pass_time(desk.town, DAY_MS)
    assert refused(lambda: desk.alice.call(m.GetUpload(1))) == "upload_not_found"


def test_so_many_uploads_at_a_time(desk: Desk) -> None:
    for number in range(1, limits.UPLOADS_PER_USER_MAX + 1):
        desk.alice.call(m.BeginUpload(number, 1))
    assert refused(lambda: desk.alice.call(m.BeginUpload(99, 1))) == "too_many"
    with pytest.raises(ApiError, match="another size"):
        desk.alice.call(m.BeginUpload(1, 2))
