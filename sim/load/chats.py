"""The chats of a run: opened before it, and read back after it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from api import limits
from api import types as t
from sim.load.client import Client
from sim.load.ledger import Receipts, Stored, Verdict, judge
from sim.load.plan import Chats
from sim.load.sender import Sender
from sim.load.wire import PREFIX_CHARS, SEQ_END, text_of

BASE_BITS = 52
CALLS_AT_ONCE = 32

NewSender = Callable[[Client, str, int], Sender]
"""A sender for a client, its chat, and so many receivers."""


@dataclass(slots=True)
class LoadChat:
    """A chat of the run: who sends into it and who receives that, who checks its history, and from
    which message on."""

    chat_id: str
    before_id: int
    reader: Client
    senders: list[Sender]
    receipts: list[list[Receipts]]

    def judge(self, stored: list[Stored | None]) -> Verdict:
        """The verdict on all that was sent; None is stored where the history was not read."""
        verdict = Verdict()
        for sender, receipts, kept in zip(self.senders, self.receipts, stored, strict=True):
            name = f"{self.chat_id} {sender.prefix}"
            verdict.add(judge(sender.stream, receipts, kept, name))
        return verdict


async def open_chat(
    chats: Chats, members: list[Client], title: str, new_sender: NewSender
) -> LoadChat:
    """A chat of these members, of whom the first write."""
    reader = members[0]
    if chats.private:
        params = {"user_id": members[1].user_id}
        chat = await reader.call("chats.open_private", params, t.Chat)
    else:
        chat = await _open_group(members, title)
    opened = LoadChat(chat.id, chat.last_id, reader, [], [])
    for client in members[: chats.writers]:
        sender = new_sender(client, chat.id, len(members) - 1)
        opened.senders.append(sender)
        opened.receipts.append([])
        for other in members:
            if other is not client:
                receipts = Receipts(sender.stream)
                other.receive_from(sender, receipts)
                opened.receipts[-1].append(receipts)
    return opened


async def _open_group(members: list[Client], title: str) -> t.Chat:
    owner = members[0]
    ids = [member.user_id for member in members[1:]]
    at_first = ids[: limits.GROUP_INVITES_PER_CREATE_MAX]
    params = {
        "title": title,
        "random_id": secrets.randbits(BASE_BITS) + 1,
        "user_ids": at_first,
    }
    group = await owner.call("chats.create_group", params, t.Chat)
    for user_id in ids[len(at_first) :]:
        await owner.call("chats.add_member", {"chat_id": group.id, "user_id": user_id}, t.Ok)
    return await owner.call("chats.get", {"chat_id": group.id}, t.Chat)


async def read_back(chat: LoadChat, at_once: asyncio.Semaphore) -> list[Stored | None]:
    """What the history holds of each sender's stream."""
    stored = [Stored(sender.stream) for sender in chat.senders]
    by_prefix = {s.prefix: kept for s, kept in zip(chat.senders, stored, strict=True)}
    after_id = chat.before_id
    more = True
    while more:
        params = {"chat_id": chat.chat_id, "after_id": after_id, "limit": limits.HISTORY_PAGE_MAX}
        async with at_once:
            page = await chat.reader.call("messages.history", params, t.History)
        more = page.more and bool(page.messages)
        for message in page.messages:
            after_id = message.id
            prefix = message.text[:PREFIX_CHARS]
            kept = by_prefix.get(prefix)
            if kept is not None:
                seq = int(message.text[PREFIX_CHARS:SEQ_END])
                kept.entry(seq, message.id, message.text == text_of(prefix, seq))
    return list(stored)
