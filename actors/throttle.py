"""A throttle: how often a password may be tried, per account and per address.

One actor per account ("account:<folded name>", whether there is such an account or not) counts the
failures of each address for itself: whoever guesses waits longer and longer, and nobody else does,
so nobody can lock another one out. One actor per address ("address:<address>") counts over all
accounts. A try counts as failed from the moment it is admitted until it has succeeded, so trying
many at once gains nothing. Failures fade within an hour. All of it is durable; when the host dies,
what was counted still counts.
"""

from __future__ import annotations

from msgspec import Struct

from actors.messages import Admit, TryFailed, TrySucceeded, Verdict
from actors.runtime.kind import Kind
from actors.runtime.rows import View, head_table
from actors.runtime.turn import Turn
from api import types as t

ADDRESSES_MAX = 64
FADE_MS = 3_600_000
FREE_PER_ACCOUNT, WAIT_MS_MAX_PER_ACCOUNT = 5, 900_000
FREE_PER_ADDRESS, WAIT_MS_MAX_PER_ADDRESS = 30, 60_000


class Failures(Struct, frozen=True, array_like=True):
    """Tries of one address that have not succeeded, and when the last was admitted."""

    count: int
    last_ms: int


class ThrottleHead(Struct, frozen=True, array_like=True):
    addresses: dict[str, Failures]


HEAD = head_table(ThrottleHead)


class Throttle:
    """In memory: failures by address, those that tried longest ago first."""

    __slots__ = ("addresses", "free", "wait_ms_max")

    def __init__(self, view: View) -> None:
        head = HEAD.get(view, None)
        self.addresses = dict(head.addresses) if head else {}
        per_account = str(view.ref.key).startswith("account:")
        self.free = FREE_PER_ACCOUNT if per_account else FREE_PER_ADDRESS
        self.wait_ms_max = WAIT_MS_MAX_PER_ACCOUNT if per_account else WAIT_MS_MAX_PER_ADDRESS

    def wait_ms(self, address: str, now_ms: int) -> int:
        """How long this address has to wait before its next try."""
        failures = self.addresses.get(address)
        if failures is None or failures.count < self.free:
            return 0
        doubled = 1_000 << min(failures.count - self.free, 20)
        return max(0, failures.last_ms + min(doubled, self.wait_ms_max) - now_ms)

    def put(self, turn: Turn) -> None:
        if self.addresses:
            HEAD.put(turn, None, ThrottleHead(self.addresses))
        else:
            HEAD.delete(turn, None)


throttle = Kind("throttle", Throttle)


@throttle.on(Admit)
def admit(state: Throttle, message: Admit, turn: Turn) -> Verdict:
    now_ms, address = turn.now_ms, message.address
    wait_ms = state.wait_ms(address, now_ms)
    if wait_ms:
        return Verdict(wait_ms / 1000)
    alive = {
        name: failures
        for name, failures in state.addresses.items()
        if now_ms - failures.last_ms < FADE_MS
    }
    known = alive.pop(address, Failures(0, 0))
    alive[address] = Failures(known.count + 1, now_ms)
    while len(alive) > ADDRESSES_MAX:
        del alive[next(iter(alive))]
    state.addresses = alive
    state.put(turn)
    return Verdict(0.0)


@throttle.on(TryFailed)
def failed(state: Throttle, message: TryFailed, turn: Turn) -> t.Ok:
    """It was counted when it was admitted."""
    return t.Ok()


@throttle.on(TrySucceeded)
def succeeded(state: Throttle, message: TrySucceeded, turn: Turn) -> t.Ok:
    """An account forgets the failures of this address; an address takes back the one try, since
    knowing one password says nothing about the others."""
    failures = state.addresses.pop(message.address, None)
    if failures is not None:
        if state.free == FREE_PER_ADDRESS and failures.count > 1:
            state.addresses[message.address] = Failures(failures.count - 1, failures.last_ms)
        state.put(turn)
    return t.Ok()
