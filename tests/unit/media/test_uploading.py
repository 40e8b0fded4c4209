"""Uploads by HTTP: in parts, interrupted, repeated, refused."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from msgspec.structs import replace

from actors import addresses
from actors.user.messages import KeepFile
from api import limits
from api import methods as m
from api.errors import ApiError
from api.files import name_in
from api.types import Ok, PartRange
from media.look import Look
from tests.unit.media.desk import (
    LONG,
    Desk,
    code,
    hash_of,
    id_of,
    parts_of,
    refused,
)


def put(
    desk: Desk,
    upload_id: int,
    first: int,
    parts: list[bytes],
    hashes: list[str] | None = None,
    chunked: bool = False,
) -> httpx2.Response:
    """Send parts in one request."""

    async def pieces() -> AsyncIterator[bytes]:
        body = b"".join(parts)
        for at in range(0, len(body), 300_000):
            yield body[at : at + 300_000]

    return desk.alice.ask(
        "PUT",
        f"/media/upload/{upload_id}/{first}",
        params={"hash": [hash_of(part) for part in parts] if hashes is None else hashes},
        content=pieces() if chunked else b"".join(parts),
    )


def test_a_ticket_is_for_who_uploaded_and_for_messages_only(desk: Desk) -> None:
    finished = desk.alice.upload(b"mine")
    saved = desk.town.private(desk.eve.caller, desk.eve.caller)
    assert refused(lambda: desk.eve.send(saved, finished.ticket)) == "ticket_invalid"
    assert code(desk.ask("GET", f"/media/link/{finished.ticket}")) == "ticket_invalid"
    changed = finished.ticket[:-2] + ("AA" if finished.ticket[-2:] != "AA" else "BB")
    assert refused(lambda: desk.alice.send(desk.chat, changed)) == "ticket_invalid"


def test_an_upload_goes_on_after_an_interruption(desk: Desk) -> None:
    parts = parts_of(LONG)
    begin = m.BeginUpload(7, len(LONG))
    desk.alice.call(begin)
    desk.alice.put(7, 2, parts[2])
    desk.alice.put(7, 0, parts[0])
    desk.alice.put(7, 0, parts[0])
    assert desk.alice.call(begin).stored == [PartRange(0, 0), PartRange(2, 2)]
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 0), PartRange(2, 2)]
    finish = m.FinishUpload(7, id_of(LONG), "long.bin")
    assert refused(lambda: desk.alice.call(finish)) == "upload_incomplete"
    desk.alice.put(7, 1, parts[1])
    desk.alice.put(7, 3, parts[3])
    wrong = m.FinishUpload(7, hash_of(LONG), "long.bin")
    assert refused(lambda: desk.alice.call(wrong)) == "hash_mismatch"
    first, second = desk.alice.call(finish), desk.alice.call(finish)
    assert first.media == second.media
    assert refused(lambda: desk.alice.call(wrong)) == "hash_mismatch"
    late = desk.alice.ask(
        "PUT", "/media/upload/7/0", params={"hash": hash_of(parts[0])}, content=parts[0]
    )
    assert code(late) == "part_invalid"
    held = {name for name, roots in desk.chunks.holders.items() if name_in(id_of(LONG)) in roots}
    assert held == {name_in(id_of(LONG)), *(name_in(hash_of(part)) for part in parts)}


def test_a_photo_is_finished_again_by_what_was_uploaded(desk: Desk, tmp_path: Path) -> None:
    """Its own id is another one, for its position was removed."""
    clean = tmp_path / "clean"
    clean.write_bytes(b"picture")
    desk.looker.sees = Look(mime="image/jpeg", kind="photo", clean=clean)
    content = b"picture and position"
    desk.alice.call(m.BeginUpload(7, len(content)))
    desk.alice.put(7, 0, content)
    finish = m.FinishUpload(7, hash_of(content), kind="photo")
    first = desk.alice.call(finish)
    assert first.media.file_id == hash_of(b"picture")
    assert desk.alice.call(finish).media == first.media
    own_id = m.FinishUpload(7, first.media.file_id, kind="photo")
    assert refused(lambda: desk.alice.call(own_id)) == "hash_mismatch"


def test_an_upload_becomes_one_file(desk: Desk) -> None:
    """Also where a part is replaced between two calls of finish that run at once."""
    desk.alice.call(m.BeginUpload(7, 5))
    desk.alice.put(7, 0, b"12345")
    first = desk.alice.call(m.FinishUpload(7, hash_of(b"12345")))
    late = KeepFile(7, replace(first.media, file_id=hash_of(b"67890")), hash_of(b"67890"))
    user = addresses.user(desk.alice.caller.user_id)
    assert refused(lambda: desk.town.ask(user, late, desk.alice.caller)) == "hash_mismatch"


def test_an_upload_that_took_the_id_of_another_is_not_finished_as_that(desk: Desk) -> None:
    """While one is looked at, it is cancelled, and another one begun with its id."""
    desk.alice.call(m.BeginUpload(3, 5))
    desk.alice.put(3, 0, b"12345")
    media = desk.alice.call(m.FinishUpload(3, hash_of(b"12345"))).media
    desk.alice.call(m.BeginUpload(7, 6))
    desk.alice.put(7, 0, b"67890a")
    late = KeepFile(7, media, hash_of(b"12345"))
    user = addresses.user(desk.alice.caller.user_id)
    assert refused(lambda: desk.town.ask(user, late, desk.alice.caller)) == "hash_mismatch"
    assert desk.alice.call(m.FinishUpload(7, hash_of(b"67890a"))).media.size == 6


def test_bad_parts_are_refused_and_change_nothing(desk: Desk) -> None:
    parts = parts_of(LONG)
    desk.alice.call(m.BeginUpload(7, len(LONG)))

    def put(path: str, part: bytes, name: str = "", person: object = desk.alice) -> str:
        answer = person.ask("PUT", path, params={"hash": name or hash_of(part)}, content=part)  # type: ignore[attr-defined]
        return code(answer)

    assert put("/media/upload/7/0", parts[0], hash_of(parts[1])) == "hash_mismatch"
    assert put("/media/upload/7/0", parts[3]) == "part_invalid"
    assert put("/media/upload/7/3", parts[0]) == "part_invalid"
    assert put("/media/upload/7/4", parts[3]) == "part_invalid"
    assert put("/media/upload/7/0", parts[0] + b"x") == "too_large"
    assert put("/media/upload/7/0", parts[0], "abc") == "invalid_params"
    assert put("/media/upload/7/01", parts[0]) == "not_found"
    assert put("/media/upload/../0", parts[0]) in ("not_found", "method_not_allowed")
    assert put("/media/upload/7/0", parts[0], person=desk.eve) == "upload_not_found"
    assert put("/media/upload/8/0", parts[0]) == "upload_not_found"
    assert desk.alice.call(m.GetUpload(7)).stored == []
    assert not desk.chunks.chunks
    assert desk.alice.call(m.CancelUpload(7)).ok
    assert refused(lambda: desk.alice.call(m.GetUpload(7))) == "upload_not_found"
    assert refused(lambda: desk.eve.call(m.FinishUpload(7, id_of(LONG)))) == "upload_not_found"


def asked_of_actors(desk: Desk) -> list[str]:
    """What the front asks from now on."""
    asked: list[str] = []
    ask = desk.town.gateway.ask

    async def noted(ref: Any, message: Any, *args: Any, **more: Any) -> bytes:
        asked.append(type(message).__name__)
        return await ask(ref, message, *args, **more)

    desk.town.gateway.ask = noted  # type: ignore[method-assign]
    return asked


def test_a_small_file_takes_three_turns_and_one_call_of_the_pool(desk: Desk) -> None:
    asked = asked_of_actors(desk)
    calls: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            calls.append(name)
            return getattr(desk.chunks, name)

    desk.service._chunks = Counted()  # type: ignore[assignment]
    done = desk.alice.upload(b"hello")
    assert asked == ["CheckToken", "ExpectFile", "KeepFile"]
    assert calls == ["put"]
    name = name_in(done.media.file_id)
    assert desk.chunks.holders == {name: {name}}


@pytest.mark.parametrize("chunked", [False, True])
def test_several_parts_come_in_one_request(desk: Desk, chunked: bool) -> None:
    asked = asked_of_actors(desk)
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    put(desk, 7, 3, parts_of(LONG)[3:])
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(3, 3)]
    asked.clear()
    answer = put(desk, 7, 0, parts_of(LONG), chunked=chunked)
    assert msgspec.json.decode(answer.content, type=Ok).ok
    assert asked == ["CheckToken", "ExpectParts", "PartsStored"]
    assert desk.alice.call(m.FinishUpload(7, id_of(LONG))).media.size == len(LONG)


def test_of_several_parts_those_that_are_right_are_kept(desk: Desk) -> None:
    parts = parts_of(LONG)
    names = [hash_of(part) for part in parts]

    def refused_then(expected: str, *stored: PartRange, **how: object) -> None:
        desk.alice.call(m.BeginUpload(7, len(LONG)))
        assert code(put(desk, 7, **how)) == expected  # type: ignore[arg-type]
        assert desk.alice.call(m.GetUpload(7)).stored == list(stored)
        desk.alice.call(m.CancelUpload(7))

    wrong = [names[0], names[0], *names[2:]]
    ends = PartRange(0, 0), PartRange(2, 3)
    refused_then("hash_mismatch", *ends, first=0, parts=parts, hashes=wrong)
    whole = PartRange(0, 1)
    cut = [*parts[:2], parts[2][:-1]]
    refused_then("part_invalid", whole, first=0, parts=cut, hashes=names[:3])
    refused_then("part_invalid", whole, first=0, parts=parts[:2], hashes=names)
    for chunked in (False, True):
        long = [*parts, b"x"]
        refused_then(
            "part_invalid", PartRange(0, 3), first=0, parts=long, hashes=names, chunked=chunked
        )
    refused_then("part_invalid", first=1, parts=parts)
    refused_then("part_invalid", first=3, parts=parts[:2])
    refused_then("part_invalid", first=4_000, parts=parts[:1])
    refused_then("too_large", first=0, parts=parts[:2], hashes=names[:1])
    refused_then("too_large", first=0, parts=parts[:2], hashes=names[:1], chunked=True)
    refused_then("invalid_params", first=0, parts=parts, hashes=[])
    refused_then("invalid_params", first=0, parts=parts, hashes=names[:1] * 17)
    refused_then("invalid_params", first=0, parts=parts, hashes=[*names[:3], "x"])


def test_an_upload_that_is_sent_over_and_over_is_stopped(desk: Desk) -> None:
    part = bytes(limits.PART_BYTES)
    desk.alice.call(m.BeginUpload(7, len(part) + 1))
    for _ in range(5):
        desk.alice.put(7, 0, part)
    again = desk.alice.ask("PUT", "/media/upload/7/0", params={"hash": hash_of(part)}, content=part)
    assert code(again) == "flood"


def test_a_full_disk_keeps_the_upload(desk: Desk) -> None:
    desk.alice.call(m.BeginUpload(7, 5))
    desk.chunks.broken = ApiError("storage_full")
    answer = desk.alice.ask(
        "PUT", "/media/upload/7/0", params={"hash": hash_of(b"12345")}, content=b"12345"
    )
    assert code(answer) == "storage_full"
    desk.chunks.broken = None
    desk.alice.put(7, 0, b"12345")
    assert desk.alice.call(m.FinishUpload(7, hash_of(b"12345"))).media.size == 5


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "storage_full"),
        (errno.EDQUOT, "storage_full"),
        (errno.EROFS, "unavailable"),
        (errno.EIO, "unavailable"),
    ],
)
def test_no_room_to_look_at_a_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, number: int, expected: str
) -> None:
    """It is neither a mistake of the server, nor a part of it that starts again."""

    def failing(*asked: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fronts.files.service.os.pwrite", failing)
    desk.looker.sees = Look(mime="image/jpeg", kind="photo")
    options = {"params": {"hash": hash_of(b"12345"), "kind": "photo"}, "content": b"12345"}
    assert code(desk.alice.ask("POST", "/media/upload", **options)) == expected
    desk.alice.call(m.BeginUpload(7, 5))
    desk.alice.put(7, 0, b"12345")
    finish = m.FinishUpload(7, hash_of(b"12345"), kind="photo")
    assert refused(lambda: desk.alice.call(finish)) == expected
    monkeypatch.undo()
    assert desk.alice.call(finish).media.kind == "photo"


def test_a_part_is_not_sent_as_a_range(desk: Desk) -> None:
    """14.5: where that is not supported, it is refused rather than taken for the whole."""
    desk.alice.call(m.BeginUpload(7, 5))
    answer = desk.alice.ask(
        "PUT",
        "/media/upload/7/0",
        params={"hash": hash_of(b"12345")},
        content=b"12345",
        headers={"content-range": "bytes 0-4/9"},
    )
    assert code(answer) == "bad_request"
    assert desk.alice.call(m.GetUpload(7)).stored == []
