"""Devices that talk in pairs: each logs in with its token over a WebSocket of its own, says
something to the other one, and hangs up. Nothing is kept between two talks."""

from __future__ import annotations

import asyncio
import random
from time import perf_counter
from typing import NamedTuple

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from sim.load.wire import Frame, decode_frame, request
from tests.bench.accounts import Pair, Person

HELLO_ID, SEND_ID = 1, 2
RANDOM_ID_MAX = 2**53
TALK_S_MAX = 60.0
TEXT = WSMsgType.TEXT


class Refused(Exception):
    """The server refused what a device asked for."""


class Device(WSListener):  # type: ignore[misc, unused-ignore]
    """A session's connection."""

    def __init__(self) -> None:
        self._transport: WSTransport | None = None
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._awaited = ""
        self._heard: asyncio.Future[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != TEXT:
            transport.disconnect()
            return
        said: Frame = decode_frame(frame.get_payload_as_memoryview())
        message = said.update.message if said.update is not None else None
        if message is not None and self._heard is not None and message.text == self._awaited:
            self._heard.set_result(None)
            self._heard = None
        elif said.error is not None:
            self._answers[said.id].set_exception(Refused(said.error.detail))
        elif said.id:
            self._answers[said.id].set_result(None)

    async def connect(self, ws_url: str) -> None:
        await ws_connect(
            lambda: self,
            ws_url,
            read_buffer_init_size=2048,
            websocket_handshake_timeout=TALK_S_MAX,
        )

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def hello(self, person: Person) -> None:
        await self._ask(HELLO_ID, "session.hello", token=person.token)

    async def send(self, chat_id: str, text: str) -> None:
        number = random.randrange(1, RANDOM_ID_MAX)
        await self._ask(SEND_ID, "messages.send", chat_id=chat_id, text=text, random_id=number)

    def hear(self, text: str) -> asyncio.Future[None]:
        """Done when this text is pushed."""
        self._awaited = text
        self._heard = asyncio.get_running_loop().create_future()
        return self._heard

    async def _ask(self, number: int, method: str, **params: str | int) -> None:
        assert self._transport is not None
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._transport.send(TEXT, request(number, method, params))
        await answer


class Took(NamedTuple):
    """Seconds until the first one's and the second one's hello was answered, and until what the
    first one sent was pushed to the second."""

    first_hello: float
    second_hello: float
    message: float


async def talk(ws_url: str, pair: Pair) -> Took:
    """Both log in and each reaches the other by a message. Raises OSError, WSError where a
    connection is not made, or is lost; Refused."""
    first, second = Device(), Device()
    try:
        async with asyncio.timeout(TALK_S_MAX):
            await first.connect(ws_url)
            await second.connect(ws_url)
            begun = perf_counter()
            await first.hello(pair.a)
            greeted = perf_counter()
            await second.hello(pair.b)
            both_greeted = perf_counter()
            await _reach(first, second, pair.chat_id)
            reached = perf_counter()
            await _reach(second, first, pair.chat_id)
    finally:
        first.hang_up()
        second.hang_up()
    return Took(greeted - begun, both_greeted - greeted, reached - both_greeted)


async def _reach(sender: Device, receiver: Device, chat_id: str) -> None:
    text = f"Are you there, {random.randrange(RANDOM_ID_MAX)}?"
    heard = receiver.hear(text)
    await sender.send(chat_id, text)
    await heard
