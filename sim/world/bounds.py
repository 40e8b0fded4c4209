"""Small bounds for half of the runs: what needs thousands of messages otherwise (several batches,
packets, shipments, pages; queues that overflow) happens all the time then."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from actors.chat import marks
from actors.user import mailbox, presence, state
from api import limits
from api.limits import Flood
from heliograph import _link
from runtime import checkpointer, front_streams, link, pipeline, shipper, streams
from runtime.lines import lines

DRAWN_P = 0.5


class Bound(NamedTuple):
    """A constant of a module, and what it may be instead."""

    module: Any
    name: str
    choices: tuple[Any, ...]


BOUNDS = (
    Bound(streams, "SHIPMENT_MESSAGES_MAX", (1, 2, 5)),
    Bound(streams, "SHIPMENT_BYTES_MAX", (1, 500)),
    Bound(shipper, "PARCEL_BYTES_SOUGHT", (1, 1000)),
    Bound(pipeline, "COMMANDS_PER_STEP", (1, 2)),
    Bound(front_streams, "PACKET_BYTES_MAX", (1, 400)),
    Bound(front_streams, "FRONT_SILENCE_S_MAX", (12.0, 15.0)),
    Bound(lines, "BUNDLE_BYTES", (1, 400)),
    Bound(link, "BATCH_BYTES_MAX", (1, 500)),
    Bound(link, "FLYING_MAX", (1, 2)),
    Bound(link, "ATTEMPT_S", (0.5, 2.0)),
    Bound(checkpointer, "SLICE_ROWS", (1, 10)),
    Bound(state, "RECENT_MAX", (1, 3)),
    Bound(presence, "PRESENCE_STEP", (1, 3)),
    Bound(mailbox, "RECEIVED_STEP", (2, 10)),
    Bound(marks, "MARK_STEP", (1, 5)),
    Bound(marks, "UNREAD_ROWS_MAX", (0, 3)),
    Bound(limits, "FLOOD_ADDRESS_FACTOR", (1, 2)),
    # Not in `api.limits`: what is decoded first would keep it for all later runs.
    Bound(_link, "limits", tuple(SimpleNamespace(DIFFERENCE_PAGE_MAX=page) for page in (1, 3))),
)


FLOODS = {
    "chats": Flood(7_200, 2, "chats"),
    "strangers": Flood(14_400, 4, "messages"),
    "groups": Flood(7_200, 2, "groups"),
    "additions": Flood(14_400, 6, "additions"),
    "names": Flood(7_200, 2, "names"),
}
"""Flood limits of a world: people run into them all the time, and never have to wait for long."""


def draw(rng: random.Random) -> list[tuple[str, Any]]:
    """Which bounds are how small in this run: their names, and what puts them in force."""
    if rng.random() < DRAWN_P:
        return []
    chosen = [bound for bound in BOUNDS if rng.random() < 0.5]
    values = [rng.choice(bound.choices) for bound in chosen]
    return [
        (f"{bound.name} is {value}", patch.object(bound.module, bound.name, value))
        for bound, value in zip(chosen, values, strict=True)
    ]
