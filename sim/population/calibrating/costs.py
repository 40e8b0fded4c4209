"""From the times of towns to a price for each kind of turn: its handler with all that the engine
does for it, what it takes to read the request that it answers, and its outs.

What grows with the members of a chat belongs to the turns of the members, and what grows with those
who are shown that somebody comes to the turns of these: so the prices hold for any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import mean
from typing import TypeVar

from actors import addresses
from actors.user.messages import NewMessage
from api import methods as m
from sim.population.calibrating.figures import line, log_sigma, typical
from sim.population.calibrating.town import OUT, RECEIVE, SHIP, Counting, Part, Town
from sim.population.calibrating.turns import (
    CONTACTS,
    KINDS,
    MISSED_CHATS,
    PAIRS,
    Day,
    Rounds,
    live,
    town_of,
)
from sim.population.fanout import ROWS, Turn

ASKED = (
    *(Turn.CHAT_SEND, Turn.SESSION_ACK, Turn.CHAT_READ, Turn.SESSION_ATTACH, Turn.SESSION_DETACH),
    *(Turn.CHAT_TYPING, Turn.READ_DIFFERENCE, Turn.READ_HISTORY),
)
"""What devices ask for; all others come of it."""
READS = (Turn.READ_DIFFERENCE, Turn.READ_HISTORY)
FEW_CONTACTS = 2
WARM = 3
TURNS_IN_GROUPS = 800
"""About so many are in a batch of sends to groups."""


P = TypeVar("P")


@dataclass(frozen=True)
class Costs:
    """Microseconds by turn, without its rows, and so many of these. `sigma`: of the logarithm of
    the time of a turn, whatever it is. `sends_us`: by size of a chat, what a send takes with the
    turns of its members, and what it takes by these prices."""

    us: dict[Turn, float]
    rows: dict[Turn, float]
    sigma: float
    sends_us: dict[int, tuple[float, float]]


@dataclass(frozen=True)
class Times:
    """Typical times of a town, in microseconds: of each part, and of a request of this kind beyond
    its turns."""

    part_us: dict[Part, float]
    asked_us: dict[type, float]

    @staticmethod
    def of(town: Town) -> Times:
        return Times(typical_us(town.took_ns), typical_us(town.asked_ns))

    def turn_us(self, turn: Turn) -> float:
        """With the request that asks for it."""
        kind = KINDS[turn]
        return self.part_us[kind] + (self.asked_us[kind] if turn in ASKED else 0.0)


def typical_us(took_ns: Mapping[P, Sequence[float]]) -> dict[P, float]:
    return {part: typical(ns) / 1e3 for part, ns in took_ns.items()}


def costs(rounds: Rounds, pairs: int = PAIRS) -> Costs:
    """Measure everything: some seconds."""
    with town_of(engine=Counting) as town:
        live([Day(town, pairs, CONTACTS)], Rounds(1, 1))
        rows, outs = _made(town, pairs)
    with town_of() as town, town_of(hosts=2) as divided, town_of() as lonely:
        days = [Day(each, pairs, CONTACTS) for each in (town, divided)]
        live([*days, Day(lonely, pairs, FEW_CONTACTS)], rounds)
        one, two, few = map(Times.of, (town, divided, lonely))
        sigma = log_sigma([ns for each in town.all_ns.values() for ns in each])
        away = _away(divided, pairs)

    us = {turn: one.turn_us(turn) + outs[turn] * one.part_us[OUT] for turn in KINDS}
    missed = one.part_us[m.GetMessages] + one.asked_us[m.GetMessages] + one.part_us[OUT]
    us[Turn.READ_DIFFERENCE] += MISSED_CHATS * missed
    posted = max(0.0, two.turn_us(Turn.CHAT_SEND) - one.turn_us(Turn.CHAT_SEND)) / away
    us[Turn.MESSAGE_OUT] = posted + two.part_us[SHIP]
    us[Turn.MESSAGE_IN] = two.part_us[RECEIVE]
    rows |= {turn: ROWS[turn] for turn in (Turn.MESSAGE_OUT, Turn.MESSAGE_IN)}
    _show_for_itself(us, one, few)
    return Costs(us, rows, sigma, _by_members(us, rounds, one, outs))


def _made(town: Town, pairs: int) -> tuple[dict[Turn, float], dict[Turn, float]]:
    """Rows and outs of a turn of each kind, at the mean."""
    rows, outs = {}, {}
    for turn, kind in KINDS.items():
        made = [
            each
            for engine in town.engines.values()
            if isinstance(engine, Counting)
            for each in engine.made[kind][-pairs:]  # when everything has been there before
        ]
        rows[turn] = mean(each[0] for each in made) if made else 0.0
        outs[turn] = mean(each[1] for each in made) if made else 1.0  # reads are answered
    return rows, outs


def _away(town: Town, pairs: int) -> float:
    """To how many members on other hosts a chat tells a message."""
    home = town.placement.home
    found = 0
    for a in range(1, 2 * pairs, 2):
        chat = home(addresses.chat(addresses.private_chat_id(a, a + 1)))
        found += sum(home(addresses.user(user)) != chat for user in (a, a + 1))
    return found / pairs


def _show_for_itself(us: dict[Turn, float], many: Times, few: Times) -> None:
    """What coming and going takes for each contact belongs to those who see it."""
    for turn in (Turn.USER_ONLINE, Turn.USER_OFFLINE):
        alone, each = line((FEW_CONTACTS, CONTACTS), (few.turn_us(turn), many.turn_us(turn)))
        us[turn] = max(alone, few.turn_us(turn) / CONTACTS)
        us[Turn.USER_SHOW] += each / 2


def _by_members(
    us: dict[Turn, float], rounds: Rounds, one: Times, outs: dict[Turn, float]
) -> dict[int, tuple[float, float]]:
    """Share what a send to a group takes between the turn of the chat and those of its members."""
    beside_us = one.asked_us[m.SendMessage] + outs[Turn.CHAT_SEND] * one.part_us[OUT]
    chat_us, member_us = {}, {}
    for members, part_us in _in_chats(rounds).items():
        chat_us[members] = part_us[m.SendMessage] + beside_us
        pushed = (members - 1) / members  # who sends it gets the answer
        member_us[members] = part_us[NewMessage] + pushed * one.part_us[OUT]
    us[Turn.CHAT_SEND], each_us = line(list(chat_us), list(chat_us.values()))
    us[Turn.USER_MESSAGE] = mean(member_us.values()) + each_us
    return {
        members: (
            chat_us[members] + members * member_us[members],
            us[Turn.CHAT_SEND] + members * us[Turn.USER_MESSAGE],
        )
        for members in chat_us
    }


def _in_chats(rounds: Rounds) -> dict[int, dict[Part, float]]:
    """Times of sends in chats of so many members: all have the same people, and take turns."""
    people = max(rounds.groups)
    times: dict[int, dict[Part, list[float]]] = {}
    with town_of() as town:
        day = Day(town, people // 2, 0)
        chats = {2: day.chats}
        for size in rounds.groups:
            chats[size] = []
            for first in range(1, people, size):
                with town.batch(m.CreateGroup):
                    chats[size].append(town.group(list(range(first, first + size))))
        random_ids = count(10**6)
        for number in range(WARM + rounds.measured):
            town.now_ms += 10_000
            town.checkpoint()
            for size, some in chats.items():
                town.forget_times()
                with town.batch(m.SendMessage):
                    for send in range(max(1, TURNS_IN_GROUPS // size)):
                        place = send % len(some)
                        town.send(place * size + 1, some[place], next(random_ids))
                if number >= WARM:
                    for part, ns in town.took_ns.items():
                        times.setdefault(size, {}).setdefault(part, []).extend(ns)
    return {size: typical_us(found) for size, found in times.items()}
