"""What a run found, as it is written to a file, read by reports, and compared: see
docs/simulation.md. Times in the units that names end with; rates are of simulated time."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from heliograph.failing import Told
from sim.files import write_whole

VERSION = 1


class Quantiles(Struct):
    """Of a distribution; `counts` by bucket, without empty ones, and `bounds_ms` where they end."""

    mean_ms: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    p999_ms: float = 0.0
    bounds_ms: list[float] = []
    counts: list[int] = []


class Calibrated(Struct):
    """What services take comes from there. `why`: why it does not fit this version, if so."""

    version: str
    machine: str
    made: str
    why: str = ""


class Totals(Struct):
    sends: int = 0
    private_sends: int = 0
    group_sends: int = 0
    deliveries: int = 0
    pushes: int = 0
    opens: int = 0
    turns: int = 0
    rows: int = 0
    messages_between: int = 0
    text_bytes: int = 0
    media_files: int = 0
    media_bytes: int = 0
    fetched_bytes: int = 0
    refused: int = 0
    given_up: int = 0


class RegionHour(Struct):
    sends: int
    deliveries: int
    opens: int
    connected: int
    """People who have a connection, at the most."""


class Hour(Struct):
    """Of the run, from 0 on, in UTC."""

    hour: int
    regions: dict[str, RegionHour]


class Minute(Struct):
    """`backlog_s`: the longest that anybody has to wait at one station. `connected`: people."""

    minute: int
    sends: int
    backlog_s: float
    refused: int
    retrying: int
    connected: int
    p99_ms: float


class Station(Struct):
    """A process. `utilisation`: of the time; `peak` is the busiest minute's. `delay`: of a request
    from when it arrives until it is done."""

    name: str
    kind: str
    region: str
    node: str
    utilisation: float
    peak: float
    by_hour: list[float]
    delay: Quantiles
    items: int
    refused: int
    memory_mb: float
    connections: int = 0


class Node(Struct):
    """A machine. `cpu_*`: of all its cores."""

    name: str
    region: str
    cores: int
    cpu: float
    cpu_peak: float
    by_hour: list[float]
    memory_gb: float
    disk_gb_per_day: float
    disk_mb_per_s_peak: float
    network_mbit_per_s_peak: float


class Partition(Struct):
    """`share`: of all turns, over that of a mean partition."""

    partition: int
    host: str
    turns_per_s: float
    peak_per_s: float
    share: float


class Partitions(Struct):
    count: int
    hottest: list[Partition]
    share_p50: float
    share_p99: float
    share_max: float


class Latency(Struct):
    """Of people of a region: from sending until it is acknowledged, until one who is connected has
    it, and from asking until one sees what one has missed."""

    send: Quantiles
    deliver: Quantiles
    read: Quantiles


class Rung(Struct):
    """What fails when the load is `factor` times what it is now at its peak."""

    what: str
    where: str
    now: float
    limit: float
    unit: str
    factor: float
    users: int


class Stored(Struct):
    """What is kept; with all copies. `days_until_full`: 0 where nothing says how much room is."""

    text_gb_per_day: float
    media_gb_per_day: float
    rows_per_day: int
    days_until_full: float = 0.0


class Capacity(Struct):
    """With so many times the people: how busy the busiest process or machine is, and how long
    messages take, at the median of some seeds, and between which bounds. `beyond`: it was not
    measured there."""

    factor: float
    utilisation: float
    p99_ms: float
    p99_low_ms: float
    p99_high_ms: float
    beyond: bool


class Lever(Struct):
    """How many machines are needed where an input is at its low and its high."""

    input: str
    low: float
    high: float
    unit: str
    machines_low: float
    machines_high: float


class Held(Struct):
    """A load that was predicted and measured. `held_out`: the calibration had not seen it. Figures
    by name; `noise`: the spread of the measurements, as a share."""

    what: str
    held_out: bool
    predicted: dict[str, float]
    measured: dict[str, float]
    noise: dict[str, float] = {}


class Result(Struct):
    """`inputs`: those with another value than the default have it in `changed`. `minutes_done`: of
    a run that was ended early, how many there are. `extrapolated`: what lies beyond what was
    measured, in words."""

    version: int
    scenario: str
    text: str
    seed: int
    users: int
    days: int
    minutes_done: int
    calibration: Calibrated
    inputs: dict[str, float]
    changed: list[str]
    regions: list[str]
    copies: int
    totals: Totals
    hours: list[Hour]
    minutes: list[Minute]
    stations: list[Station]
    nodes: list[Node]
    partitions: Partitions
    latency: dict[str, Latency]
    ladder: list[Rung]
    stored: Stored
    extrapolated: list[str] = []
    capacity: list[Capacity] = []
    levers: list[Lever] = []
    validation: list[Held] = []
    queue_error: dict[str, float] = {}
    """Of the bins against one host event by event: figures of `queueing.error_of_bins`."""


def write(result: Result, path: Path) -> None:
    """As JSON. Raises Told and OSError."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(result)))


def read(path: Path) -> Result:
    """Raises Told for what is no result of this version."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise Told(f"{path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise Told(f"{path} is not the result of a run: {error}") from error
    if found.version != VERSION:
        raise Told(f"{path} is of another version ({found.version}): run it again")
    return found
