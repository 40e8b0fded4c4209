"""The copies that a host has, and the calls that reach them. asyncio, but no Ray."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from actors.runtime.journal import Deposed
from actors.runtime.replication import protocol
from actors.runtime.replication.directory import Led
from actors.runtime.replication.member import Member
from actors.runtime.replication.protocol import (
    Append,
    Appended,
    Known,
    NotLeading,
    Rows,
    Unavailable,
)
from storage.port import StorageError

log = logging.getLogger(__name__)

CALL_S_MAX = 1.5
BALANCE_STEP_S = 1.0


class CallHost(Protocol):
    """Makes a call of another host's `Copies`; raises what the transport raises."""

    async def __call__(self, host: str, method: str, *args: Any) -> bytes: ...


class Copies:
    """By partition."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = {member.copy.partition: member for member in members}
        self._balancer: asyncio.Task[None] | None = None

    async def _balance(self) -> None:
        """Give partitions back, one at a time, to the hosts that shall lead them: else those that
        were never down would lead everything in the end."""
        while True:
            await asyncio.sleep(BALANCE_STEP_S)
            homesick = (m for m in self.members.values() if m.should_hand_over())
            member = next(homesick, None)
            if member is not None:
                try:
                    await member.hand_over(member.copy.config.members[0])
                except (NotLeading, Deposed, Unavailable, TimeoutError) as error:
                    log.info("partition %d stays: %s", member.copy.partition, error)

    def start(self) -> None:
        for member in self.members.values():
            member.start()
        self._balancer = asyncio.create_task(self._balance())

    async def close(self) -> None:
        if self._balancer is not None:
            self._balancer.cancel()
        await asyncio.gather(*(member.close() for member in self.members.values()))

    # --- calls of fronts, and of hosts that lead other partitions --------------------------------

    async def submit(
        self, partition: int, front: str, stream: str, number: int, payload: bytes
    ) -> bytes:
        return await self._leading(partition).led(
            lambda pipeline: pipeline.submit(front, stream, number, payload)
        )

    async def poll(self, partition: int, front: str) -> bytes:
        return await self._leading(partition).led(lambda pipeline: pipeline.poll(front))

    async def receive(self, partition: int, payload: bytes) -> bytes:
        return await self._leading(partition).led(lambda pipeline: pipeline.receive(payload))

    def led(self) -> Led:
        """What this host leads."""
        return [(p, m.copy.epoch) for p, m in self.members.items() if m.leading]

    def _leading(self, partition: int) -> Member:
        member = self.members.get(partition)
        if member is None:
            raise NotLeading(f"there is no copy of partition {partition} here")
        return member

    # --- calls of leaders -------------------------------------------------------------------------

    async def append(self, payload: bytes) -> bytes:
        """Records and heartbeats for several copies in one call, each answered."""
        messages = protocol.decode_appends(payload)
        return protocol.encode(await asyncio.gather(*map(self._append, messages)))

    async def _append(self, message: Append) -> Appended:
        """What goes wrong with one copy is not the others' business."""
        member = self.members.get(message.config.partition)
        if member is not None:
            with contextlib.suppress(StorageError):
                return await member.append(message)
        return Appended(0, 0, full=True)

    async def load(self, payload: bytes) -> bytes:
        message = protocol.decode_rows(payload)
        member = self.members.get(message.config.partition)
        if member is None:
            raise Unavailable(f"there is no copy of partition {message.config.partition} here")
        return protocol.encode(await member.load(message))

    def known(self, partition: int) -> bytes:
        member = self.members.get(partition)
        return protocol.encode(None if member is None else member.known())


class Courier:
    """Calls of leaders to other hosts: what all partitions of this host have for one host goes in
    one call, and the next call is filled meanwhile."""

    FLYING_MAX = 2

    def __init__(self, call: CallHost) -> None:
        self._call = call
        self._waiting: dict[str, list[tuple[Append, asyncio.Future[Appended]]]] = {}
        self._flying: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(self, host: str, message: Append) -> Appended:
        future: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, []).append((message, future))
        if self._flying.get(host, 0) < self.FLYING_MAX:
            self._flying[host] = self._flying.get(host, 0) + 1
            task = asyncio.create_task(self._send(host))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _send(self, host: str) -> None:
        try:
            while batch := self._waiting.pop(host, []):
                await self._send_batch(host, batch)
        finally:
            self._flying[host] -= 1

    async def _send_batch(
        self, host: str, batch: list[tuple[Append, asyncio.Future[Appended]]]
    ) -> None:
        try:
            payload = protocol.encode([message for message, _ in batch])
            answers = protocol.decode_appended(await self._make(host, "append", payload))
        except (Unavailable, msgspec.MsgspecError) as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    async def load(self, host: str, message: Rows) -> Appended:
        payload = protocol.encode(message)
        answer: Appended = protocol.decode_answer(await self._make(host, "load", payload))
        return answer

    async def known(self, host: str, partition: int) -> Known | None:
        answer: Known | None = protocol.decode_known(await self._make(host, "known", partition))
        return answer

    async def _make(self, host: str, method: str, *args: Any) -> bytes:
        """A call; whatever keeps it from being answered soon is Unavailable."""
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await self._call(host, method, *args)
        except Exception as error:
            raise Unavailable(f"{host}: {error or type(error).__name__}") from error
