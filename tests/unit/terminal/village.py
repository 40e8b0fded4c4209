"""Clients on the real actors in memory (`tests.unit.actors.town`), without a server or a network.

A `VillageClient` is to the chat what a `heliograph.Client` is. It can be taken offline, and its
login can be ended from elsewhere. Its files stop half way unless they `flow`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

import heliograph as h
from actors import addresses
from actors.chat.messages import GetOverview, Overview, TakeForwarded
from actors.tickets import Seal, Ticket
from actors.user.messages import GetProfile
from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph._methods import Methods
from runtime.refs import Caller
from tests.unit.actors.town import Town
from tests.unit.media.desk import id_of
from tests.unit.terminal.pictures import preview_of

PASSWORD = "correct horse battery"
ENDED = object()
SEAL = Seal(bytes(32))
Update = t.Update | t.Event


class Village:
    """Everybody there, and what reaches them."""

    def __init__(self, registration: Literal["open", "invitation", "closed"] = "open") -> None:
        self.town = Town()
        self.registration = registration
        self.people: dict[str, Caller] = {}
        self.clients: list[VillageClient] = []
        self.files: dict[str, bytes] = {}
        self._taken: dict[int, int] = {}

    def register(self, username: str) -> Caller:
        if username in self.people:
            raise ApiError("username_taken")
        self.people[username] = self.town.register(username)
        return self.people[username]

    def frames(self, connection: int) -> list[tuple[int, Update]]:
        """What was pushed to a connection since the last time, with its pts (0: an event)."""
        pushed = self.town.pushed.get(connection, [])
        new = pushed[self._taken.get(connection, 0) :]
        self._taken[connection] = len(pushed)
        return [
            (frame["pts"], msgspec.convert(frame["update"], t.Update))  # type: ignore[arg-type]
            if "update" in frame
            else (0, msgspec.convert(frame["event"], t.Event))  # type: ignore[arg-type]
            for frame in new
        ]

    def call(self, caller: Caller, params: m.Params) -> Any:
        """A method, completed as the gateway completes it."""
        town = self.town
        match params:
            case m.GetUsers(user_ids=ids):
                return t.Users([self.profile(caller, number) for number in ids])
            case m.ResolveUsername(username=username):
                if username not in self.people:
                    raise ApiError("user_not_found", f"nobody is called {username}")
                return self.profile(caller, self.people[username].user_id)
            case m.GetDialogs():
                answer = town.ask(addresses.user(caller.user_id), params, caller)
                page = msgspec.convert(answer, t.Dialogs)
                shown = [self.overview(caller, dialog) for dialog in page.dialogs]
                return msgspec.structs.replace(page, dialogs=shown)
            case m.ForwardMessages():
                return self.forwarded(caller, params)
            case m.GetConfig():
                return t.Config("1", "", "/ws", self.registration, 30)
            case m.Block() | m.AddContact():
                return town.ask(addresses.user(caller.user_id), params, caller)
            case m.OpenPrivate(user_id=user_id):
                return msgspec.convert(town.ask(addresses.user(user_id), params, caller), t.Chat)
        return town.call(caller, params)

    def forwarded(self, caller: Caller, params: m.ForwardMessages) -> t.SentAll:
        page = self.town.call(caller, m.GetMessages(params.from_chat_id, params.ids))
        sent = []
        for message, random_id in zip(page.messages, params.random_ids, strict=True):
            origin = message.forward or t.Forward(message.from_id, message.date_ms)
            taken = TakeForwarded(random_id, message.text, message.media, 0, origin)
            answer = self.town.ask(addresses.chat(params.to_chat_id), taken, caller)
            sent.append(msgspec.convert(answer, t.Sent))
        return t.SentAll(sent)

    def overview(self, caller: Caller, dialog: t.Dialog) -> t.Dialog:
        ref, ask = addresses.chat(dialog.chat_id), GetOverview(dialog.top_id)
        seen = msgspec.convert(self.town.ask(ref, ask, caller, read=True), Overview)
        return msgspec.structs.replace(
            dialog, title=seen.title, photo=seen.photo, message=seen.message
        )

    def profile(self, caller: Caller, user_id: int) -> t.User:
        answer = self.town.ask(addresses.user(user_id), GetProfile(), caller, read=True)
        return msgspec.convert(answer, t.User)

    def client(self, username: str = "") -> VillageClient:
        """A client, logged in if a name is given."""
        return VillageClient(self, self.people[username] if username else None)

    def connect(self, username: str = "") -> Callable[[Any], h.Client]:
        """What a `ChatApp` is made with."""

        def made(
            told: Callable[[h.ConnectionState], None], waits: Callable[[h.ApiError, float], None]
        ) -> h.Client:
            client = self.client(username)
            client.told, client.waits = told, waits
            return cast(h.Client, client)

        return made

    def deliver(self) -> None:
        for client in self.clients:
            client.deliver()


class VillageClient(Methods):
    """See the module."""

    def __init__(self, village: Village, caller: Caller | None) -> None:
        self.village = village
        self.server = "http://village"
        self.caller = caller
        self.connection: h.ConnectionState = "offline"
        self.told: Callable[[h.ConnectionState], None] = lambda state: None
        self.waits: Callable[[h.ApiError, float], None] = lambda error, wait_s: None
        self.floods: dict[type[m.Params], ApiError] = {}
        """The next call of this method is refused so, and repeated when `flow` is set."""
        self.sent: list[m.Params] = []
        self.uploads: list[tuple[str, int | None]] = []
        """The names and upload ids of all attempts."""
        self.downloads = 0
        self.pts = 0
        self.flow = asyncio.Event()
        self.flow.set()
        self.troubles: list[Exception] = []
        """What becomes of the next uploads and downloads."""
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._online = asyncio.Event()
        self._number = len(village.clients) + 1
        village.clients.append(self)

    # --- life ---

    async def __aenter__(self) -> VillageClient:
        if self.caller is not None:
            self.begin(self.caller)
        return self

    async def close(self) -> None:
        self._queue.put_nowait(None)

    @property
    def logged_in(self) -> bool:
        return self.caller is not None

    @property
    def user_id(self) -> int:
        return self.caller.user_id if self.caller is not None else 0

    def begin(self, caller: Caller) -> None:
        self.caller = caller
        self._queue = asyncio.Queue()
        self.village.town.attach(caller, self._number)
        self.go("online")

    def go(self, state: h.ConnectionState) -> None:
        """The connection changes."""
        self.connection = state
        if state == "online":
            self._online.set()
        else:
            self._online.clear()
        self.told(state)
        self.deliver()

    async def connected(self) -> None:
        await self._online.wait()

    async def register(
        self, username: str, password: str, name: str | None = None, *, invitation: str = ""
    ) -> t.User:
        if self.village.registration == "invitation" and invitation != "please":
            raise ApiError("invitation_invalid")
        caller = self.village.register(username)
        self.begin(caller)
        return self.village.profile(caller, caller.user_id)

    async def login(self, username: str, password: str) -> t.User:
        caller = self.village.people.get(username)
        if caller is None or password != PASSWORD:
            raise ApiError("wrong_credentials")
        self.begin(caller)
        return self.village.profile(caller, caller.user_id)

    async def logout(self) -> None:
        self.caller = None
        self._queue.put_nowait(None)

    def end(self) -> None:
        """The login is ended from elsewhere."""
        self.caller = None
        self._queue.put_nowait(ENDED)

    # --- calls and updates ---

    async def call(
        self, params: m.Params, *, timeout_s: float | None = None, attempt_s: float | None = None
    ) -> Any:
        if self.caller is None and params.method.auth:
            raise ApiError("unauthorized")
        if params.method.auth:
            await self._online.wait()
        if flood := self.floods.pop(type(params), None):
            self.waits(flood, flood.retry_after or 0.0)
            await self.flow.wait()
        self.sent.append(params)
        try:
            return self.village.call(self.caller or Caller(0, 0), params)
        finally:
            self.village.deliver()

    async def upload(
        self,
        source: Path,
        *,
        kind: t.MediaKind,
        progress: h.Progress = lambda done, size: None,
        upload_id: int | None = None,
    ) -> t.Finished:
        """What is called `….txt` is no picture."""
        self.uploads.append((source.name, upload_id))
        data = _read(source)
        await self._flows(len(data), progress)
        if kind == "photo" and source.suffix == ".txt":
            kind = "file"
        preview = preview_of(8, 6) if kind == "photo" else ""
        media = t.Media(kind, id_of(data), len(data), source.name, "text/plain", preview=preview)
        self.village.files[media.file_id] = data
        return t.Finished(SEAL.close(Ticket(2**50, self.user_id, media)), 2**50, media)

    async def download(self, message: t.Message, to: Path, *, progress: h.Progress) -> Path:
        self.downloads += 1
        assert message.media is not None
        await self._flows(message.media.size, progress)
        return _write(to, message.media.name, self.village.files[message.media.file_id])

    async def _flows(self, size: int, progress: h.Progress) -> None:
        progress(size // 2, size)
        await self.flow.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        progress(size, size)

    def deliver(self) -> None:
        if self.connection == "online":
            for item in self.village.frames(self._number):
                self._queue.put_nowait(item)

    async def dialogs(self) -> AsyncIterator[t.Dialog]:
        for dialog in (await self.dialogs_page(limit=100)).dialogs:
            yield dialog

    async def updates(self) -> AsyncIterator[h.Delivery]:
        while True:
            item = await self._queue.get()
            if item is None:
                return
            if item is ENDED:
                raise h.SessionEnded("ended")
            pts, update = item
            self.pts = pts or self.pts
            if pts and self.caller is not None:
                self.village.town.call(self.caller, m.Ack(pts))
                self.village.deliver()
            yield update


def _read(path: Path) -> bytes:
    return path.read_bytes()


def _write(to: Path, name: str, data: bytes) -> Path:
    path = to / name if to.is_dir() else to
    path.write_bytes(data)
    return path
