"""What the people of a town do all day, each sort of thing in batches of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from actors import addresses
from api import methods as m
from api.methods import Ack
from sim.population.calibrating.town import Town
from sim.population.fanout import Turn
from sim.population.microcosm import TURNS, Measured

KINDS = {turn: kind for kind, turn in TURNS.items()}
"""The message that begins a turn."""
PAIRS = 100
CONTACTS = 14
MISSED_CHATS = 3
"""Whoever comes back reads the messages that were missed in so many chats."""
PAGE = 30
GROUPS = (10, 50, 200)


@dataclass(frozen=True)
class Rounds:
    """How often everything is done: before it is measured, and then."""

    warm: int = 30
    measured: int = 12
    groups: tuple[int, ...] = GROUPS


class Day:
    """What people do all day: in each pair the second reads what the first writes."""

    def __init__(self, town: Town, pairs: int, contacts: int) -> None:
        self.town = town
        self.pairs = [(2 * pair + 1, 2 * pair + 2) for pair in range(pairs)]
        people = [user for pair in self.pairs for user in pair]
        town.now_ms += 1
        with town.batch(Ack):
            town.people(people)
        with town.batch(Ack):
            town.online(people)
        self._random_ids = count(1)
        with town.batch(m.SendMessage):
            self.chats = [town.private(*pair) for pair in self.pairs]
            for user, other in _acquainted(len(people), contacts):
                self._send(user, town.private(user, other))

    def _send(self, user: int, chat: str) -> None:
        self.town.send(user, chat, next(self._random_ids))

    def write(self) -> None:
        town = self.town
        town.checkpoint()
        town.now_ms += 10_000
        with town.batch(m.SetTyping):
            for (user, _), chat in zip(self.pairs, self.chats, strict=True):
                town.call(user, chat, m.SetTyping(chat))
        with town.batch(m.SendMessage):
            for (user, _), chat in zip(self.pairs, self.chats, strict=True):
                self._send(user, chat)
        for side in (1, 0):
            with town.batch(Ack):
                for pair in self.pairs:
                    town.confirm(pair[side])

    def read(self) -> None:
        town = self.town
        with town.batch(m.MarkRead):
            for (_, user), chat in zip(self.pairs, self.chats, strict=True):
                town.call(user, chat, m.MarkRead(chat, self._last(chat)))
        with town.batch(m.GetHistory):
            for (_, user), chat in zip(self.pairs, self.chats, strict=True):
                town.call(user, chat, m.GetHistory(chat, limit=PAGE), read=True)

    def come_and_go(self) -> None:
        town = self.town
        users = [user for _, user in self.pairs]
        with town.batch(KINDS[Turn.SESSION_DETACH]):
            town.offline(users)
        with town.batch(KINDS[Turn.SESSION_ATTACH]):
            town.online(users)
        with town.batch(m.GetDifference):
            for user in users:
                asked = m.GetDifference(max(0, town.pts(user) - 2 * MISSED_CHATS))
                town.call(user, addresses.user(user), asked, read=True)
        with town.batch(m.GetMessages):
            for user, chat in zip(users, self.chats, strict=True):
                last = self._last(chat)
                town.call(user, chat, m.GetMessages(chat, [last, last - 1]), read=True)

    def _last(self, chat: str) -> int:
        ref = addresses.chat(chat)
        resident = self.town.engines[self.town.placement.home(ref)].residents[ref]
        return int(resident.state.head.last_id)


def _acquainted(people: int, contacts: int) -> Iterator[tuple[int, int]]:
    """Everybody, with those who come after: so many contacts each, if there are enough people."""
    for user in range(1, people + 1):
        for step in range(1, min(contacts, people - 1) // 2 + 1):
            yield user, (user + step - 1) % people + 1


@contextmanager
def town_of(hosts: int = 1, engine: type[Measured] = Measured) -> Iterator[Town]:
    with tempfile.TemporaryDirectory(prefix="heliograph-calibrate-") as folder:
        town = Town(Path(folder), hosts, engine)
        try:
            yield town
        finally:
            town.close()


def live(days: Sequence[Day], rounds: Rounds) -> None:
    """Let people live, and measure it when all is as always. Towns take turns, so that what the
    machine does meanwhile does the same to all of them."""
    for _ in range(rounds.warm):
        for day in days:
            day.write()
    for day in days:
        day.come_and_go()
        day.town.forget_times()
    for _ in range(rounds.measured):
        for day in days:
            day.write()
            day.read()
            day.come_and_go()
