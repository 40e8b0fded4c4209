"""What the clients of peers write, and how they find messages in what comes, however it is cut."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as xml

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.load.wire import PREFIX_CHARS, SEQ_END, TEXT_CHARS, prefix_of, text_of
from sim.peers import matrix, xmpp
from sim.peers.program import Failed

PREFIX = prefix_of(0xABCDEF, 3)
OTHER = prefix_of(0xABCDEF, 2)


def stanza(prefix: str, seq: int) -> bytes:
    return b"<presence/>" + xmpp.message("u1", prefix) % (seq, seq)


def test_a_stanza() -> None:
    read = xml.fromstring(xmpp.message("u7", PREFIX) % (12, 12))
    assert read.attrib == {"to": "u7@localhost", "type": "chat", "id": "12"}
    assert read.findtext("body") == text_of(PREFIX, 12)
    assert len(text_of(PREFIX, 12)) == TEXT_CHARS


@given(st.lists(st.integers(1, 10**8 - 1), max_size=5), st.lists(st.integers(0, 900), max_size=6))
def test_stanzas_however_they_are_cut(seqs: list[int], cuts: list[int]) -> None:
    whole = b"".join(stanza(prefix, seq) for seq in seqs for prefix in (PREFIX, OTHER))
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    found: list[int] = []
    left = b""
    for begin, end in itertools.pairwise(ends):
        more, left = xmpp.numbers(left + whole[begin:end], PREFIX.encode())
        found += more
    assert (found, left) == (seqs, b"")


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_stanza_that_comes_back(quote: str) -> None:
    back = stanza(PREFIX, 1).replace(b"type='chat'", f"type={quote}error{quote}".encode())
    with pytest.raises(Failed, match="came back"):
        xmpp.numbers(back, PREFIX.encode())


ACCOUNT = matrix.Account("@u0:localhost", "token", "0", "!room:localhost")


def test_a_request_that_sends() -> None:
    head, _, body = (matrix.message(ACCOUNT, PREFIX) % (12, 12)).partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    name = f"{PREFIX.replace('/', '.')}00000012"
    path = f"/_matrix/client/v3/rooms/!room:localhost/send/m.room.message/{name}"
    assert first == f"PUT {path} HTTP/1.1"
    assert f"Content-Length: {len(body)}" in fields
    assert "Authorization: Bearer token" in fields
    assert msgspec.json.decode(body) == {"msgtype": "m.text", "body": text_of(PREFIX, 12)}


LENGTH = b'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 11\r\n\r\n{"a":"bcde"}'[:-1]
CHUNKED = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
)
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [(LENGTH, 200, b'{"a":"bcde"'), (CHUNKED, 404, b"hello world"), (EMPTY, 204, b"")],
    ids=["length", "chunked", "empty"],
)
def test_an_answer(answer: bytes, status: int, body: bytes) -> None:
    for end in range(len(answer)):
        assert matrix.response(answer[:end]) is None
    assert matrix.response(answer) == (status, body, b"")
    assert matrix.response(answer + b"HTTP/1.1") == (status, body, b"HTTP/1.1")


def test_what_a_sync_brings() -> None:
    event = {"type": "m.room.message", "content": {"body": text_of(PREFIX, 9), "msgtype": "m.text"}}
    other = {"type": "m.room.member", "content": {"membership": "join"}}
    joined = {"timeline": {"events": [other, event], "limited": False}, "state": {"events": []}}
    sync = {"next_batch": "s1", "rooms": {"join": {"!room:localhost": joined}}, "to_device": {}}
    found = matrix.decode_sync(msgspec.json.encode(sync))
    bodies = [event.content.body for event in found.rooms.join["!room:localhost"].timeline.events]
    assert (found.next_batch, bodies[0]) == ("s1", "")
    assert int(bodies[1][PREFIX_CHARS:SEQ_END]) == 9
    assert matrix.decode_sync(b'{"next_batch":"s2"}').rooms.join == {}
