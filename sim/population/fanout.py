"""What a send, a reading and a coming and going make of hosts and edges: the vectorised twin of the
actors' fan-out. `tests/unit/sim/test_fanout.py` holds it against what the real engine does.

A send is a turn of the chat and one of each member, whose devices are pushed to where they are
online. A device that got something confirms it: a turn of its session, of its user, of the chat,
and one of the sender, who is told what was delivered first. Opening a chat reads its history, moves
the reader's mark (the chat, the reader) and tells the sender. Who comes and goes is shown to all
with whom there is a private chat.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from sim.population.partitions import Partitions


class Turn(IntEnum):
    """What a host executes, by what it costs; the last ones are no turns."""

    CHAT_SEND = 0
    USER_MESSAGE = 1
    SESSION_ACK = 2
    USER_RECEIVED = 3
    CHAT_DELIVERED = 4
    USER_MARKS = 5
    CHAT_READ = 6
    SESSION_ATTACH = 7
    USER_ONLINE = 8
    SESSION_DETACH = 9
    USER_OFFLINE = 10
    USER_SHOW = 11
    CHAT_TYPING = 12
    READ_DIFFERENCE = 13
    READ_HISTORY = 14
    MESSAGE_OUT = 15
    """A message to a partition of another host: rows of the outbox, a share of a shipment."""
    MESSAGE_IN = 16


class Frame(IntEnum):
    """What an edge handles."""

    IN = 0
    OUT = 1
    OPEN = 2


ROWS = {
    Turn.CHAT_SEND: 3,  # head, message, random_id
    Turn.USER_MESSAGE: 3,  # dialog, head, mailbox
    Turn.USER_RECEIVED: 1,
    Turn.CHAT_DELIVERED: 1,
    Turn.USER_MARKS: 3,
    Turn.CHAT_READ: 1,
    Turn.SESSION_DETACH: 1,
    Turn.USER_OFFLINE: 2,
    Turn.USER_ONLINE: 1,
    Turn.MESSAGE_OUT: 3,  # itself, how many there were, and that it arrived
    Turn.MESSAGE_IN: 1,  # which was the last
}
"""Rows that are written by each; by others none. Those of messages are of one that is alone in its
batch: see `rows_between`."""


def rows_between(source: Partitions, target: Partitions) -> int:
    """Rows that these messages of one batch write, each partition having a host of its own: one in
    the outbox for each, and for each pair of partitions how many it has sent and got."""
    away = source != target
    pairs = np.unique(source[away].astype(np.int64) << 16 | target[away])
    return int(away.sum()) + 2 * len(pairs)
