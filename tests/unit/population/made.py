"""Models of few people, for tests."""

from __future__ import annotations

from sim.population.layout import Layout
from sim.population.model import ChatHabits, File, Model, Prices, Region
from sim.population.people import DAY_MINUTES, Habits

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
) -> Model:
    """Every turn costs a microsecond, and so does every frame."""
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
        prices=Prices((1_000,) * 17, (1_000,) * 3, 1_000, 500),
        layout=layout,
    )
