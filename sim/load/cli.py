"""`heliograph load`: the command, and the order of a measurement.

The floor is driven before and after the server, a quarter of the time each, with the same number of
pairs and the same window, so that a machine whose speed drifts is noticed on both sides.
"""

from __future__ import annotations

import json
import resource
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import httpx2
import msgspec
import typer
import uvloop
from rich.console import Console
from rich.status import Status

from api import limits
from api.errors import ApiError
from api.urls import server_url
from heliograph.failing import Told
from sim.load.accounts import Accounts, Http
from sim.load.endpoint import Endpoint
from sim.load.floor_process import floor_accounts, floor_server
from sim.load.interrupt import on_interrupt
from sim.load.outcome import Outcome, show
from sim.load.run import Account, Plan, Run, Say, TokensRefused
from sim.load.sender import IN_FLIGHT_MAX
from sim.load.workers import drive_processes

RUN_FILE = Path("heliograph-data/run.json")
DEFAULT_URL = "http://127.0.0.1:8000"
FLOOR_S_MIN = 1.0
FLOOR_S_MAX = 5.0
FLOOR_DRAIN_S = 5.0
PAIRS_MAX = 10_000
WINDOW_MAX = IN_FLIGHT_MAX
TOKENS_TRIES = 3


class RunFile(msgspec.Struct):
    """What a running server leaves in its data folder."""

    url: str = DEFAULT_URL


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    data: Path | None
    processes: int
    floor: bool


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
            f"of the time (at most {FLOOR_S_MAX:g} s) before and again after.",
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
    show(console, _title(target, plan), summary)
    if as_json:
        print(json.dumps(summary), flush=True)
    if any(summary[fault] for fault in ("lost", "duplicated", "reordered", "corrupted")):
        raise typer.Exit(1)


async def measure(target: Target, plan: Plan, status: Status | None = None) -> dict[str, Any]:
    """Floor, server, floor: the summary of all three."""

    def say(what: str) -> None:
        if status is not None:
            status.update(what)

    async with Http(target.url) as http:
        config = await http.config()
        accounts = Accounts(http, config.server_id)
        users = await _users(accounts, plan, say)
        before = await _floor(target, plan, say)
        for attempt in range(TOKENS_TRIES):
            try:
                outcome = await _drive(target, plan, http, config.ws_url, users, say)
                break
            except TokensRefused as refused:
                if attempt == TOKENS_TRIES - 1:
                    raise ApiError("unauthorized", "new users' tokens are refused") from None
                accounts.forget(refused.user_ids)
                users = await _users(accounts, plan, say)
        after = await _floor(target, plan, say)
    summary = {**_shape(plan), **outcome.summary()}
    if plan.fanout:
        summary["deliveries_per_s"] = summary.pop("delivered_per_s")
    if before is not None and after is not None:
        before.add(after)
        before.seconds += after.seconds
        bare = before.summary()
        summary["floor_per_s"] = bare["sent_per_s"]
        summary["floor_p50_ms"] = bare["p50_ms"]
        summary["floor_p99_ms"] = bare["p99_ms"]
        summary["floor_client_us_per_message"] = bare["client_us_per_message"]
        summary["floor_ratio"] = round(outcome.sent / outcome.seconds / bare["sent_per_s"], 4)
    return summary


async def _users(accounts: Accounts, plan: Plan, say: Say) -> list[Account]:
    return await accounts.take(
        plan.accounts, lambda have, want: say(f"registering users: {have} of {want}")
    )


async def _drive(
    target: Target, plan: Plan, http: Http, ws_url: str, users: list[Account], say: Say
) -> Outcome:
    if target.processes > 1:
        return await drive_processes(plan, ws_url, target.url, users, target.processes, say)
    run = Run(plan, Endpoint(ws_url, http.ws_url), users, say)
    with on_interrupt(run.end):
        return await run.drive()


async def _floor(target: Target, plan: Plan, say: Say) -> Outcome | None:
    if not target.floor:
        return None
    seconds = min(FLOOR_S_MAX, max(FLOOR_S_MIN, plan.seconds / 4))
    bare = replace(plan, seconds=seconds, verify=False, paced=False, drain_s=FLOOR_DRAIN_S)
    users = floor_accounts(bare)
    async with floor_server(target.data) as ws_url:

        def say_floor(what: str) -> None:
            say(f"floor: {what}")

        if target.processes > 1:
            return await drive_processes(bare, ws_url, "", users, target.processes, say_floor)
        return await Run(bare, Endpoint(ws_url), users, say_floor).drive()


def _target(url: str | None, data: Path | None, processes: int, floor: bool) -> Target:
    """The server to load, and the folder for the floor: beside the data of a local server."""
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


def _shape(plan: Plan) -> dict[str, Any]:
    if plan.fanout:
        return {"fanout": plan.fanout, "window": plan.window}
    loop = {"rate": plan.rate} if plan.rate else {"window": plan.window}
    return {"pairs": plan.pairs, **loop}


def _title(target: Target, plan: Plan) -> str:
    shape = ", ".join(f"{name} {value:g}" for name, value in _shape(plan).items())
    return f"{target.url}: {shape}, {plan.seconds:g} s"


def _raise_file_limit() -> None:
    """Each connection is an open file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
