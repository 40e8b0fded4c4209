"""What the commands do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import typer
import uvloop
from rich.console import Console

from api.errors import ApiError
from api.urls import server_url
from heliograph.failing import Told
from sim.load.compare import differences
from sim.load.figures import figures, title
from sim.load.machine import no_room, raise_file_limit
from sim.load.measurement import Measured, Target, measure
from sim.load.options import DEFAULT_URL, RUN_FILE, Given, plan_of
from sim.load.plan import Plan
from sim.load.saved import (
    SavedError,
    SavedRun,
    check_place,
    new_run,
    read_run,
    save_run,
    to_be_saved,
)
from sim.load.show import show, show_differences
from sim.load.side_by_side import beside, followed, notes, repetitions
from sim.tables import TableError

FAULTS = ("lost", "duplicated", "reordered", "corrupted")


class RunFile(msgspec.Struct):
    """What a running server leaves in its data folder."""

    url: str = DEFAULT_URL


def run(
    scenario: Path | None,
    given: Given,
    url: str | None,
    data: Path | None,
    floor: bool,
    repeat: int,
    save: Path | None,
    as_json: bool,
) -> None:
    """`heliograph load`."""
    try:
        plan = plan_of(scenario, given)
        target = _target(url, data, floor)
        run = new_run(target.url, plan)
        run = to_be_saved(save, run) if save is not None else run
    except (TableError, SavedError) as error:
        raise Told(str(error)) from error
    raise_file_limit()
    if problem := no_room(plan.users + plan.idle, plan.processes):
        raise Told(problem)
    had = len(run.repetitions)
    with Console(stderr=as_json).status("looking for the server") as status:
        for _ in range(repeat):
            run.repetitions.append(_measured(target, plan, status.update))
            if save is not None:
                save_run(save, run)
            if run.repetitions[-1].outcome.aborted:
                break
    _tell(run, run.repetitions[had:], as_json)


def compare(a: Path, b: Path, as_json: bool) -> None:
    """`heliograph load compare`."""
    first, second = _read(a), _read(b)
    found = differences(repetitions(first), repetitions(second))
    told = notes(first, second)
    show_differences(Console(stderr=as_json), found, told)
    if as_json:
        _print({"figures": [each.figures() for each in found], "notes": told})


def merge(paths: list[Path], save: Path | None, as_json: bool) -> None:
    """`heliograph load merge`."""
    total = beside([_read(path) for path in paths])
    if save is not None:
        try:
            check_place(save)
        except SavedError as error:
            raise Told(str(error)) from error
        if save.exists():
            raise Told(f"{save}: there is such a file already")
        save_run(save, total)
    _tell(total, total.repetitions, as_json)


def _measured(target: Target, plan: Plan, say: Any) -> Measured:
    try:
        return uvloop.run(measure(target, plan, say))
    except (ApiError, httpx2.HTTPError, OSError) as problem:
        raise Told(
            f"{target.url} can't be used: {problem or type(problem).__name__}; start a server with "
            "`heliograph up`, or name one with --url"
        ) from problem


def _tell(run: SavedRun, measured: list[Measured], as_json: bool) -> None:
    """Show what these repetitions come to together. Raises `typer.Exit` where it is not good."""
    total = followed(measured)
    found = figures(run.plan, total.outcome, total.floor)
    show(Console(stderr=as_json), title(run.url, run.plan), found)
    if len(measured) > 1:
        found["repetitions"] = [figures(run.plan, m.outcome, m.floor) for m in measured]
    if as_json:
        _print(found)
    if total.outcome.aborted or any(found[fault] for fault in FAULTS):
        raise typer.Exit(1)


def _read(path: Path) -> SavedRun:
    try:
        return read_run(path)
    except SavedError as error:
        raise Told(str(error)) from error


def _print(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


def _target(url: str | None, data: Path | None, floor: bool) -> Target:
    """The server to load, and the folder for the floor: beside the data of a local server."""
    try:
        local = msgspec.json.decode(RUN_FILE.read_bytes(), type=RunFile).url
    except (OSError, msgspec.MsgspecError):
        local = None
    try:
        url = server_url(local or DEFAULT_URL if url is None else url)
    except ValueError as error:
        raise Told(f"--url: {error}") from error
    if data is None and local is not None and local.rstrip("/") == url:
        data = RUN_FILE.parent
    return Target(url, data, floor)
