"""Heliograph itself: a server of one host and one edge, as `heliograph up` starts it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import msgspec
from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from api import types as t
from heliograph.server.ports import free_ports
from sim.load.accounts import Accounts
from sim.load.chats import BASE_BITS
from sim.load.client import ACK_INTERVAL_S
from sim.load.http import Http
from sim.load.plan import Account
from sim.load.sender import RETRY_AFTER_S
from sim.load.wire import (
    CONTROL_ID,
    PREFIX_CHARS,
    SEQ_END,
    Answer,
    decode_answer,
    decode_frame,
    request,
    send_template,
)
from sim.peers.program import LOCALHOST, Failed, program
from sim.peers.workload import Lane

ANSWER_S_MAX = 30.0
TEXT = WSMsgType.TEXT
R = TypeVar("R")


class User(WSListener):  # type: ignore[misc, unused-ignore]
    """A connection: `ask` while it is opened, `live` afterwards."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer]
        self._out: Lane | None = None
        self._into: Lane
        self._template = b""
        self._base = secrets.randbits(BASE_BITS)
        self._pts = 0
        self._acked_s = 0.0
        self._ack_planned = False
        self._closed = False
        self._later = asyncio.get_running_loop().call_later
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != TEXT:
            transport.disconnect(graceful=False)
        elif self._out is not None:
            self._on_live(frame)
        elif (answer := decode_answer(frame.get_payload_as_bytes())).id == CONTROL_ID:
            self._answer.set_result(answer)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._out is not None and not self._closed:
            self._out.meter.failed("a connection was lost")

    async def ask(self, method: str, params: dict[str, Any], result: type[R]) -> R:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.send(TEXT, request(CONTROL_ID, method, params))
        answer = await asyncio.wait_for(self._answer, ANSWER_S_MAX)
        if answer.error is not None:
            raise Failed(f"{method} was answered with {answer.error.code}: {answer.error.detail}")
        return msgspec.json.decode(answer.result, type=result)

    async def live(self, account: Account, other: Account, out: Lane, into: Lane) -> None:
        hello = await self.ask("session.hello", {"token": account.token}, t.Hello)
        chat = await self.ask("chats.open_private", {"user_id": other.user_id}, t.Chat)
        self._pts = hello.pts
        self._template = send_template(chat.id, out.prefix)
        self._into = into
        self._out = out

    def _on_live(self, frame: WSFrame) -> None:
        heard = decode_frame(frame.get_payload_as_memoryview())
        if heard.update is not None:
            self._pts = max(self._pts, heard.pts)
            message = heard.update.message
            if message is not None and message.text.startswith(self._into.prefix):
                self._into.heard(int(message.text[PREFIX_CHARS:SEQ_END]))
            self._acknowledge_soon()
        elif heard.result is not None:
            self._pts = max(self._pts, heard.result.pts)
        elif heard.error is not None and self._out is not None:
            problem = heard.error
            if problem.retry_after is None and problem.status < 500:
                self._out.meter.failed(f"a message was answered with {problem.code}")
            else:
                self._out.again(heard.id, problem.retry_after or RETRY_AFTER_S)

    def _acknowledge_soon(self) -> None:
        """What was received is confirmed, for many messages at once."""
        if not self._ack_planned:
            self._ack_planned = True
            self._later(max(0.0, self._acked_s + ACK_INTERVAL_S - monotonic()), self._acknowledge)

    def _acknowledge(self) -> None:
        self._ack_planned = False
        if not self._closed:
            self._acked_s = monotonic()
            self.transport.send(TEXT, b'{"ack":%d}' % self._pts)

    def send(self, seq: int) -> None:
        self.transport.send(TEXT, self._template % (seq, seq, self._base + seq))

    def close(self) -> None:
        self._closed = True
        self.transport.disconnect(graceful=False)


class Server:
    """A server that runs at a URL. `cache`: the folder in which its users are remembered."""

    def __init__(self, url: str, pid: int, cache: Path) -> None:
        self._url = url
        self.pids = [pid]
        self._cache = cache
        self._accounts: list[Account] = []
        self._ws_url = ""

    async def register(self, users: int) -> None:
        async with Http(self._url) as http:
            config = await http.config()
            self._ws_url = config.ws_url
            accounts = Accounts(http, config.server_id, self._cache)
            self._accounts = await accounts.take(users, lambda have, want: None)

    async def connect(self, user: int, out: Lane, into: Lane) -> User:
        found = User()
        try:
            await ws_connect(lambda: found, self._ws_url)
        except WSError as problem:
            raise Failed(f"{self._ws_url} took no connection: {problem}") from problem
        await found.live(self._accounts[user], self._accounts[user ^ 1], out, into)
        return found


class Heliograph:
    name = "heliograph"
    keeps = "synced"
    pairs_max = 200

    def version(self, home: Path) -> str:
        return version("heliograph")

    def missing(self, home: Path) -> str:
        return ""

    def install(self, home: Path) -> None:
        """It is."""

    @contextlib.contextmanager
    def running(self, folder: Path, home: Path) -> Iterator[Server]:
        folder.mkdir(exist_ok=True)
        port, ws_port = free_ports(2)
        command = [sys.executable, "-m", "heliograph", "up", "--data", str(folder / "data")]
        command += ["--port", str(port), "--ws-port", str(ws_port), "--flood", "off"]
        command += ["--files-port", "0"]
        run_file = folder / "data" / "run.json"
        run_file.unlink(missing_ok=True)
        with program(command, folder / "log", run_file.exists) as pid:
            yield Server(f"http://{LOCALHOST}:{port}", pid, folder / "users")
