"""`heliograph sim population …`: the commands. What they do is imported when they are called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from heliograph.admin import showing
from heliograph.command_line import App
from heliograph.failing import Told
from sim.files import writable

if TYPE_CHECKING:
    from sim.population import scenario as scenarios
    from sim.population.plan import Plan
    from sim.population.result import Result

USERS_MAX = 10_000_000_000
SEED_MAX = 2**32 - 1

app = App(help="Models of millions of users.", no_args_is_help=True)

Scenario = Annotated[
    str, typer.Argument(help="A scenario that comes along, or a file (see docs/simulation.md).")
]
Users = Annotated[int | None, typer.Option(min=1, max=USERS_MAX, help="People.")]
Days = Annotated[int | None, typer.Option(min=1, max=366, help="Days from a midnight in UTC.")]
Seed = Annotated[int, typer.Option(min=0, max=SEED_MAX, help="What chance begins with.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="Processes; the result is the same for any number."),
]
Ray = Annotated[
    bool, typer.Option("--ray", help="Work as tasks of a Ray cluster (RAY_ADDRESS), or here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as the last line.")]


@app.callback()
def _group() -> None:
    """How a server fares with so many people: each command says one thing about it."""


@app.command()
def run(
    scenario: Scenario = "consumer-day",
    users: Users = None,
    days: Days = None,
    seed: Seed = 1,
    workers: Workers = None,
    ray: Ray = False,
    html: Annotated[Path | None, typer.Option(help="Write a report to look at.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result (JSON) to a file.")] = None,
    save: Annotated[
        Path | None,
        typer.Option(help="A folder for what is done, and to go on from what is there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let people live for a day on machines, and tell how these fare.

    Ctrl-C ends it with what is known by then.
    """
    for path in (html, out):
        if path is not None:
            writable(path)
    if save is not None and not save.parent.is_dir():
        raise Told(f"--save: there is no folder {save.parent}")
    from sim.population import scenario as scenarios
    from sim.population.whole import simulate

    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    told = scenarios.load(scenario)
    processes = workers or os.cpu_count() or 1
    result = simulate(told, users, days, seed, processes, ray, console, save=save)
    show(console, result)
    if out is not None:
        from sim.population import result as results

        results.write(result, out)
    if html is not None:
        from sim.population.report import write

        write(result, html)
        console.print(f"report: {html}", markup=False)
    if as_json:
        print_json(result)


@app.command()
def plan(
    scenario: Scenario = "consumer-day",
    users: Users = None,
    slo: Annotated[
        str, typer.Option(help="How fast messages shall be there: p50, p99 or p99.9.")
    ] = "p99=500ms",
    max_util: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="How busy the busiest process may be.")
    ] = 0.6,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """How many machines so many people need, and which input that depends on most."""
    from sim.population import calibration
    from sim.population import plan as plans
    from sim.population import scenario as scenarios

    aim = plans.Aim.of(slo)
    told = scenarios.load(scenario)
    calibrated = calibration.read()
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    with console.status("planning"):
        found = plans.plan(told, calibrated, users or told.users, seed, aim, max_util)
    show_plan(console, told, calibrated.stale(), users or told.users, found, slo)
    if as_json:
        print_json(found)


@app.command()
def calibrate(
    url: Annotated[
        str | None,
        typer.Option(
            help="A server of one host and one edge on this machine, started with --flood off.",
            show_default="one that is started for it",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it.", show_default="for all runs to read")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1.0, max=20.0, help="How long each load on the server lasts.")
    ] = 5.0,
) -> None:
    """Measure on this machine what turns, frames, commits and processes take.

    Let nothing else run meanwhile. Ctrl-C ends it, and then nothing is written.
    """
    from api.urls import server_url
    from sim.population import calibration

    path = out or calibration.OWN
    writable(path)
    try:
        found_url = None if url is None else server_url(url)
    except ValueError as error:
        raise Told(f"--url: {error}") from error
    from sim.population.calibrating.show import show as show_calibration
    from sim.population.calibrating.whole import measure, put_together

    console = Console(highlight=False, soft_wrap=True)
    with console.status("a server") as status:
        found = measure(found_url, seconds, status.update)
    made = put_together(found)
    show_calibration(console, found, made)
    calibration.write(made, path)
    console.print(f"calibration: {path}", markup=False)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="The result of a run (run --out).")],
    b: Annotated[Path, typer.Argument(help="That of another.")],
    html: Annotated[Path | None, typer.Option(help="Write it as a page to look at.")] = None,
) -> None:
    """Two runs side by side: what is different, by how much, and what may be chance."""
    if html is not None:
        writable(html)
    from sim.population import compare as compares
    from sim.population import result as results
    from sim.population.report import comparison

    found = compares.compare(results.read(a), results.read(b), (a.stem, b.stem))
    console = Console(highlight=False, soft_wrap=True)
    for words in (compares.headline(found), *found.others):
        console.print(words, markup=False)
    for name, values in found.inputs.items():
        console.print(f"{name}: {values[0]:,.15g} and {values[1]:,.15g}", markup=False)
    table = Table("", "A", "B", "change", "chance", "told apart")
    for each in found.figures:
        table.add_row(Text(comparison.named(each)), *comparison.told(each))
    console.print(table)
    if html is not None:
        comparison.write(found, html)
        console.print(f"page: {html}", markup=False)


@app.command()
def inputs() -> None:
    """Every input: what it is, its unit, its default, and where it comes from."""
    from sim.population.inputs import INPUTS

    table = Table("input", "default", "unit", "swept", "allowed", "confidence", "source", "what")
    for each in INPUTS.values():
        table.add_row(
            each.name,
            f"{each.default:,.15g}",
            "" if each.unit == "1" else each.unit,
            f"{each.low:,.15g} to {each.high:,.15g}",
            f"{each.least:,.15g} to {each.most:,.15g}",
            each.confidence,
            Text(each.source),
            Text(each.text),
        )
    showing.show(table)


@app.command()
def validate(
    url: Annotated[
        str | None, typer.Option(help="A server on this machine; without it one is started.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure what was predicted last, and compare.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Show all attempts, the last beside the first.")
    ] = False,
    without_batching: Annotated[
        bool,
        typer.Option(
            "--without-batching",
            help="Compare with what the model says where each request is a batch of its own.",
        ),
    ] = False,
    only: Annotated[
        str, typer.Option(help="A trial with loads that were seen (20,50): it is not kept.")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(min=0.5, max=60.0, help="How long each load takes.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="How often each is measured.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Predict what a real server does under loads that the calibration has not seen; then, when
    that is committed, measure it and compare.

    Exits with 1 where a figure is further off than is allowed.
    """
    from sim.population.validation import commands, loads

    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    chosen, where = loads.named(only), commands.checked(url)
    if not measure and not show:
        made = commands.predicted(where, seconds or loads.SECONDS, console)
        if as_json:
            print_json(made)
        return
    batching = not without_batching
    if measure:
        found = commands.measured(where, chosen, seconds, rounds, console, batching)
    else:
        found = commands.shown(console, batching)
    if as_json:
        print_json([each.figures() for each in found])
    if not all(each.within for each in found):
        raise typer.Exit(1)


def print_json(value: object) -> None:
    """As the last line."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def show_plan(
    console: Console, scenario: scenarios.Scenario, stale: str, users: int, found: Plan, slo: str
) -> None:
    """A plan in words."""
    from sim.population.report import numbers

    if stale:
        console.print(f"NOT CALIBRATED for this version: {stale}", markup=False)
    values = scenario.values
    console.print(
        f"{users:,} people ({scenario.name}) need {sum(found.nodes)} machines of "
        f"{values.whole('node.cores')} cores, {values['node.memory_gb']:,.0f} GB of memory and "
        f"{values['node.disk_gb']:,.0f} GB of disk, with {values.whole('node.hosts')} hosts, "
        f"{values.whole('node.edges')} edges and {values.whole('node.media')} media actors each:",
        markup=False,
    )
    for region, nodes in zip(scenario.regions, found.nodes, strict=True):
        console.print(f"  {region.name}: {nodes}", markup=False)
    if found.people > 1.5 * users:
        console.print(
            f"They grow: it is for the busiest day, on which {found.people:,} people are there.",
            markup=False,
        )
    met = "" if found.met else ", which is MISSED (ways between regions alone may take longer)"
    console.print(
        f"busiest process or machine {found.utilisation:.0%} in the busiest minute; "
        f"{slo.split('=')[0]} {found.ms:,.0f} ms (sought {slo}){met}",
        markup=False,
    )
    stored, copies = numbers.gigabytes(found.gb_per_day), values.whole("cluster.copies")
    console.print(
        f"DISKS: {stored} are stored a day, with {copies} copies of each: "
        f"these are full after {found.days_until_full:,.1f} days",
        markup=False,
    )
    if found.price:
        console.print(f"they cost {found.price:,.0f} a year (node.price)", markup=False)
    table = Table(
        Column("it depends most on", no_wrap=True),
        "low",
        "high",
        "at low",
        "at high",
        caption=f"machines, before they are rounded up by region; now {found.machines:,.2f}",
        caption_justify="left",
    )
    for lever in found.levers[:8]:
        table.add_row(
            lever.input,
            f"{lever.low:,.15g} {lever.unit}".strip(),
            f"{lever.high:,.15g} {lever.unit}".strip(),
            f"{lever.machines_low:,.2f}",
            f"{lever.machines_high:,.2f}",
        )
    console.print(table)


def show(console: Console, result: Result) -> None:
    """The result in words."""
    if result.calibration.why:
        console.print(f"NOT CALIBRATED for this version: {result.calibration.why}", markup=False)
    minutes = result.minutes_done
    if minutes < result.days * 1440:
        console.print(f"ended after {minutes / 60:.1f} of {result.days * 24} hours", markup=False)
    totals = result.totals
    console.print(
        f"{result.users:,} people, {totals.sends:,} messages, {totals.deliveries:,} deliveries; "
        f"{len(result.nodes)} machines",
        markup=False,
    )
    latency = Table("region", "sent p50", "p99", "delivered p50", "p99", "p99.9", title="ms")
    for name, each in result.latency.items():
        latency.add_row(
            name,
            *(f"{value:,.1f}" for value in (each.send.p50_ms, each.send.p99_ms)),
            *(
                f"{value:,.1f}"
                for value in (each.deliver.p50_ms, each.deliver.p99_ms, each.deliver.p999_ms)
            ),
        )
    console.print(latency)
    ladder = Table("what fails first", "where", "now", "limit", "at times the load", "people")
    for rung in result.ladder:
        ladder.add_row(
            rung.what,
            rung.where,
            f"{rung.now:,.3g}",
            f"{rung.limit:,.6g} {rung.unit}",
            f"{rung.factor:,.2f}",
            f"{rung.users:,}",
        )
    console.print(ladder)
    for words in result.extrapolated:
        console.print(f"extrapolated: {words}", markup=False)
