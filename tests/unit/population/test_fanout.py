"""The vectorised twin of the fan-out counts what the real engines count."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from actors import addresses
from api import methods as m
from runtime.refs import partition_of
from sim.population import partitions
from sim.population.block import Block
from sim.population.fanout import ROWS, Turn, rows_between
from sim.population.layout import Layout, Node
from sim.population.load import COUNTS, Load
from sim.population.microcosm import Microcosm
from sim.population.people import Sends, Sessions, stream
from sim.population.slot import Slot
from sim.population.talks import Talks
from sim.population.writing import Writing
from tests.unit.population.made import model_of

PARTITIONS = 16


def counted(microcosm: Microcosm) -> dict[tuple[str, Turn], int]:
    """Turns by host and kind, messages to other hosts among them."""
    found: Counter[tuple[str, Turn]] = Counter()
    for host, engine in microcosm.engines.items():
        found.update({(host, turn): count for turn, count in engine.turns_done.items()})
        found[host, Turn.MESSAGE_OUT] = microcosm.shipped[host]
    return {key: count for key, count in found.items() if count}


def told(load: Load) -> dict[tuple[str, Turn], int]:
    """The same of the twin."""
    return {
        (f"host-{host}", turn): int(load.turns[host, turn])
        for host in range(PARTITIONS)
        for turn in Turn
        if load.turns[host, turn] and turn is not Turn.MESSAGE_IN
    }


def sent_in(chat: str, members: int, share_online: float, folder: Path) -> Load:
    """What the twin makes of one send by the first of these people to the others."""
    nodes = (Node("n", 0, PARTITIONS, 1, 0),)
    model = model_of(members, Layout(nodes, PARTITIONS, 1), opened=0.0, typing=0.0)
    block, load = Block(model, 0, folder), Load(model, Slot(0))
    others = np.arange(1, members)
    talks = Talks.of(
        np.array([partition_of(addresses.chat(chat), PARTITIONS)], np.uint16),
        np.array([members > 2]),
        np.zeros(members - 1, np.int64),
        others,
    )
    begun = Sessions(np.array([0]), np.array([0]))
    sent = Sends(np.array([0]), np.array([0]))
    load.online = np.array([share_online])
    Writing(model, block, load, stream(1), begun, sent, talks).run()
    return load


@pytest.mark.parametrize("members", [2, 3, 10, 50, 200])
@pytest.mark.parametrize("online", [True, False])
def test_a_send_is_what_it_is_for_real(members: int, online: bool, tmp_path: Path) -> None:
    people = list(range(1, members + 1))
    real = Microcosm(PARTITIONS)
    real.people(people)
    connected = people if online else people[:1]
    real.online(connected)
    chat = real.private(1, 2) if members == 2 else real.group(people)
    for user in connected:
        real.confirm(user)

    real.forget()
    real.send(1, chat, 1)
    rows = sum(real.rows.values())
    pushes = sum(real.pushes.values())
    real.confirm(1)
    for user in connected[1:]:
        real.confirm(user)
    if online:
        real.confirm(1)  # that it was delivered

    load = sent_in(chat, members, float(online), tmp_path)
    assert told(load) == counted(real)
    assert load.counts[0, COUNTS.index("pushes")] == pushes
    homes = partitions.of_users(np.array(people), PARTITIONS)
    chat_home = np.full(members, partition_of(addresses.chat(chat), PARTITIONS), np.uint16)
    said = ROWS[Turn.CHAT_SEND] + members * ROWS[Turn.USER_MESSAGE]
    assert said + rows_between(chat_home, homes) == rows


def test_reading_is_what_it_is_for_real() -> None:
    real = Microcosm(PARTITIONS)
    real.people((1, 2))
    real.online((1, 2))
    chat = real.private(1, 2)
    real.send(1, chat, 1)
    for user in (1, 2):
        real.confirm(user)
    real.forget()
    real.call(2, chat, m.MarkRead(chat, 1))
    done: Counter[Turn] = Counter()
    for engine in real.engines.values():
        done.update(engine.turns_done)
    assert done == {Turn.CHAT_READ: 1, Turn.USER_MARKS: 2}


def test_coming_and_going_is_shown_to_all_contacts() -> None:
    real = Microcosm(1)
    real.people(range(1, 6))
    real.online(range(2, 6))
    for other in range(2, 6):
        real.send(1, real.private(1, other), other)
    real.forget()
    real.online((1,))
    real.offline((1,))
    (engine,) = real.engines.values()
    assert engine.turns_done == {
        Turn.SESSION_ATTACH: 1,
        Turn.USER_ONLINE: 1,
        Turn.SESSION_DETACH: 1,
        Turn.USER_OFFLINE: 1,
        Turn.USER_SHOW: 8,
    }
