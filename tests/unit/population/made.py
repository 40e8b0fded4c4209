"""Models of few people, for tests."""

from __future__ import annotations

from sim.population.layout import KINDS, Layout
from sim.population.model import ChatHabits, File, Model, Prices, Region, Restart
from sim.population.people import DAY_MINUTES, Habits
from sim.population.queueing.parameters import Station

EVEN = (1.0,) * DAY_MINUTES


def model_of(
    users: int,
    layout: Layout,
    *,
    seed: int = 1,
    regions: tuple[Region, ...] = (Region("here", 1.0, ((1.0, EVEN),), 20.0),),
    files: tuple[File, ...] = (),
    opened: float = 2.0,
    typing: float = 0.5,
    restarts: tuple[Restart, ...] = (),
    work_s: float = 1e-6,
) -> Model:
    """Every turn costs as much, and so does every frame."""
    work_ns = round(work_s * 1e9)
    return Model(
        seed=seed,
        users=users,
        regions=regions,
        habits=Habits(40.0, 21.0, 117.0, 1.2, 1.0),
        chats=ChatHabits(0.75, 14, 1.0, 0.05, 4, 3, 200, 2.0, typing, opened),
        files=files,
        text_bytes=110.0,
        text_sigma=1.0,
        connected=((0.28,) * DAY_MINUTES,) * len(regions),
        prices=Prices((work_ns,) * 17, (work_ns,) * 3, 1_000, 500),
        layout=layout,
        queues={kind: Station(work_s=work_s, commit_s=1e-4, limit=10**9) for kind in KINDS},
        restarts=restarts,
        rtt_ms=((0.5,) * len(regions),) * len(regions),
    )
