"""The order of a measurement.

The floor is driven before and after the server, a quarter of the time each, with the same chats and
the same window, so that a machine whose speed drifts is noticed on both sides.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from api.errors import ApiError
from sim.load.accounts import Accounts
from sim.load.floor_process import floor_accounts, floor_server
from sim.load.http import Http
from sim.load.outcome import Outcome
from sim.load.plan import Plan, Say
from sim.load.run import TokensRefused
from sim.load.workers import Work, drive

FLOOR_S_MIN, FLOOR_S_MAX = 1.0, 5.0
TOKENS_TRIES = 3


@dataclass(frozen=True, slots=True)
class Target:
    """The server; the folder on whose file system the floor writes; whether the floor is
    measured."""

    url: str
    data: Path | None
    floor: bool


class Measured(Struct):
    """One repetition of a run, begun at this Unix time."""

    began_s: float
    outcome: Outcome
    floor: Outcome | None = None


async def measure(target: Target, plan: Plan, say: Say) -> Measured:
    """Floor, server, floor."""
    began_s = time.time()
    before = await _floor(target, plan, say)
    outcome = await _server(target, plan, say)
    after = await _floor(target, plan, say) if not outcome.aborted else None
    if before is not None and after is not None:
        before.follow(after)
    return Measured(began_s, outcome, before)


async def _server(target: Target, plan: Plan, say: Say) -> Outcome:
    async with Http(target.url) as http:
        config = await http.config()
        accounts = Accounts(http, config.server_id)
        for _ in range(TOKENS_TRIES):
            users = await accounts.take(
                plan.accounts, lambda have, want: say(f"registering users: {have} of {want}")
            )
            try:
                return await drive(Work(plan, config.ws_url, target.url, users), say)
            except TokensRefused as refused:
                accounts.forget(refused.user_ids)
        raise ApiError("unauthorized", "new users' tokens are refused")


async def _floor(target: Target, plan: Plan, say: Say) -> Outcome | None:
    if not target.floor or not plan.has_floor:
        return None
    seconds = min(FLOOR_S_MAX, max(FLOOR_S_MIN, plan.seconds / 4))
    bare = replace(
        plan, seconds=seconds, idle=0, churn=None, storms=(), abort_below=0.0, verify=False
    )
    users = floor_accounts(bare)
    async with floor_server(target.data) as ws_url:
        return await drive(Work(bare, ws_url, "", users), lambda what: say(f"floor: {what}"))
