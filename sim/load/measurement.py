"""The order of a measurement.

The floor is driven before and after the server, a quarter of the time each, with the same number of
pairs and the same window, so that a machine whose speed drifts is noticed on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.status import Status

from api.errors import ApiError
from sim.load.accounts import Accounts, Http
from sim.load.endpoint import Endpoint
from sim.load.floor_process import floor_accounts, floor_server
from sim.load.interrupt import on_interrupt
from sim.load.outcome import Outcome
from sim.load.run import Account, Plan, Run, Say, TokensRefused
from sim.load.workers import drive_processes

FLOOR_S_MIN, FLOOR_S_MAX = 1.0, 5.0
FLOOR_DRAIN_S = 5.0
TOKENS_TRIES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """The server; the folder on whose file system the floor writes; how many load processes share
    the pairs; whether the floor is measured."""

    url: str
    data: Path | None
    processes: int
    floor: bool


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


def _shape(plan: Plan) -> dict[str, Any]:
    if plan.fanout:
        return {"fanout": plan.fanout, "window": plan.window}
    loop = {"rate": plan.rate} if plan.rate else {"window": plan.window}
    return {"pairs": plan.pairs, **loop}


def title(target: Target, plan: Plan) -> str:
    """What was measured, in one line."""
    told = ", ".join(f"{name} {value:g}" for name, value in _shape(plan).items())
    return f"{target.url}: {told}, {plan.seconds:g} s"
