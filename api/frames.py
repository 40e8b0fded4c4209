"""Frames of a live connection: one JSON object per WebSocket text message.

From the client: a request `{"id": 7, "method": "messages.send", "params": {...}}`, an
acknowledgement `{"ack": 120}` (this device has all updates up to pts 120), a heartbeat
`{"ping": 1}`. The first request is `session.hello`.

From the server: `{"id": 7, "result": {...}}` or `{"id": 7, "error": {problem}}`, updates
`{"pts": 121, "update": {...}}`, ephemeral `{"event": {...}}`, and `{"pong": 1}`.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from api import limits
from api import types as t
from api.errors import ApiError, Problem
from api.refusals import NOT_JSON

JsonInt = Annotated[int, Meta(ge=0, le=limits.JSON_INT_MAX)]


class ClientFrame(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What a client sends: exactly one of `method` (with `id`), `ack` and `ping`."""

    id: JsonInt | UnsetType = UNSET
    method: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    ack: JsonInt | UnsetType = UNSET
    ping: JsonInt | UnsetType = UNSET


class ServerFrame(Struct, omit_defaults=True):
    """What a server sends, for clients to decode."""

    id: int | None = None
    result: Raw = Raw(b"")
    error: Problem | None = None
    pts: int = 0
    update: t.Update | None = None
    event: t.Event | None = None
    pong: int | None = None


class AckFrame(Struct, forbid_unknown_fields=True):
    """From the client, not answered: this device has all updates up to this `pts`. One for many
    updates is enough, and every frame counts: an acknowledgement for each doubles them."""

    ack: JsonInt


class PingFrame(Struct, forbid_unknown_fields=True):
    """From the client: it is there. Needed every `heartbeat_s` where nothing else is said."""

    ping: JsonInt


class PongFrame(Struct):
    """The answer to a ping, with its number."""

    pong: JsonInt


class UpdateFrame(Struct):
    """A durable update, with its number in the mailbox."""

    pts: JsonInt
    update: t.Update


class PtsFrame(Struct):
    """Where the mailbox is: if you are behind, ask for the difference."""

    pts: JsonInt


class EventFrame(Struct):
    """Something that is not stored and has no number."""

    event: t.Event


_decode_client_frame = msgspec.json.Decoder(ClientFrame).decode
decode_server_frame = msgspec.json.Decoder(ServerFrame).decode
encode = msgspec.json.Encoder().encode


def decode_client_frame(frame: bytes) -> ClientFrame:
    """A frame from a client. Raises `msgspec.MsgspecError` and nothing else."""
    try:
        return _decode_client_frame(frame)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(NOT_JSON[type(error)]) from error


def result_frame(request_id: int, result: bytes) -> bytes:
    """The answer to a request; `result` is JSON already."""
    return b'{"id":%d,"result":%b}' % (request_id, result)


def error_frame(request_id: int, error: ApiError) -> bytes:
    return b'{"id":%d,"error":%b}' % (request_id, encode(error.problem()))


def update_frame(pts: int, update: bytes) -> bytes:
    """A durable update; `update` is JSON already."""
    return b'{"pts":%d,"update":%b}' % (pts, update)


def own_update(update: bytes, random_id: int) -> bytes:
    """The JSON of a `MessageNew` as its sender sees it, with `random_id`, the last field."""
    return b'%b,"random_id":%d}}' % (update.removesuffix(b"}}"), random_id)


def event_frame(event: Any) -> bytes:
    return b'{"event":%b}' % encode(event)


class Close:
    """Close codes of a live connection. All but `SESSION_ENDED` are resumable: connect again, say
    hello, ask for the difference; after `TOO_MANY` when the user wants this client again, because
    coming back by itself sends another one of the session away.

    A client that breaks the WebSocket protocol itself gets the protocol's own codes (1002, 1007,
    1009). One that does not read may not get the close frame either: its connection just ends.
    """

    GOING_AWAY = 1001
    TOO_LARGE = 1009
    BAD_FRAME = 4000
    TOO_SLOW = 4001
    FLOOD = 4002
    SESSION_ENDED = 4003
    HELLO_EXPECTED = 4004
    SILENT = 4005
    TOO_MANY = 4006
