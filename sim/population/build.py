"""From a scenario to a model: people with their days, machines, and what happens to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.population import curves
from sim.population.arrays import Floats
from sim.population.block import Block
from sim.population.calibration import Calibration
from sim.population.doing import Doing
from sim.population.fanout import Frame, Turn
from sim.population.inputs import Values
from sim.population.ladder import Machine
from sim.population.layout import KINDS, Kind, Layout, Node
from sim.population.load import Load
from sim.population.model import (
    Channel,
    ChatHabits,
    Cold,
    File,
    Loss,
    Model,
    Region,
    Restart,
)
from sim.population.people import Habits
from sim.population.queueing.parameters import Station
from sim.population.run import folder
from sim.population.scenario import Region as People
from sim.population.scenario import Scenario
from sim.population.slot import DAY_MINUTES, HOUR_MINUTES, Slot

FULL = 0.6
"""Where a scenario says nothing of machines, there are so many that none is busier than this in the
busiest minute."""
MINUTE_NS = 60e9
ENDLESS = 10**9
PROBE_USERS = 1 << 18
"""So many people tell what a minute costs."""


def machine_of(values: Values) -> Machine:
    return Machine(
        cores=values.whole("node.cores"),
        memory_gb=values["node.memory_gb"],
        disk_gb=values["node.disk_gb"],
        disk_mb_per_s=values["node.disk_mb_per_s"],
        network_mbit_per_s=values["node.network_mbit_per_s"],
    )


def build(scenario: Scenario, calibration: Calibration, users: int, days: int, seed: int) -> Model:
    """The model, with as many machines as the scenario says, or as it takes."""
    nodes = [region.nodes for region in scenario.regions]
    if all(nodes):
        return with_nodes(scenario, calibration, users, days, seed, nodes)
    probe = with_nodes(scenario, calibration, min(users, PROBE_USERS), days, seed, [1] * len(nodes))
    needed = rounded_up(probe, machines_needed(probe, users, FULL))
    chosen = [said or need for said, need in zip(nodes, needed, strict=True)]
    return with_nodes(scenario, calibration, users, days, seed, chosen)


def rounded_up(probe: Model, machines: list[float]) -> list[int]:
    """Whole machines of each region; all together there is one for each copy."""
    found = [max(1, int(np.ceil(each))) for each in machines]
    keeping = [number for number, node in enumerate(probe.layout.nodes) if node.hosts]
    missing = probe.layout.copies - sum(found[number] for number in keeping)
    found[keeping[0]] += max(0, missing)
    return found


def machines_needed(probe: Model, users: int, full: float) -> list[float]:
    """How many machines each region needs so that nothing is busier than `full` in the minute in
    which most is done. `probe`: fewer people of the same kind, with a node in each region."""
    layout, minute = probe.layout, busiest(probe)
    load = Load(probe, Slot(minute))
    for block in range(len(probe.blocks)):
        Doing(probe, Block(probe, block, folder()), load).run()
    times = users / probe.users / MINUTE_NS
    work = load.work_ns(np.arange(len(layout.stations))).sum(1) * times
    presence = int(load.presence.sum()) * times
    prices = probe.prices
    host = presence * (prices.turns[Turn.USER_SHOW] + prices.turns[Turn.MESSAGE_IN])
    hosts = float(work[layout.hosts].sum()) + host
    hosts *= 1.0 + (layout.copies - 1) * prices.copy_share
    keeping = sum(
        region.share for region, node in zip(probe.regions, layout.nodes, strict=True) if node.hosts
    )
    found = []
    for number, region in enumerate(probe.regions):
        node = layout.nodes[number]
        edges = float(work[layout.in_region("edge", number)].sum())
        edges += presence * region.share * prices.frames[Frame.OUT] * max(probe.connected[number])
        needs = [(edges, node.edges)]
        cores = edges * probe.cpu("edge") / probe.cores
        if node.hosts:
            mine = hosts * region.share / keeping
            media = float(work[layout.of_node("media", number)].sum())
            needs += [(mine, node.hosts), (media, node.media)]
            cores += (mine * probe.cpu("host") + media * probe.cpu("media")) / probe.cores
        most = max(cores, *(work_of / processes for work_of, processes in needs))
        found.append(most / full)
    return found


def busiest(model: Model) -> int:
    """The minute of the run in which most people open the application."""
    total = np.zeros(DAY_MINUTES)
    for cohort in model.cohorts(model.users):
        total += np.array(cohort.shape) * (cohort.stop - cohort.first)
    return int(np.argmax(model.factors)) * DAY_MINUTES + int(total.argmax())


def with_nodes(
    scenario: Scenario,
    calibration: Calibration,
    users: int,
    days: int,
    seed: int,
    nodes: list[int],
) -> Model:
    """The model with so many machines in each region."""
    values = scenario.values
    regions = tuple(_region(scenario, people) for people in scenario.regions)
    layout = Layout(
        tuple(
            Node(
                f"{region.name}-{number}",
                index,
                0 if region.edges_only else values.whole("node.hosts"),
                values.whole("node.edges"),
                0 if region.edges_only else values.whole("node.media"),
            )
            for index, region in enumerate(scenario.regions)
            for number in range(nodes[index])
        ),
        values.whole("cluster.partitions"),
        values.whole("cluster.copies"),
        scenario.homes,
    )
    model = Model(
        seed=seed,
        users=users,
        regions=regions,
        habits=Habits(
            sends_per_day=values["people.sends_per_day"],
            sessions_per_day=values["people.sessions_per_day"],
            session_s=values["people.session_s"],
            activity_sigma=values["people.activity_sigma"],
            gap_sigma=values["people.gap_sigma"],
        ),
        chats=_chats(values),
        files=tuple(
            File(
                kind,
                values[f"media.{kind}_share"],
                values[f"media.{kind}_bytes"],
                values["media.sigma"],
                values["media.fetched_share"],
            )
            for kind in ("photo", "video", "voice")
        ),
        text_bytes=values["text.bytes"],
        text_sigma=values["text.sigma"],
        connected=_connected(regions, values),
        prices=calibration.prices(values["node.speed"]),
        layout=layout,
        queues=_queues(calibration, values),
        rtt_ms=_rtt_ms(scenario),
        cores=values.whole("node.cores"),
        beside={"host": calibration.host.beside, "edge": calibration.edge.beside},
        cached=values["edge.cache_hits"],
        residents_max=values.whole("cluster.residents"),
        factors=_factors(scenario, days),
        reconnect_s=values["client.reconnect_s"],
    )
    return _with_events(scenario, model)


def _work_share(scenario: Scenario, people: People) -> float:
    """Of a region, whose day is that of work: what the scenario says of it, or else of all."""
    return scenario.values["curves.work_share"] if people.work < 0 else people.work


def _region(scenario: Scenario, people: People) -> Region:
    values = scenario.values
    work = _work_share(scenario, people)
    shapes = []
    for share, hours, half_hours in (
        (1.0 - work, curves.CONSUMER, 0.0),
        (work, curves.WORK, values["curves.half_hours"]),
    ):
        shape = curves.of_day(hours, people.utc_offset_h, half_hours)
        for event in scenario.events:
            if event.kind == "midnight":
                shape = curves.with_midnight(
                    shape,
                    people.utc_offset_h,
                    event.values["factor"],
                    event.values["half_minutes"],
                )
        shapes.append((share, tuple(shape.tolist())))
    return Region(people.name, people.share, tuple(shapes), values["network.access_ms"])


def _chats(values: Values) -> ChatHabits:
    return ChatHabits(
        private=values["chats.private_share"],
        contacts=values.whole("chats.contacts"),
        decay=values["chats.contact_decay"],
        wide=values["chats.over_regions"],
        group_layers=values.whole("groups.of_a_person"),
        group_smallest=values.whole("groups.size_least"),
        group_largest=values.whole("groups.size_most"),
        group_alpha=values["groups.size_alpha"],
        typing=values["chats.typing_share"],
        opened=values["chats.looked_at"],
    )


def _connected(regions: tuple[Region, ...], values: Values) -> tuple[tuple[float, ...], ...]:
    """Those who have the application open, and as many again with a connection in the background as
    it takes to reach the peak over all regions."""
    open_share = values["people.sessions_per_day"] * values["people.session_s"] / 86_400
    shapes: list[Floats] = [
        sum((share * np.array(shape) for share, shape in region.shapes), np.zeros(DAY_MINUTES))
        for region in regions
    ]
    peak = sum(region.share * shape.max() for region, shape in zip(regions, shapes, strict=True))
    behind = max(0.0, values["people.connected_peak"] - open_share * float(peak))
    return tuple(tuple(np.minimum(1.0, behind + open_share * shape).tolist()) for shape in shapes)


def _queues(calibration: Calibration, values: Values) -> dict[Kind, Station]:
    """Work of an item: of a turn, a frame, a picture."""
    speed, photo_mb = values["node.speed"], values["media.photo_bytes"] / 1e6
    mean_us: dict[Kind, float] = {
        "host": calibration.turns_us["user_message"],
        "edge": calibration.frames_us["out"],
        "media": calibration.media_in_us + photo_mb * calibration.media_in_us_per_mb,
    }
    queues = {
        kind: calibration.station(
            getattr(calibration, kind),
            mean_us[kind] / 1e6 / speed,
            values["node.sync_ms"] / 1e3,
            speed,
        )
        for kind in KINDS
    }
    # Half of a call goes with the frames that ask, and half with those that come of it.
    edge = replace(queues["edge"], batch_s=queues["edge"].batch_s / 2)
    # Parts of files wait in the fronts' connections, and none is refused.
    return queues | {"edge": edge, "media": replace(queues["media"], limit=ENDLESS)}


def _rtt_ms(scenario: Scenario) -> tuple[tuple[float, ...], ...]:
    count, usual = len(scenario.regions), scenario.values["network.region_ms"]
    return tuple(
        tuple(
            0.5 if a == b else scenario.rtt_ms.get((min(a, b), max(a, b)), usual)
            for b in range(count)
        )
        for a in range(count)
    )


def _factors(scenario: Scenario, days: int) -> tuple[float, ...]:
    """By day: of the week, and of growth from the first day to the last."""
    work = sum(region.share * _work_share(scenario, region) for region in scenario.regions)
    found = []
    for day in range(days):
        weekday = (scenario.first_weekday + day) % 7
        factor = (1 - work) * curves.CONSUMER_WEEK[weekday] + work * curves.WORK_WEEK[weekday]
        for event in scenario.events:
            if event.kind == "growth":
                # Each day stands for a part of the year: all are the same day of a week.
                factor = event.values["times"] ** (day / max(1, days - 1))
        found.append(float(factor))
    return tuple(found)


def _with_events(scenario: Scenario, model: Model) -> Model:
    for event in scenario.events:
        values = event.values
        minute = round(values.get("at_h", 0.0) * HOUR_MINUTES)
        match event.kind:
            case "edge_restart":
                restart = Restart(minute, event.region, values["share"])
                model = replace(model, restarts=(*model.restarts, restart))
            case "region_lost":
                assert event.region is not None
                model = replace(model, losses=(*model.losses, Loss(minute, event.region)))
            case "cold_cache":
                cold = Cold(minute, values["factor"], values["half_minutes"])
                model = replace(model, cold=cold)
            case "huge_channel":
                channel = Channel(values["members"], values["posts_per_hour"])
                model = replace(model, channel=channel)
    return model
