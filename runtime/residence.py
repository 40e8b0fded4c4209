"""Where an actor lives that moves to a partition of its own, or has moved: as a row, and in memory
(see `runtime.moves`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from runtime.refs import ActorRef, prefix_of
from runtime.wire import Request
from storage.keys import prefix_end, split_key

RESIDENCES, HELD = 7, 8
"""Tables of the runtime's own rows: who has moved, and messages that wait for a move."""

Phase = Literal["copying", "left", "arriving", "here"]
"""In P the first two, in D the others; `arriving` is what D is without a row."""


class Residence(Struct, frozen=True, array_like=True):
    """The row of an actor that moves or has moved. `copied`: while copying, all keys below it have
    been sent."""

    ref: ActorRef
    partition: int
    phase: Phase
    copied: bytes = b""


decode_residence = msgspec.msgpack.Decoder(Residence).decode


def residences_in(rows: Iterable[tuple[bytes, bytes | None]]) -> Iterator[Residence]:
    """Who moves or has moved, of a partition's rows in the order of their keys. Of a damaged row
    nothing is said."""
    for key, row in rows:
        if key[0] != 0:
            return  # the runtime's own rows come first
        _, _, table, _ = split_key(key)
        if table == RESIDENCES and row is not None:
            yield decode_residence(row)


class Move:
    """An actor that moves or has moved, in memory. `home` is P, `own` is D."""

    def __init__(self, residence: Residence, home: int) -> None:
        self.ref = residence.ref
        self.home = home
        self.own = residence.partition
        self.phase: Phase = residence.phase
        self.prefix = prefix_of(self.ref)
        self.copied = residence.copied or self.prefix
        self.frozen = False
        self.landing = False
        """It is `here`, which is not durable yet: a read would see rows of before."""
        self.held = 0
        """The number of the last message in `HELD`."""
        self.commands: dict[tuple[str, int], Request] = {}
        """Commands that wait, in order."""
        self.awaited: dict[int, int] = {}
        """By target, the number that the stream has to have taken effect up to."""
        self.due_ms = 0
        """When the freeze ends, if the actor has not left by then."""
        self.rests_ms = 0
        """Nothing is tried before this."""
        self.asking: dict[tuple[str, int], None] = {}
        """Who asked for the move, and is told how it goes."""
        self.leftovers = residence.phase == "left"
        """There may be rows in P still, from `leftover` on."""
        self.leftover = self.prefix
        self.damaged = False
        """Its row fails its check: nobody knows here or elsewhere where the actor is."""
        self.admits = False
        """The next message is taken although the actor is frozen."""

    @property
    def complete(self) -> bool:
        """All rows have been sent."""
        return self.copied == prefix_end(self.prefix)

    @property
    def busy(self) -> bool:
        """There is something to do, or to wait for."""
        if self.damaged:
            return False
        waiting = self.phase == "here" and bool(self.commands)
        return self.phase == "copying" or self.leftovers or waiting
