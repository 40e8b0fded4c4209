"""Updates on their way to the application: a bounded queue with one reader.

When it is full, nothing more is put in: durable updates stay on the server until there is room
again (`on_room`), ephemeral events are dropped. One difference or one released gap may go beyond
the bound, which is why the queue holds `size_max` plus one page or one gate at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from api import types as t
from heliograph._wire import Item, Resync

Delivery = Item | t.Event | Resync


class Inbox:
    """See the module. `on_taken(pts)` is called when a durable update has been handed to the
    application, `on_done(pts)` when the application comes for the next one."""

    def __init__(
        self,
        size_max: int,
        on_room: Callable[[], None],
        on_taken: Callable[[int], None],
        on_done: Callable[[int], None],
    ) -> None:
        self._items: deque[tuple[int | None, Delivery]] = deque()
        self._size_max = size_max
        self._on_room = on_room
        self._on_taken = on_taken
        self._on_done = on_done
        self._filled = False
        self._taken: int | None = None
        self._reader: asyncio.Future[None] | None = None
        self._end: BaseException | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Nothing more may be put in. Once full, it is full until half of it has been taken."""
        if len(self._items) >= self._size_max:
            self._filled = True
        return self._filled

    def put(self, pts: int, item: Item | Resync) -> None:
        self._items.append((pts, item))
        self._wake()

    def put_event(self, event: t.Event) -> None:
        """Dropped when the queue is full."""
        if not self.full:
            self._items.append((None, event))
            self._wake()

    def clear(self) -> None:
        """Forget what waits: it belonged to another login."""
        self._items.clear()
        self._filled = False
        self._taken = None

    def begin(self) -> None:
        """A new login: what ended before may be read again."""
        self._ended, self._end = False, None

    def end(self, error: BaseException | None = None) -> None:
        """Nothing comes any more: the reader gets what waits, then `error`, or the end."""
        self._ended, self._end = True, error
        self._wake()

    async def take(self) -> Delivery:
        """The next one. Raises what `end` was given, or StopAsyncIteration."""
        if self._reader is not None:
            raise RuntimeError("updates() is being read already; it has one reader at a time")
        done, self._taken = self._taken, None
        if done is not None:
            self._on_done(done)
        while not self._items:
            if self._ended:
                raise self._end if self._end is not None else StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        pts, item = self._items.popleft()
        if pts is not None:
            self._taken = pts
            self._on_taken(pts)
        if self._filled and len(self._items) <= self._size_max // 2:
            self._filled = False
            self._on_room()
        return item

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
