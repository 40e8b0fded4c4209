"""Sealed values: facts that a client carries from one part of the server to another, and can
neither make nor change. A seal is a keyed BLAKE3 hash; the key is derived from the token of the Ray
cluster, which all its processes have.

A *ticket* says that a user has uploaded a file, and what is known of it; the user hands it in with
a message. A *pass* lets whoever has it read the file of one message for a while, as long as that is
there and whoever it was made for may read it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import ClassVar, TypeVar

import msgspec
from blake3 import blake3
from msgspec import Struct

from api import limits
from api import types as t
from api.errors import ApiError

SEAL_BYTES = 20
KEY_CONTEXT = "heliograph sealed values"

S = TypeVar("S", bound="Sealed")


class Sealed(Struct, frozen=True, array_like=True, tag=True):
    """Base of what can be sealed; the tag keeps one kind from being taken for another."""

    good_s: ClassVar[int]
    """How long one is good; one that is good for much longer was made while a clock was wrong."""
    expires_ms: int


class Ticket(Sealed, frozen=True):
    good_s: ClassVar[int] = limits.TICKET_S
    user_id: int
    media: t.Media


class MessagePass(Sealed, frozen=True):
    good_s: ClassVar[int] = limits.LINK_S
    user_id: int
    chat_id: str
    message_id: int
    thumb: bool


class Seal:
    """Makes and opens sealed values; `key` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_cluster(cls, token: str) -> Seal:
        """The seal of the cluster with this token."""
        return cls(blake3(token.encode(), derive_key_context=KEY_CONTEXT).digest())

    def close(self, value: Sealed) -> str:
        """The sealed value as text that can stand in a URL."""
        body = msgspec.msgpack.encode(value)
        return base64.urlsafe_b64encode(self._mark(body) + body).decode().rstrip("=")

    def open(self, kind: type[S], text: str, now_ms: int) -> S:
        """Raises `ticket_invalid`: it is not sealed by us, of another kind, or has expired."""
        raw = _bytes_of(text)
        mark, body = raw[:SEAL_BYTES], raw[SEAL_BYTES:]
        if not hmac.compare_digest(mark, self._mark(body)):
            raise ApiError("ticket_invalid", "it was not made by this server, or has been changed")
        value = _decode(kind, body)
        if not 0 < value.expires_ms - now_ms <= 2000 * kind.good_s:
            raise ApiError("ticket_invalid", "it has expired; finish the upload once more")
        return value

    def _mark(self, body: bytes) -> bytes:
        return blake3(body, key=self._key).digest(SEAL_BYTES)


def media_in(ticket: str) -> t.Media:
    """What a ticket says, for those who get only tickets that the gateway has checked."""
    return _decode(Ticket, _bytes_of(ticket)[SEAL_BYTES:]).media


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ApiError("ticket_invalid", "this is no ticket") from None


def _decode(kind: type[S], body: bytes) -> S:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError:
        raise ApiError("ticket_invalid", "this is a ticket for something else") from None
