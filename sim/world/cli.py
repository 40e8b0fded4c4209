"""`heliograph sim world`: runs of many seeds, and what they found."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from heliograph.command_line import App
from sim.world.coverage import runs_with

if TYPE_CHECKING:
    from sim.world.world import Outcome

TRACE_EVENTS = 80
FIRST_MAX = 10**9

app = App(help="Simulations.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Simulations of a whole server: each a command of its own."""


@app.command()
def world(
    seeds: Annotated[int, typer.Option(min=1, help="How many runs, one a seed.")] = 100,
    first: Annotated[
        int | None,
        typer.Option(min=0, help="The first seed; the others follow.", show_default="a random one"),
    ] = None,
    copies: Annotated[
        int, typer.Option(min=1, max=3, help="Copies of each partition; with 1 none is replicated.")
    ] = 1,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="Only faults of this kind; can be given several times."),
    ] = None,
    trace: Annotated[
        int, typer.Option(min=0, max=400, help="Events to show of a run that fails.")
    ] = TRACE_EVENTS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Run the production code in simulated time, with a network, disks and processes that fail, and
    check that nothing is lost, doubled, reordered or leaked.

    A run is decided by its seed: `--first SEED --seeds 1` repeats it exactly. Exits with 1 when a
    run failed.
    """
    # All of the production code, which other commands don't need.
    from sim.world.faults import KINDS
    from sim.world.world import run

    if unknown := [kind for kind in fault or () if kind not in KINDS]:
        raise typer.BadParameter(f"{unknown[0]!r}: there are {', '.join(KINDS)}")
    options = [f"--copies {copies}"] if copies > 1 else []
    options += [f"--fault '{kind}'" for kind in fault or ()]
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    start = secrets.randbelow(FIRST_MAX) if first is None else first
    console.print(f"seeds {start} to {start + seeds - 1}", markup=False)
    began_s = time.perf_counter()
    outcomes: list[Outcome] = []
    with console.status("") as status:
        for seed in range(start, start + seeds):
            outcome = run(seed, copies, fault or KINDS)
            outcomes.append(outcome)
            failed = sum(bool(each.reasons) for each in outcomes)
            status.update(f"{len(outcomes)} of {seeds} runs, {failed} failed")
            if outcome.reasons:
                show(console, outcome, trace, options)
    summary = summarise(outcomes)
    took_s = time.perf_counter() - began_s
    console.print(
        f"{summary['runs']} runs, {len(summary['failures'])} failed; "
        f"{summary['simulated_s']:.0f} simulated seconds and {summary['events']} events "
        f"in {took_s:.1f} s",
        markup=False,
    )
    if as_json:
        print(json.dumps(summary), flush=True)
    if summary["failures"]:
        raise typer.Exit(1)


def show(console: Console, outcome: Outcome, events: int, options: list[str]) -> None:
    """Tell of a run that failed, and how to repeat it."""
    for line in outcome.trace[len(outcome.trace) - events :] if events else []:
        console.print(line, markup=False)
    console.print(f"seed {outcome.seed} failed:", markup=False)
    for reason in outcome.reasons:
        console.print(f"  {reason}", markup=False)
    again = " ".join(["--first", str(outcome.seed), "--seeds 1", *options])
    console.print(f"repeat it: heliograph sim world {again}", markup=False)


def summarise(outcomes: list[Outcome]) -> dict[str, Any]:
    """The JSON object."""
    return {
        "runs": len(outcomes),
        "failures": [
            {"seed": outcome.seed, "reason": outcome.reasons[0], "reasons": len(outcome.reasons)}
            for outcome in outcomes
            if outcome.reasons
        ],
        "simulated_s": round(sum(outcome.simulated_s for outcome in outcomes), 3),
        "events": sum(outcome.events for outcome in outcomes),
        "runs_with": runs_with(outcome.seen for outcome in outcomes),
    }
