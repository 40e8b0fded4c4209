"""The copies that a host has, and the calls that reach them. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from runtime.journal import Deposed
from runtime.pipeline import Pipeline
from runtime.replication import protocol
from runtime.replication.directory import Led
from runtime.replication.member import Member
from runtime.replication.parts import BYTES_PER_S, Pace
from runtime.replication.protocol import (
    Append,
    Appended,
    Configuration,
    Known,
    NotLeading,
    SnapshotPart,
    Unavailable,
)
from storage.port import StorageError

log = logging.getLogger(__name__)

CALLS = {
    *("listen", "submit", "receive", "led"),
    *("append", "load", "known", "led_configurations", "rearrange", "rows"),
}
"""What other processes call."""
CALL_S_MAX = 1.5
BALANCE_STEP_S = 1.0


class CallHost(Protocol):
    """Makes a call of another host's `Copies`; raises what the transport raises."""

    async def __call__(self, host: str, method: str, *args: Any) -> bytes: ...


class Shelf(Protocol):
    """Where a host has its copies."""

    def make(self, shard: int) -> Member:
        """A copy that waits for a snapshot. Raises StorageError."""

    async def clear(self, shard: int) -> None:
        """Remove what a closed copy left, all but the configuration that it has adopted."""


class Copies:
    """By shard. `given_away` are configurations of those that this host had once; they are
    remembered, so that who asks here where a copy went is told."""

    def __init__(
        self,
        host: str,
        members: Iterable[Member],
        shelf: Shelf,
        given_away: Mapping[int, Configuration],
    ) -> None:
        self.host = host
        self.members: dict[int, Member] = {}
        self.given_away = dict(given_away)
        self._shelf = shelf
        self._leaving: dict[int, asyncio.Task[None]] = {}
        self._balancer: asyncio.Task[None] | None = None
        for member in members:
            self._add(member)

    def _add(self, member: Member) -> None:
        shard = member.copy.shard
        self.members[shard] = member
        member.on_dismissed = lambda: self._dismiss(shard)

    # --- copies come and go -----------------------------------------------------------------------

    def _take_in(self, config: Configuration) -> Member | None:
        """A copy that a leader says this host has from now on. None if that is old news, or what
        was here before is not cleared away yet. Raises StorageError."""
        shard = config.shard
        before = self.given_away.get(shard)
        is_old = before is not None and config.epoch <= before.epoch
        if self.host not in config.members or is_old or shard in self._leaving:
            return None
        member = self._shelf.make(shard)
        log.info("shard %d: %s gets a copy", shard, self.host)
        self._add(member)
        member.start()
        return member

    def _dismiss(self, shard: int) -> None:
        self._leaving[shard] = asyncio.create_task(self._give_away(shard))

    async def _give_away(self, shard: int) -> None:
        member = self.members.pop(shard)
        self.given_away[shard] = member.copy.config
        try:
            await member.close()
            await self._shelf.clear(shard)
            log.info("shard %d: %s has no copy any more", shard, self.host)
        except OSError as error:
            log.error("shard %d: what is left is removed at the next start: %s", shard, error)
        finally:
            del self._leaving[shard]

    async def _balance(self) -> None:
        """Give shards back, one at a time, to the hosts that shall lead them: else those that
        were never down would lead everything in the end."""
        while True:
            await asyncio.sleep(BALANCE_STEP_S)
            homesick = (m for m in self.members.values() if m.should_hand_over())
            member = next(homesick, None)
            if member is not None:
                try:
                    await member.hand_over(member.copy.config.members[0])
                except (NotLeading, Deposed, Unavailable, TimeoutError) as error:
                    log.info("shard %d stays: %s", member.copy.shard, error)

    def start(self) -> None:
        for member in self.members.values():
            member.start()
        self._balancer = asyncio.create_task(self._balance())

    async def close(self) -> None:
        if self._balancer is not None:
            self._balancer.cancel()
        await asyncio.gather(*self._leaving.values())
        await asyncio.gather(*(member.close() for member in self.members.values()))

    def rows(self) -> bytes:
        """What this host knows of its copies as JSON: a list with a row for each."""
        return msgspec.json.encode([member.row() for _, member in sorted(self.members.items())])

    async def serve(self, method: str, *arguments: Any) -> Any:
        """Carry out the call of that name."""
        assert method in CALLS, method
        answer: Any = getattr(self, method)(*arguments)
        return await answer if asyncio.iscoroutine(answer) else answer

    # --- calls of fronts, and of hosts that lead other shards --------------------------------

    async def submit(
        self, shard: int, front: str, stream: str, number: int, payload: bytes
    ) -> None:
        await self._pipeline(shard).submit(front, stream, number, payload)

    async def listen(
        self, shard: int, front: str, stream: str, say: Callable[[bytes], None]
    ) -> None:
        await self._pipeline(shard).listen(front, stream, say)

    async def receive(self, shard: int, payload: bytes) -> bytes:
        return await self._leading(shard).led(lambda pipeline: pipeline.receive(payload))

    def led(self) -> Led:
        """What this host leads."""
        return [(p, m.copy.epoch) for p, m in self.members.items() if m.leading]

    def _pipeline(self, shard: int) -> Pipeline:
        pipeline = self._leading(shard).pipeline
        if pipeline is None:
            raise NotLeading(f"{self.host} does not lead shard {shard}")
        return pipeline

    def _leading(self, shard: int) -> Member:
        member = self.members.get(shard)
        if member is None:
            raise NotLeading(f"there is no copy of shard {shard} here")
        return member

    # --- calls of leaders -------------------------------------------------------------------------

    async def append(self, payload: bytes) -> bytes:
        """Records, or a heartbeat."""
        message = protocol.decode_append(payload)
        answer = Appended(0, 0, full=True)
        with contextlib.suppress(StorageError):
            member = self.members.get(message.config.shard) or self._take_in(message.config)
            if member is not None:
                answer = await member.append(message)
        return protocol.encode(answer)

    async def load(self, payload: bytes) -> bytes:
        message = protocol.decode_rows(payload)
        member = self.members.get(message.config.shard)
        if member is None:
            raise Unavailable(f"there is no copy of shard {message.config.shard} here")
        return protocol.encode(await member.load(message))

    def known(self, shard: int) -> bytes:
        member = self.members.get(shard)
        if member is not None:
            return protocol.encode(member.known())
        config = self.given_away.get(shard)
        return protocol.encode(None if config is None else Known(config, False))

    # --- calls of the steward ---------------------------------------------------------------------

    def led_configurations(self) -> bytes:
        """The configurations of the shards that this host leads."""
        led = [member.copy.config for member in self.members.values() if member.leading]
        return protocol.encode(led)

    async def rearrange(self, shard: int, epoch: int, members: Sequence[str]) -> bytes:
        """Let other hosts have the copies (see `Leader.rearrange`). Raises NotLeading,
        Unavailable."""
        await self._leading(shard).rearrange(epoch, tuple(members))
        return b""


class Courier:
    """Calls of leaders to other hosts; `call` bundles what several have for one host."""

    def __init__(self, call: CallHost) -> None:
        self._call = call
        self._pace = Pace(BYTES_PER_S)

    async def append(self, host: str, message: Append) -> Appended:
        payload = protocol.encode(message)
        answer: Appended = protocol.decode_answer(await self._make(host, "append", payload))
        return answer

    async def load(self, host: str, message: SnapshotPart) -> Appended:
        """All snapshots of this host share a pace, so that what is live has time."""
        payload = protocol.encode(message)
        await self._pace.wait(len(payload))
        answer: Appended = protocol.decode_answer(await self._make(host, "load", payload))
        return answer

    async def known(self, host: str, shard: int) -> Known | None:
        answer: Known | None = protocol.decode_known(await self._make(host, "known", shard))
        return answer

    async def led_configurations(self, host: str) -> list[Configuration]:
        raw = await self._make(host, "led_configurations")
        answer: list[Configuration] = protocol.decode_configurations(raw)
        return answer

    async def rearrange(self, host: str, config: Configuration, members: tuple[str, ...]) -> None:
        """Have the host that leads with this configuration change its members."""
        await self._make(host, "rearrange", config.shard, config.epoch, members)

    async def _make(self, host: str, method: str, *args: Any) -> bytes:
        """A call; whatever keeps it from being answered soon is Unavailable."""
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await self._call(host, method, *args)
        except Exception as error:
            raise Unavailable(f"{host}: {error or type(error).__name__}") from error
