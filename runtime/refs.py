"""References to actors: which kinds there are, who asks, and which partition an actor lives in."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import msgspec

from storage.keys import actor_prefix

MAX_ID: Final = 2**53 - 1

KINDS: dict[str, int] = {}
"""Kinds of actors with the byte that stands for each in keys."""
KIND_NAMES: dict[int, str] = {}
_HOMES: dict[str, Callable[[int | str], str]] = {}


def declare(kind: str, number: int, home: Callable[[int | str], str] | None = None) -> int:
    """There are actors of this kind. `number`, which is returned, stands for it in the keys of
    rows, and is never used again. `home(key)`: what says which partition an actor lives in, where
    that is not the actor itself."""
    assert 0 < number < 256, f"{kind}: {number} is no byte of an actor's key"
    assert KINDS.setdefault(kind, number) == number, f"{kind} has two numbers"
    assert KIND_NAMES.setdefault(number, kind) == kind, f"{number} stands for two kinds"
    if home is not None:
        _HOMES[kind] = home
    return number


class ActorRef(msgspec.Struct, frozen=True, array_like=True):
    """The address of an actor."""

    kind: str
    key: int | str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"


class Caller(msgspec.Struct, frozen=True, array_like=True):
    """Who a connection or an HTTP request is authenticated as. (0, 0) is nobody. `connection` is
    the live connection that the request came by, 0 for HTTP. `network`: what their address is
    counted by (`api.addresses`), `EXEMPT` if nothing is, empty if it does not matter."""

    user_id: int
    session_id: int
    connection: int = 0
    network: str = ""


EXEMPT: Final = "*"


NOBODY: Final = Caller(0, 0)


def partition_of(ref: ActorRef, partitions: int) -> int:
    """The partition of an actor."""
    home_of = _HOMES.get(ref.kind)
    home = f"{ref.kind}:{ref.key}" if home_of is None else home_of(ref.key)
    digest = blake2b(home.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % partitions


def prefix_of(ref: ActorRef) -> bytes:
    """What the keys of an actor's rows begin with."""
    return actor_prefix(KINDS[ref.kind], ref.key)
