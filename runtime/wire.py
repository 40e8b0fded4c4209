"""What travels between processes: envelopes between partitions, and batches between fronts (edges
and API replicas) and hosts. Everything is msgpack of array-like structs; fields are only ever
appended, with defaults.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from api.errors import ApiError
from api.methods import METHODS, decode_params
from runtime.messages import KNOWN
from runtime.refs import ActorRef, Caller

# What a host tells a front, in order.
REPLY: Final = 0  # a request is answered: payload is JSON
REFUSE: Final = 1  # a request is refused: payload is msgpack of `Refusal`
PUSH: Final = 2  # send this frame to a connection
CLOSE: Final = 3  # close a connection: payload is the close code in ASCII digits
MOVED: Final = 4  # a request goes elsewhere: payload is msgpack of `Moved`


class ReplyTo(Struct, frozen=True, array_like=True):
    """Where an answer goes: a front's session with this host's cluster, and its request."""

    front: str
    request: int


class Envelope(Struct, frozen=True, array_like=True):
    """A message on its way to an actor of another partition, as the outbox keeps it."""

    target: ActorRef
    caller: Caller
    reply_to: ReplyTo | None
    message: msgspec.Raw


class Request(Struct, frozen=True, array_like=True):
    """A front's request. `method` names a method of the contract and `body` holds its JSON, or
    `method` is empty and `body` holds the msgpack of an internal message."""

    number: int
    target: ActorRef
    caller: Caller
    method: str
    body: bytes
    read: bool = False


class Refusal(Struct, frozen=True, array_like=True):
    """An `ApiError` on its way."""

    code: str
    detail: str
    retry_after: float | None = None
    field: str = ""

    @staticmethod
    def of(error: ApiError) -> Refusal:
        return Refusal(error.code, error.detail, error.retry_after, error.field)

    def error(self) -> ApiError:
        return ApiError(self.code, self.detail, self.retry_after, self.field)


class Moved(Struct, frozen=True, array_like=True):
    """An actor lives in a partition of its own. The request that met it was not executed, if it is
    to that actor; else the answer to it comes from there."""

    ref: ActorRef
    partition: int


class Out(Struct, frozen=True, array_like=True, gc=False):
    """One thing for a front to do: `number` is a request's or a connection's."""

    op: int
    number: int
    payload: bytes


class Packet(Struct, frozen=True, array_like=True):
    """What a stream tells a front. All of its batches up to `durable` are."""

    durable: int
    outs: list[Out]


class Shipment(Struct, frozen=True, array_like=True):
    """Messages of one stream: from partition `source` to `target`, numbered from `first`."""

    source: int
    target: int
    first: int
    envelopes: list[msgspec.Raw]


class Parcel(Struct, frozen=True, array_like=True):
    """What a host sends another in one call: streams, and ephemeral envelopes."""

    shipments: list[Shipment]
    ephemeral: list[msgspec.Raw]


class Receipt(Struct, frozen=True, array_like=True):
    """Everything of the stream up to `watermark` is durable at the receiver."""

    source: int
    target: int
    watermark: int


encode = msgspec.msgpack.Encoder().encode
decode_requests = msgspec.msgpack.Decoder(list[Request]).decode
decode_packet = msgspec.msgpack.Decoder(Packet).decode
decode_parcel = msgspec.msgpack.Decoder(Parcel).decode
decode_receipts = msgspec.msgpack.Decoder(list[Receipt]).decode
decode_caller = msgspec.msgpack.Decoder(Caller).decode
decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
decode_moved = msgspec.msgpack.Decoder(Moved).decode
decode_refusal = msgspec.msgpack.Decoder(Refusal).decode
decode_message = KNOWN.decode


def decode_request_message(request: Request) -> Any:
    """The message in a request: parameters of a method, or an internal message. Raises
    `msgspec.ValidationError`, or KeyError for a method that this version does not have."""
    if request.method:
        return decode_params(METHODS[request.method], request.body)
    return decode_message(request.body)
