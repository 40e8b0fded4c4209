"""Stretches of a run in files of a folder, so that a long run goes on where it was ended."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from heliograph.failing import Told
from sim.files import write_whole
from sim.population.inputs import Values
from sim.population.queueing.station import State
from sim.population.stretch import Found, Left

ARRAYS = tuple(field.name for field in fields(Found) if field.name not in ("first", "end"))
HEAD = "run.json"


class Head(msgspec.Struct, frozen=True):
    """Which run it is of: `words` for people, `digest` of all that its numbers depend on."""

    words: str
    digest: str


class Saved:
    """What a run saves in `folder`, which is made where there is none. Raises Told where another
    run has saved something there."""

    def __init__(self, folder: Path, head: Head) -> None:
        self._folder = folder
        path = folder / HEAD
        try:
            folder.mkdir(exist_ok=True)
            if not path.exists():
                if next(folder.iterdir(), None) is not None:
                    raise Told(f"--save: {folder} has other files: name a new folder")
                write_whole(path, msgspec.json.encode(head))
            found = msgspec.json.decode(path.read_bytes(), type=Head)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise Told(f"--save: {folder} cannot be used: {error}") from error
        if found != head:
            other = found.words if found.words != head.words else "another version, or calibration"
            raise Told(f"--save: {folder} is of another run ({other}): name a new folder")

    def has(self, first: int) -> bool:
        """Whether the stretch that begins with this minute is there."""
        return self._path(first).exists()

    def write(self, found: Found) -> None:
        """Raises Told."""
        try:
            content = BytesIO()
            np.savez_compressed(content, allow_pickle=False, **_arrays(found))
            write_whole(self._path(found.first), content.getvalue())
        except OSError as error:
            raise Told(f"--save: {self._folder} cannot be written: {error}") from error

    def read(self, first: int) -> Found:
        """Raises Told."""
        path = self._path(first)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return _found(first, dict(arrays))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise Told(f"--save: {path} is not what was written ({error}): remove it") from error

    def _path(self, first: int) -> Path:
        return self._folder / f"minute-{first:06}.npz"


def head_of(words: str, *inputs: Any) -> Head:
    """`inputs`: all that the numbers depend on, beside the code of this folder."""
    digest = hashlib.sha256(msgspec.json.encode(inputs, enc_hook=_plain))
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return Head(words, digest.hexdigest())


def _plain(value: Any) -> Any:
    """A scenario's values, and its keys that are pairs of regions. Of anything else it would not be
    known that it says the same in every process."""
    if isinstance(value, Values):
        return value.all()
    assert isinstance(value, tuple), value
    return repr(value)


def _arrays(found: Found) -> dict[str, Any]:
    queues = found.end.queues
    told = {name: getattr(found, name) for name in ARRAYS}
    told["cores_ns"] = np.array(found.end.cores_ns, np.int64)
    for node, state in enumerate(queues):
        told[f"backlog_ns {node}"], told[f"waiting {node}"] = state.backlog_ns, state.waiting
        for station, ring in state.returning.items():
            told[f"returning {node} {station}"] = ring
    return told


def _found(first: int, told: dict[str, Any]) -> Found:
    cores_ns = tuple(told["cores_ns"].tolist())
    returning: list[dict[int, Any]] = [{} for _ in cores_ns]
    for name in told:
        if name.startswith("returning "):
            node, station = map(int, name.split()[1:])
            returning[node][station] = told[name]
    queues = tuple(
        State(told[f"backlog_ns {node}"], told[f"waiting {node}"], back)
        for node, back in enumerate(returning)
    )
    arrays = {name: told[name] for name in ARRAYS}
    return Found(first=first, end=Left(queues, cores_ns), **arrays)
