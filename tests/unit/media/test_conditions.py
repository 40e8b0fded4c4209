"""Conditions, ranges and verbs of requests for files (RFC 9110)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import limits
from api import methods as m
from fronts.files.conditions import part_of
from media.look import Look
from tests.profile import tries
from tests.unit.media.desk import (
    LONG,
    Desk,
    code,
    hash_of,
    id_of,
)

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
