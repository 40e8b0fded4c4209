"""What a user does with a device: now and then something, drawn from the seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from api import methods as m
from api import types as t
from api.errors import ApiError
from heliograph import Client, ConnectionLost, DeadlineExceeded
from sim.world.device import Device
from sim.world.town import Person, Town

THINK_S = 0.35
BURST_MAX = 4
READER_THINK_S, READER_WAITS_S = 0.1, 0.5
"""Of those who only read, or nearly. They notice a leader that the others have given up and that
answers all the same: as soon as somebody writes to it, it waits for those others. They do not wait
for what is out of reach."""
GROUP_P = 0.6
OWN_P = 0.7
LATE = 8
"""Of so many of the latest messages, some are changed."""
AGAIN_P = 0.1
"""How often a send that was answered is repeated all the same."""
MISTAKE_P = 0.05
"""How often somebody tries a chat that is not theirs."""


class Program:
    """See the module. It goes on until the town is over, through all lives of the device."""

    def __init__(self, town: Town, person: Person, device: Device, rng: random.Random) -> None:
        self._town = town
        self._person = person
        self._device = device
        self._rng = rng
        self._texts = 0
        self._seen: dict[str, int] = {}
        self._own: list[tuple[str, int]] = []
        self._acts: list[tuple[Callable[[Client], Awaitable[None]], int]] = [
            (self._write, 50),
            (self._burst, 6),
            (self._read, 14),
            (self._look_back, 14),
            (self._edit, 7),
            (self._delete, 4),
            (self._forward, 3),
            (self._open, 4),
            (self._found, 2),
            (self._change_group, 14),
            (self._rename_self, 5),
            (self._resolve, 3),
            (self._type, 2),
        ]
        self._think_s = THINK_S
        self._waits_s: float | None = None
        if device is not town.devices[0] and rng.random() < town.readers:
            self._acts = [(self._look_back, 100), (self._resolve, 5), (self._write, 1)]
            self._think_s, self._waits_s = READER_THINK_S, READER_WAITS_S

    async def __call__(self, client: Client) -> None:
        acts, weights = zip(*self._acts, strict=True)
        while not self._town.over:
            await asyncio.sleep(self._rng.expovariate(1 / self._think_s))
            (act,) = self._rng.choices(acts, weights)
            await act(client)

    async def _call(self, client: Client, params: m.Params, insist: bool = False) -> Any:
        """Call and record it. With `insist`, it is repeated until it is answered."""
        history, trace = self._town.history, self._town.cluster.trace
        name = self._device.name
        op = history.begin(self._person.user_id, name, params)
        trace.note(name, f"{op.number}: {params}")
        while True:
            try:
                result = await client.call(params, timeout_s=self._waits_s)
            except ApiError as error:
                if insist and error.retryable:
                    continue
                history.refuse(op, error.code)
                trace.note(name, f"{op.number} refused: {error.code}")
                return None
            except (ConnectionLost, DeadlineExceeded):
                if insist:
                    continue
                trace.note(name, f"{op.number} not answered")
                return None
            history.answer(op, result)
            trace.note(name, f"{op.number} answered: {_short(result)}")
            return result

    # --- messages -----------------------------------------------------------------------------

    def _chat(self) -> str | None:
        """A chat of this person's, or by mistake somebody else's."""
        rng, people = self._rng, self._town.people
        whose = rng.choice(people) if rng.random() < MISTAKE_P else self._person
        return rng.choice(whose.chats) if whose.chats else None

    async def _write(self, client: Client) -> None:
        chat_id = self._chat()
        if chat_id is None:
            await self._open(client)
            return
        self._texts += 1
        text = f"{self._device.name} says {self._texts}"
        params = m.SendMessage(chat_id, text, self._rng.randrange(1, 2**53 - 1))
        sent = await self._call(client, params, insist=True)
        if sent is not None:
            self._own.append((chat_id, sent.id))
        if sent is not None and self._rng.random() < AGAIN_P:
            await self._call(client, params, insist=True)

    async def _burst(self, client: Client) -> None:
        await asyncio.gather(*(self._write(client) for _ in range(self._rng.randint(2, BURST_MAX))))

    async def _read(self, client: Client) -> None:
        """Mark as read what was seen last."""
        if self._seen:
            chat_id = self._rng.choice(list(self._seen))
            await self._call(client, m.MarkRead(chat_id, self._seen[chat_id]))

    async def _look_back(self, client: Client) -> None:
        chat_id = self._chat()
        if chat_id is not None:
            page = await self._call(client, m.GetHistory(chat_id))
            if page is not None and page.messages:
                self._seen[chat_id] = page.messages[-1].id

    async def _edit(self, client: Client) -> None:
        """A message of one's own, most likely a late one."""
        if self._own:
            self._texts += 1
            chat_id, number = self._rng.choice(self._own[-LATE:])
            text = f"{self._device.name} edits {self._texts}"
            await self._call(client, m.EditMessage(chat_id, number, text))

    async def _delete(self, client: Client) -> None:
        """One's own for all; or some of what was seen last."""
        rng = self._rng
        if self._own and rng.random() < OWN_P:
            chat_id, number = rng.choice(self._own[-LATE:])
            await self._call(client, m.DeleteMessages(chat_id, [number], for_all=True))
        elif self._seen:
            chat_id = rng.choice(list(self._seen))
            last = self._seen[chat_id]
            ids = sorted({rng.randint(max(1, last - LATE), last) for _ in range(rng.randint(1, 3))})
            await self._call(client, m.DeleteMessages(chat_id, ids, for_all=rng.random() < OWN_P))

    async def _forward(self, client: Client) -> None:
        to = self._chat()
        if to is not None and self._seen:
            chat_id = self._rng.choice(list(self._seen))
            last = self._seen[chat_id]
            ids = sorted({max(1, last - 1), last})
            numbers = [self._rng.randrange(1, 2**53 - 1) for _ in ids]
            await self._call(client, m.ForwardMessages(chat_id, ids, to, numbers))

    async def _type(self, client: Client) -> None:
        chat_id = self._chat()
        if chat_id is not None:
            await self._call(client, m.SetTyping(chat_id))

    # --- chats --------------------------------------------------------------------------------

    def _other(self) -> Person:
        return self._rng.choice(self._town.people)

    def _know(self, *people: Person, chat_id: str) -> None:
        for person in people:
            if chat_id not in person.chats:
                person.chats.append(chat_id)

    async def _open(self, client: Client) -> None:
        other = self._other()
        chat = await self._call(client, m.OpenPrivate(other.user_id))
        if chat is not None:
            self._know(self._person, other, chat_id=chat.id)

    async def _found(self, client: Client) -> None:
        rng, people = self._rng, self._town.people
        others = rng.sample(people, rng.randint(1, len(people)))
        invited = [other.user_id for other in others]
        params = m.CreateGroup("Group", rng.randrange(1, 2**53 - 1), invited)
        chat = await self._call(client, params)
        if chat is not None:
            self._know(self._person, *others, chat_id=chat.id)

    async def _change_group(self, client: Client) -> None:
        groups = [chat_id for chat_id in self._person.chats if chat_id.startswith("g")]
        if not groups:
            await self._found(client)
            return
        chat_id, other = self._rng.choice(groups), self._other()
        kinds = (
            "add",
            "add",
            "remove",
            "remove",
            "leave",
            "rename",
            "describe",
            "allow",
            "admin",
            "owner",
        )
        params: m.Params
        match self._rng.choice(kinds):
            case "add":
                params = m.AddMember(chat_id, other.user_id)
                self._know(other, chat_id=chat_id)
            case "remove":
                params = m.RemoveMember(chat_id, other.user_id)
            case "leave":
                params = m.LeaveGroup(chat_id)
            case "rename":
                params = m.RenameGroup(chat_id, f"Group {self._rng.randrange(100)}")
            case "describe":
                params = m.SetDescription(chat_id, f"About {self._rng.randrange(100)}")
            case "allow":
                params = m.SetMemberRights(chat_id, self._rng.random() < 0.7)
            case "admin":
                params = m.SetAdmin(chat_id, other.user_id, self._rng.random() < 0.5)
            case _:
                params = m.TransferOwnership(chat_id, other.user_id)
        await self._call(client, params)

    # --- names --------------------------------------------------------------------------------

    async def _rename_self(self, client: Client) -> None:
        name = self._rng.choice([*self._town.names, self._person.name])
        await self._call(client, m.SetUsername(name))

    async def _resolve(self, client: Client) -> None:
        await self._call(client, m.ResolveUsername(self._rng.choice(self._town.names)))


def _short(result: Any) -> str:
    if isinstance(result, t.History):
        ids = [message.id for message in result.messages]
        return f"messages {ids[0]} to {ids[-1]}" if ids else "no messages"
    return str(result)
