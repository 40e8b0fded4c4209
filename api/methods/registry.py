"""How a method is declared, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from api import types as t
from api.errors import ERRORS
from api.refusals import NOT_JSON, malformed

Destination = Literal["user", "session", "chat", "group", "gateway", "auth", "files", "connection"]
"""Who carries a method out: one actor (the caller's user or session, the chat `chat_id`, the group
that the caller creates with `random_id`), the gateway, which asks several, the authentication
service, the service of files, or the live connection itself."""


class Method(NamedTuple):
    """A row of the registry; all that is true of a method. `auth`: a token is needed. `read`:
    changes nothing, and runs on what is committed. `wire`: may be called through `http`, live
    connections (`ws`) or both. `errors`: the codes of all refusals that it can be answered with, in
    the order of `ERRORS`. `to`: see `Destination`. `repeatable`: it may be called again where it is
    not known whether it was carried out; `done_before` is the refusal that tells then that it was,
    if there is one. `tickets`: the parameters that are tickets of files."""

    name: str
    params: type[Params]
    result: Any
    auth: bool
    read: bool
    wire: Literal["both", "http", "ws"]
    doc: str
    errors: tuple[str, ...]
    to: Destination
    repeatable: bool
    done_before: str
    tickets: tuple[str, ...]


METHODS: dict[str, Method] = {}
IN_CHAT: Final = ("chat_not_found",)
"""How methods are refused that are about one chat."""
P = TypeVar("P", bound="Params")


class Params(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parameter types."""

    method: ClassVar[Method]


def method(
    name: str,
    *,
    to: Destination,
    result: Any = t.Ok,
    auth: bool = True,
    read: bool = False,
    wire: Literal["both", "http", "ws"] = "both",
    errors: tuple[str, ...] = (),
    repeatable: bool = True,
    done_before: str = "",
    tickets: tuple[str, ...] = (),
) -> Callable[[type[P]], type[P]]:
    """Declare a method by its parameter type; see `Method`. `errors`: what it can be refused with
    beside what follows from the rest."""
    can = {"bad_request", "invalid_params", "internal", "overloaded", "unavailable", *errors}
    if auth:
        can.add("unauthorized")
    if auth or not read:
        can.add("storage_corrupt")
    if not read:
        can.add("storage_full")
    if wire != "ws":
        can |= {"too_large", "too_slow", "unsupported_media_type"}
        if auth:
            can.add("origin_refused")
    assert can <= ERRORS.keys(), f"{name}: {can - ERRORS.keys()}"
    assert not done_before or done_before in can, f"{name} is not refused as {done_before}"
    codes = tuple(code for code in ERRORS if code in can)

    def declare(params: type[P]) -> type[P]:
        doc = " ".join((params.__doc__ or "").split())
        assert name not in METHODS, f"there are two methods {name}"
        assert set(tickets) <= set(params.__annotations__), f"{name} has no such parameters"
        params.method = METHODS[name] = Method(
            name,
            params,
            result,
            auth,
            read,
            wire,
            doc,
            codes,
            to,
            repeatable,
            done_before,
            tickets,
        )
        return params

    return declare


def params_in(method: Method, body: bytes | msgspec.Raw) -> Params:
    """The parameters that a client sent. Raises `bad_request`, `invalid_params`."""
    try:
        return decode_params(method, body)
    except msgspec.MsgspecError as error:
        raise malformed(error, body) from error


_decoders: dict[str, Callable[[bytes | msgspec.Raw], Any]] = {}


def decode_params(method: Method, body: bytes | msgspec.Raw) -> Params:
    """The parameters in a JSON body. Raises `msgspec.MsgspecError` and nothing else."""
    decode = _decoders.get(method.name)
    if decode is None:
        decode = _decoders[method.name] = msgspec.json.Decoder(method.params).decode
    try:
        params: Params = decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(NOT_JSON[type(error)]) from error
    return params
