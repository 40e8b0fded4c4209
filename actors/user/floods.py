"""The flood limits of an account (see `actors.flood`)."""

from __future__ import annotations

from actors import addresses, flood
from actors.throttle.messages import NetworkUnspent, Verdict
from actors.user.messages import (
    Spend,
    Unspent,
)
from actors.user.state import BUCKETS, UserActor, user
from runtime.turn import Turn


@user.on(Spend)
def spend(state: UserActor, message: Spend, turn: Turn) -> Verdict | None:
    state.access()
    return flood.pass_on(turn, message, flood.spend(BUCKETS, turn, message.charges))


@user.on(Unspent)
def unspent(state: UserActor, message: Unspent, turn: Turn) -> None:
    flood.put_back(BUCKETS, turn, message.charges)
    if message.network:
        turn.send(addresses.network(message.network), NetworkUnspent(message.charges))
