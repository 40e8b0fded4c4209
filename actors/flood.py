"""Flood limits: how often somebody may do what costs others or the server something.

Each account and each network of addresses has a bucket for each kind of such acts (`limits.FLOODS`)
that empties with every act and fills up evenly. A bucket is one number: when it will be full again
(the "theoretical arrival time" of GCRA, ITU-T I.371). An account's are rows of its user, a
network's are rows of a throttle, so that there is one of each, however many fronts and hosts there
are, and a restart forgets nothing.

The actor that is about to act asks the user of whoever called it, who asks the throttle of the
network that the call came from, which tells the actor:

    chat --Spend--> user --NetworkSpend--> throttle --Spent--> chat
                                             |
                                             `--Unspent--> user, if the network has to wait

It carries the act out then, or refuses it as `flood`; what needs no asking (the ordinary message)
never comes here. A repetition of an act takes the same way and cannot overtake it: when it is back,
the act is there and it is answered alike, whatever the buckets said, and gives back what it took.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from actors import addresses
from actors.charges import Charges
from actors.chat.messages import Spent
from actors.throttle.messages import NetworkSpend, Verdict
from actors.user.messages import Spend, Unspent, UserSpent
from api import limits
from api import methods as m
from api.errors import ApiError
from runtime import refs, wire
from runtime.messages import Internal
from runtime.refs import EXEMPT
from runtime.rows import Table, View
from runtime.turn import Turn

HOUR_MS = 3_600_000

Act = m.Params | Internal


class Bucket(Struct, frozen=True, array_like=True):
    """When it is full again, if nothing more is taken out."""

    full_ms: int


Buckets = Table[str, Bucket]
Paid = Spent | UserSpent | None
Carry = Callable[[Any, Any, Turn, Paid], Any]
"""Carries an act out: `paid` says whether it may."""


def limited(caller: refs.Caller, kind: str) -> bool:
    """Whether there is a limit to how often this caller may do this. (What actors do by themselves
    nobody calls for.)"""
    if caller.network == EXEMPT or not caller.user_id:
        return False
    return limits.FLOODS[kind].per_hour > 0


# --- whoever has buckets ----------------------------------------------------------------------


def spend(table: Buckets, turn: Turn, charges: Charges, factor: int = 1) -> float:
    """Take all of it out of the buckets, which are `factor` times as large as an account's. Returns
    0, or for how many seconds to wait until there is enough; then nothing is taken. More than a
    bucket holds takes all of it."""
    wait_ms = 0
    for kind, count in charges:
        rate = limits.FLOODS[kind].times(factor)
        if rate.per_hour:
            ready_ms = _full_ms(table, turn, kind, rate) + rate.fill_ms(min(count, rate.burst))
            wait_ms = max(wait_ms, ready_ms - turn.now_ms - rate.fill_ms(rate.burst))
    if wait_ms:
        settle(table, turn, charges, factor)
    else:
        put_back(table, turn, [(kind, -count) for kind, count in charges], factor)
    return wait_ms / 1000


def settle(table: Buckets, turn: Turn, charges: Charges, factor: int = 1) -> None:
    """Where a clock was set back, note that the buckets are empty, so that they fill from now on.
    Nothing changes otherwise."""
    put_back(table, turn, [(kind, 0) for kind, _ in charges], factor)


def put_back(
    table: Buckets, turn: Turn, charges: Iterable[tuple[str, int]], factor: int = 1
) -> None:
    """Put it back into the buckets."""
    for kind, count in charges:
        rate = limits.FLOODS[kind].times(factor)
        if not rate.per_hour:
            continue
        filled_ms = rate.fill_ms(min(abs(count), rate.burst))
        full_ms = _full_ms(table, turn, kind, rate) - (filled_ms if count > 0 else -filled_ms)
        known = table.get(turn, kind)
        if full_ms > turn.now_ms:
            if known is None or known.full_ms != full_ms:
                table.put(turn, kind, Bucket(full_ms))
        elif known is not None and count:
            table.delete(turn, kind)


def pass_on(turn: Turn, message: Spend, wait_s: float) -> Verdict | None:
    """A user has answered: on to the throttle of the network, or back to whoever asked."""
    on = NetworkSpend(message.charges, message.asker, message.method, message.body, wait_s)
    if not turn.caller.network:
        return answer(turn, on, wait_s)
    turn.send(addresses.network(turn.caller.network), on, answer=True)
    return None


def answer(turn: Turn, message: NetworkSpend, wait_s: float) -> Verdict | None:
    """Tell whoever asked."""
    asker = message.asker
    if asker is None:
        return Verdict(wait_s)
    kind = UserSpent if asker.kind == "user" else Spent
    turn.send(asker, kind(message.charges, wait_s, message.method, message.body), answer=True)
    return None


def _full_ms(table: Buckets, view: View, kind: str, rate: limits.Flood) -> int:
    """When it is full. Not later than if it were empty now: a clock that was set back, or another
    rate, must not make anybody wait for longer than that."""
    bucket = table.get(view, kind)
    known_ms = bucket.full_ms if bucket else 0
    return min(max(known_ms, view.now_ms), view.now_ms + rate.fill_ms(rate.burst))


# --- whoever acts -----------------------------------------------------------------------------


def paid(turn: Turn, act: Act, charges: Charges, spent: Paid) -> bool:
    """Whether to carry an act of the caller out now; if not, it comes back with `spent`, by
    `act_of`. Raises `flood`."""
    if spent is not None:
        if spent.wait_s:
            raise refusal(spent.charges, spent.wait_s)
        return True
    due = tuple((kind, count) for kind, count in charges if limited(turn.caller, kind) and count)
    if not due:
        return True
    method = act.method.name if isinstance(act, m.Params) else ""
    body = msgspec.json.encode(act) if isinstance(act, m.Params) else wire.encode(act)
    turn.send(addresses.user(turn.caller.user_id), Spend(due, turn.ref, method, body), answer=True)
    return False


def give_back(turn: Turn, spent: Paid) -> None:
    """The act was carried out before, so it costs nothing now."""
    if spent is not None and not spent.wait_s:
        refund = Unspent(spent.charges, turn.caller.network)
        turn.send(addresses.user(turn.caller.user_id), refund)


def act_of(spent: Spent | UserSpent) -> Act:
    """The act that was asked for."""
    request = wire.Request(0, refs.ActorRef("", 0), refs.NOBODY, spent.method, spent.body)
    act: Act = wire.decode_request_message(request)
    return act


def refusal(charges: Charges, wait_s: float) -> ApiError:
    """What is told to whoever has to wait."""
    words = limits.FLOODS[charges[0][0]].words
    return ApiError("flood", f"too many {words} in a short time; wait before the next", wait_s)
