"""Frames as the load client writes and reads them: the contract of `api`, cut down to the fields
that counting needs, because every microsecond spent here is taken from the server under test."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

from api.errors import Problem

TEXT_CHARS = 110
SEQ_DIGITS = 8
PREFIX_CHARS = 14
SEQ_END = PREFIX_CHARS + SEQ_DIGITS
CONTROL_ID = 1 << 40
"""Requests from here on are not sends; the id of a send is its number in its stream."""

_FILLER = (
    " the quick brown fox jumps over the lazy dog, and the dog does not mind it at all, it dreams"
)
_SAFE = re.compile(r"[A-Za-z0-9/.,: -]*\Z")


class Sent(Struct, gc=False):
    id: int = 0
    pts: int = 0


class NewMessage(Struct, gc=False):
    id: int = 0
    text: str = ""


class Update(Struct, gc=False):
    message: NewMessage | None = None


class Frame(Struct, gc=False):
    """A server frame during the run: the answer to a send, or an update."""

    id: int = 0
    pts: int = 0
    result: Sent | None = None
    update: Update | None = None
    error: Problem | None = None


class Answer(Struct, gc=False):
    """The answer to any other request."""

    id: int = 0
    result: Raw = Raw(b"")
    error: Problem | None = None


decode_frame = msgspec.json.Decoder(Frame).decode
decode_answer = msgspec.json.Decoder(Answer).decode
encode = msgspec.json.Encoder().encode


def prefix_of(run: int, stream: int) -> str:
    """What the texts of a stream begin with."""
    prefix = f"{run:08x}/{stream:04x}/"
    assert len(prefix) == PREFIX_CHARS, "a run has at most 65,536 streams"
    return prefix


def text_of(prefix: str, seq: int) -> str:
    return f"{prefix}{seq:0{SEQ_DIGITS}d}{_FILLER}"[:TEXT_CHARS]


def send_template(chat_id: str, prefix: str) -> bytes:
    """A send frame to be completed with `template % (seq, seq, random_id)`."""
    filler = text_of(prefix, 0)[SEQ_END:]
    assert _SAFE.match(chat_id + prefix + filler), "nothing that JSON or % would take for more"
    return (
        f'{{"id":%d,"method":"messages.send","params":{{"chat_id":"{chat_id}",'
        f'"text":"{prefix}%0{SEQ_DIGITS}d{filler}","random_id":%d}}}}'
    ).encode()


def with_media(frame: bytes, ticket: str) -> bytes:
    """The same send frame, with a file."""
    return b'%b,"media":%b}}' % (frame[:-2], encode(ticket))


def request(request_id: int, method: str, params: dict[str, Any]) -> bytes:
    return encode({"id": request_id, "method": method, "params": params})
