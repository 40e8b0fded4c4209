"""Models of few people, for tests."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from sim.population import calibration
from sim.population.calibration import Calibration, Service
from sim.population.fanout import Frame, Turn
from sim.population.layout import KINDS, Layout, Node
from sim.population.model import ChatHabits, File, Model, Prices, Region, Restart
from sim.population.people import Habits
from sim.population.queueing.parameters import Station
from sim.population.result import Result
from sim.population.scenario import load
from sim.population.slot import DAY_MINUTES
from sim.population.stretch import Stretch
from sim.population.whole import summarised

EVEN = (1.0,) * DAY_MINUTES


def calibration_of() -> Calibration:
    """Of no machine: turns and frames of 10 us, batches and commits of 300."""
    return replace(
        calibration.read(),
        turns_us={turn.name.lower(): 10.0 for turn in Turn},
        frames_us={frame.name.lower(): 10.0 for frame in Frame},
        host=Service(0.6, 300.0, 35.0, 300.0, 1.5, 0.5),
        edge=Service(0.5, 100.0, 35.0, beside=0.4),
        rest_cores=0.08,
    )


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
        prices=Prices((work_ns,) * 17, (work_ns,) * 3, 0, 1_000, 0, 500),
        layout=layout,
        queues={kind: Station(work_s=work_s, commit_s=1e-4, limit=10**9) for kind in KINDS},
        restarts=restarts,
        rtt_ms=((0.5,) * len(regions),) * len(regions),
    )


def a_result(folder: Path, users: int = 3_000, minutes: int = 2) -> Result:
    """What a run tells that was ended after some minutes."""
    told = load("consumer-day")
    regions = tuple(Region(each.name, each.share, ((1.0, EVEN),), 20.0) for each in told.regions)
    nodes = tuple(Node(f"{region.name}-0", n, 2, 1, 1) for n, region in enumerate(regions))
    files = (File("photo", 0.2, 100_000, 1.0, 0.5),)
    made = model_of(users, Layout(nodes, 64, 3), regions=regions, files=files)
    found = Stretch(made, 0, minutes, folder).run()
    return summarised(told, made, calibration.read(), made.seed, 1, found)
