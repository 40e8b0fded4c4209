"""What the log of a chat tells: who was in it when, as what; and what others must not be told."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from actors import addresses
from actors.chat.state import MESSAGES, MessageRow, shown
from api import methods as m
from api import types as t
from api.errors import ApiError
from runtime.placement import Placement, own_partition
from runtime.refs import KINDS, ActorRef, Caller
from runtime.residence import residences_in
from storage.keys import actor_prefix, prefix_end
from tests.unit.actors.cluster import Cluster

PROBES = (
    m.GetChat,
    lambda chat_id: m.MarkRead(chat_id, 1),
    m.SetTyping,
    lambda chat_id: m.SendMessage(chat_id, "let me in", 99),
    lambda chat_id: m.EditMessage(chat_id, 1, "let me in"),
    lambda chat_id: m.DeleteMessages(chat_id, [1], for_all=True),
    m.GetHistory,
    lambda chat_id: m.GetMessages(chat_id, [1]),
)
"""What only members may do; the last two, past members too."""


class Story:
    """A group as the service messages of its log tell it. `stays`: the messages from one's coming
    to one's going, for each time. `senders`: of all messages, those that are deleted too."""

    def __init__(self, chat_id: str, rows: dict[int, MessageRow]) -> None:
        log = [shown(chat_id, number, row) for number, row in rows.items()]
        self.log = log
        self.senders = {number: row.from_id for number, row in rows.items()}
        self.title = ""
        self.roles: dict[int, str] = {}
        self.stays: dict[int, list[range]] = {}
        for message in log:
            if message.action is not None:
                self._apply(message, message.action)
        for user_id in self.roles:
            self._end(user_id, len(log))

    def _apply(self, message: t.Message, action: t.Action) -> None:
        by, whom = message.from_id, action.user_id
        match action.kind:
            case "group_created":
                self.title, self.roles[by] = action.text, "owner"
                self.stays[by] = [range(1, 1)]
            case "renamed":
                self.title = action.text
            case "member_added":
                self.roles[whom] = "member"
                self.stays.setdefault(whom, []).append(range(message.id, message.id))
            case "member_removed" | "member_left":
                del self.roles[whom]
                self._end(whom, message.id)
            case "owner_changed":
                self.roles |= {by: "admin", whom: "owner"}
            case "admin_added" | "admin_removed":
                self.roles[whom] = "admin" if action.kind == "admin_added" else "member"

    def _end(self, user_id: int, last_id: int) -> None:
        self.stays[user_id][-1] = range(self.stays[user_id][-1].start, last_id + 1)


def stripped(messages: dict[int, t.Message]) -> dict[int, t.Message]:
    """As everybody sees them: without what only the sender is shown."""
    return {number: replace(message, random_id=0) for number, message in messages.items()}


def rows_of(cluster: Cluster, ref: ActorRef, base: bytes) -> list[tuple[bytes, bytes]]:
    """The rows of an actor whose keys begin so, wherever rows say that it lives: after crashes no
    front may know that it has moved."""
    known = cluster.placement
    made = Placement(known.partitions, known.hosts, known.dedicated)
    own = own_partition(ref)
    store = cluster.stores.get(made.host(own))
    if store is not None:
        rows = store.scan(own, b"", b"\xff" * 512, limit=10**6)
        if any(there.ref == ref and there.phase == "here" for there in residences_in(rows)):
            return list(store.scan(own, base, prefix_end(base), limit=10**6))
    store = cluster.stores.get(made.home(ref))
    if store is None:
        return []  # one that would have a host of its own, and that nobody has spoken to
    return list(store.scan(made.partition(ref), base, prefix_end(base), limit=10**6))


def rows_of_chat(cluster: Cluster, chat_id: str) -> dict[int, MessageRow]:
    """All messages of a chat, as they are stored: nobody may be there who may read them all."""
    ref = addresses.chat(chat_id)
    base = actor_prefix(KINDS["chat"], chat_id) + bytes([MESSAGES.number])
    rows = rows_of(cluster, ref, base)
    return {MESSAGES.key.decode(key[len(base) :]): MESSAGES.decode(row) for key, row in rows}


def refusal(cluster: Cluster, person: Caller, params: m.Params) -> tuple[Any, ...]:
    try:
        result = cluster.call(person, params)
    except ApiError as error:
        return error.args
    raise AssertionError(f"{params} was answered: {result}")
