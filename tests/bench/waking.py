"""What it takes to wake an actor, of each kind: the time of a turn that changes nothing, at one
that is at rest and again when it is in memory. The engine and its store alone: all that a message
meets on its way is the same for both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter

from actors import addresses
from actors.chat.messages import OpenChat
from actors.session.messages import Detach
from actors.user.messages import ShowEvent
from runtime.messages import Internal
from runtime.refs import ActorRef, Caller
from sim.load.meter import percentile
from tests.bench.accounts import Pair, pair
from tests.bench.memory_bench import Host

WAKES = 5_000
Quantiles = dict[str, float]


def wake_us(data: Path, pairs: int) -> dict[str, dict[str, Quantiles]]:
    """By kind and state, in a data folder with so many pairs; of some from all over."""
    host = Host(data / "host-0", 3 * pairs)
    took: dict[str, tuple[list[float], list[float]]] = {}
    for number in range(0, pairs, max(1, pairs // WAKES)):
        one = pair(number)
        caller = Caller(one.a.user_id, one.a.session_id)
        for ref, message in _idle_turns(one):
            for seconds in took.setdefault(ref.kind, ([], [])):
                begun = perf_counter()
                host.post(ref, message, caller)
                seconds.append(perf_counter() - begun)
    host.store.close()
    assert not host.engine.refusals + host.engine.failures, "a turn was refused"
    return {
        kind: {"woken": quantiles(woken, 1e6), "resident": quantiles(resident, 1e6)}
        for kind, (woken, resident) in took.items()
    }


def _idle_turns(pair: Pair) -> Iterator[tuple[ActorRef, Internal]]:
    """Messages that one actor takes and that change nothing."""
    one = pair.a
    yield addresses.session(one.user_id, one.session_id), Detach("front", 1)
    yield addresses.user(one.user_id), ShowEvent(b"")
    yield addresses.chat(pair.chat_id), OpenChat(one.user_id, pair.b.user_id)


def quantiles(seconds: Iterable[float], unit: float) -> Quantiles:
    """The median and what one of a hundred exceeds, `unit` to a second."""
    ascending = sorted(seconds)
    return {f"p{percent}": round(unit * percentile(ascending, percent), 2) for percent in (50, 99)}
