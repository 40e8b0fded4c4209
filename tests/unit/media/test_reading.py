"""Files as they are read by HTTP: by whom, at which addresses, by links."""

from __future__ import annotations

import pytest

from api import limits
from api import methods as m
from media.look import Look
from tests.unit.media.desk import (
    LONG,
    Desk,
    code,
    id_of,
    refused,
)


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
