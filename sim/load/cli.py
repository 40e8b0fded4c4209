"""`heliograph load`: its commands. What they do is imported when they are called: this is imported
for every other command, too."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from heliograph.command_line import App
from heliograph.failing import Told
from sim.load.options import DEFAULT_URL, PAIRS, RUN_FILE, SECONDS, Given
from sim.load.plan import CHATS_MAX, PROCESSES_MAX, RATE_MAX, SECONDS_MAX, WINDOW, WINDOW_MAX

REPEAT_MAX = 100
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


class RunByDefault(TyperGroup):
    """`heliograph load` without the name of a command runs a load."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = args[:1] and args[0] in self.commands
        return super().parse_args(ctx, args if known else ["run", *args])


app = App(cls=RunByDefault, help="Load on a running server.")


@app.command()
def run(
    scenario: Annotated[
        Path | None,
        typer.Argument(
            help="A TOML file whose table `load` says what to do; options change what it says.",
            show_default="pairs of users",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help=f"The server; by default the one in ./{RUN_FILE}, or {DEFAULT_URL}."),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=CHATS_MAX,
            help="Pairs of users, each with a private chat.",
            show_default=str(PAIRS),
        ),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=WINDOW_MAX,
            help="Messages in flight per chat: half of them from the first user of a pair to the "
            "second, the rest back (with 1, the two take turns). A message is in flight until it "
            "is acknowledged to its sender and received by all others.",
            show_default=str(WINDOW),
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=SECONDS_MAX,
            help="How long to send; Ctrl-C ends it earlier.",
            show_default=f"{SECONDS:g}",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=RATE_MAX,
            help="Open loop: so many messages per second over all chats, sent on schedule whatever "
            "the answers do; latency counts from the scheduled time. In place of --window.",
        ),
    ] = None,
    fanout: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="In place of pairs: one group of so many online members, of whom one sends.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=PROCESSES_MAX,
            help="Load processes that share the chats.",
            show_default="1",
        ),
    ] = None,
    abort_below: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            help="End it, and exit with 1, when of all that was tried in five seconds fewer per "
            "cent succeeded.",
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, max=REPEAT_MAX, help="So many times, one after the other.")
    ] = 1,
    save: Annotated[
        Path | None,
        typer.Option(
            help="Add it to the run in this file (NAME.json), for `heliograph load compare`; "
            "NAME.hlog beside it has the histograms for other tools."
        ),
    ] = None,
    floor: Annotated[
        bool,
        typer.Option(
            "--floor/--no-floor",
            help="Also measure what bare sockets and one fsync per batch reach here, for a quarter "
            "of the time (a few seconds at most) before and again after; not for mixed loads.",
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
    as_json: AsJson = False,
) -> None:
    """Put load on a running server with real clients, and count what was lost or doubled.

    Messages carry numbers; connections that drop come back, catch up and repeat what was not
    answered, so that the server may be killed meanwhile. Exits with 1 when an acknowledged message
    was lost, doubled, reordered or changed, or too little succeeded, and with 2 when the server
    can't be used. `heliograph load compare A B` puts two saved runs side by side, and
    `heliograph load merge A B …` adds up what several machines measured at the same time.
    """
    given = Given(pairs, window, seconds, rate, fanout, processes, abort_below, verify)
    _commands().run(scenario, given, url, data, floor, repeat, save, as_json)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A saved run.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Say of two saved runs what differs by more than noise.

    Each needs five repetitions (`--repeat 5 --save FILE`, or several runs with the same --save);
    taken in turns, they share what the machine went through meanwhile.
    """
    _commands().compare(a, b, as_json)


@app.command()
def merge(
    runs: Annotated[list[Path], typer.Argument(help="Runs of the same time.", show_default=False)],
    save: Annotated[
        Path | None, typer.Option(help="Write what they come to together to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add up what several machines measured at the same time: first repetition to first, and so on.

    Rates add up, and histograms are laid into one.
    """
    _commands().merge(runs, save, as_json)


def _commands() -> ModuleType:
    try:
        from sim.load import commands
    except ModuleNotFoundError as error:
        raise Told(f"{error.name} is missing: pip install 'heliograph[sim]'") from error
    return commands
