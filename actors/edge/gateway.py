"""The gateway: from a method of the contract to the actors that carry it out. Edges and API
replicas have one each; it holds the links to all hosts.

What one actor cannot answer alone is completed here, by further reads: the texts of messages in a
difference or in the list of dialogs, profiles of several users, who holds a user name. What one
actor must not decide alone (does that user exist?) is asked first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec

from actors import messages as i
from actors.edge.routes import ROUTES
from actors.media.tickets import Pass, Seal, Ticket
from actors.runtime import refs, wire
from actors.runtime.link import Answer, Desk, HostCalls, Link
from actors.runtime.placement import DEDICATED_BASE, Placement
from actors.runtime.refs import NOBODY, ActorRef, Caller
from actors.runtime.wire import CLOSE, MOVED, PUSH, Out
from actors.tokens import parse_token
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.frames import Close
from api.pages import fitting

R = TypeVar("R")

EXPIRY_STEP_S = 0.5
WITH_TICKET = (m.SendMessage, m.SetPhoto, m.SetChatPhoto)
_to_json = msgspec.json.Encoder().encode

OnPush = Callable[[bytes], None]
OnClose = Callable[[int], None]
OnRenewed = Callable[[Link], None]


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Connections:
    """The live connections of this front, by number. A connection is told what hosts push to it,
    that it shall close, and that its host forgot it (so that it attaches again)."""

    def __init__(self) -> None:
        self._numbers = itertools.count(secrets.randbits(40) << 12)
        self.by_number: dict[int, tuple[OnPush, OnClose, OnRenewed]] = {}

    def add(self, on_push: OnPush, on_close: OnClose, on_renewed: OnRenewed) -> int:
        number = next(self._numbers)
        self.by_number[number] = (on_push, on_close, on_renewed)
        return number

    def remove(self, number: int) -> None:
        self.by_number.pop(number, None)

    def act(self, out: Out) -> None:
        handlers = self.by_number.get(out.number)
        if handlers is None:
            return
        if out.op == PUSH:
            handlers[0](out.payload)
        elif out.op == CLOSE:
            handlers[1](int(out.payload))


class Gateway:
    """See the module. `reach(name)` gives the calls of the host of that name. `seal`: that of the
    cluster, for tickets and links of files."""

    def __init__(
        self,
        placement: Placement,
        reach: Callable[[str], HostCalls],
        config: t.Config,
        seal: Seal | None = None,
    ) -> None:
        self.placement = placement
        self.config = config
        self.seal = seal or Seal(secrets.token_bytes(32))
        self.front = f"{secrets.token_hex(8)}"
        self.connections = Connections()
        self.desk = Desk()
        self._reach = reach
        self._links: dict[str, Link] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the links to all pooled hosts; those of dedicated actors open when needed."""
        for name in self.placement.pooled_hosts():
            self._link_to(name)
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(link.close() for link in self._links.values()))

    async def ready(self) -> None:
        """Wait until every pooled host answers."""
        for name in self.placement.pooled_hosts():
            await self._links[name].connected.wait()

    async def ping_hosts(self) -> list[bool]:
        """Per pooled host, whether it answers at present."""
        return [self._links[name].connected.is_set() for name in self.placement.pooled_hosts()]

    @property
    def queued(self) -> int:
        """Requests that wait to be sent to hosts."""
        return sum(link.queued for link in self._links.values())

    def link(self, ref: ActorRef) -> Link:
        """The link to the host of an actor."""
        return self._link_to(self.placement.home(ref))

    def _link_to(self, name: str) -> Link:
        link = self._links.get(name)
        if link is None:
            link = self._links[name] = Link(
                name,
                self.front,
                self._reach(name),
                self.desk,
                self._act,
                self._renewed,
            )
        return link

    def _act(self, out: Out) -> None:
        if out.op == MOVED:
            self._moved(out.number, wire.decode_moved(out.payload))
        else:
            self.connections.act(out)

    def _moved(self, number: int, moved: wire.Moved) -> None:
        """An actor is found elsewhere: what it was asked goes there, in order, before anything that
        it will be asked from now on."""
        old = self.link(moved.ref)
        news = self.placement.learn(moved.ref, moved.partition)
        new = self.link(moved.ref)
        if news:
            new.take_over(old.hand_over(moved.ref))
        waiting = self.desk.waiting.get(number)
        if waiting is None:
            return
        if waiting.request.target == moved.ref:
            new.take_over([waiting.request])
        elif not new.connected.is_set():
            # Its answer comes from a host that does not know this front: ask again when it does.
            task = asyncio.create_task(self._repeat_when(new, number, waiting.request.target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _repeat_when(self, connected: Link, number: int, target: ActorRef) -> None:
        await connected.connected.wait()
        self.link(target).repeat(number)

    def _renewed(self, link: Link) -> None:
        """A host is in a new life: whoever is attached there attaches again."""
        for _, _, on_renewed in list(self.connections.by_number.values()):
            on_renewed(link)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_STEP_S)
            self.desk.expire(time.monotonic())

    # --- requests -----------------------------------------------------------------------------

    def simple(self, params: m.Params, body: bytes, caller: Caller, answer: Answer) -> bool:
        """Carry out a method that is one request to one actor, without a task of its own. False if
        it is not of that sort. `answer` is called once. Raises `ApiError` for what is refused at
        once."""
        route = ROUTES.get(type(params))
        if route is None:
            return False
        self._check(params, caller)
        target = route(params, caller)
        method = params.method
        self.link(target).request(target, method.name, body, caller, answer, read=method.read)
        return True

    async def call(
        self, params: m.Params, caller: Caller, *, deadline_s: float = limits.REQUEST_DEADLINE_S
    ) -> bytes:
        """Carry out a method; returns the JSON of its result. Raises `ApiError`."""
        route = ROUTES.get(type(params))
        if route is not None:
            self._check(params, caller)
            method = params.method
            return await self._request(
                route(params, caller),
                method.name,
                _to_json(params),
                caller,
                method.read,
                deadline_s,
            )
        completed = COMPLETED[type(params)]
        result: bytes = _to_json(await completed(self, params, caller))
        return result

    def _check(self, params: m.Params, caller: Caller) -> None:
        """A file can be sent, or made a picture, by whoever has uploaded it."""
        if isinstance(params, WITH_TICKET) and params.media:
            ticket = self.seal.open(Ticket, params.media, now_ms())
            if ticket.user_id != caller.user_id:
                raise ApiError("ticket_invalid", "somebody else uploaded this file")

    async def ask(
        self,
        ref: ActorRef,
        message: i.Internal | m.Params,
        caller: Caller = NOBODY,
        *,
        read: bool = False,
        deadline_s: float = limits.REQUEST_DEADLINE_S,
    ) -> bytes:
        """Send a message to an actor; returns the JSON of its answer. Raises `ApiError`."""
        if isinstance(message, m.Params):
            name, body = message.method.name, _to_json(message)
        else:
            name, body = "", wire.encode(message)
        return await self._request(ref, name, body, caller, read, deadline_s)

    async def authenticate(self, token: str) -> Caller:
        """Whose token this is. Raises `unauthorized`."""
        user_id, session_id, token_hash = parse_token(token)
        ref = refs.session(user_id, session_id)
        await self.ask(ref, i.CheckToken(token_hash), read=True)
        return Caller(user_id, session_id)

    async def expect_answer_from(self, ref: ActorRef) -> None:
        """An answer will come from this actor, although the request goes to another: where it has a
        host of its own, that host must know this front by then. Raises `unavailable`."""
        if self.placement.partition(ref) >= DEDICATED_BASE:
            try:
                async with asyncio.timeout(limits.REQUEST_DEADLINE_S):
                    await self.link(ref).connected.wait()
            except TimeoutError:
                raise ApiError("unavailable", "an actor's own host does not start", 1.0) from None

    async def _request(
        self,
        ref: ActorRef,
        method: str,
        body: bytes,
        caller: Caller,
        read: bool,
        deadline_s: float,
    ) -> bytes:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def answer(result: bytes | None, error: ApiError | None) -> None:
            if not future.done():
                if error is not None:
                    future.set_exception(error)
                else:
                    assert result is not None
                    future.set_result(result)

        self.link(ref).request(ref, method, body, caller, answer, read=read, deadline_s=deadline_s)
        return await future

    # --- what takes more than one actor -------------------------------------------------------

    async def _typed(self, kind: type[R], ref: ActorRef, message: Any, caller: Caller) -> R:
        read = not isinstance(message, m.Params) or message.method.read
        return msgspec.json.decode(await self.ask(ref, message, caller, read=read), type=kind)

    async def profile(self, user_id: int, caller: Caller) -> t.User:
        """A user as the caller sees them. Raises `user_not_found`."""
        return await self._typed(t.User, refs.user(user_id), i.GetProfile(), caller)

    async def _get_users(self, params: m.GetUsers, caller: Caller) -> t.Users:
        ids = list(dict.fromkeys(params.user_ids))
        found = await asyncio.gather(
            *(self.profile(user_id, caller) for user_id in ids), return_exceptions=True
        )
        for result in found:
            if isinstance(result, ApiError) and result.code == "user_not_found":
                continue
            if isinstance(result, BaseException):
                raise result
        return t.Users([result for result in found if isinstance(result, t.User)])

    async def _resolve(self, params: m.ResolveUsername, caller: Caller) -> t.User:
        holder = await self._typed(i.Holder, refs.username(params.username), i.LookUp(), caller)
        if not holder.user_id:
            raise ApiError("user_not_found", f"nobody is called {params.username}")
        return await self.profile(holder.user_id, caller)

    async def _set_username(self, params: m.SetUsername, caller: Caller) -> t.User:
        ref = refs.username(params.username)
        answer = await self.ask(ref, i.ClaimUsername(params.username), caller)
        return msgspec.json.decode(answer, type=t.User)

    async def _open_private(self, params: m.OpenPrivate, caller: Caller) -> t.Chat:
        chat_id = refs.private_chat_id(caller.user_id, params.user_id)
        await self.expect_answer_from(refs.chat(chat_id))
        answer = await self.ask(refs.user(params.user_id), params, caller)
        return msgspec.json.decode(answer, type=t.Chat)

    async def _about_user(self, params: m.AddContact | m.Block, caller: Caller) -> Any:
        await self.profile(params.user_id, caller)
        answer = await self.ask(refs.user(caller.user_id), params, caller)
        return msgspec.json.decode(answer, type=t.Ok)

    async def _dialogs(self, params: m.GetDialogs, caller: Caller) -> t.Dialogs:
        page = await self._typed(t.Dialogs, refs.user(caller.user_id), params, caller)
        wanted = [(d.chat_id, d.top_id) for d in page.dialogs if d.top_id]
        texts = await self._messages(wanted, caller)
        dialogs = [
            msgspec.structs.replace(d, message=texts.get((d.chat_id, d.top_id)))
            for d in page.dialogs
        ]
        fit = fitting(dialogs)
        cut = len(fit) < len(dialogs)
        return t.Dialogs(fit, params.offset + len(fit) if cut else page.next_offset, page.pts)

    async def _difference(self, params: m.GetDifference, caller: Caller) -> t.Difference:
        part = await self._typed(i.MailSlice, refs.user(caller.user_id), params, caller)
        wanted = [(e.chat_id, e.first) for _, e in part.entries if e.kind == "message"]
        texts = await self._messages(wanted, caller)
        updates = [t.Numbered(pts, _update(entry, texts, part.user)) for pts, entry in part.entries]
        fit = fitting(updates)
        if len(fit) < len(updates):
            return t.Difference("slice", fit[-1].pts, fit)
        return t.Difference(part.kind, part.pts, updates)  # type: ignore[arg-type]

    async def _messages(
        self, wanted: Iterable[tuple[str, int]], caller: Caller
    ) -> dict[tuple[str, int], t.Message]:
        """Messages by chat and id; those that the caller may not read are left out."""
        by_chat: dict[str, list[int]] = {}
        for chat_id, message_id in wanted:
            by_chat.setdefault(chat_id, []).append(message_id)

        async def read(chat_id: str, ids: list[int]) -> list[t.Message]:
            ask = m.GetMessages(chat_id, ids)
            page = await self._typed(t.History, refs.chat(chat_id), ask, caller)
            if not page.more:
                return page.messages
            last_id = page.messages[-1].id
            return page.messages + await read(chat_id, [n for n in ids if n > last_id])

        found = await asyncio.gather(*(read(chat_id, ids) for chat_id, ids in by_chat.items()))
        return {(message.chat_id, message.id): message for part in found for message in part}

    async def _poll(self, params: m.Poll, caller: Caller) -> t.Difference:
        """A long poll is a short-lived connection that waits for its first push."""
        question = m.GetDifference(params.pts)
        difference = await self._difference(question, caller)
        if difference.kind != "empty" or not params.timeout_s:
            return difference
        pushed = asyncio.Event()

        def on_push(frame: bytes) -> None:
            if frame.startswith(b'{"pts"'):
                pushed.set()

        def on_close(code: int) -> None:
            closed.append(code)
            pushed.set()

        closed: list[int] = []
        number = self.connections.add(on_push, on_close, lambda link: pushed.set())
        session = refs.session(caller.user_id, caller.session_id)
        link = self.link(session)
        try:
            # What came between the first look and the attachment is seen by a second look.
            await self.ask(session, i.KeepAlive(self.front, number))
            difference = await self._difference(question, caller)
            if difference.kind == "empty":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(pushed.wait(), params.timeout_s)
                if Close.SESSION_ENDED in closed:
                    raise ApiError("unauthorized", "the session has ended; log in again")
                if pushed.is_set():
                    difference = await self._difference(question, caller)
            return difference
        finally:
            self.connections.remove(number)
            link.tell(session, i.Detach(self.front, number))

    async def file_of(self, params: m.GetLink, caller: Caller) -> tuple[str, int, str, str]:
        """Id, size, type and name of the file of a message, or of its small picture, for who may
        read the message. Raises `media_not_found`."""
        where = (params.chat_id, params.message_id)
        message = (await self._messages([where], caller)).get(where)
        if message is None or message.media is None:
            raise ApiError("media_not_found")
        media, thumb = message.media, message.media.thumb
        if not params.thumb:
            return _named(media)
        if thumb is None:
            raise ApiError("media_not_found", "this file has no small picture")
        return _named(thumb)

    async def photo_of(self, mark: str, file_id: str, caller: Caller) -> tuple[str, int, str, str]:
        """The same of the picture of a user or a group (`mark`: see `refs.of_mark`), if it is this
        file, or this is its small picture. Raises `media_not_found`, `user_not_found`,
        `chat_not_found`."""
        ref = refs.of_mark(mark)
        if ref.kind == "user":
            photo = (await self.profile(int(ref.key), caller)).photo
        else:
            photo = (await self._typed(t.Chat, ref, m.GetChat(mark), caller)).photo
        for file in (photo, photo and photo.thumb):
            if file is not None and file.file_id == file_id:
                return _named(file)
        raise ApiError("media_not_found", "this is not the picture, or not any more")

    async def _link(self, params: m.GetLink, caller: Caller) -> t.Link:
        found = await self.file_of(params, caller)
        expires_ms = now_ms() + limits.LINK_S * 1000
        allowed = Pass(expires_ms, *found)
        return t.Link(f"/media/link/{self.seal.close(allowed)}", expires_ms)

    async def _limits(self, params: m.GetLimits, caller: Caller) -> t.LimitTable:
        return t.LimitTable(limits.as_dict())

    async def _config(self, params: m.GetConfig, caller: Caller) -> t.Config:
        return self.config


def _named(file: t.Media | t.Thumb) -> tuple[str, int, str, str]:
    """Id, size, type and name."""
    name = file.name if isinstance(file, t.Media) else ""
    return file.file_id, file.size, file.mime, name


def _update(entry: i.MailEntry, texts: dict[tuple[str, int], t.Message], own: t.User) -> t.Update:
    """The update that a row of the mailbox points at."""
    chat_id, first, second = entry.chat_id, entry.first, entry.second
    if entry.kind == "message":
        message = texts.get((chat_id, first))
        return t.MessageNew(message or t.Message(chat_id, first, 0, 0))
    if entry.kind == "read_inbox":
        return t.ReadInbox(chat_id, first, second)
    if entry.kind == "read_outbox":
        return t.ReadOutbox(chat_id, first, second)
    if entry.kind == "delivered":
        return t.Delivered(chat_id, first, second)
    if entry.kind == "contact":
        return t.ContactChanged(first, entry.text, bool(second & 1), bool(second & 2))
    assert entry.kind == "profile", entry.kind
    return t.ProfileChanged(own)


COMPLETED: dict[type[m.Params], Callable[[Gateway, Any, Caller], Awaitable[Any]]] = {
    m.GetUsers: Gateway._get_users,
    m.ResolveUsername: Gateway._resolve,
    m.SetUsername: Gateway._set_username,
    m.OpenPrivate: Gateway._open_private,
    m.AddContact: Gateway._about_user,
    m.Block: Gateway._about_user,
    m.GetDialogs: Gateway._dialogs,
    m.GetDifference: Gateway._difference,
    m.Poll: Gateway._poll,
    m.GetLink: Gateway._link,
    m.GetLimits: Gateway._limits,
    m.GetConfig: Gateway._config,
}
"""Methods that the gateway completes. `auth.register`, `auth.login` and `auth.change_password` are
the authentication service's (`actors.auth`), `session.hello` the connection's."""
