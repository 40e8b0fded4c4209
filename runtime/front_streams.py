"""What a host has for its fronts (edges and API replicas): answers, pushes and closes, in order.

A front opens a *stream*, by which it submits requests in batches, and is told what comes of them
and what else there is for it. Nothing here is durable: when a stream is over (the host was
restarted, the connection broke), the front opens another, attaches its connections again, and has
them look for what they missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping

from runtime import wire
from runtime.wire import Out, Packet

PACKET_BYTES_MAX = 256 * 1024
"""What is larger alone travels alone."""

FRONT_SILENCE_S_MAX = 45.0
"""A front without a stream for so long is gone, with all its connections."""


class FrontStream:
    """`say` tells the front an encoded packet."""

    def __init__(self, name: str, say: Callable[[bytes], None]) -> None:
        self.name = name
        self.say = say
        self.executed = 0
        """The number of the last batch that was executed."""
        self.durable = 0
        """The same of what is durable, and `told`: of what the front knows to be."""
        self.told = 0
        self.turn = asyncio.Lock()
        """Batches are executed one after the other."""
        self._over: asyncio.Future[None] | None = None

    def tell(self, outs: list[Out]) -> None:
        self.told = self.durable
        self.say(wire.encode(Packet(self.durable, outs)))

    async def until_over(self) -> None:
        """Wait until nothing more is told. Raises why."""
        self._over = asyncio.get_running_loop().create_future()
        await self._over

    def is_over(self) -> bool:
        return self._over is not None and self._over.done()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more is told."""
        if self._over is None or self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)


NONE: Mapping[FrontStream, int] = {}


class Fronts:
    """All fronts of a host."""

    def __init__(self) -> None:
        self._streams: dict[str, FrontStream] = {}
        self._silent_since_s: dict[str, float] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, front: str, stream: FrontStream) -> None:
        """This front is told by this stream from now on; one that it had before is over."""
        before = self._streams.get(front)
        self._streams[front] = stream
        self._silent_since_s.pop(front, None)
        if before is not None:
            before.end()

    def lost(self, front: str, stream: FrontStream, now_s: float) -> None:
        """Nothing more is told by this stream."""
        if self._streams.get(front) is stream:
            del self._streams[front]
            self._silent_since_s[front] = now_s

    def stream(self, front: str, name: str) -> FrontStream | None:
        """The stream of that name, if the front has it now."""
        stream = self._streams.get(front)
        return stream if stream is not None and stream.name == name else None

    def release(
        self, outs: Iterable[tuple[str, Out]], durable: Mapping[FrontStream, int] = NONE
    ) -> None:
        """Tell what has become true, and which batches of these streams are durable by now. A front
        without a stream is told nothing."""
        for stream, number in durable.items():
            stream.durable = number
        told: dict[str, list[Out]] = {}
        for front, out in outs:
            told.setdefault(front, []).append(out)
        for front, its in told.items():
            found = self._streams.get(front)
            if found is None:
                self.dropped += len(its)
                continue
            for packet in _packets(its):
                found.tell(packet)
        for stream in durable:
            if stream.told < stream.durable:
                stream.tell([])

    def drop_silent(self, now_s: float) -> list[str]:
        """Forget fronts that have had no stream for too long; returns their names."""
        silent = [
            front
            for front, since_s in self._silent_since_s.items()
            if now_s - since_s > FRONT_SILENCE_S_MAX
        ]
        for front in silent:
            del self._silent_since_s[front]
        return silent

    def end_all(self, error: Exception) -> None:
        """Nothing more is told to anybody."""
        for stream in self._streams.values():
            stream.end(error)


def _packets(outs: list[Out]) -> Iterator[list[Out]]:
    """The same, in packets of a size."""
    size = start = 0
    for index, out in enumerate(outs):
        size += len(out.payload) + 16
        if size > PACKET_BYTES_MAX and index > start:
            yield outs[start:index]
            start, size = index, len(out.payload) + 16
    yield outs[start:]
