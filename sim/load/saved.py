"""Runs as they are saved: what was asked for, and each repetition with its histograms.

Beside `NAME.json`, which `compare` and `merge` read, stands `NAME.hlog`: the same histograms as a
log of HdrHistogram's, for its tools, in nanoseconds.
"""

from __future__ import annotations

import os
import platform
import time
import zlib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from sim.files import write_whole
from sim.load.figures import figures
from sim.load.histogram import quantile_ms
from sim.load.measurement import Measured
from sim.load.plan import Plan

SUFFIX, LOG_SUFFIX = ".json", ".hlog"


class SavedError(ValueError):
    """A file of runs cannot be read or written; the message says why, in one line."""


class SavedRun(Struct):
    """All repetitions of one run."""

    url: str
    machine: str
    plan: Plan
    repetitions: list[Measured]
    format: Literal["heliograph load 1"] = "heliograph load 1"


def new_run(url: str, plan: Plan) -> SavedRun:
    return SavedRun(url, f"{platform.node()}, {os.cpu_count()} cores", plan, [])


def read_run(path: Path) -> SavedRun:
    """Raises SavedError, OSError."""
    if path.exists() and not path.is_file():
        raise SavedError(f"{path}: not a file")
    try:
        found = msgspec.json.decode(path.read_bytes(), type=SavedRun)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SavedError(f"{path}: not a run that `heliograph load --save` wrote") from error
    if not found.repetitions:
        raise SavedError(f"{path}: a run without a repetition")
    try:
        for each in found.repetitions:
            figures(found.plan, each.outcome, each.floor)
    except (ValueError, zlib.error) as error:
        raise SavedError(f"{path}: damaged: {error}") from error
    return found


def check_place(path: Path) -> None:
    """Whether a run can be saved there; asked before anything is measured. Raises SavedError."""
    if path.suffix != SUFFIX:
        raise SavedError(f"{path}: the name of a saved run ends in {SUFFIX}")
    if not path.parent.is_dir():
        raise SavedError(f"{path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise SavedError(f"{path}: the folder cannot be written to")


def to_be_saved(path: Path, run: SavedRun) -> SavedRun:
    """The run that this file has, to go on with, or else this new one. Raises SavedError,
    OSError."""
    check_place(path)
    if not path.exists():
        return run
    found = read_run(path)
    if (found.plan, found.url) != (run.plan, run.url):
        raise SavedError(
            f"{path}: it has another run, of {found.url}; repetitions of the same are added to a "
            "file, others need one of their own"
        )
    return found


def save_run(path: Path, run: SavedRun) -> None:
    """Write both files. Raises OSError."""
    write_whole(path, msgspec.json.encode(run))
    write_whole(path.with_suffix(LOG_SUFFIX), log_of(run).encode())


def log_of(run: SavedRun) -> str:
    """The histograms as lines of a log, each tagged with what it is of."""
    start_s = run.repetitions[0].began_s
    lines = [
        f"#[{run.url}, heliograph load]",
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {start_s:.3f} (seconds since epoch), {time.ctime(start_s)}]",
        f"#[BaseTime: {start_s:.3f} (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    for each in run.repetitions:
        at = f"{each.began_s - start_s:.3f},{each.outcome.seconds:.3f}"
        for kind, latencies in sorted(each.outcome.latencies.items()):
            for clock in ("intended", "service"):
                histogram: str = getattr(latencies, clock)
                longest_ms = quantile_ms(histogram, 100)
                lines.append(f"Tag={kind}.{clock},{at},{longest_ms:.3f},{histogram}")
    return "\n".join(lines) + "\n"
