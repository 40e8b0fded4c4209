"""What the command line says of a load, laid over what a scenario says. Pure, but for the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from api import limits
from sim.load.plan import Chats, Plan
from sim.load.scenario import read_scenario
from sim.tables import TableError

RUN_FILE = Path("heliograph-data/run.json")
DEFAULT_URL = "http://127.0.0.1:8000"
PAIRS = 50
SECONDS = 10.0


class Given(NamedTuple):
    """The options; None: not given."""

    pairs: int | None = None
    window: int | None = None
    seconds: float | None = None
    rate: float | None = None
    fanout: int | None = None
    processes: int | None = None
    abort_below: float | None = None
    verify: bool = True


def plan_of(scenario: Path | None, given: Given) -> Plan:
    """Raises TableError, OSError."""
    plan = Plan((Chats(PAIRS),), SECONDS) if scenario is None else read_scenario(scenario)
    changes: dict[str, Any] = {
        name: getattr(given, name)
        for name in ("seconds", "processes", "abort_below")
        if getattr(given, name) is not None
    }
    if not given.verify:
        changes["verify"] = False
    if given.fanout:
        changes["chats"] = (_group(given.fanout),)
    elif given.pairs is not None:
        changes["chats"] = (Chats(given.pairs),)
    if given.window is not None and given.rate:
        raise TableError("--window and --rate: there is either a window or a rate")
    if given.rate:
        changes |= {"rate": given.rate, "window": None}
    elif given.window is not None:
        chats = changes.get("chats", plan.chats)
        changes |= {"window": given.window, "rate": None, "arrivals": "even", "burst": 1}
        changes["chats"] = tuple(replace(each, share=None) for each in chats)
    try:
        return replace(plan, **changes)
    except ValueError as error:
        raise TableError(f"these options: {error}") from error


def _group(size: int) -> Chats:
    most = limits.GROUP_MEMBERS_MAX
    if not 2 <= size <= most:
        raise TableError(
            f"--fanout takes 2 to {most} members: larger groups and channels do not exist yet"
        )
    return Chats(1, size, 1)
