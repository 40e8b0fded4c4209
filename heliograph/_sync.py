"""The pts gate: which updates may go to the application, and when something is missing.

A mailbox numbers its updates (`pts`) from 1 without holes. Pushes may be doubled, lost, or overtake
one another across reconnects; a difference tells what happened after a number. The gate lets
every number pass once and in order:

- a push that follows the last one passes, and with it those held that follow it;
- one that passed already is ignored;
- one from further ahead is held, and `missing` becomes true: whoever drives the gate waits a
  moment, then asks for the difference after `pts` and hands it in.

The gate has no clock and does no I/O. What it holds is bounded: beyond that, it only remembers that
something is missing, and the difference brings it.
"""

from __future__ import annotations

from typing import NamedTuple

from api import types as t
from heliograph._wire import Item, WireDifference


class Passed(NamedTuple):
    """What passes: numbered updates in order. `resync`: what came before them is not known any
    more, and whoever shows a state must fetch it anew."""

    updates: list[tuple[int, Item]]
    resync: bool = False


class Gate:
    """See the module. `pts` is the number of the last update that passed; None until it is known
    where to begin."""

    def __init__(self, pts: int | None = None, held_max: int = 1_000) -> None:
        self.pts = pts
        self._held: dict[int, Item] = {}
        self._held_max = held_max
        self._target = pts or 0
        self._more = False

    @property
    def missing(self) -> bool:
        """The mailbox is known to hold updates that have not passed."""
        return self.pts is not None and (self._more or self._target > self.pts)

    def hello(self, pts: int) -> bool:
        """A connection begins at `pts`: everything later is pushed. Returns whether a difference
        is needed. (A mailbox that is behind what passed was restored from a backup; the
        difference will say `too_long`.)"""
        self._held.clear()
        self._target = pts
        self._more = False
        if self.pts is None:
            self.pts = pts
        return self.pts != pts

    def heard_of(self, pts: int) -> None:
        """The mailbox is at `pts` at least."""
        self._target = max(self._target, pts)

    def push(self, pts: int, update: Item) -> list[tuple[int, Item]]:
        """An update came; returns those that pass now."""
        if self.pts is None or pts <= self.pts:
            return []
        self._target = max(self._target, pts)
        if pts > self.pts + 1:
            if len(self._held) < self._held_max:
                self._held[pts] = update
            return []
        self.pts = pts
        return [(pts, update), *self._release()]

    def difference(self, asked: int, difference: WireDifference) -> Passed:
        """The answer to a difference after `asked` came; returns what passes now. `missing` tells
        whether to ask again."""
        if self.pts is None or asked > self.pts:
            return Passed([])  # asked before a reset
        self._more = difference.kind == "slice"
        if difference.kind == "too_long":
            if asked <= difference.pts <= self.pts:
                return Passed([])  # what was asked for has been pushed meanwhile
            self.pts = difference.pts
            self._target = max(self._target, difference.pts)
            return Passed(self._release(), resync=True)
        passed = []
        for pts, item in difference.items():
            if pts > self.pts:
                self.pts = pts
                passed.append((pts, item))
        self.pts = max(self.pts, difference.pts)
        return Passed(passed + self._release())

    def _release(self) -> list[tuple[int, Item]]:
        """Pass what was held and follows; drop what has passed otherwise."""
        assert self.pts is not None
        released = []
        while (item := self._held.pop(self.pts + 1, None)) is not None:
            self.pts += 1
            released.append((self.pts, item))
        if self._held and min(self._held) <= self.pts:
            self._held = {pts: item for pts, item in self._held.items() if pts > self.pts}
        return released


def own_message(sent: t.Sent, from_id: int, text: str, reply_to: int, random_id: int) -> Item:
    """The update that a send is for its sender, whose connection gets no push of it."""
    message = t.Message(
        sent.chat_id,
        sent.id,
        from_id,
        sent.date_ms,
        text,
        reply_to=reply_to,
        random_id=random_id,
    )
    return t.MessageNew(message)
