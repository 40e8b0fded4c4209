"""The commands of `heliograph admin`."""

from __future__ import annotations

import getpass
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from heliograph.admin.backup_commands import backup, backups, check, restore
from heliograph.admin.cluster_commands import cluster, drain
from heliograph.admin.showing import show
from heliograph.admin.storage_command import storage
from heliograph.admin.telling import DATA, Data, Json, show_report
from heliograph.command_line import App
from heliograph.failing import Told, read_text

app = App(help="Verify, watch and manage a server.", no_args_is_help=True)

for _command in (backup, backups, check, restore, cluster, drain, storage):
    app.command()(_command)


@app.command()
def verify(data: Data = DATA, as_json: Json = False) -> None:
    """Check everything that is stored, beside a running server or without one.

    Exit code 0: all is well; 1: something was found; 2: it could not be looked at."""
    from heliograph.admin.stored import verify_folder

    report = verify_folder(data)
    show_report(report, as_json)


@app.command()
def erase(
    data: Data = DATA,
    wait: Annotated[float, typer.Option(min=0, help="For how many seconds to wait for it.")] = 3600,
) -> None:
    """Take what was deleted or replaced off the disks of this machine now, and not in some days.

    Beside a running server or without one; on a cluster, on every node. Backups are apart:
    heliograph admin backups --keep."""
    from heliograph.admin.erase import erase as erase_all
    from heliograph.terminal.text import plural

    done = erase_all(data, wait)
    print(f"The rows of {plural(done, 'store')} are written anew; what was deleted is gone.")


@app.command()
def users(data: Data = DATA, as_json: Json = False) -> None:
    """List all users."""
    from heliograph.admin.stored import accounts
    from heliograph.terminal.text import one_line

    found = sorted(accounts(data), key=lambda account: account.username.lower())
    if as_json:
        for account in found:
            print(json.dumps(asdict(account)))
        return
    table = Table(
        "user name",
        Column("name", overflow="fold"),
        "id",
        "since",
        "last seen",
        "sessions",
    )
    for account in found:
        table.add_row(
            account.username,
            Text(one_line(account.name)),
            str(account.id),
            _day(account.created_ms),
            _day(account.last_seen_ms),
            str(account.sessions),
        )
    show(table)
    print(f"{len(found)} users")


@app.command()
def metrics_token(data: Data = DATA) -> None:
    """Print the token with which Prometheus may read /metrics (docs/operations.md)."""
    from heliograph.admin.live import token_for_metrics

    print(token_for_metrics(data))


@app.command()
def stats(data: Data = DATA, as_json: Json = False) -> None:
    """Show the figures of every process of a running server."""
    from heliograph.admin.live import figures

    found = figures(data)
    if as_json:
        print(json.dumps(found))
        return
    table = Table("figure", *found)
    for name in sorted({name for values in found.values() for name in values}):
        table.add_row(name, *(_number(values.get(name)) for values in found.values()))
    show(table)


@app.command()
def invite(
    data: Data = DATA,
    uses: Annotated[int, typer.Option(min=1, help="How many people may register with it.")] = 1,
) -> None:
    """Make an invitation, and print its code."""
    from heliograph.admin import live

    print(live.invite(data, uses))


@app.command()
def dedicate(chat: str, data: Data = DATA) -> None:
    """Give a chat a process of its own, for good, while the server runs and messages flow.

    It can be repeated: what was begun is gone on with. With copies, other hosts follow the process
    and lead while it is away; if its machine is gone for good, repeating gives the chat another."""
    from heliograph.admin import live

    found = live.dedicate(data, chat)
    print(f"{chat} lives in {found.host}.")


@app.command()
def reset_password(username: str, data: Data = DATA) -> None:
    """Give a user a new password, read from the terminal or from standard input; all of the user's
    sessions end."""
    from heliograph.admin import live

    if sys.stdin.isatty():
        password = getpass.getpass("New password: ")
        if getpass.getpass("Again: ") != password:
            raise Told("the two are not the same; nothing was changed")
    else:
        password = read_text(1).rstrip("\n")
    live.reset_password(data, username, password)
    print(f"{username} has a new password.")


def _day(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3f}"
