"""The calls of hosts that fronts and other hosts make, over lines: of a host by its name, or of
whoever leads a shard. asyncio, but no Ray."""

from __future__ import annotations

from typing import Any

from runtime.lines.lines import Lines, Take
from runtime.placement import shard_at
from runtime.replication.directory import Directory
from runtime.replication.protocol import Unavailable


class LineCalls:
    """Of a host, or of whoever leads at a place (see `runtime.link.HostCalls`)."""

    def __init__(self, lines: Lines | Places, name: str) -> None:
        self._lines = lines
        self._name = name

    async def listen(self, front: str, stream: str, take: Take) -> None:
        await self._lines.listen(self._name, take, "listen", front, stream)

    def submit(self, front: str, stream: str, number: int, payload: bytes) -> None:
        self._lines.tell(self._name, "submit", front, stream, number, payload)


class Places:
    """Of hosts with copies: where a shard is led is its *place* (`runtime.placement`)."""

    def __init__(self, directory: Directory, lines: Lines) -> None:
        self._directory = directory
        self._lines = lines

    async def listen(self, place: str, take: Take, method: str, *args: Any) -> None:
        """Listen to the host that leads there, as long as it does. Raises Unavailable, ApiError."""
        shard = shard_at(place)
        await self._directory.call(
            shard, lambda host: self._lines.listen(host, take, method, shard, *args)
        )

    async def call(self, place: str, method: str, *args: Any) -> bytes:
        """Call the host that leads there. Raises Unavailable, ApiError."""
        shard = shard_at(place)
        answer: bytes = await self._directory.call(
            shard, lambda host: self._lines.call(host, method, shard, *args)
        )
        return answer

    def tell(self, place: str, method: str, *args: Any) -> None:
        """Have the host do it that leads there. Raises Unavailable."""
        shard = shard_at(place)
        host = self._directory.leader(shard)
        if host is None:
            raise Unavailable(f"nobody leads shard {shard}")
        self._lines.tell(host, method, shard, *args)

    async def receive(self, place: str, parcel: bytes) -> bytes:
        """Bring messages to the shard that is led at a place."""
        return await self.call(place, "receive", parcel)

    def reach(self, place: str) -> LineCalls:
        """The calls of a place."""
        return LineCalls(self, place)
