"""A server that makes up what it is asked for: more chats and messages than anybody could send
before a test. It speaks as much of the protocol as a client needs that only reads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from api import limits
from api import types as t
from heliograph.server.ports import free_ports
from tests.integration.running import ROOT

BUILT = ROOT / "web" / "dist"
ME, OTHER = 1, 1_000
BEGUN_MS = 1_700_000_000_000
MINUTE_MS = 60_000
WORDS = (
    *("sun", "mirror", "hill", "tower", "light", "signal"),
    *("cloud", "answer", "morning", "river", "stone", "letter"),
)
Params = Mapping[str, Any]


def words(number: int) -> str:
    """Of one line or of many; no others contain them."""
    count = 3 + number * 7 % 40
    return " ".join([f"#{number}", *(WORDS[(number * 5 + place) % 12] for place in range(count))])


@dataclass
class Mailbox:
    """Chats of one person with many, of which the first has `length` messages and the others one.
    What has changed since it was made up is kept."""

    chats: int
    length: int
    pts: int = 0
    changed: dict[tuple[str, int], t.Message] = field(default_factory=dict)
    dialogs: dict[str, t.Dialog] = field(default_factory=dict)
    log: list[t.Numbered] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pts = self.chats
        for place in range(self.chats):
            chat_id, last = self.chat_id(place), self.length if place == 0 else 1
            self.dialogs[chat_id] = t.Dialog(
                chat_id=chat_id,
                kind="private",
                top_id=last,
                top_date_ms=BEGUN_MS + last * MINUTE_MS,
                read_inbox_id=last,
                message=self.message(chat_id, last),
                top_pts=self.chats - place,
                title=self.user(OTHER + place).name,
            )

    @staticmethod
    def chat_id(place: int) -> str:
        return f"p{ME}-{OTHER + place}"

    @staticmethod
    def user(user_id: int) -> t.User:
        name = "Myself" if user_id == ME else f"Person {user_id - OTHER:04}"
        status = t.Status(online=False, last_seen_ms=BEGUN_MS)
        return t.User(id=user_id, username=f"person_{user_id}", name=name, status=status)

    def message(self, chat_id: str, number: int) -> t.Message:
        made = t.Message(
            chat_id=chat_id,
            id=number,
            from_id=ME if number % 3 == 0 else int(chat_id.partition("-")[2]),
            date_ms=BEGUN_MS + number * MINUTE_MS,
            text=words(number),
        )
        return self.changed.get((chat_id, number), made)

    def comes(self, chat_id: str, text: str) -> t.Numbered:
        """A message from the other one."""
        dialog = self.dialogs[chat_id]
        self.pts += 1
        message = t.Message(
            chat_id=chat_id,
            id=dialog.top_id + 1,
            from_id=int(chat_id.partition("-")[2]),
            date_ms=dialog.top_date_ms + MINUTE_MS,
            text=text,
        )
        self.changed[chat_id, message.id] = message
        self.dialogs[chat_id] = replace(
            dialog,
            top_id=message.id,
            top_date_ms=message.date_ms,
            unread=dialog.unread + 1,
            message=message,
            top_pts=self.pts,
        )
        return self._logged(t.MessageNew(message))

    def edits(self, chat_id: str, number: int, text: str) -> t.Numbered:
        self.pts += 1
        before = self.message(chat_id, number)
        after = replace(
            before, text=text, edited_ms=before.date_ms + 1, revision=before.revision + 1
        )
        self.changed[chat_id, number] = after
        if self.dialogs[chat_id].top_id == number:
            self.dialogs[chat_id] = replace(self.dialogs[chat_id], message=after)
        return self._logged(t.MessageEdited(after))

    def _logged(self, update: t.Update) -> t.Numbered:
        self.log.append(t.Numbered(self.pts, update))
        return self.log[-1]

    # What is asked. Each is the method of its name.

    def auth_login(self, _: Params) -> t.Record:
        return t.Authorization(session_id=1, user=self.user(ME))

    def help_limits(self, _: Params) -> t.Record:
        return t.LimitTable(limits.as_dict())

    def users_me(self, _: Params) -> t.Record:
        return self.user(ME)

    def users_get(self, params: Params) -> t.Record:
        return t.Users([self.user(each) for each in params["user_ids"]])

    def contacts_list(self, _: Params) -> t.Record:
        return t.Contacts([])

    def contacts_blocked(self, _: Params) -> t.Record:
        return t.UserIds([])

    def chats_dialogs(self, params: Params) -> t.Record:
        first, limit = params.get("offset", 0), params.get("limit", 50)
        rows = sorted(self.dialogs.values(), key=lambda row: -row.top_pts)
        after = first + limit
        return t.Dialogs(rows[first:after], after if after < len(rows) else 0, self.pts)

    def chats_get(self, params: Params) -> t.Record:
        dialog, other = self.dialogs[params["chat_id"]], int(params["chat_id"].partition("-")[2])
        members = [t.Member(each, "member", BEGUN_MS) for each in (ME, other)]
        return t.Chat(dialog.chat_id, "private", "", BEGUN_MS, dialog.top_id, members)

    def messages_history(self, params: Params) -> t.Record:
        chat_id, limit = params["chat_id"], params.get("limit", 50)
        last = self.dialogs[chat_id].top_id
        if "after_id" in params:
            first = params["after_id"] + 1
            end = min(last + 1, first + limit)
            more = end <= last
        else:
            end = params.get("before_id") or last + 1
            first = max(1, end - limit)
            more = first > 1
        return t.History([self.message(chat_id, each) for each in range(first, end)], more)

    def messages_get(self, params: Params) -> t.Record:
        chat_id = params["chat_id"]
        return t.History([self.message(chat_id, each) for each in params["ids"]], False)

    def messages_read(self, params: Params) -> t.Record:
        return t.Ok()

    def updates_state(self, _: Params) -> t.Record:
        return t.MailboxState(self.pts, BEGUN_MS)

    def updates_difference(self, params: Params) -> t.Record:
        pts = params["pts"]
        missed = [each for each in self.log if each.pts > pts]
        return t.Difference("full" if missed else "empty", self.pts, missed)


class MadeUp:
    """Serves a mailbox, in a thread of its own."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._live: set[WebSocket] = set()
        self._acked = 0

    def push(self, *updates: t.Numbered) -> None:
        """To whoever is connected."""
        asyncio.run_coroutine_threadsafe(self._push(updates), self._loop).result()

    async def _push(self, updates: tuple[t.Numbered, ...]) -> None:
        for socket in self._live:
            for update in updates:
                await socket.send_text(msgspec.json.encode(update).decode())

    @property
    def acked(self) -> int:
        """Up to which number the client has confirmed."""
        return self._acked

    async def _call(self, name: str, params: Params) -> t.Record:
        if name == "help.config":
            return t.Config("0", "", "/ws", "open", 30, "made-up", self.port)
        if name == "session.hello":
            return t.Hello(ME, 1, self.mailbox.pts, 30)
        method = getattr(self.mailbox, name.replace(".", "_"), None)
        return method(params) if method is not None else t.Ok()

    async def _http(self, request: Request) -> Response:
        answer = await self._call(request.path_params["method"], await request.json())
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                frame = await socket.receive_json()
                if "method" in frame:
                    result = await self._call(frame["method"], frame.get("params", {}))
                    answer = {"id": frame["id"], "result": msgspec.to_builtins(result)}
                    await socket.send_json(answer)
                    if frame["method"] == "session.hello":
                        self._live.add(socket)
                elif "ping" in frame:
                    await socket.send_json({"pong": frame["ping"]})
                elif "ack" in frame:
                    self._acked = max(self._acked, frame["ack"])
        self._live.discard(socket)

    async def _file(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path.startswith(("api/", "media/")):
            return JSONResponse({"code": "not_found"}, 404)
        file = BUILT / path
        return FileResponse(file if file.is_file() else BUILT / "index.html")

    @contextlib.contextmanager
    def running(self) -> Iterator[MadeUp]:
        app = Starlette(
            routes=[
                Route("/api/{method}", self._http, methods=["POST"]),
                WebSocketRoute("/ws", self._socket),
                Route("/{path:path}", self._file),
            ]
        )
        config = uvicorn.Config(app, port=self.port, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        ready = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            self._loop.call_soon(ready.set)
            self._loop.run_until_complete(server.serve())

        thread = threading.Thread(target=serve)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()
            self._loop.close()


def built() -> Path:
    """Where the client is that `make install` has built."""
    assert (BUILT / "index.html").exists(), "the client is not built: make install"
    return BUILT
