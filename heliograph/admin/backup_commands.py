"""The commands of `heliograph admin` for backups."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from heliograph.admin.moments import shown, unix_ms
from heliograph.admin.showing import show
from heliograph.admin.telling import DATA, Data, Json, show_report
from heliograph.failing import Told
from heliograph.terminal.text import plural

From = Annotated[Path, typer.Option("--from", help="The folder that was backed up to.")]
At = Annotated[
    str,
    typer.Option(
        help="The newest backup that is not later than this: 2026-03-01T12:30 (UTC), or Unix ms."
    ),
]


def backup(
    to: Annotated[Path, typer.Option(help="A folder for backups: new, or of earlier ones.")],
    data: Data = DATA,
    files: Annotated[
        bool, typer.Option("--files/--without-files", help="With the bytes of files.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Back up everything, beside a running server or without one; only what is new is written.

    Exit code 0: done; 1: done, but something was damaged; 2: no backup was made."""
    from heliograph.admin.backup import make_backup

    made = make_backup(data, to, files)
    if as_json:
        print(json.dumps(asdict(made)))
    else:
        print(
            f"backup {shown(made.moment_ms)}: {made.rows:,} rows in {made.chunks:,} chunks, "
            f"{made.new_chunks:,} of them new; {made.new_bytes:,} bytes written, "
            f"{made.reused_bytes:,} there already; {made.file_chunks:,} chunks of files, "
            f"{made.new_file_chunks:,} of them new, {made.new_file_bytes:,} bytes; "
            f"{made.seconds:.1f} s"
        )
        for problem in made.damaged:
            print(problem)
    if made.damaged:
        print(
            f"heliograph: {len(made.damaged):,} rows or chunks are damaged or missing in the "
            "backup too; restore what they are of from an earlier one",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def backups(
    source: From,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Drop all but so many of the newest, and what only they had."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the backups in a folder, oldest first; with --keep, drop the old ones first.

    Exit code 0: done; 1: one cannot be read; 2: nothing was done."""
    from heliograph.admin.checking import backups as find
    from storage.backup.manifest import Manifest

    if keep is not None:
        _drop(source, keep)
    table = Table("moment (UTC)", *(Column(c, justify="right") for c in ("rows", "bytes")), "")
    found = list(find(source))
    for one in found:
        if not isinstance(one, Manifest):
            print(f"heliograph: {one}", file=sys.stderr)
            continue
        if as_json:
            figures = {"moment_ms": one.moment_ms, "rows": one.rows, "bytes": one.bytes}
            print(json.dumps(figures | {"damaged": one.damaged, "files": one.files is not None}))
        notes = [f"{one.damaged:,} damaged"] if one.damaged else []
        note = ", ".join(notes + ["without files"] * (one.files is None))
        table.add_row(shown(one.moment_ms), f"{one.rows:,}", f"{one.bytes:,}", note)
    if not as_json:
        show(table)
    raise typer.Exit(0 if all(isinstance(one, Manifest) for one in found) else 1)


def _drop(source: Path, keep: int) -> None:
    from storage.backup.dropping import drop_all_but
    from storage.backup.repository import Repository

    Repository.open(source)  # there is one
    with Repository.writing(source) as repository:
        done = drop_all_but(repository, keep)
    print(
        f"heliograph: dropped {plural(done.backups, 'backup')} and {done.chunks:,} chunks that no "
        f"other has, {done.bytes:,} bytes",
        file=sys.stderr,
    )


def check(source: From, as_json: Json = False) -> None:
    """Read all backups in a folder and check them, and all that is in the newest one.

    Exit code 0: all is well; 1: something was found; 2: it could not be looked at."""
    from heliograph.admin.checking import check_backups

    report = check_backups(source)
    show_report(report, as_json)


def restore(
    source: From,
    data: Data = DATA,
    at: At = "",
    chat: Annotated[
        str, typer.Option(help="Only the lost rows of this chat, in a server that is stopped.")
    ] = "",
    copies: Annotated[
        int | None,
        typer.Option(
            min=2, help="Keep so many of each partition.", show_default="as the server had"
        ),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Deal all out into so many shards: no more hosts than these can lead.",
            show_default="as the server had; as many as copies where it had one",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a new data folder from a backup; or, with --chat, bring back what is lost of one chat.

    Exit code 0: done; 1: done, but something is damaged or in no backup; 2: nothing was done."""
    try:
        until_ms = unix_ms(at) if at else None
    except ValueError as error:
        raise Told(f"--at {at}: {error}") from error
    if chat:
        _restore_chat(source, data, chat, until_ms, as_json)
    else:
        _restore_server(source, data, until_ms, copies, shards, as_json)


def _restore_server(
    source: Path,
    data: Path,
    until_ms: int | None,
    copies: int | None,
    shards: int | None,
    as_json: bool,
) -> None:
    from heliograph.admin.restore import restore_server

    done, lost, undone = restore_server(source, data, until_ms, copies, shards)
    if as_json:
        figures = {"moment_ms": done.moment_ms, "rows": done.rows, "damaged": done.damaged}
        more = {"files": done.files is not None, "lost": lost, "deletions_undone": undone}
        print(json.dumps(figures | more))
    else:
        print(f"{data} is as it was at {shown(done.moment_ms)}: {done.rows:,} rows.")
        if undone is None:
            print("What was deleted since is back in it; of how much, no newer backup can tell.")
        elif undone:
            what = plural(undone, "message")
            print(f"Deleted since, and back in it, as far as the newest backup knows: {what}.")
        print(f"Start it with: heliograph up --data {data}")
    if done.damaged:
        print(
            f"heliograph: {done.damaged:,} rows or chunks were damaged or missing when the "
            f"backup was made; see: heliograph admin verify --data {data}",
            file=sys.stderr,
        )
    if done.files is None:
        print("heliograph: this backup is without files", file=sys.stderr)
    for line in lost:
        print(f"heliograph: lost: {line}", file=sys.stderr)
    raise typer.Exit(1 if done.damaged or lost else 0)


def _restore_chat(source: Path, data: Path, chat: str, until_ms: int | None, as_json: bool) -> None:
    from heliograph.admin.restore_chat import restore_chat

    mended = restore_chat(source, data, chat, until_ms)
    if as_json:
        print(json.dumps({"rows": mended.rows, "lost": mended.lost}))
    else:
        print(f"{mended.rows:,} rows of {chat} were brought back.")
        for line in mended.lost:
            print(line)
    raise typer.Exit(1 if mended.lost else 0)
