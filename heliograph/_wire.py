"""Frames as this client reads them: the contract of `api.frames`, except that an update of a kind
that this client does not know yet does not spoil the frame it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from api import frames
from api import types as t
from api.errors import Problem
from api.methods import Params
from heliograph._errors import ProtocolError


class Resync(t.Record, frozen=True):
    """What happened up to `pts` can no longer be told one by one: this client was away for too
    long, or the server was restored from a backup. Fetch again what you show (`Client.dialogs`,
    `Client.history`); the updates that follow continue from `pts`."""

    pts: int


class UnknownUpdate(t.Record, frozen=True):
    """An update of a kind that a newer server knows and this client does not: its JSON."""

    json: bytes


Item = t.Update | UnknownUpdate
"""A durable update."""

_decode_update: Callable[[Raw], t.Update] = msgspec.json.Decoder(t.Update).decode
_decode_event: Callable[[Raw], t.Event] = msgspec.json.Decoder(t.Event).decode


class Frame(Struct):
    """What the server sends; a `pts` alone tells where the mailbox is."""

    id: int | None = None
    result: Raw = Raw(b"")
    error: Problem | None = None
    pts: int = 0
    update: Raw = Raw(b"")
    event: Raw = Raw(b"")
    pong: int | None = None


class WireNumbered(Struct):
    pts: int
    update: Raw


class WireDifference(Struct):
    """`api.types.Difference` with its updates undecoded."""

    kind: Literal["empty", "full", "slice", "too_long"]
    pts: int
    updates: list[WireNumbered]

    def items(self) -> Iterator[tuple[int, Item]]:
        for numbered in self.updates:
            yield numbered.pts, update_of(numbered.update)


decode_frame = msgspec.json.Decoder(Frame).decode
_decode_difference = msgspec.json.Decoder(WireDifference).decode


def decode_difference(body: Raw) -> WireDifference:
    """Raises `ProtocolError`."""
    try:
        return _decode_difference(body)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"the difference is not understood: {error}") from error


def update_of(raw: Raw) -> Item:
    try:
        return _decode_update(raw)
    except msgspec.ValidationError:
        return UnknownUpdate(bytes(raw))


def event_of(raw: Raw) -> t.Event | None:
    """None for a kind of event that this client does not know."""
    try:
        return _decode_event(raw)
    except msgspec.ValidationError:
        return None


def request_frame(number: int, params: Params) -> bytes:
    return frames.encode({"id": number, "method": params.method.name, "params": params})


def ack_frame(pts: int) -> bytes:
    return b'{"ack":%d}' % pts


def ping_frame(number: int) -> bytes:
    return b'{"ping":%d}' % number
