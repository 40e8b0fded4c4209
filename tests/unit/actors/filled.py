"""Structs whose fields are all filled, each according to its type."""

from __future__ import annotations

import inspect
import typing
from typing import Any

from msgspec import Struct

from actors.addresses import chat
from runtime.refs import MAX_ID, ActorRef

LEAST: dict[Any, Any] = {
    int: 0,
    float: 0.0,
    str: "",
    bytes: b"",
    bool: False,
    ActorRef: ActorRef("user", 0),
}
GREATEST: dict[Any, Any] = {
    int: MAX_ID,
    float: 1e300,
    str: "Ünïcode \0 ☀ 🛰",
    bytes: bytes(range(256)),
    bool: True,
    ActorRef: chat("p1-2"),
}


def filled(kind: Any, values: dict[Any, Any]) -> Any:
    """Something of this type, made of these values."""
    if kind in values:
        return values[kind]
    if inspect.isclass(kind) and issubclass(kind, Struct):
        hints = typing.get_type_hints(kind)
        return kind(**{name: filled(hints[name], values) for name in kind.__struct_fields__})
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return parts[0]
    if origin is dict:
        full = values is GREATEST
        return {filled(parts[0], values): filled(parts[1], values)} if full else {}
    if origin is list:
        return [filled(parts[0], values)] * (3 if values is GREATEST else 0)
    if origin is tuple and parts[-1] is ...:
        return tuple(filled(parts[0], values) for _ in range(3 if values is GREATEST else 0))
    if origin is tuple:
        return tuple(filled(part, values) for part in parts)
    if all(inspect.isclass(part) and issubclass(part, Struct) for part in parts):
        return filled(parts[0], values)  # any of several
    assert parts[1:] == (type(None),), f"values for {kind} have to be told here"
    return filled(parts[0], values) if values is GREATEST else None
