"""Attempts, of which each stays: `NNN-predicted.json`, and what was measured afterwards in
`NNN-measured.json`, `NNN-measured-2.json` and so on.

A prediction has the hashes of the calibration and of the code that made it, and is measured only
where it is committed and these are still the same: who changes the model after a measurement has to
predict anew, and both are there to be seen.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from heliograph.failing import Told
from sim.files import write_whole
from sim.population import calibration
from sim.population.validation.path import Client

FOLDER = Path(__file__).with_name("attempts")
POPULATION = Path(__file__).parents[1]
T = TypeVar("T")
MODEL = ("calibration.py", "fanout.py", "queueing/exact.py", "queueing/parameters.py")


class PredictedLoad(Struct):
    """`without_batching`: by the same model, where each item is a batch and a commit of its own."""

    name: str
    text: str
    held_out: bool
    rate: float
    figures: dict[str, float]
    without_batching: dict[str, float]


class Predicted(Struct):
    """`seen`: what the loads of the calibration were measured to be; `client` comes from them.
    `pace_s`: of the machine meanwhile (`pace`), 0 where nobody looked."""

    made: str
    version: str
    machine: str
    cores: int
    calibration: str
    model: str
    seconds: float
    capacity_per_s: float
    client: Client
    seen: dict[str, dict[str, float]]
    loads: list[PredictedLoad]
    pace_s: float = 0.0


class MeasuredLoad(Struct):
    """`paces_s`: of the machine, beside each round; `at_pace`: what the model that predicted says
    of a machine that was so fast at the median, where that is known."""

    name: str
    rounds: list[dict[str, float]]
    notices: list[str] = []
    paces_s: list[float] = []
    at_pace: dict[str, float] = {}


class Measured(Struct):
    """`commit`: where the prediction was committed."""

    made: str
    machine: str
    commit: str
    loads: list[MeasuredLoad]


class Attempt(Struct):
    number: int
    predicted: Predicted
    measured: list[Measured]


def attempts(folder: Path = FOLDER) -> list[Attempt]:
    """All, in their order. Raises Told."""
    found = []
    for path in sorted(folder.glob("*-predicted.json")):
        stem = path.name.partition("-")[0]
        measured = [_read(each, Measured) for each in _measured_paths(folder, stem)]
        found.append(Attempt(int(stem), _read(path, Predicted), measured))
    return found


def path_of(number: int, folder: Path = FOLDER) -> Path:
    return folder / f"{number:03}-predicted.json"


def keep_predicted(predicted: Predicted, folder: Path = FOLDER) -> Path:
    """As a new attempt."""
    numbers = [int(path.name.partition("-")[0]) for path in folder.glob("*-predicted.json")]
    path = path_of(max(numbers, default=0) + 1, folder)
    folder.mkdir(exist_ok=True)
    _write(path, predicted)
    return path


def keep_measured(number: int, measured: Measured, folder: Path = FOLDER) -> Path:
    """Beside the prediction, and beside what was measured of it before."""
    before = len(_measured_paths(folder, f"{number:03}"))
    more = f"-{before + 1}" if before else ""
    path = folder / f"{number:03}-measured{more}.json"
    _write(path, measured)
    return path


def to_be_measured(folder: Path = FOLDER) -> tuple[Attempt, str]:
    """The last prediction, and the commit that has it. Raises Told where it may not be measured."""
    found = attempts(folder)
    if not found:
        raise Told("nothing is predicted yet: `heliograph sim population validate` does that")
    last = found[-1]
    path = path_of(last.number, folder)
    for what, then, now in (
        ("calibration", last.predicted.calibration, calibration_hash()),
        ("model", last.predicted.model, model_hash()),
    ):
        if then != now:
            raise Told(f"the {what} is not the one that made {path.name}: predict anew first")
    return last, commit_of(path)


def commit_of(path: Path) -> str:
    """The commit that has this file as it is. Raises Told."""
    if _git(path, "status", "--porcelain", "--", path.name) == "":
        commit = _git(path, "log", "-1", "--format=%H", "--", path.name)
        if commit:
            return commit
    raise Told(f"{path} is not committed: what was predicted must be known before it is measured")


def calibration_hash() -> str:
    return _hash([calibration.OWN])


def model_hash() -> str:
    """Of the code that predicts and compares."""
    own = sorted(Path(__file__).parent.glob("*.py"))
    return _hash([*(POPULATION / name for name in MODEL), *own])


def _hash(paths: list[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _measured_paths(folder: Path, stem: str) -> list[Path]:
    return sorted(folder.glob(f"{stem}-measured*.json"), key=lambda path: (len(path.name), path))


def _git(path: Path, *words: str) -> str | None:
    """What git says of a file; None: it can't say anything."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=path.parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _write(path: Path, content: Predicted | Measured) -> None:
    write_whole(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise Told(f"{path} is not of an attempt: {error}") from error
