"""Several saved runs, or repetitions of one, taken together. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from sim.load.compare import REPETITIONS_MIN
from sim.load.figures import figures
from sim.load.measurement import Measured
from sim.load.plan import Plan
from sim.load.saved import SavedRun


def repetitions(run: SavedRun) -> list[dict[str, Any]]:
    """The figures of each."""
    return [figures(run.plan, each.outcome, each.floor) for each in run.repetitions]


def followed(measured: Sequence[Measured]) -> Measured:
    """What ran one after the other, as one."""
    total = _copy(measured[0])
    for each in measured[1:]:
        total.outcome.follow(each.outcome)
        if total.floor is not None and each.floor is not None:
            total.floor.follow(each.floor)
    return total


def beside(runs: Sequence[SavedRun]) -> SavedRun:
    """What several machines measured at the same time, as one run: their first repetitions
    together, then their second, as far as all have them."""
    total = replace(runs[0], plan=_together([run.plan for run in runs]), repetitions=[])
    for some in zip(*(run.repetitions for run in runs), strict=False):
        one = _copy(some[0])
        one.floor = None
        for each in some[1:]:
            one.outcome.add(each.outcome)
        total.repetitions.append(one)
    return total


def _together(plans: Sequence[Plan]) -> Plan:
    rates = [plan.rate or 0.0 for plan in plans]
    chats = [
        replace(kind, share=plan.rate_of(kind) / sum(rates) if any(rates) else None)
        for plan in plans
        for kind in plan.chats
    ]
    return replace(
        plans[0], chats=tuple(chats), rate=sum(rates) or None, idle=sum(p.idle for p in plans)
    )


def _copy(measured: Measured) -> Measured:
    return msgspec.convert(msgspec.to_builtins(measured), Measured)


def notes(a: SavedRun, b: SavedRun) -> list[str]:
    """What whoever compares two runs must know of them."""
    return list(_notes(a, b))


def _notes(a: SavedRun, b: SavedRun) -> Iterator[str]:
    fewest = min(len(a.repetitions), len(b.repetitions))
    if fewest < REPETITIONS_MIN:
        yield (
            f"One run has {fewest} of the {REPETITIONS_MIN} repetitions that each needs before "
            "anything can be told from chance."
        )
    for name in Plan.__struct_fields__:
        before, after = getattr(a.plan, name), getattr(b.plan, name)
        if before != after:
            yield f"They did not do the same: {name} was {_words(before)} and {_words(after)}."
    if a.machine != b.machine:
        yield f"They were made by other machines: {a.machine}, and {b.machine}."
    if not _in_turns(a, b):
        yield (
            "They were not made in turns: what changed on the machine between them looks like a "
            "difference."
        )
    for name, run in (("A", a), ("B", b)):
        said = [each["notices"][0] for each in repetitions(run) if each["notices"]]
        if said:
            yield (
                f"{name}: {len(said)} of {len(run.repetitions)} repetitions are to be read with "
                f"care; the first: {said[0]}"
            )


def _in_turns(a: SavedRun, b: SavedRun) -> bool:
    first, second = ([each.began_s for each in run.repetitions] for run in (a, b))
    return min(first) < max(second) and min(second) < max(first)


def _words(value: Any) -> str:
    return msgspec.json.encode(value).decode()
