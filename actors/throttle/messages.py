"""What is said to a throttle, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from actors.charges import Charges
from runtime.messages import Internal
from runtime.refs import ActorRef


class Admit(Internal, frozen=True, tag="Admit"):
    """To a throttle, before a password is checked: may `address` try now? Answered with
    `Verdict`."""

    address: str


class Verdict(Struct, frozen=True, array_like=True):
    """`wait_s` 0: go on. Else: refuse with `flood` and this `retry_after`. `known`: the account's
    owner has logged in from this address before. `place`: under which name a throttle counts the
    try as one that failed, until it hears otherwise."""

    wait_s: float
    known: bool = False
    place: str = ""


class TryUnchecked(Internal, frozen=True, tag="TryUnchecked"):
    """To a throttle: the try that it counted at `place` was refused before the password was
    checked."""

    place: str


class TrySucceeded(Internal, frozen=True, tag="TrySucceeded"):
    """To a throttle: the password was right at the try that it counted at `place` (empty: at the
    address); forget the failures of this address."""

    address: str
    place: str = ""


class FadeThrottle(Internal, frozen=True, tag="FadeThrottle"):
    """A throttle's timer: what of all this need not be known any more?"""


class NetworkSpend(Internal, frozen=True, tag="NetworkSpend"):
    """To a throttle, the same. `wait_s`: how long the user has to wait; then nothing is taken."""

    charges: Charges
    asker: ActorRef | None = None
    method: str = ""
    body: bytes = b""
    wait_s: float = 0.0


class NetworkUnspent(Internal, frozen=True, tag="NetworkUnspent"):
    """To a throttle: put it back. Answered with `Ok`."""

    charges: Charges
