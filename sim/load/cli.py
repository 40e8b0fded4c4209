"""`heliograph load`: the command. What it does is imported when it is called: this is imported for
every other command, too."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from api import limits
from api.errors import ApiError
from api.urls import server_url
from heliograph.failing import Told
from sim.load.sender import IN_FLIGHT_MAX

if TYPE_CHECKING:
    from sim.load.measurement import Target

RUN_FILE = Path("heliograph-data/run.json")
DEFAULT_URL = "http://127.0.0.1:8000"
PAIRS_MAX = 10_000
WINDOW_MAX = IN_FLIGHT_MAX


class RunFile(msgspec.Struct):
    """What a running server leaves in its data folder."""

    url: str = DEFAULT_URL


def command(
    url: Annotated[
        str | None,
        typer.Option(help=f"The server; by default the one in ./{RUN_FILE}, or {DEFAULT_URL}."),
    ] = None,
    pairs: Annotated[
        int, typer.Option(min=1, max=PAIRS_MAX, help="Pairs of users, each with a private chat.")
    ] = 50,
    window: Annotated[
        int,
        typer.Option(
            min=1,
            max=WINDOW_MAX,
            help="Messages in flight per pair: half of them from the first user to the second, "
            "the rest back (with 1, the two take turns). A message is in flight until it is "
            "acknowledged to its sender and received by the other. With --fanout: per group.",
        ),
    ] = 8,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long to send; Ctrl-C ends it earlier.")
    ] = 10.0,
    rate: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Open loop: so many messages per second over all pairs, sent on schedule whatever "
            "the answers do; latency counts from the scheduled time. --window does not apply.",
        ),
    ] = 0.0,
    fanout: Annotated[
        int,
        typer.Option(
            min=0,
            help="In place of pairs: one group of so many online members, of whom one sends.",
        ),
    ] = 0,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Load processes that share the pairs.")
    ] = 1,
    floor: Annotated[
        bool,
        typer.Option(
            "--floor/--no-floor",
            help="Also measure what bare sockets and one fsync per batch reach here, for a quarter "
            "of the time (a few seconds at most) before and again after.",
        ),
    ] = True,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="At the end connect anew, fetch the differences, and read the histories back.",
        ),
    ] = True,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            exists=True,
            help="The folder on whose file system the floor writes: the server's data folder.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Put load on a running server with real clients, and count what was lost or doubled.

    Messages carry numbers; connections that drop come back, catch up and repeat what was not
    answered, so that the server may be killed meanwhile. Exits with 1 when an acknowledged message
    was lost, doubled, reordered or changed, and with 2 when the server can't be used.
    """
    if fanout == 1 or fanout > limits.GROUP_MEMBERS_MAX:
        raise Told(
            f"--fanout takes 2 to {limits.GROUP_MEMBERS_MAX} members: larger groups and channels "
            "do not exist yet"
        )
    if fanout and (processes > 1 or rate):
        raise Told("--fanout runs in one process and with a window: no --processes, no --rate")
    import httpx2
    import uvloop

    from sim.load.measurement import measure, title
    from sim.load.outcome import show
    from sim.load.run import Plan

    console = Console(stderr=as_json)
    plan = Plan(pairs, window, seconds, rate, fanout, verify)
    target = _target(url, data, min(processes, pairs), floor)
    _raise_file_limit()
    try:
        with console.status("looking for the server") as status:
            summary = uvloop.run(measure(target, plan, status))
    except (ApiError, httpx2.HTTPError, OSError) as problem:
        raise Told(
            f"{target.url} can't be used: {problem or type(problem).__name__}; start a server with "
            "`heliograph up`, or name one with --url"
        ) from problem
    show(console, title(target, plan), summary)
    if as_json:
        print(json.dumps(summary), flush=True)
    if any(summary[fault] for fault in ("lost", "duplicated", "reordered", "corrupted")):
        raise typer.Exit(1)


def _target(url: str | None, data: Path | None, processes: int, floor: bool) -> Target:
    """The server to load, and the folder for the floor: beside the data of a local server."""
    from sim.load.measurement import Target

    local = None
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
    return Target(url, data, processes, floor)


def _raise_file_limit() -> None:
    """Each connection is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
