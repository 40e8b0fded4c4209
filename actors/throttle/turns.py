"""A throttle: how often a password may be tried, per account and per address.

One actor per account ("account:<folded name>", whether there is such an account or not) counts the
failures of each address for itself: whoever guesses waits longer and longer, and nobody else does.
There is room for so many strangers; whoever comes beyond is counted with all others who do. Nothing
is forgotten to make room, so more addresses are no more guesses. The addresses from which the owner
has logged in lately have room of their own, so that nobody keeps the owner out there; people at
those are also served before strangers.

One actor per address ("address:<address>") counts over all accounts. A try counts as failed from
the moment it is admitted until it has succeeded, so trying many at once gains nothing; one that was
refused before the password was checked is taken back. Failures fade within an hour. All of it is
durable; when the host dies, what was counted still counts.

One actor per network of addresses ("network:<network>") has its buckets of flood limits
(`actors.flood`). A throttle deletes what need not be known any more.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors import addresses, flood
from actors.charges import Charges
from actors.throttle.messages import (
    Admit,
    FadeThrottle,
    NetworkSpend,
    NetworkUnspent,
    TrySucceeded,
    TryUnchecked,
    Verdict,
)
from actors.user.messages import Unspent
from api import limits
from api import types as t
from runtime.kind import Kind
from runtime.rows import TEXT, Table, View, head_table
from runtime.turn import Turn

ADDRESSES_MAX = 64
"""So many addresses by which the owner of an account has not come are counted for themselves."""
OTHERS = "*"
"""Who else failed, counted as one address."""
FADE, FADE_MS = "fade", 3_600_000
KNOWN_MAX = 16
KNOWN_MS = 90 * 24 * 3_600_000
FREE_PER_ACCOUNT, WAIT_MS_MAX_PER_ACCOUNT = 5, 900_000
FREE_PER_ADDRESS, WAIT_MS_MAX_PER_ADDRESS = 30, 60_000


class Failures(Struct, frozen=True, array_like=True):
    """Tries of one address that have not succeeded, and when the last was admitted."""

    count: int = 0
    last_ms: int = 0


class ThrottleHead(Struct, frozen=True, array_like=True):
    """`known`: when the owner of an account logged in last, by address."""

    addresses: dict[str, Failures]
    known: dict[str, int] = {}


HEAD = head_table(ThrottleHead)
BUCKETS: flood.Buckets = Table(1, flood.Bucket, TEXT)


class ThrottleActor:
    """In memory: failures by address, and the addresses by which the owner comes, the latest
    last."""

    __slots__ = ("addresses", "free", "known", "per_account", "wait_ms_max")

    def __init__(self, view: View) -> None:
        head = HEAD.get(view, None) or ThrottleHead({})
        self.addresses = dict(head.addresses)
        self.known = dict(head.known)
        self.per_account = str(view.ref.key).startswith("account:")
        self.free = FREE_PER_ACCOUNT if self.per_account else FREE_PER_ADDRESS
        self.wait_ms_max = WAIT_MS_MAX_PER_ACCOUNT if self.per_account else WAIT_MS_MAX_PER_ADDRESS

    def place(self, address: str, now_ms: int) -> str:
        """Under which name a try from there is counted."""
        alive = _alive(self.addresses, now_ms)
        if address in alive or address in self.known:
            return address
        return address if len(_strangers(alive, self.known)) < ADDRESSES_MAX else OTHERS

    def wait_ms(self, place: str, now_ms: int) -> int:
        """How long who is counted there has to wait before the next try."""
        failures = self.addresses.get(place)
        if failures is None:
            return 0
        return max(0, failures.last_ms + self.pause_ms(failures.count) - now_ms)

    def pause_ms(self, count: int) -> int:
        """How long after the last of so many failures the next try may come."""
        if count < self.free:
            return 0
        return min(1_000 << min(count - self.free, 20), self.wait_ms_max)

    def take_back(self, place: str) -> bool:
        """A try counts no more. Whether there was one."""
        failures = self.addresses.pop(place, None)
        if failures is not None and failures.count > 1:
            self.addresses[place] = replace(failures, count=failures.count - 1)
        return failures is not None

    def know(self, known: dict[str, int]) -> None:
        """The owner comes by these from now on. Who is a stranger again, and one too many, is one
        of the others, with all that failed there."""
        again = [name for name in self.known if name not in known and name in self.addresses]
        self.known = known
        too_many = len(_strangers(self.addresses, known)) - ADDRESSES_MAX
        for name in again[: max(0, too_many)]:
            one, others = self.addresses.pop(name), self.addresses.get(OTHERS, Failures())
            last_ms = max(one.last_ms, others.last_ms)
            self.addresses[OTHERS] = Failures(one.count + others.count, last_ms)

    def fade_later(self, turn: Turn) -> None:
        """Look after what was just noted when it need not be known any more."""
        turn.set_timer(FADE, turn.now_ms + FADE_MS, FadeThrottle())

    def put(self, turn: Turn) -> None:
        if self.addresses or self.known:
            HEAD.put(turn, None, ThrottleHead(self.addresses, self.known))
        else:
            HEAD.delete(turn, None)


throttle = Kind("throttle", ThrottleActor)


@throttle.on(Admit)
def admit(state: ThrottleActor, message: Admit, turn: Turn) -> Verdict:
    now_ms, address = turn.now_ms, message.address
    place = state.place(address, now_ms)
    wait_ms = state.wait_ms(place, now_ms)
    if wait_ms:
        return Verdict(wait_ms / 1000)
    state.addresses = _alive(state.addresses, now_ms)
    failed = state.addresses.get(place, Failures()).count
    state.addresses[place] = Failures(failed + 1, now_ms)
    state.put(turn)
    state.fade_later(turn)
    return Verdict(0.0, now_ms - state.known.get(address, -KNOWN_MS) < KNOWN_MS, place)


def _alive(addresses: dict[str, Failures], now_ms: int) -> dict[str, Failures]:
    """Those that have not faded."""
    return {name: f for name, f in addresses.items() if now_ms - f.last_ms < FADE_MS}


def _strangers(addresses: dict[str, Failures], known: dict[str, int]) -> list[str]:
    """Those of them who are counted for themselves."""
    return [name for name in addresses if name not in known and name != OTHERS]


def _remembered(known: dict[str, int], now_ms: int) -> dict[str, int]:
    return {name: at_ms for name, at_ms in known.items() if now_ms - at_ms < KNOWN_MS}


@throttle.on(FadeThrottle)
def fade(state: ThrottleActor, message: FadeThrottle, turn: Turn) -> None:
    """Forget, and look again when there is something else to forget."""
    now_ms = turn.now_ms
    buckets = BUCKETS.scan(turn, limit=len(limits.FLOODS))
    full = [kind for kind, bucket in buckets if bucket.full_ms <= now_ms]
    alive, known = _alive(state.addresses, now_ms), _remembered(state.known, now_ms)
    for kind in full:
        BUCKETS.delete(turn, kind)
    if (alive, known) != (state.addresses, state.known):
        state.addresses = alive
        state.know(known)
        state.put(turn)
    if alive or len(full) < len(buckets):
        state.fade_later(turn)
    elif known:
        turn.set_timer(FADE, max(known.values()) + KNOWN_MS, message)


@throttle.on(TryUnchecked)
def unchecked(state: ThrottleActor, message: TryUnchecked, turn: Turn) -> t.Ok:
    """It had waited as long as it had to: the next one has not to wait again."""
    if state.take_back(message.place):
        left = state.addresses.get(message.place)
        if left is not None:
            waited_ms = turn.now_ms - state.pause_ms(left.count)
            state.addresses[message.place] = replace(left, last_ms=min(left.last_ms, waited_ms))
        state.put(turn)
    return t.Ok()


@throttle.on(TrySucceeded)
def succeeded(state: ThrottleActor, message: TrySucceeded, turn: Turn) -> t.Ok:
    """An account forgets the failures of this address, and knows it from now on; an address takes
    back the one try, since knowing one password says nothing about the others."""
    address, now_ms = message.address, turn.now_ms
    if not state.per_account:
        if state.take_back(message.place or address):
            state.put(turn)
        return t.Ok()
    state.addresses = _alive(state.addresses, now_ms)
    state.addresses.pop(address, None)
    if message.place == OTHERS:
        state.take_back(OTHERS)
    known = _remembered(state.known, now_ms)
    known.pop(address, None)
    known[address] = now_ms
    while len(known) > KNOWN_MAX:
        del known[next(iter(known))]
    state.know(known)
    state.put(turn)
    return t.Ok()


# --- flood limits -----------------------------------------------------------------------------


def _factor(charges: Charges) -> int:
    """Registrations are nobody's but the network's."""
    return 1 if charges[0][0] == "registrations" else limits.FLOOD_ADDRESS_FACTOR


@throttle.on(NetworkSpend)
def spend(state: ThrottleActor, message: NetworkSpend, turn: Turn) -> Verdict | None:
    """From the user of the caller, or from a front for somebody who is not known."""
    charges, wait_s = message.charges, message.wait_s
    if wait_s:
        flood.settle(BUCKETS, turn, charges, _factor(charges))
    else:
        wait_s = flood.spend(BUCKETS, turn, charges, _factor(charges))
        if not wait_s:
            state.fade_later(turn)
        elif turn.caller.user_id:
            turn.send(addresses.user(turn.caller.user_id), Unspent(charges))
    return flood.answer(turn, message, wait_s)


@throttle.on(NetworkUnspent)
def unspent(state: ThrottleActor, message: NetworkUnspent, turn: Turn) -> t.Ok:
    flood.put_back(BUCKETS, turn, message.charges, _factor(message.charges))
    return t.Ok()
