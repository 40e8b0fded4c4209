"""What checkers judge, and what several of them ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from actors.addresses import private_peers
from actors.chat.state import shown
from api import methods as m
from api import types as t
from runtime.placement import Placement
from sim.world.final import Final, StoredRows
from sim.world.history import History, Op
from sim.world.readback import ReadBack
from sim.world.story import Story

AFTERMATH_S = 8.0
"""So long after a fault is healed, its effects may be felt."""


@dataclass
class Evidence:
    """See the module. `troubles`: from when to when each fault lasted; `registered`: the names
    that people began with."""

    placement: Placement
    hosts: list[tuple[str, StoredRows]]
    final: Final
    history: History
    back: ReadBack
    troubles: list[tuple[float, float]]
    registered: dict[str, int]

    @cached_property
    def stories(self) -> dict[str, Story]:
        """What the service messages of each group tell."""
        return {
            chat_id: Story(chat_id, log)
            for chat_id, log in self.final.chats.items()
            if chat_id.startswith("g")
        }

    def calm(self, op: Op) -> bool:
        """Whether it was answered while nothing was wrong. Only of such a call it is known that
        none of its attempts is still on its way and takes effect later."""
        return op.answered and not any(
            began_s <= op.ended_s and op.began_s <= ended_s + AFTERMATH_S
            for began_s, ended_s in self.troubles
        )

    def lasts_until(self, op: Op) -> float:
        """The last moment at which it may take effect."""
        return op.ended_s if self.calm(op) else float("inf")

    def stays(self, chat_id: str, user_id: int) -> list[range]:
        """The ids of the messages of a chat that were somebody's to see, for each of their stays
        there."""
        log = self.final.chats.get(chat_id)
        if log is None or log.head is None:
            return []
        if chat_id in self.stories:
            return self.stories[chat_id].stays.get(user_id, [])
        peers = private_peers(chat_id) or ()
        return [range(1, log.head.last_id + 1)] if user_id in peers and log.members else []

    def shown(self, chat_id: str, number: int, user_id: int) -> t.Message:
        """A stored message as somebody sees it."""
        log = self.final.chats[chat_id]
        hidden = (user_id, number) in log.hidden
        return shown(chat_id, number, log.messages[number], user_id, hidden=hidden)

    @cached_property
    def edits(self) -> dict[tuple[str, int], list[Op]]:
        """The edits of each message that may have been carried out."""
        found: dict[tuple[str, int], list[Op]] = {}
        for op in self.history.of(m.EditMessage):
            assert isinstance(op.params, m.EditMessage)
            found.setdefault((op.params.chat_id, op.params.id), []).append(op)
        return found

    @cached_property
    def deletions(self) -> dict[tuple[str, int], list[Op]]:
        """The deletions of each message that may have been carried out."""
        found: dict[tuple[str, int], list[Op]] = {}
        for op in self.history.of(m.DeleteMessages):
            assert isinstance(op.params, m.DeleteMessages)
            for number in op.params.ids:
                found.setdefault((op.params.chat_id, number), []).append(op)
        return found

    def readable(self, chat_id: str, user_id: int) -> list[t.Message] | None:
        """What somebody may read of a chat in the end; None if it is not there for them."""
        log = self.final.chats.get(chat_id)
        stays = self.stays(chat_id, user_id)
        if log is None or not stays:
            return None
        return [
            self.shown(chat_id, number, user_id) for number in stays[-1] if number in log.messages
        ]
