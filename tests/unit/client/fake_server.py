"""A server in memory on real sockets, which errs where a test tells it to.

It keeps what it promises: a send is stored once per `random_id`, every mailbox is numbered without
holes. What then is lost, doubled or out of order is the client's fault. `faults` says what happens
to the next calls of a method, one entry per call:

    ApiError            it is refused
    LOST_BEFORE         the connection breaks, and it was not carried out
    LOST_AFTER          the connection breaks after it was carried out
    NEVER               it is not answered
    NEVER_AFTER         it is carried out and not answered
    bytes               the answer's result, as it is (over HTTP with status 200)
    int                 a proxy answers with this status (HTTP only)
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from api import frames
from api import methods as m
from api import types as t
from api.errors import ApiError

LOST_BEFORE, LOST_AFTER, NEVER, NEVER_AFTER = "lost before", "lost after", "never", "never after"
Fault = ApiError | str | bytes | int


class Account:
    def __init__(self, user_id: int, username: str, password: str) -> None:
        self.user = t.User(user_id, username, username)
        self.password = password
        self.mailbox: list[bytes] = []
        self.gone = 0
        """So many of the oldest updates are forgotten."""


class Connection(WSListener):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.account: Account | None = None
        self.token = ""
        self.acks: list[int] = []

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.server.opened += 1
        self.server.connections.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.server.connections.discard(self)
        self.server.changed()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            transport.disconnect()
            return
        heard = frames.decode_client_frame(frame.get_payload_as_bytes())
        if heard.ack is not UNSET:
            self.acks.append(heard.ack)
            self.server.changed()
        elif heard.ping is not UNSET and not self.server.silent:
            self.send(b'{"pong":%d}' % heard.ping)
        elif heard.method is not UNSET:
            self._request(heard)

    def _request(self, heard: frames.ClientFrame) -> None:
        assert heard.id is not UNSET
        assert heard.method is not UNSET
        params = m.decode_params(m.METHODS[heard.method], heard.params)
        assert params.method.wire != "http"
        fault = self.server.fault(params, "ws")
        if fault == LOST_BEFORE:
            self.drop()
            return
        try:
            if isinstance(fault, ApiError):
                raise fault
            if fault == NEVER:
                return
            result = frames.encode(self.server.handle(params, self.token, self))
        except ApiError as error:
            self.send(frames.error_frame(heard.id, error))
            return
        if fault == LOST_AFTER:
            self.drop()
        elif fault != NEVER_AFTER:
            body = fault if isinstance(fault, bytes) else result
            self.send(frames.result_frame(heard.id, body))

    def send(self, frame: bytes) -> None:
        if not self.transport.is_disconnected:
            self.transport.send(WSMsgType.TEXT, frame)

    def drop(self) -> None:
        self.server.connections.discard(self)
        self.transport.disconnect(graceful=False)

    def close(self, code: int) -> None:
        self.server.connections.discard(self)
        self.transport.send_close(WSCloseCode(code))
        self.transport.disconnect()


class Server:
    """See the module. `copies(pts)` is how often an update is pushed to each connection."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, tuple[Account, int]] = {}
        self.chats: dict[str, list[t.Message]] = {}
        self.sends: dict[tuple[str, int, int], t.Sent] = {}
        self.connections: set[Connection] = set()
        self.opened = 0
        self.asked: list[tuple[Literal["http", "ws"], m.Params]] = []
        self.faults: defaultdict[type[m.Params], deque[Fault]] = defaultdict(deque)
        self.copies: Callable[[int], int] = lambda pts: 1
        self.answers: dict[type[m.Params], Callable[[Any], Any]] = {}
        """What a test answers itself."""
        self.tickets: dict[str, t.Media] = {}
        """The files that can be sent, by their tickets."""
        self.heartbeat_s = 30
        self.silent = False
        self._numbers = itertools.count(1)
        self._change = asyncio.Event()
        self._hanging: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Server:
        self._ws = await ws_create_server(lambda _: Connection(self), "127.0.0.1", 0)
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self.ws_url = f"ws://127.0.0.1:{self._ws.sockets[0].getsockname()[1]}/ws"
        self.url = f"http://127.0.0.1:{self._http.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ws.close()
        self._http.close()
        for connection in list(self.connections):
            connection.drop()
        for task in list(self._hanging):
            task.cancel()

    # --- what tests look at ---------------------------------------------------------------------

    def changed(self) -> None:
        self._change.set()

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait until something that happens to the server is so."""
        while not what():
            self._change.clear()
            await self._change.wait()

    def calls(self, kind: type[m.Params]) -> list[Any]:
        return [params for _, params in self.asked if isinstance(params, kind)]

    @property
    def connection(self) -> Connection:
        """The only one."""
        (connection,) = self.connections
        return connection

    # --- what tests do --------------------------------------------------------------------------

    def account(self, username: str, password: str = "password") -> Account:
        account = Account(len(self.accounts) + 1, username, password)
        self.accounts[username] = account
        return account

    def log_in(self, account: Account) -> t.Authorization:
        session_id = next(self._numbers)
        token = f"{account.user.username}.{session_id}"
        self.tokens[token] = (account, session_id)
        return t.Authorization(session_id, account.user, token)

    def update(
        self, account: Account, update: t.Update | bytes, but: Connection | None = None
    ) -> int:
        """Something happens to an account; returns its number."""
        encoded = update if isinstance(update, bytes) else frames.encode(update)
        account.mailbox.append(encoded)
        pts = len(account.mailbox)
        for connection in list(self.connections):
            if connection.account is account and connection is not but:
                for _ in range(self.copies(pts)):
                    connection.send(frames.update_frame(pts, encoded))
        return pts

    def mark(self, account: Account, max_id: int) -> t.ReadOutbox:
        """Some update, told apart by `max_id`."""
        update = t.ReadOutbox("p1-2", max_id, 2)
        self.update(account, update)
        return update

    # --- methods --------------------------------------------------------------------------------

    def fault(self, params: m.Params, wire: Literal["http", "ws"]) -> Fault | None:
        self.asked.append((wire, params))
        self.changed()
        faults = self.faults[type(params)]
        return faults.popleft() if faults else None

    def handle(self, params: m.Params, token: str, connection: Connection | None) -> Any:
        if type(params) in self.answers:
            return self.answers[type(params)](params)
        match params:
            case m.GetConfig():
                return t.Config("test", self.ws_url, "", "open", self.heartbeat_s)
            case m.Register():
                if params.username in self.accounts:
                    raise ApiError("username_taken")
                return self.log_in(self.account(params.username, params.password))
            case m.Login():
                account = self.accounts.get(params.username)
                if account is None or account.password != params.password:
                    raise ApiError("wrong_credentials")
                return self.log_in(account)
            case m.SayHello():
                return self._hello(params, connection)
        if token not in self.tokens:
            raise ApiError("unauthorized")
        account, _ = self.tokens[token]
        match params:
            case m.Logout():
                del self.tokens[token]
                for other in list(self.connections):
                    if other.token == token:
                        other.close(frames.Close.SESSION_ENDED)
                return t.Ok()
            case m.GetMe():
                return account.user
            case m.SendMessage():
                return self._send(account, params, connection)
            case m.GetDifference():
                return self._difference(account, params)
        raise AssertionError(params)

    def _hello(self, params: m.SayHello, connection: Connection | None) -> t.Hello:
        assert connection is not None
        if params.token not in self.tokens:
            raise ApiError("unauthorized")
        connection.token = params.token
        connection.account, session_id = self.tokens[params.token]
        pts = len(connection.account.mailbox)
        return t.Hello(connection.account.user.id, session_id, pts, self.heartbeat_s)

    def _send(
        self, account: Account, params: m.SendMessage, connection: Connection | None
    ) -> t.Sent:
        user_id = account.user.id
        key = (params.chat_id, user_id, params.random_id)
        if key in self.sends:
            done = self.sends[key]
            return t.Sent(done.chat_id, done.id, done.date_ms)
        log = self.chats.setdefault(params.chat_id, [])
        message = t.Message(
            params.chat_id,
            len(log) + 1,
            user_id,
            1_000 + len(log),
            params.text,
            reply_to=params.reply_to,
            random_id=params.random_id,
            media=self.tickets[params.media] if params.media else None,
            album=params.album,
        )
        log.append(message)
        pts = self.update(account, t.MessageNew(message), but=connection)
        self.sends[key] = t.Sent(params.chat_id, message.id, message.date_ms, pts)
        return self.sends[key]

    def _difference(self, account: Account, params: m.GetDifference) -> dict[str, Any]:
        size = len(account.mailbox)
        if params.pts == size:
            return {"kind": "empty", "pts": size, "updates": []}
        if params.pts > size or params.pts < account.gone:
            return {"kind": "too_long", "pts": size, "updates": []}
        end = min(params.pts + params.limit, size)
        updates = [
            {"pts": number + 1, "update": Raw(account.mailbox[number])}
            for number in range(params.pts, end)
        ]
        return {"kind": "full" if end == size else "slice", "pts": end, "updates": updates}

    # --- HTTP -----------------------------------------------------------------------------------

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._hanging.add(task)
        try:
            while True:
                status, answer = await self._http_request(reader)
                writer.write(
                    b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._hanging.discard(task)
            writer.close()

    async def _http_request(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        fields = {name.lower(): value for name, value in fields.items()}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        name = lines[0].split()[1].removeprefix("/api/")
        try:
            params = m.decode_params(m.METHODS[name], body)
        except msgspec.ValidationError as error:
            refusal = ApiError("invalid_params", str(error))
            return refusal.status, frames.encode(refusal.problem())
        token = fields.get("authorization", "").removeprefix("Bearer ")
        fault = self.fault(params, "http")
        if isinstance(fault, int):
            return fault, b"<html>a proxy</html>"
        if isinstance(fault, bytes):
            return 200, fault
        if fault == NEVER:
            await asyncio.Event().wait()
        if fault == LOST_BEFORE:
            raise ConnectionError
        try:
            if isinstance(fault, ApiError):
                raise fault
            result = self.handle(params, token, None)
        except ApiError as error:
            return error.status, frames.encode(error.problem())
        if fault == LOST_AFTER:
            raise ConnectionError
        if fault == NEVER_AFTER:
            await asyncio.Event().wait()
        return 200, frames.encode(result)
