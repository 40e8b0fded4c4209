"""The command line: `heliograph up`, `cluster`, `load`, `chat`, `admin`, `sim`, `bench`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api import limits
from api.errors import ApiError
from heliograph._errors import HeliographError, StateError
from heliograph.admin import app as admin_app
from heliograph.command_line import App, Program
from heliograph.failing import REFUSED, UNABLE, Told
from heliograph.server.commands import app as cluster_app
from heliograph.server.floods import (
    FloodExempt,
    FloodLimits,
    read_exempt,
    read_floods,
)
from heliograph.server.options import (
    CHAT_QUOTA,
    EXEMPT,
    GIB,
    REPLACE_AFTER_S,
    RESIDENT,
    USER_QUOTA,
    AllowOrigins,
    ChatQuota,
    CommonPasswords,
    ConnectionsPerAddress,
    Exempt,
    FilesPort,
    Origins,
    Port,
    Proxies,
    ProxyHeaderOption,
    Registration,
    ReplaceAfter,
    ReservedNames,
    Resident,
    Shards,
    UserQuota,
    WsPort,
)
from heliograph.terminal.command import command as chat_command
from sim.load import app as load_app
from sim.peers import app as bench_app
from sim.population.cli import app as population_app
from sim.world import app as sim_app
from storage.port import StorageError


class Heliograph(Program):
    """All commands."""

    codes = (
        (Told, UNABLE),
        (StorageError, UNABLE),
        (StateError, UNABLE),
        (ApiError, REFUSED),
        (HeliographError, REFUSED),
        (OSError, UNABLE),
        (UnicodeError, UNABLE),
    )


app = App(
    cls=Heliograph,
    help="A cloud messenger that anyone can run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("chat")(chat_command)
app.add_typer(admin_app, name="admin")
app.add_typer(load_app, name="load")
sim_app.add_typer(population_app, name="population")
app.add_typer(sim_app, name="sim")
app.add_typer(bench_app, name="bench")
app.add_typer(cluster_app, name="cluster")

DATA = Path("heliograph-data")


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="The data folder; made if it is not there.")] = DATA,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    ws_port: WsPort = None,
    files_port: FilesPort = None,
    hosts: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Host processes; fixed when the folder is made."),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=16,
            help="To develop with: so many Ray nodes on this machine, with a host, an edge and a "
            "folder each, and up to three copies of each message; fixed when the folder is made.",
        ),
    ] = None,
    edges: Annotated[int, typer.Option(min=1, max=64, help="Edge processes.")] = 1,
    registration: Registration = "open",
    dedicated: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind (session, chat) whose actors get a Ray actor each; fixed when the folder is "
            "made. Repeatable."
        ),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=5,
            help="Hosts that have a copy of each message; fixed when the folder is made.",
        ),
    ] = None,
    shards: Shards = None,
    replace_after: ReplaceAfter = REPLACE_AFTER_S,
    resident: Resident = RESIDENT,
    public_url: Annotated[
        str,
        typer.Option(
            help="How clients reach this server where a proxy stands before it, as "
            "https://chat.example.org; its path /ws must lead to the port of live connections."
        ),
    ] = "",
    proxies: Proxies = None,
    user_quota: UserQuota = USER_QUOTA,
    chat_quota: ChatQuota = CHAT_QUOTA,
    proxy_header: ProxyHeaderOption = "x-forwarded-for",
    connections_per_address: ConnectionsPerAddress = limits.CONNECTIONS_PER_ADDRESS_MAX,
    exempt: Exempt = EXEMPT,
    flood: FloodLimits = None,
    flood_exempt: FloodExempt = None,
    reserved_names: ReservedNames = False,
    common_passwords: CommonPasswords = False,
    origin: Origins = None,
    allow_origin: AllowOrigins = None,
) -> None:
    """Run a server in the foreground. Ctrl-C stops it."""
    from heliograph.server.up import up as run

    code = run(
        data=data,
        host=host,
        port=port,
        ws_port=ws_port,
        files_port=files_port,
        hosts=hosts,
        nodes=nodes,
        edges=edges,
        registration=registration,
        dedicated=tuple(dedicated) if dedicated else None,
        copies=copies,
        shards=shards,
        replace_after_s=replace_after,
        resident_max=resident,
        public_url=public_url,
        proxies=proxies,
        user_quota_bytes=round(user_quota * GIB),
        chat_quota_bytes=round(chat_quota * GIB),
        proxy_header=proxy_header,
        connections_per_address_max=connections_per_address,
        exempt=exempt,
        floods=read_floods(flood or ()),
        flood_exempt=read_exempt(flood_exempt or ()),
        reserved_names=reserved_names,
        common_passwords=common_passwords,
        origins=tuple(origin or ()),
        allow_origins=tuple(allow_origin or ()),
        console=Console(highlight=False),
    )
    raise typer.Exit(code)


def main() -> None:
    """The entry point. A command that has used Ray ends at once when it is done: Ray's threads can
    crash while the interpreter is being taken down."""
    try:
        code = app()
    except SystemExit as end:
        code = end.code
    if (ray := sys.modules.get("ray")) is not None and not isinstance(code, str):
        ray.shutdown()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
    sys.exit(code)
