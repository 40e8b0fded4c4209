"""What a host has for its fronts (edges and API replicas): answers, pushes and closes, in order.

A front submits requests in batches, one at a time, and keeps one poll open. Both calls come back
with packets, numbered so that the front acts on them in order. Nothing here is durable: when the
host restarts, its fronts notice the new incarnation, attach their connections again, and have them
look for what they missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable

from runtime.wire import Out

PACKET_BYTES_MAX = 256 * 1024
"""Ray carries so much inside a call (`heliograph.server.environment.INLINE_BYTES_MAX`); what is
larger goes through the object store."""

QUEUED_OUTS_MAX = 200_000
"""A front that does not fetch this many is dropped; it attaches again when it comes back."""

FRONT_SILENCE_S_MAX = 45.0


class FrontQueue:
    """The outs for one front, and its open poll."""

    def __init__(self, birth: int, now_s: float) -> None:
        self.birth = birth
        """Tells this queue from an earlier one for the same front."""
        self.outs: deque[Out] = deque()
        self.number = 0
        self.waiter: asyncio.Future[None] | None = None
        self.seen_s = now_s
        self.polled = False
        self.stream = ""
        self.executed = 0
        """The front's stream of batches, and the number of the last one executed."""
        self.early: dict[int, asyncio.Future[None]] = {}
        """Batches of the stream that came before their turn."""

    def wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def take(self) -> list[Out]:
        """Outs for one packet."""
        taken: list[Out] = []
        size = 0
        outs = self.outs
        while outs:
            size += len(outs[0].payload) + 16
            if taken and size > PACKET_BYTES_MAX:
                break
            taken.append(outs.popleft())
        return taken


class Fronts:
    """All fronts of a host."""

    def __init__(self) -> None:
        self._queues: dict[str, FrontQueue] = {}
        self._births = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queues)

    def queue(self, front: str, now_s: float) -> FrontQueue:
        """The queue of a front that is calling now."""
        queue = self._queues.get(front)
        if queue is None:
            self._births += 1
            queue = self._queues[front] = FrontQueue(self._births, now_s)
        queue.seen_s = now_s
        return queue

    def release(self, outs: Iterable[tuple[str, Out]]) -> Collection[FrontQueue]:
        """Queue what has become true; returns the queues that have something new, in that order. A
        front that never called, or went silent, gets nothing."""
        touched: dict[FrontQueue, None] = {}
        queues = self._queues
        for front, out in outs:
            queue = queues.get(front)
            if queue is None:
                self.dropped += 1
                continue
            queue.outs.append(out)
            touched[queue] = None
        return touched.keys()

    def drop_silent(self, now_s: float) -> list[str]:
        """Forget fronts that stopped calling or fetching; returns their names."""
        silent = [
            name
            for name, queue in self._queues.items()
            if now_s - queue.seen_s > FRONT_SILENCE_S_MAX or len(queue.outs) > QUEUED_OUTS_MAX
        ]
        for name in silent:
            self._queues.pop(name).wake()
        return silent

    def wake_all(self) -> None:
        for queue in self._queues.values():
            queue.wake()
