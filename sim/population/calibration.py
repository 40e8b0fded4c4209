"""What services take, as it was measured: the file that `calibrate` writes and all runs read."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from heliograph.failing import Told
from sim.files import write_whole
from sim.population.fanout import Frame, Turn
from sim.population.model import Prices
from sim.population.queueing.parameters import Station
from sim.population.result import Calibrated

OWN = Path(__file__).with_name("calibration.json")
"""The one that is shipped."""


class Service(Struct, forbid_unknown_fields=True):
    """A process. Work of items is log-normal about its mean, with this sigma; a batch and a commit
    cost something by themselves (of an edge, a batch that it sends to a host). `memory_mb`: of one
    that has nothing to do. `beside`: CPU of its other threads, for that of its loop on items;
    `beside_batch_us`: and for a batch. Populations do without `beside_batch_us`, for the more there
    is to do, the fewer batches it is done in."""

    work_sigma: float
    batch_us: float
    memory_mb: float
    commit_us: float = 0.0
    commit_item_us: float = 0.0
    beside: float = 0.0
    beside_batch_us: float = 0.0


class Measured(Struct, forbid_unknown_fields=True):
    """Up to which loads it was measured: beyond them, reports say so."""

    messages_per_s: float
    connections: int
    group: int


class Calibration(Struct, forbid_unknown_fields=True):
    """`turns_us` by name of `fanout.Turn`, `frames_us` of `fanout.Frame`: CPU time of one. Of
    media, CPU time for a file, and for a MB. `copy_share`: of a host's work, what a further copy
    costs the host that has it. `rest_mb`, `rest_cores`: all other processes of a node (Ray, front,
    HAProxy). `row_bytes`: on the disk."""

    version: str
    machine: str
    made: str
    turns_us: dict[str, float]
    frames_us: dict[str, float]
    host: Service
    edge: Service
    media: Service
    media_in_us: float
    media_in_us_per_mb: float
    media_out_us: float
    media_out_us_per_mb: float
    copy_share: float
    rest_mb: float
    rest_cores: float
    actor_bytes: float
    connection_bytes: float
    row_bytes: float
    measured: Measured

    def prices(self, speed: float = 1.0) -> Prices:
        """In nanoseconds, on cores so many times as fast as those it was measured on."""
        return Prices(
            tuple(round(self.turns_us[turn.name.lower()] * 1e3 / speed) for turn in Turn),
            tuple(round(self.frames_us[frame.name.lower()] * 1e3 / speed) for frame in Frame),
            round(self.media_in_us * 1e3 / speed),
            round(self.media_in_us_per_mb / speed),
            round(self.media_out_us * 1e3 / speed),
            round(self.media_out_us_per_mb / speed),
            self.copy_share,
        )

    def station(self, service: Service, work_s: float, sync_s: float, speed: float) -> Station:
        """A process whose items are of this work at the mean; `sync_s`: what a sync of its disk
        takes beyond those that were measured."""
        commits = service.commit_us > 0
        return Station(
            work_s=work_s,
            work_sigma=service.work_sigma,
            batch_s=service.batch_us / 1e6 / speed,
            commit_s=service.commit_us / 1e6 + (sync_s if commits else 0.0),
            commit_item_s=service.commit_item_us / 1e6 / speed,
            at_once=commits,
        )

    def stale(self) -> str:
        """Why it does not fit this version; empty if it does."""
        now = version("heliograph")
        if self.version == now:
            return ""
        return f"calibrated with version {self.version}, and this is {now}"

    def told(self) -> Calibrated:
        return Calibrated(self.version, self.machine, self.made, self.stale())


@cache
def read(path: Path = OWN) -> Calibration:
    """Raises Told for what is none."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        words = f"{path}: {error.strerror}; make one: heliograph sim population calibrate"
        raise Told(words) from error
    except msgspec.MsgspecError as error:
        raise Told(f"{path} is not a calibration: {error}") from error
    for names, known, field in (
        (found.turns_us, Turn, "turns_us"),
        (found.frames_us, Frame, "frames_us"),
    ):
        missing = {each.name.lower() for each in known} ^ set(names)
        if missing:
            raise Told(f"{path}: {field}: {', '.join(sorted(missing))} is missing or unknown")
    return found


def write(calibration: Calibration, path: Path) -> None:
    """As JSON. Raises Told and OSError."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(calibration)) + b"\n")
