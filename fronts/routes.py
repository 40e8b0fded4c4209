"""Which actor a command goes to, where it is one request to one actor. The others are completed by
the gateway (`fronts.completed`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors import addresses
from api import methods as m
from runtime.refs import ActorRef, Caller

_TO: dict[m.Destination, Callable[[Any, Caller], ActorRef]] = {
    "user": lambda params, caller: addresses.user(caller.user_id),
    "session": lambda params, caller: addresses.session(caller.user_id, caller.session_id),
    "chat": lambda params, caller: addresses.chat(params.chat_id),
    "group": lambda params, caller: addresses.chat(
        addresses.group_id(caller.user_id, params.random_id)
    ),
}


def is_simple(params: m.Params) -> bool:
    """Whether a command is one request to one actor."""
    return params.method.to in _TO


def route(params: m.Params, caller: Caller) -> ActorRef:
    """The actor that such a command goes to."""
    return _TO[params.method.to](params, caller)
