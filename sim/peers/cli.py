"""`heliograph bench peers`: the command. What it does is imported when it is called: this is
imported for every other command, too."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from heliograph.command_line import App
from heliograph.failing import Told

if TYPE_CHECKING:
    from sim.peers.rounds import Peer
    from sim.peers.workload import Load

PAIRS_MAX, WINDOW_MAX = 200, 64
"""Of one address, Heliograph takes 500 connections; on one, 64 requests at once."""
LOADS = ("1x1", "20x1", "200x8")

app = App(help="Measurements.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measurements beside others: each a command of its own."""


@app.command()
def peers(
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this peer; can be given several times.", show_default="all"),
    ] = None,
    load: Annotated[
        list[str] | None,
        typer.Option(
            help="Pairs of users and messages in flight of each, as 20x1; can be given several "
            "times.",
            show_default=", ".join(LOADS),
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="How often each gets its turn.")] = 3,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=3_600, help="How long each load is measured.")
    ] = 5.0,
    install: Annotated[
        bool,
        typer.Option(
            "--install",
            help="Install what is missing: packages of Debian, which root may, and Synapse from "
            "PyPI in an environment of its own. Without it, nothing is installed.",
        ),
    ] = False,
    home: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="The folder of that environment.",
            show_default="one in your cache folder",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            exists=True,
            help="Where the folders with all data are made, and removed at the end: on the disk "
            "that counts.",
            show_default="the folder for temporary files",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line.")
    ] = False,
) -> None:
    """Put the same load on Heliograph and on other servers that people use, each started on a
    folder and ports of its own, in turns.

    Peers that are not installed are skipped, and said so. Exits with 1 when a peer failed, or lost,
    doubled or reordered a message.
    """
    from sim.peers import report
    from sim.peers.rounds import Plan, everybody, measure

    plan = Plan([_load(text) for text in dict.fromkeys(load or LOADS)], rounds, seconds)
    chosen = _chosen(everybody(), only)
    home = _home(home)
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    with _ended_by_interrupt(), console.status("looking for what is installed") as status:
        if install:
            _install(chosen, home, status.update)
        there, skipped = _installed(chosen, home, bool(only))
        for name, why in skipped.items():
            console.print(f"skipped: {name}: {why}", style="bold yellow", markup=False)
        _raise_file_limit()
        with tempfile.TemporaryDirectory(prefix="heliograph-peers-", dir=data) as made:
            folder = Path(made)
            folder.chmod(0o711)  # PostgreSQL runs as another user
            found = measure(there, plan, folder, home, status.update)
    result = report.summary(plan, found, skipped)
    console.print(report.tables(result), markup=False)
    if as_json:
        print(json.dumps(result), flush=True)
    if report.faulty(result):
        raise typer.Exit(1)


def _load(text: str) -> Load:
    from sim.peers.workload import Load

    found = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text, re.ASCII)
    pairs, window = map(int, found.groups()) if found else (0, 0)
    if not (1 <= pairs <= PAIRS_MAX and 1 <= window <= WINDOW_MAX):
        raise Told(
            f"--load {text}: it is pairs and window, as 20x1, with 1 to {PAIRS_MAX} pairs and a "
            f"window of 1 to {WINDOW_MAX}"
        )
    return Load(pairs, window)


def _chosen(all_peers: tuple[Peer, ...], only: list[str] | None) -> list[Peer]:
    names = [peer.name for peer in all_peers]
    if unknown := [name for name in only or () if name not in names]:
        raise Told(f"--only {unknown[0]}: there are {', '.join(names)}")
    return [peer for peer in all_peers if not only or peer.name in only]


def _home(home: Path | None) -> Path:
    from sim.load.accounts import cache_folder

    return (home or cache_folder().parent / "peers").absolute()


def _install(peers: list[Peer], home: Path, say: Callable[[str], None]) -> None:
    from sim.peers.program import Failed

    home.mkdir(parents=True, exist_ok=True)
    for peer in peers:
        if missing := peer.missing(home):
            say(f"installing {missing}")
            try:
                peer.install(home)
            except Failed as problem:
                raise Told(f"{peer.name} can't be installed: {problem}") from problem


def _installed(peers: list[Peer], home: Path, needed: bool) -> tuple[list[Peer], dict[str, str]]:
    """Those that can run, and why the others can't. Raises Told where all are needed."""
    skipped = {
        peer.name: f"not installed: {missing}; --install installs it"
        for peer in peers
        if (missing := peer.missing(home))
    }
    if needed and skipped:
        name, why = next(iter(skipped.items()))
        raise Told(f"--only {name}: {why}")
    return [peer for peer in peers if peer.name not in skipped], skipped


@contextlib.contextmanager
def _ended_by_interrupt() -> Iterator[None]:
    """Within it, being told to end is as Ctrl-C: what was started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_file_limit() -> None:
    """Each connection is an open file, here and in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
