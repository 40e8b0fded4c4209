"""A messenger in memory that speaks the protocol, and errs where a test tells it to.

Everything it has said it keeps, also when it closes connections: what a client then misses or
doubles is the client's fault.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import UNSET
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from api import frames, methods
from api import types as t
from api.errors import ApiError


class FakeUser:
    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.mailbox: list[bytes] = []
        self.connections: set[FakeConnection] = set()

    def update(self, update: t.Update, push: bool) -> int:
        encoded = frames.encode(update)
        self.mailbox.append(encoded)
        pts = len(self.mailbox)
        if push:
            for connection in self.connections:
                connection.send(frames.update_frame(pts, encoded))
        return pts


class FakeConnection(WSListener):
    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.user: FakeUser | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.user is not None:
            self.user.connections.discard(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            transport.disconnect()
            return
        heard = frames.decode_client_frame(frame.get_payload_as_bytes())
        if heard.method is UNSET:
            if heard.ack is not UNSET and self.user is not None:
                self.server.acks[self.user.user_id] = heard.ack
            return
        assert heard.id is not UNSET
        params = methods.decode_params(methods.METHODS[heard.method], heard.params)
        if self.server.slow_s and isinstance(params, methods.SendMessage):
            loop = asyncio.get_running_loop()
            loop.call_later(self.server.slow_s, self._answer, heard.id, params)
        else:
            self._answer(heard.id, params)

    def _answer(self, request_id: int, params: methods.Params) -> None:
        try:
            result = frames.encode(self.server.handle(self, params))
            answer = frames.result_frame(request_id, result)
        except ApiError as error:
            answer = frames.error_frame(request_id, error)
        if self.server.slow_s and isinstance(params, methods.GetHistory):
            asyncio.get_running_loop().call_later(3 * self.server.slow_s, self.send, answer)
        else:
            self.send(answer)

    def send(self, frame: bytes) -> None:
        if not self.transport.is_disconnected:
            self.transport.send(WSMsgType.TEXT, frame)


class FakeServer:
    """`before_send` and `after_send` get the number of the send (from 1): they may raise an
    `ApiError`, or close connections. Sends are carried out `slow_s` after
    they came, and histories are three times as long on their way back."""

    def __init__(self) -> None:
        self.tokens: dict[str, FakeUser] = {}
        self.users: dict[int, FakeUser] = {}
        self.chats: dict[str, list[t.Message]] = {}
        self.members: dict[str, list[int]] = {}
        self.sent: dict[tuple[str, int, int], t.Sent] = {}
        self.acks: dict[int, int] = {}
        self.files: dict[str, bytes] = {}
        self.registrations_refused = 0
        self.before_send: Callable[[int], None] = lambda number: None
        self.after_send: Callable[[int], None] = lambda number: None
        self.pushes: Callable[[int], bool] = lambda number: True
        self.slow_s = 0.0
        self._sends = itertools.count(1)

    async def __aenter__(self) -> FakeServer:
        await self._listen(0)
        self._http = await asyncio.start_server(self._serve_http, "127.0.0.1", 0)
        self._port = self._ws.sockets[0].getsockname()[1]
        self.ws_url = f"ws://127.0.0.1:{self._port}/"
        self.url = f"http://127.0.0.1:{self._http.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close_connections()
        self._ws.close()
        self._http.close()

    async def _listen(self, port: int) -> None:
        self._ws = await ws_create_server(lambda _: FakeConnection(self), "127.0.0.1", port)

    def restart(self, after_s: float) -> None:
        """Go away, and come back at the same address."""
        loop = asyncio.get_running_loop()
        self._ws.close()
        self.close_connections()

        def come_back() -> None:
            self._back = loop.create_task(self._listen(self._port))

        loop.call_later(after_s, come_back)

    def close_connections(self, code: int = 0) -> None:
        for user in self.users.values():
            for connection in list(user.connections):
                if code:
                    connection.transport.send_close(code)  # type: ignore[arg-type]
                connection.transport.disconnect(graceful=bool(code))
                connection.on_ws_disconnected(connection.transport)

    def handle(self, connection: FakeConnection, params: methods.Params) -> Any:
        if isinstance(params, methods.SayHello):
            user = self.tokens.get(params.token)
            if user is None:
                raise ApiError("unauthorized")
            connection.user = user
            user.connections.add(connection)
            return t.Hello(user.user_id, 1, len(user.mailbox), 30)
        user = connection.user
        assert user is not None, "hello comes first"
        match params:
            case methods.OpenPrivate():
                low, high = sorted((user.user_id, params.user_id))
                chat_id = f"p{low}-{high}"
                self.members[chat_id] = [low, high]
                return self._chat(chat_id, "private")
            case methods.CreateGroup():
                chat_id = f"g{len(self.chats) + 1}"
                self.members[chat_id] = [user.user_id, *params.user_ids]
                return self._chat(chat_id, "group")
            case methods.AddMember():
                self.members[params.chat_id].append(params.user_id)
                return t.Ok()
            case methods.GetChat():
                return self._chat(params.chat_id, "group")
            case methods.SendMessage():
                return self._send(user, params)
            case methods.GetHistory():
                after = params.after_id or 0
                log = self.chats[params.chat_id]
                page = log[after : after + params.limit]
                return t.History(page, more=after + len(page) < len(log))
            case methods.GetDifference():
                return self._difference(user, params)
        raise ApiError("unknown_method", type(params).__name__)

    def _chat(self, chat_id: str, kind: Any) -> t.Chat:
        log = self.chats.setdefault(chat_id, [])
        return t.Chat(chat_id, kind, "", 0, len(log), [])

    def _send(self, user: FakeUser, params: methods.SendMessage) -> t.Sent:
        number = next(self._sends)
        self.before_send(number)
        key = (params.chat_id, user.user_id, params.random_id)
        done = self.sent.get(key)
        if done is not None:
            return t.Sent(done.chat_id, done.id, done.date_ms)
        log = self.chats[params.chat_id]
        media = t.Media("file", params.media, 0, "", "") if params.media else None
        message = t.Message(params.chat_id, len(log) + 1, user.user_id, 1, params.text, media=media)
        log.append(message)
        pts = user.update(t.MessageNew(message), push=False)
        done = self.sent[key] = t.Sent(params.chat_id, message.id, 1, pts)
        for member in self.members[params.chat_id]:
            if member != user.user_id:
                self.users[member].update(t.MessageNew(message), push=self.pushes(number))
        self.after_send(number)
        return done

    def _difference(self, user: FakeUser, params: methods.GetDifference) -> t.Difference:
        end = min(params.pts + params.limit, len(user.mailbox))
        decode = msgspec.json.Decoder(t.Update).decode
        updates = [
            t.Numbered(n + 1, decode(user.mailbox[n])) for n in range(min(params.pts, end), end)
        ]
        if not updates:
            return t.Difference("empty", len(user.mailbox), [])
        return t.Difference("full" if end == len(user.mailbox) else "slice", end, updates)

    def add_user(self, token: str) -> FakeUser:
        user = FakeUser(len(self.users) + 1)
        self.users[user.user_id] = self.tokens[token] = user
        return user

    # --- HTTP -----------------------------------------------------------------------------------

    async def _serve_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, answer = self._answer_http(lines[0].split()[1], body)
                writer.write(
                    b"HTTP/1.1 %d -\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer_http(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/api/help.config":
            return 200, frames.encode(t.Config("test", self.ws_url, "/ws", "open", 30))
        if path.startswith("/media/upload?"):
            (name,) = parse_qs(urlsplit(path).query)["hash"]
            self.files[name] = body
            media = t.Media("file", name, len(body), "", "")
            return 200, frames.encode(t.Finished(name, 0, media))
        if path.startswith("/media/file/"):
            *_, chat_id, number = path.split("/")
            found = self.chats[chat_id][int(number) - 1].media
            assert found is not None
            return 200, self.files[found.file_id]
        assert path == "/api/auth.register", path
        if self.registrations_refused:
            self.registrations_refused -= 1
            error = ApiError("overloaded", retry_after=0.001)
            return error.status, frames.encode(error.problem())
        params = methods.decode_params(methods.METHODS["auth.register"], body)
        assert isinstance(params, methods.Register)
        token = f"token-{params.username}"
        user = self.add_user(token)
        who = t.User(user.user_id, params.username, params.name)
        return 200, frames.encode(t.Authorization(1, who, token))
