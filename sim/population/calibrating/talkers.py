"""Clients that count frames: connections of which some write to each other, and confirm what they
got, and some only confirm, so that an edge gets many frames and gives few, or the other way."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from api import types as t
from heliograph.failing import Told
from sim.load.chats import BASE_BITS
from sim.load.plan import Account
from sim.load.wire import CONTROL_ID, decode_answer, decode_frame, prefix_of, request, send_template

TEXT = WSMsgType.TEXT
ANSWER_S_MAX = 30.0
CONNECTS_AT_ONCE = 32
STEP_S = 0.004
R = TypeVar("R")


@dataclass
class Counts:
    """Frames that all talkers gave (`into` the edge) and got (`out` of it); of these, answers to
    sends; of those, confirmations."""

    into: int = 0
    out: int = 0
    sent: int = 0
    acks: int = 0

    def since(self, before: Counts) -> Counts:
        return Counts(*(now - vars(before)[name] for name, now in vars(self).items()))


class Talker(WSListener):  # type: ignore[misc, unused-ignore]
    """A connection of a user. Who `confirms` updates does so at once, as devices of people do who
    get few. `answered`: called for each answer to a send."""

    def __init__(self, account: Account, counts: Counts) -> None:
        self.account = account
        self.pts = 0
        self.confirms = True
        self.answered: Callable[[], None] | None = None
        self.trouble = ""
        self._counts = counts
        self._answer: asyncio.Future[Any] | None = None
        self._template = b""
        self._seq = 0
        self._base = secrets.randbits(BASE_BITS)
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != TEXT:
            return
        self._counts.out += 1
        if self._answer is not None and not self._answer.done():
            answer = decode_answer(frame.get_payload_as_bytes())
            if answer.id >= CONTROL_ID:
                self._answer.set_result(answer)
            return
        try:
            heard = decode_frame(frame.get_payload_as_memoryview())
        except msgspec.MsgspecError:
            return
        if heard.update is not None:
            self.pts = max(self.pts, heard.pts)
            if self.confirms:
                self.acknowledge()
        elif heard.id:
            if heard.error is not None:
                self.trouble = heard.error.detail or heard.error.code
            self._counts.sent += 1
            if self.answered is not None:
                self.answered()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("a connection was lost"))

    async def open(self, ws_url: str) -> None:
        await ws_connect(lambda: self, ws_url, read_buffer_init_size=2048)
        hello = await self.ask("session.hello", {"token": self.account.token}, t.Hello)
        self.pts = hello.pts

    async def ask(self, method: str, params: dict[str, Any], result: type[R]) -> R:
        """A request beside those of the load. Raises Told."""
        self._answer = asyncio.get_running_loop().create_future()
        self._give(request(CONTROL_ID, method, params))
        answer = await asyncio.wait_for(self._answer, ANSWER_S_MAX)
        self._answer = None
        if answer.error is not None:
            raise Told(f"{method}: {answer.error.detail or answer.error.code}")
        return msgspec.json.decode(answer.result, type=result)

    def writes_in(self, chat_id: str, stream: int) -> None:
        self._template = send_template(chat_id, prefix_of(secrets.randbits(32), stream))

    def send(self) -> None:
        self._seq += 1
        self._give(self._template % (self._seq, self._seq, self._base + self._seq))

    def acknowledge(self) -> None:
        self._counts.acks += 1
        self._give(b'{"ack":%d}' % self.pts)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def _give(self, frame: bytes) -> None:
        if self._transport is None:
            raise ConnectionError("a connection was lost")
        self._counts.into += 1
        self._transport.send(TEXT, frame)


async def opened(ws_url: str, accounts: list[Account], counts: Counts) -> list[Talker]:
    """A connection for each of these accounts (some of which may be the same)."""
    at_once = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def one(account: Account) -> Talker:
        async with at_once:
            talker = Talker(account, counts)
            await talker.open(ws_url)
            return talker

    return list(await asyncio.gather(*map(one, accounts)))


async def steadily(act: Callable[[int], None], per_s: float) -> None:
    """Do something so often until it is cancelled: as often in each step. What is late is left out,
    so that no step becomes a long one."""
    each = max(1, round(per_s * STEP_S))
    for first in itertools.count(0, each):
        next_s = monotonic() + each / per_s
        for number in range(first, first + each):
            act(number)
        await asyncio.sleep(max(0.0, next_s - monotonic()))
