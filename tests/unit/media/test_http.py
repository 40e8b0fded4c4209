"""Uploads and downloads by HTTP, in this process."""

from __future__ import annotations

import asyncio
import errno
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from actors import addresses
from actors.user.messages import KeepFile
from api import limits
from api import methods as m
from api.addresses import Callers, parse
from api.errors import ApiError, Problem
from api.files import name_in
from api.requests import ClientGone
from api.room import Room
from api.site import Shown
from api.types import Ok, PartRange
from api.visible import as_line, is_visible
from fronts.files.conditions import part_of
from fronts.files.service import shown_name
from media.look import Look
from tests.profile import tries
from tests.unit.media.desk import Desk, Person, hash_of, id_of, parts_of
from tests.unit.runtime.fake_time import idle

PARTS_IN_MEMORY = limits.PARTS_IN_MEMORY_PER_REQUEST_MAX
LONG = random.Random(1).randbytes(3 * limits.PART_BYTES + 1000)


def code(answer: object) -> str:
    return msgspec.json.decode(answer.content, type=Problem).code  # type: ignore[attr-defined]


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


def refused(call: object) -> str:
    with pytest.raises(ApiError) as caught:
        call()  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize("content", [b"x", b"hello" * 1000, LONG], ids=["byte", "part", "parts"])
def test_what_goes_up_comes_down(desk: Desk, content: bytes) -> None:
    finished = desk.alice.upload(content)
    assert finished.media.file_id == id_of(content)
    assert finished.media.size == len(content)
    sent = desk.alice.send(desk.chat, finished.ticket, "look")
    path = f"/media/file/{desk.chat}/{sent.id}/notes.txt"
    for person in (desk.alice, desk.bob):
        answer = person.ask("GET", path)
        assert answer.status_code == 200
        assert answer.content == content
    assert answer.headers["etag"] == f'"{id_of(content)}"'
    mime = "application/octet-stream" if content is LONG else "text/plain"
    assert answer.headers["content-type"] == mime
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "private" in answer.headers["cache-control"]
    head = desk.bob.ask("HEAD", path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))
    again = desk.bob.ask("GET", path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    history = desk.bob.call(m.GetHistory(desk.chat))
    assert history.messages[-1].media == finished.media
    assert desk.chunks.bytes_max <= limits.PART_BYTES


def test_only_who_can_read_the_message_can_read_the_file(desk: Desk) -> None:
    sent = desk.alice.send(desk.chat, desk.alice.upload(b"secret").ticket)
    path = f"/media/file/{desk.chat}/{sent.id}"
    assert code(desk.eve.ask("GET", path)) == "chat_not_found"
    assert code(desk.ask("GET", path)) == "unauthorized"
    assert code(desk.bob.ask("GET", f"/media/file/{desk.chat}/{sent.id + 1}")) == "media_not_found"
    assert refused(lambda: desk.eve.call(m.GetLink(desk.chat, sent.id))) == "chat_not_found"
    text = desk.town.send(desk.alice.caller, desk.chat, "only text")
    assert code(desk.bob.ask("GET", f"/media/file/{desk.chat}/{text.id}")) == "media_not_found"


def test_an_address_with_the_id_of_a_file_is_that_files_alone(desk: Desk) -> None:
    media = desk.alice.upload(b"one")
    one = desk.alice.send(desk.chat, media.ticket)
    other = desk.alice.send(desk.chat, desk.alice.upload(b"other").ticket)
    path, there = f"/media/file/{desk.chat}", media.media.file_id
    for address in (f"{path}/{one.id}/{there}", f"{path}/{one.id}/{there}/notes.txt"):
        answer = desk.bob.ask("GET", address)
        assert (answer.status_code, answer.content) == (200, b"one")
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Authorization, Cookie", "the next login asks for itself"
        part = desk.bob.ask("GET", address, headers={"range": "bytes=1-"})
        assert (part.status_code, part.content) == (206, b"ne")
    refused = desk.bob.ask("GET", f"{path}/{other.id}/{there}")
    assert (code(refused), refused.headers["cache-control"]) == ("media_not_found", "no-store")
    assert code(desk.bob.ask("GET", f"/media/thumb/{desk.chat}/{one.id}/{there}")) == (
        "media_not_found"
    )
    assert code(desk.bob.ask("GET", f"{path}/{one.id}/notes/more")) == "not_found"


def test_a_small_picture_has_an_address_with_its_id(desk: Desk) -> None:
    desk.looker.sees = Look(mime="image/png", kind="photo", thumb=b"small", thumb_width=4)
    finished = desk.alice.upload(b"a picture", "photo", "p.png")
    media, sent = finished.media, desk.alice.send(desk.chat, finished.ticket)
    assert media.thumb is not None
    path = f"/media/thumb/{desk.chat}/{sent.id}"
    answer = desk.bob.ask("GET", f"{path}/{media.thumb.file_id}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert code(desk.bob.ask("GET", f"{path}/{media.file_id}")) == "media_not_found"


def test_a_link_may_be_shown_by_pages_of_others_and_nothing_else_may(desk: Desk) -> None:
    sent = desk.alice.send(desk.chat, desk.alice.upload(b"shared").ticket)
    link = desk.bob.call(m.GetLink(desk.chat, sent.id))
    assert desk.ask("GET", link.path).headers["cross-origin-resource-policy"] == "cross-origin"
    for path in (f"/media/file/{desk.chat}/{sent.id}", f"/media/file/{desk.chat}/99"):
        answer = desk.bob.ask("GET", path)
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "mime", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf"]
)
def test_what_could_run_is_saved_and_not_shown(desk: Desk, mime: str) -> None:
    desk.looker.sees = Look(mime=mime, kind="file")
    sent = desk.alice.send(desk.chat, desk.alice.upload(b"<script>", name="x.html").ticket)
    told = desk.bob.ask("GET", f"/media/file/{desk.chat}/{sent.id}").headers
    assert told["content-disposition"].startswith("attachment;")
    assert told["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert told["x-content-type-options"] == "nosniff"


def test_a_link_is_of_its_message(desk: Desk) -> None:
    """Gone with it, for whomever it was made; that of a forward goes on."""
    sent = desk.alice.send(desk.chat, desk.alice.upload(b"shared").ticket)
    saved = desk.town.private(desk.bob.caller, desk.bob.caller)
    (kept,) = desk.bob.call(m.ForwardMessages(desk.chat, [sent.id], saved, [1])).sent
    theirs = desk.alice.call(m.GetLink(desk.chat, sent.id))
    link = desk.bob.call(m.GetLink(desk.chat, sent.id))
    forward = desk.bob.call(m.GetLink(saved, kept.id))
    paths = (theirs.path, link.path, forward.path)
    answers = [desk.ask("GET", path) for path in paths]
    assert [answer.content for answer in answers] == [b"shared"] * 3
    assert {answer.headers["cache-control"] for answer in answers} == {"private, no-cache"}
    desk.bob.call(m.DeleteMessages(desk.chat, [sent.id], for_all=False))
    assert code(desk.ask("GET", link.path)) == "media_not_found"
    assert desk.ask("GET", theirs.path).content == b"shared"
    desk.alice.call(m.DeleteMessages(desk.chat, [sent.id], for_all=True))
    assert code(desk.ask("GET", theirs.path)) == "media_not_found"
    path = f"/media/file/{desk.chat}/{sent.id}"
    assert code(desk.alice.ask("GET", path)) == "media_not_found"
    assert desk.ask("GET", forward.path).content == b"shared"


def test_a_link_needs_no_token_and_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = desk.alice.send(desk.chat, desk.alice.upload(b"shared").ticket)
    link = desk.bob.call(m.GetLink(desk.chat, sent.id))
    assert desk.ask("GET", link.path).content == b"shared"
    assert desk.ask("GET", link.path + "/notes.txt").content == b"shared"
    forged = link.path[:-6] + ("A" if link.path[-6] != "A" else "B") + link.path[-5:]
    assert code(desk.ask("GET", forged)) == "ticket_invalid"
    assert code(desk.ask("GET", "/media/link/nonsense!")) == "ticket_invalid"
    monkeypatch.setattr("time.time_ns", lambda: link.expires_ms * 1_000_000)
    assert code(desk.ask("GET", link.path)) == "ticket_invalid"


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


class Coming:
    """A body that comes as the test says; `read_bytes`: how much of it was taken; `over`: there is
    no more."""

    def __init__(self, content: bytes, ends: str = "") -> None:
        self._content = content
        self._ends = ends
        self.read_bytes = 0
        self.over = asyncio.Event()

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        piece = self._content[self.read_bytes : self.read_bytes + size]
        self.read_bytes += len(piece)
        if self._ends == "cancelled" and not piece:
            self.over.set()
            await asyncio.Event().wait()
        if self._ends == "gone" and len(piece) < size:
            raise ApiError("bad_request", "the client went away")
        return piece


class Stalled:
    """A request that brings three parts and lacks the last byte, until it is `let_go`."""

    def __init__(self, person: Person, address: str) -> None:
        self._body = b"".join(parts_of(LONG)[:3])
        self._let_go, self._waits = asyncio.Event(), asyncio.Event()
        scope = {
            "method": "PUT",
            "path": "/media/upload/7/0",
            "query_string": "&".join(
                f"hash={hash_of(part)}" for part in parts_of(LONG)[:3]
            ).encode(),
            "headers": [
                (b"authorization", f"Bearer {person.token}".encode()),
                (b"content-length", b"%d" % len(self._body)),
            ],
        }
        self._pieces = [self._body[:-1]]
        self._answer = asyncio.ensure_future(
            person.desk.http(
                scope, self._receive, self._receive, parse(address), Shown(person.token)
            )  # type: ignore[arg-type]
        )

    async def _receive(self) -> Any:
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(), "more_body": True}
        self._waits.set()
        await self._let_go.wait()
        return {"type": "http.request", "body": self._body[-1:]}

    async def refused(self) -> str:
        """Why it was refused; empty if it waits for its last byte."""
        waiting = asyncio.ensure_future(self._waits.wait())
        await asyncio.wait({self._answer, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._answer.done():
            return ""
        error = self._answer.exception()
        assert isinstance(error, ApiError)
        assert error.retry_after
        return error.code

    async def let_go(self) -> int:
        self._let_go.set()
        reply = await self._answer
        assert reply is not None
        return reply[0]


async def some(count: int, *asked: Any) -> tuple[list[Stalled], list[str]]:
    """So many requests, one after the other, and why they were refused."""
    requests, refusals = [], []
    for _ in range(count):
        requests.append(Stalled(*asked))
        refusals.append(await requests[-1].refused())
    return requests, refusals


THREE = 3 * limits.PART_BYTES


def begin_uploads(*people: Person) -> None:
    for person in people:
        person.call(m.BeginUpload(7, len(LONG)))


def test_slow_uploads_of_one_account_keep_nobody_else_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX", 2 * THREE)
    begin_uploads(desk.alice, desk.bob)

    async def story() -> None:
        slow, refusals = await some(3, desk.alice, "192.0.2.1")
        assert refusals == ["", "", "overloaded"]
        assert (await some(1, desk.alice, "192.0.2.2"))[1] == ["overloaded"]
        (other,), refusals = await some(1, desk.bob, "192.0.2.1")
        assert refusals == [""]
        assert await other.let_go() == 200
        assert await slow[0].let_go() == 200
        (again,), refusals = await some(1, desk.alice, "192.0.2.1")
        assert refusals == [""], "there is room again"
        assert [await request.let_go() for request in (slow[1], again)] == [200, 200]

    asyncio.run(story())


def test_slow_uploads_of_one_address_keep_no_other_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", 2 * THREE)
    begin_uploads(desk.alice, desk.bob, desk.eve)

    async def story() -> None:
        slow = [Stalled(person, "192.0.2.1") for person in (desk.alice, desk.bob, desk.eve)]
        assert [await request.refused() for request in slow] == ["", "", "overloaded"]
        assert (await some(1, desk.eve, "192.0.2.2"))[1] == [""]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())


def test_an_exempt_address_has_no_share_but_its_accounts_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", THREE)
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX", THREE)
    monkeypatch.setattr(limits, "DOWNLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", limits.PART_BYTES)
    path = a_file(desk)
    desk.http._callers = Callers(exempt=("192.0.2.0/24",))
    begin_uploads(desk.alice, desk.bob)

    async def story() -> None:
        slow = [Stalled(person, "192.0.2.1") for person in (desk.alice, desk.bob, desk.alice)]
        assert [await request.refused() for request in slow] == ["", "", "overloaded"]
        readers = [Reader(desk, path, 1) for _ in range(2)]
        assert [await reader.stalls() for reader in readers] == [True, True]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())


def test_all_uploads_together_have_so_much_room(desk: Desk) -> None:
    begin_uploads(desk.alice, desk.bob)
    desk.http._uploads = Room(2 * THREE)

    async def story() -> None:
        assert (await some(2, desk.alice, "192.0.2.1"))[1] == ["", ""]
        assert (await some(1, desk.bob, "192.0.2.2"))[1] == ["overloaded"]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())
    assert desk.http._uploads.taken == 0, "who was cut off holds nothing"


def test_what_comes_too_slowly_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.01)
    begin_uploads(desk.alice)

    async def story() -> None:
        request = Stalled(desk.alice, "192.0.2.1")
        with pytest.raises(ApiError) as caught:
            await request._answer
        assert caught.value.code == "too_slow"

    asyncio.run(story())
    assert desk.http._uploads.taken == 0
    stored = desk.alice.call(m.GetUpload(7)).stored
    assert stored == [PartRange(0, 1)], "what was whole is kept"


class Reader:
    """Who downloads the file of a message, and takes so many pieces of it."""

    def __init__(self, desk: Desk, path: str, takes: int) -> None:
        self.taken = 0
        self.stands, self.left = asyncio.Event(), asyncio.Event()
        self._takes = takes
        headers = [(b"authorization", f"Bearer {desk.bob.token}".encode())]
        scope = {"method": "GET", "path": path, "query_string": b"", "headers": headers}
        self.answer = asyncio.ensure_future(
            desk.http(scope, self._receive, self._send, parse("192.0.2.1"), Shown(desk.bob.token))
        )

    async def _receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        assert len(message.get("body", b"")) <= limits.HTTP_PIECE_BYTES
        if self.taken == self._takes:
            self.stands.set()
            await asyncio.Event().wait()
        self.taken += bool(message.get("body"))

    async def stalls(self) -> bool:
        waiting = asyncio.ensure_future(self.stands.wait())
        await asyncio.wait({self.answer, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return not self.answer.done()


def a_file(desk: Desk) -> str:
    sent = desk.alice.send(desk.chat, desk.alice.upload(LONG).ticket)
    return f"/media/file/{desk.chat}/{sent.id}"


def test_downloads_that_stall_are_bounded_and_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, per_user = a_file(desk), 4 * limits.PART_BYTES
    monkeypatch.setattr(limits, "DOWNLOADS_IN_MEMORY_BYTES_PER_USER_MAX", per_user)

    async def story() -> None:
        readers = [Reader(desk, path, 1) for _ in range(5)]
        # While there is plenty of room, parts are fetched ahead; then one is held by each.
        assert [await reader.stalls() for reader in readers] == [True] * 4 + [False]
        refused = readers[4].answer.exception()
        assert isinstance(refused, ApiError)
        assert refused.code == "overloaded"
        assert desk.http._downloads.taken <= per_user
        readers[0].left.set()
        with pytest.raises(ClientGone):
            await readers[0].answer
        whole = Reader(desk, path, 10_000)
        await whole.answer
        assert whole.taken >= len(LONG) // limits.HTTP_PIECE_BYTES
        monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.01)
        last = Reader(desk, path, 3)
        with pytest.raises(ApiError, match="too_slow"):
            await last.answer
        for reader in readers:
            reader.left.set()
        await asyncio.gather(*(reader.answer for reader in readers), return_exceptions=True)

    asyncio.run(story())
    assert desk.http._downloads.taken == 0


@pytest.mark.parametrize("ends", ["gone", "cancelled"])
def test_what_came_before_the_connection_was_lost_is_kept(desk: Desk, ends: str) -> None:
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)]
    coming = Coming(LONG[: 2 * limits.PART_BYTES], ends)

    async def lost() -> None:
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        if ends == "gone":
            with pytest.raises(ApiError, match="went away"):
                await storing
            return
        await coming.over.wait()
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing

    asyncio.run(lost())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 1)]


def test_what_is_being_stored_when_the_client_hangs_up_is_noted(desk: Desk) -> None:
    """What serves this cancels the request then. It counts, so that nobody fills the disk so."""
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)][:2]
    put = desk.chunks.put
    go_on = asyncio.Event()

    async def slow(name: bytes, data: bytes) -> None:
        begun.set()
        await go_on.wait()
        await put(name, data)

    desk.chunks.put = slow  # type: ignore[method-assign]
    begun = asyncio.Event()

    async def lost() -> None:
        coming = Coming(LONG[: 2 * limits.PART_BYTES])
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        await begun.wait()
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        go_on.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=10)

    asyncio.run(lost())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 1)]


def test_no_more_than_some_parts_are_in_memory(desk: Desk) -> None:
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)]
    coming = Coming(LONG)
    put = desk.chunks.put
    waiting: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def slow(name: bytes, data: bytes) -> None:
        go_on = asyncio.Event()
        waiting.put_nowait(go_on)
        await go_on.wait()
        await put(name, data)

    desk.chunks.put = slow  # type: ignore[method-assign]

    async def store() -> None:
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        held: list[asyncio.Event] = []
        for done in range(len(names)):
            async with asyncio.timeout(10):
                while len(held) < min(PARTS_IN_MEMORY, len(names) - done):
                    held.append(await waiting.get())
            await idle()
            assert waiting.empty()
            assert coming.read_bytes <= (done + PARTS_IN_MEMORY) * limits.PART_BYTES
            held.pop(0).set()
        await storing

    asyncio.run(store())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 3)]


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


PATHS = ("file", "thumb", "photo", "link")
SMALL = b"a small picture"


def paths(desk: Desk) -> dict[str, tuple[str, bytes, str]]:
    """Where downloads are, what is there, and its entity tag."""
    desk.looker.sees = Look(mime="image/jpeg", kind="photo", thumb=SMALL, thumb_width=4)
    finished = desk.alice.upload(LONG, "photo", "photo.jpg")
    sent = desk.alice.send(desk.chat, finished.ticket)
    desk.alice.call(m.SetPhoto(finished.ticket))
    whole, small = id_of(LONG), hash_of(SMALL)
    at = f"{desk.chat}/{sent.id}"
    link = desk.bob.call(m.GetLink(desk.chat, sent.id)).path
    return {
        "file": (f"/media/file/{at}", LONG, f'"{whole}"'),
        "thumb": (f"/media/thumb/{at}", SMALL, f'"{small}"'),
        "photo": (f"/media/photo/{desk.alice.caller.user_id}/{small}", SMALL, f'"{small}"'),
        "link": (link, LONG, f'"{whole}"'),
    }


CONDITIONS: list[tuple[dict[str, str], int]] = [
    # 13.1.1: If-Match compares strongly; what cannot be read names nothing.
    ({"if-match": "TAG"}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"other" , TAG'}, 200),
    ({"if-match": ',, "a,b",TAG,'}, 200),
    ({"if-match": "W/TAG"}, 412),
    ({"if-match": '"other"'}, 412),
    ({"if-match": ""}, 412),
    ({"if-match": '"'}, 412),
    ({"if-match": "unquoted"}, 412),
    ({"if-match": '*, "other"'}, 412),
    # 13.1.2: If-None-Match compares weakly.
    ({"if-none-match": "TAG"}, 304),
    ({"if-none-match": "W/TAG"}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"a,TAG", "b"'}, 200),
    ({"if-none-match": '"other", W/TAG'}, 304),
    ({"if-none-match": "w/TAG"}, 200),
    ({"if-none-match": '"other"'}, 200),
    ({"if-none-match": "unquoted"}, 200),
    ({"if-none-match": ""}, 200),
    # 13.1.3, 13.1.4: there is no date to compare with.
    ({"if-modified-since": "Sun, 06 Nov 2044 08:49:37 GMT"}, 200),
    ({"if-unmodified-since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
    # 13.2.2: the order.
    ({"if-match": '"other"', "if-none-match": "TAG"}, 412),
    ({"if-match": "TAG", "if-none-match": "TAG"}, 304),
    ({"if-match": '"other"', "range": "bytes=99999999-"}, 412),
    ({"if-none-match": "TAG", "range": "bytes=99999999-"}, 304),
    ({"if-none-match": "TAG", "range": "bytes=0-1"}, 304),
]


@pytest.mark.parametrize("path", PATHS)
def test_conditions(desk: Desk, path: str) -> None:
    where, content, etag = paths(desk)[path]
    for verb in ("GET", "HEAD"):
        for asked, status in CONDITIONS:
            headers = {name: value.replace("TAG", etag) for name, value in asked.items()}
            answer = desk.bob.ask(verb, where, headers=headers)
            assert answer.status_code == status, (verb, asked)
            if status == 412 and verb == "GET":
                assert code(answer) == "precondition_failed"
            if status in (200, 304):
                assert answer.headers["etag"] == etag
                assert "private" in answer.headers["cache-control"]
            if status == 304:
                assert answer.content == b""
                assert "content-length" not in answer.headers
            if status == 200:
                assert answer.content == (content if verb == "GET" else b"")
                assert answer.headers["content-length"] == str(len(content))


def test_who_may_not_read_learns_nothing_by_conditions(desk: Desk) -> None:
    """13.2.1: where the answer would be none of success, conditions are ignored."""
    where, _, etag = paths(desk)["file"]
    for condition in ({"if-none-match": "*"}, {"if-match": '"other"'}, {"if-none-match": etag}):
        assert code(desk.eve.ask("GET", where, headers=condition)) == "chat_not_found"


@pytest.mark.parametrize("path", PATHS)
def test_ranges(desk: Desk, path: str) -> None:
    where, content, etag = paths(desk)[path]
    size = len(content)
    all_of_it, edge = slice(None), min(limits.PART_BYTES, size - 3)
    table: list[tuple[dict[str, str], int, slice]] = [
        ({"range": "bytes=0-0"}, 206, slice(0, 1)),
        ({"range": "bytes=10-"}, 206, slice(10, None)),
        ({"range": "bytes=-7"}, 206, slice(-7, None)),
        ({"range": f"bytes=-{size + 1}"}, 206, all_of_it),
        ({"range": f"bytes=0-{size - 1}"}, 206, all_of_it),
        ({"range": f"bytes=5-{'9' * 200}"}, 206, slice(5, None)),
        ({"range": f"bytes={'0' * 50}5-{'0' * 50}6"}, 206, slice(5, 7)),
        ({"range": f"bytes={edge - 2}-{edge + 1}"}, 206, slice(edge - 2, edge + 2)),
        ({"range": "BYTES=1-2"}, 206, slice(1, 3)),
        ({"range": "bytes=, \t1-2 ,"}, 206, slice(1, 3)),
        # Several: what begins after the end is passed over; of more that are left, all of it.
        ({"range": f"bytes={size}-, 4-5, -0"}, 206, slice(4, 6)),
        ({"range": "bytes=1-2,4-5"}, 200, all_of_it),
        ({"range": "bytes=1-2,4-5,x"}, 200, all_of_it),
        ({"range": f"bytes=0-0{',0-0' * 2000}"}, 200, all_of_it),
        # What cannot be read, and other units.
        ({"range": "bytes=9-5"}, 200, all_of_it),
        ({"range": "lines=1-2"}, 200, all_of_it),
        ({"range": "bytes="}, 200, all_of_it),
        ({"range": "bytes"}, 200, all_of_it),
        ({"range": "bytes=-"}, 200, all_of_it),
        ({"range": "bytes=1"}, 200, all_of_it),
        ({"range": "bytes=1 - 2"}, 200, all_of_it),
        ({"range": "bytes =1-2"}, 200, all_of_it),
        ({"range": "bytes=+1-2"}, 200, all_of_it),
        ({"range": "bytes=1-2, bytes=4-5"}, 200, all_of_it),
        # Nothing to be had.
        ({"range": "bytes=-0"}, 416, slice(0)),
        ({"range": f"bytes={size}-"}, 416, slice(0)),
        ({"range": f"bytes={size}-{size}, {'9' * 200}-"}, 416, slice(0)),
        # 13.1.5: If-Range compares strongly, and no date names this content.
        ({"range": "bytes=1-2", "if-range": etag}, 206, slice(1, 3)),
        ({"range": "bytes=1-2", "if-range": f"W/{etag}"}, 200, all_of_it),
        ({"range": "bytes=1-2", "if-range": '"other"'}, 200, all_of_it),
        ({"range": "bytes=1-2", "if-range": "*"}, 200, all_of_it),
        ({"range": "bytes=1-2", "if-range": f'"other", {etag}'}, 200, all_of_it),
        ({"range": "bytes=1-2", "if-range": "Sun, 06 Nov 2044 08:49:37 GMT"}, 200, all_of_it),
        ({"range": f"bytes={size}-", "if-range": '"other"'}, 200, all_of_it),
        ({"if-range": '"other"'}, 200, all_of_it),
        ({"range": "bytes=1-2", "if-none-match": '"other"', "if-match": etag}, 206, slice(1, 3)),
    ]
    for headers, status, expected in table:
        answer = desk.bob.ask("GET", where, headers=headers)
        assert answer.status_code == status, headers
        if status == 416:
            assert code(answer) == "range_not_satisfiable"
            assert answer.headers["content-range"] == f"bytes */{size}"
            continue
        assert answer.content == content[expected], headers
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["etag"] == etag
        start, stop, _ = expected.indices(size)
        parted = f"bytes {start}-{stop - 1}/{size}" if status == 206 else None
        assert answer.headers.get("content-range") == parted
        head = desk.bob.ask("HEAD", where, headers=headers)
        assert head.status_code == 200, "14.2: ranges are for GET"
        assert head.headers["content-length"] == str(size)
        assert "content-range" not in head.headers


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-0", "bytes=-0"])
def test_of_nothing_there_is_no_part(asked: str) -> None:
    """No file is empty; if there were one, nothing of it could be answered in part."""
    assert part_of("GET", {b"range": asked.encode()}, b'"x"', 0).status == 416
    assert part_of("GET", {}, b'"x"', 0) == (200, 0, 0)


def test_methods(desk: Desk) -> None:
    at = paths(desk)
    for path in PATHS:
        where = at[path][0]
        for verb in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = desk.bob.ask(verb, where)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), verb
    for verb in ("GET", "HEAD", "PUT", "DELETE"):
        answer = desk.bob.ask(verb, "/media/upload")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), verb
    for verb in ("GET", "HEAD", "POST", "DELETE"):
        answer = desk.bob.ask(verb, "/media/upload/7/0")
        assert (answer.status_code, answer.headers["allow"]) == (405, "PUT"), verb


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


@settings(max_examples=tries(40), deadline=None)
@given(start=st.integers(0, len(LONG) - 1), length=st.integers(1, len(LONG)))
def test_any_range(start: int, length: int) -> None:
    desk = _one_desk()
    link = desk.alice.call(m.GetLink(desk.chat, 1))
    answer = desk.ask("GET", link.path, headers={"range": f"bytes={start}-{start + length - 1}"})
    assert answer.content == LONG[start : start + length]
    other = {"range": f"bytes={start}-", "if-range": '"other"'}
    assert desk.ask("HEAD", link.path, headers=other).status_code == 200


_desks: list[Desk] = []


def _one_desk() -> Desk:
    if not _desks:
        desk = Desk()
        desk.alice.send(desk.chat, desk.alice.upload(LONG).ticket)
        _desks.append(desk)
    return _desks[0]


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
