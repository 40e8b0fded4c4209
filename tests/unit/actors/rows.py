"""What actors have stored, to look at and to compare; and refusals, which must not change it."""

from __future__ import annotations

from typing import Any

import pytest

from api import methods as m
from api.errors import ApiError
from fronts.routes import route
from runtime.refs import KINDS, NOBODY, ActorRef, Caller
from runtime.turn import ReadView
from storage.keys import KEY_BYTES_MAX, actor_prefix
from tests.unit.actors.town import Town

Stored = dict[tuple[int, bytes], bytes]


def stored(town: Town) -> Stored:
    """All rows of actors. (Those of the runtime, kind 0, also count questions passed on.)"""
    end = b"\xff" * (KEY_BYTES_MAX + 1)
    return {
        (partition, key): row
        for name in town.names
        for partition in town.placement.led_by(name)
        for key, row in town.stores[name].scan(partition, b"\x01", end, limit=10**9)
    }


def rows_of(town: Town, ref: ActorRef) -> ReadView:
    """The rows of an actor, to be read through its tables."""
    partition = town.placement.partition(ref)
    prefix = actor_prefix(KINDS[ref.kind], ref.key)
    return ReadView(town.engine(ref).committed, ref, partition, prefix, NOBODY, town.now_ms, {})


def refused(town: Town, ref: ActorRef, message: Any, caller: Caller = NOBODY) -> ApiError:
    """The refusal of a message, which has changed and pushed nothing."""
    town.settle()
    before, pushed, closed = stored(town), repr(town.pushed), dict(town.closed)
    with pytest.raises(ApiError) as caught:
        town.ask(ref, message, caller)
    assert stored(town) == before
    assert (repr(town.pushed), town.closed) == (pushed, closed)
    return caught.value


def refused_call(town: Town, caller: Caller, params: m.Params) -> str:
    """The code of the refusal of a client's method, which has changed and pushed nothing."""
    return refused(town, route(params, caller), params, caller).code


def unchanged(town: Town, ref: ActorRef, message: Any, caller: Caller = NOBODY) -> Any:
    """The answer to a message that is granted, and has changed and pushed nothing."""
    town.settle()
    before, pushed = stored(town), repr(town.pushed)
    answer = town.ask(ref, message, caller)
    assert (stored(town), repr(town.pushed)) == (before, pushed)
    return answer


def pass_time(town: Town, ms: int) -> None:
    """Move the clock, and let timers go off that are due."""
    town.now_ms += ms
    for engine in town.engines.values():
        engine.fire_timers()
    town.settle()
