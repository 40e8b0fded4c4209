"""Methods that take more than one actor, or none: the gateway completes them by further reads.

The texts of messages in a difference or in the list of dialogs, profiles of several users, who
holds a user name, the file of a message. What one actor must not decide alone (does that user
exist?) is asked first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec

from actors import addresses
from actors.chat.messages import GetOverview, GetSends, Overview, Sends, TakeForwarded
from actors.handle.messages import ClaimUsername, Holder, LookUp
from actors.session.messages import Detach, KeepAlive
from actors.tickets import MessagePass
from actors.updates import points_at, update_of
from actors.user.messages import GetProfile, MailSlice
from api import limits, names
from api import methods as m
from api import types as t
from api.ambient import now_ms
from api.errors import ApiError
from api.frames import Close
from api.pages import fitting
from fronts.asking import Asker
from runtime.refs import ActorRef, Caller

R = TypeVar("R")
C = TypeVar("C", bound=Callable[..., Awaitable[Any]])

COMPLETED: dict[type[m.Params], Callable[[Asker, Any, Caller], Awaitable[Any]]] = {}
"""What completes each method that goes `to` the gateway."""


def completes(method: type[m.Params]) -> Callable[[C], C]:
    """Declare what completes a method."""

    def declare(complete: C) -> C:
        assert method.method.to == "gateway", f"{method.__name__} goes to {method.method.to}"
        assert method not in COMPLETED, f"{method.__name__} is completed twice"
        COMPLETED[method] = complete
        return complete

    return declare


async def _typed(
    gateway: Asker, kind: type[R], ref: ActorRef, message: Any, caller: Caller, read: bool = True
) -> R:
    """Ask an actor by a read, or by a method that may be none, and decode its answer."""
    if isinstance(message, m.Params):
        read = message.method.read
    return msgspec.json.decode(await gateway.ask(ref, message, caller, read=read), type=kind)


async def _profile(gateway: Asker, user_id: int, caller: Caller) -> t.User:
    """A user as the caller sees them. Raises `user_not_found`."""
    return await _typed(gateway, t.User, addresses.user(user_id), GetProfile(), caller)


@completes(m.GetUsers)
async def _get_users(gateway: Asker, params: m.GetUsers, caller: Caller) -> t.Users:
    ids = list(dict.fromkeys(params.user_ids))
    found = await asyncio.gather(
        *(_profile(gateway, user_id, caller) for user_id in ids), return_exceptions=True
    )
    for result in found:
        if isinstance(result, ApiError) and result.code == "user_not_found":
            continue
        if isinstance(result, BaseException):
            raise result
    return t.Users([result for result in found if isinstance(result, t.User)])


@completes(m.ResolveUsername)
async def _resolve(gateway: Asker, params: m.ResolveUsername, caller: Caller) -> t.User:
    await gateway.spend(caller, "names")
    holder = await _typed(gateway, Holder, addresses.username(params.username), LookUp(), caller)
    if not holder.user_id:
        raise ApiError("user_not_found", f"nobody is called {params.username}")
    return await _profile(gateway, holder.user_id, caller)


@completes(m.SetUsername)
async def _set_username(gateway: Asker, params: m.SetUsername, caller: Caller) -> t.User:
    names.check_free(params.username)
    await gateway.spend(caller, "names")
    ref = addresses.username(params.username)
    answer = await gateway.ask(ref, ClaimUsername(params.username), caller)
    return msgspec.json.decode(answer, type=t.User)


@completes(m.OpenPrivate)
async def _open_private(gateway: Asker, params: m.OpenPrivate, caller: Caller) -> t.Chat:
    chat_id = addresses.private_chat_id(caller.user_id, params.user_id)
    await gateway.expect_answer_from(addresses.chat(chat_id))
    answer = await gateway.ask(addresses.user(params.user_id), params, caller)
    return msgspec.json.decode(answer, type=t.Chat)


@completes(m.AddContact)
@completes(m.Block)
async def _about_user(gateway: Asker, params: m.AddContact | m.Block, caller: Caller) -> Any:
    await _profile(gateway, params.user_id, caller)
    answer = await gateway.ask(addresses.user(caller.user_id), params, caller)
    return msgspec.json.decode(answer, type=t.Ok)


@completes(m.GetDialogs)
async def _dialogs(gateway: Asker, params: m.GetDialogs, caller: Caller) -> t.Dialogs:
    page = await _typed(gateway, t.Dialogs, addresses.user(caller.user_id), params, caller)
    dialogs = await asyncio.gather(*(_dialog(gateway, dialog, caller) for dialog in page.dialogs))
    fit = fitting(dialogs)
    cut = len(fit) < len(dialogs)
    return t.Dialogs(fit, params.offset + len(fit) if cut else page.next_offset, page.pts)


async def _dialog(gateway: Asker, dialog: t.Dialog, caller: Caller) -> t.Dialog:
    """With what the chat knows, and of a private one the other person."""
    chat_id, ask = dialog.chat_id, GetOverview(dialog.top_id)
    seen = await _typed(gateway, Overview, addresses.chat(chat_id), ask, caller)
    title, photo = seen.title, seen.photo
    if dialog.kind == "private":
        [other] = set(addresses.private_peers(chat_id) or ()) - {caller.user_id}
        person = await _profile(gateway, other, caller)
        title, photo = person.name, person.photo
    return msgspec.structs.replace(dialog, title=title, photo=photo, message=seen.message)


@completes(m.GetDifference)
async def _difference(gateway: Asker, params: m.GetDifference, caller: Caller) -> t.Difference:
    part = await _typed(gateway, MailSlice, addresses.user(caller.user_id), params, caller)
    pointed = {pts: where for pts, entry in part.entries if (where := points_at(entry)) is not None}
    found = await _messages(gateway, pointed.values(), caller)
    messages = {pts: found.get(where) for pts, where in pointed.items()}
    updates = [
        t.Numbered(pts, update_of(entry, messages.get(pts), lambda: part.user))
        for pts, entry in part.entries
    ]
    fit = fitting(updates)
    if len(fit) < len(updates):
        return t.Difference("slice", fit[-1].pts, fit)
    return t.Difference(part.kind, part.pts, updates)  # type: ignore[arg-type]


async def _messages(
    gateway: Asker, wanted: Iterable[tuple[str, int]], caller: Caller
) -> dict[tuple[str, int], t.Message]:
    """Messages by chat and id; those that the caller may not read are left out."""
    by_chat: dict[str, list[int]] = {}
    for chat_id, message_id in wanted:
        by_chat.setdefault(chat_id, []).append(message_id)

    async def read(chat_id: str, ids: list[int]) -> list[t.Message]:
        ask = m.GetMessages(chat_id, ids)
        page = await _typed(gateway, t.History, addresses.chat(chat_id), ask, caller)
        if not page.more:
            return page.messages
        last_id = page.messages[-1].id
        return page.messages + await read(chat_id, [n for n in ids if n > last_id])

    found = await asyncio.gather(*(read(chat_id, ids) for chat_id, ids in by_chat.items()))
    return {(message.chat_id, message.id): message for part in found for message in part}


@completes(m.Poll)
async def _poll(gateway: Asker, params: m.Poll, caller: Caller) -> t.Difference:
    """A long poll is a short-lived connection that waits for its first push."""
    question = m.GetDifference(params.pts)
    difference = await _difference(gateway, question, caller)
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
    number = gateway.connections.add(on_push, on_close, lambda link: pushed.set())
    session = addresses.session(caller.user_id, caller.session_id)
    link = gateway.link(session)
    try:
        # What came between the first look and the attachment is seen by a second look.
        await gateway.ask(session, KeepAlive(gateway.front, number))
        difference = await _difference(gateway, question, caller)
        if difference.kind == "empty":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pushed.wait(), params.timeout_s)
            if Close.SESSION_ENDED in closed:
                raise ApiError("unauthorized", "the session has ended; log in again")
            if Close.TOO_MANY in closed:
                most = limits.CONNECTIONS_PER_SESSION_MAX
                raise ApiError("too_many", f"a session has {most} connections and polls at once")
            if pushed.is_set():
                difference = await _difference(gateway, question, caller)
        return difference
    finally:
        gateway.connections.remove(number)
        link.tell(session, Detach(gateway.front, number))


async def file_of(gateway: Asker, params: m.GetLink, caller: Caller) -> tuple[str, int, str, str]:
    """Id, size, type and name of the file of a message, or of its small picture, for who may
    read the message. Raises `media_not_found`."""
    where = (params.chat_id, params.message_id)
    message = (await _messages(gateway, [where], caller)).get(where)
    if message is None or message.media is None:
        raise ApiError("media_not_found")
    media, thumb = message.media, message.media.thumb
    if not params.thumb:
        return _named(media)
    if thumb is None:
        raise ApiError("media_not_found", "this file has no small picture")
    return _named(thumb)


async def photo_of(
    gateway: Asker, mark: str, file_id: str, caller: Caller
) -> tuple[str, int, str, str]:
    """The same of the picture of a user or a group (`mark`: see `addresses.of_mark`), if it is this
    file, or this is its small picture. Raises `media_not_found`, `user_not_found`,
    `chat_not_found`."""
    ref = addresses.of_mark(mark)
    if ref.kind == "user":
        photo = (await _profile(gateway, int(ref.key), caller)).photo
    else:
        photo = (await _typed(gateway, t.Chat, ref, m.GetChat(mark), caller)).photo
    for file in (photo, photo and photo.thumb):
        if file is not None and file.file_id == file_id:
            return _named(file)
    raise ApiError("media_not_found", "this is not the picture, or not any more")


@completes(m.GetLink)
async def _link(gateway: Asker, params: m.GetLink, caller: Caller) -> t.Link:
    await file_of(gateway, params, caller)  # it is there
    expires_ms = now_ms() + limits.LINK_S * 1000
    where = (params.chat_id, params.message_id, params.thumb)
    allowed = MessagePass(expires_ms, caller.user_id, *where)
    return t.Link(f"/media/link/{gateway.seal.close(allowed)}", expires_ms)


async def linked(gateway: Asker, link: str) -> tuple[str, int, str, str]:
    """What `file_of` tells, for who has a link. Raises `ticket_invalid`, `media_not_found` where
    the message was deleted, `chat_not_found`."""
    allowed = gateway.seal.open(MessagePass, link, now_ms())
    where = m.GetLink(allowed.chat_id, allowed.message_id, allowed.thumb)
    return await file_of(gateway, where, Caller(allowed.user_id, 0))


@completes(m.ForwardMessages)
async def _forward(gateway: Asker, params: m.ForwardMessages, caller: Caller) -> t.SentAll:
    """One after the other, so that they arrive in this order. Sent by nobody's connection: all of
    the sender's are told."""
    if len(params.ids) != len(params.random_ids):
        raise ApiError("invalid_params", "each message needs a random id", field="/random_ids")
    if len(set(params.random_ids)) < len(params.random_ids):
        raise ApiError("invalid_params", "each needs one of its own", field="/random_ids")
    sender = Caller(caller.user_id, caller.session_id, network=caller.network)
    target = addresses.chat(params.to_chat_id)
    known = await _typed(gateway, Sends, target, GetSends(tuple(params.random_ids)), sender)
    places = [(params.from_chat_id, number) for number in params.ids]
    found = await _messages(gateway, places, caller)
    albums: dict[tuple[int, int], int] = {}
    there: list[t.Sent | TakeForwarded] = []
    for place, sent, random_id in zip(places, known.found, params.random_ids, strict=True):
        message, album = found.get(place), 0
        if message is not None and message.album:
            album = albums.setdefault((message.from_id, message.album), random_id)
        if sent is not None:  # by a call before this one; its source may be gone since
            there.append(t.Sent(params.to_chat_id, *sent))
            continue
        message = _forwarded(message)
        origin = message.forward or t.Forward(message.from_id, message.date_ms)
        there.append(TakeForwarded(random_id, message.text, message.media, album, origin))
    for at, one in enumerate(there):
        if isinstance(one, TakeForwarded):
            there[at] = await _typed(gateway, t.Sent, target, one, sender, read=False)
    return t.SentAll([one for one in there if isinstance(one, t.Sent)])


def _forwarded(message: t.Message | None) -> t.Message:
    """Raises `message_not_found`, `forbidden`."""
    if message is None or message.deleted:
        raise ApiError("message_not_found", "not all of these messages are there")
    if message.action is not None:
        raise ApiError("forbidden", "what tells of a change of a group cannot be forwarded")
    return message


@completes(m.GetLimits)
async def _limits(gateway: Asker, params: m.GetLimits, caller: Caller) -> t.LimitTable:
    return t.LimitTable(limits.as_dict())


@completes(m.GetConfig)
async def _config(gateway: Asker, params: m.GetConfig, caller: Caller) -> t.Config:
    return gateway.config


def _named(file: t.Media | t.Thumb) -> tuple[str, int, str, str]:
    """Id, size, type and name."""
    name = file.name if isinstance(file, t.Media) else ""
    return file.file_id, file.size, file.mime, name
