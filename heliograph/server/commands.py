"""The commands of `heliograph cluster`."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api import limits
from heliograph.command_line import App
from heliograph.server.config import ServerConfig
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

app = App(
    help="Run Heliograph on the machines of a Ray cluster (docs/operations.md).",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option(help="This machine's data folder; made if it is not there.")]
DATA = Path("heliograph-data")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def node(
    context: typer.Context,
    token: Annotated[
        Path, typer.Option(help="The file with the cluster's token: the same on every node.")
    ],
    data: Data = DATA,
    name: Annotated[
        str, typer.Option(help="This node's name, unlike the others'.", show_default="host name")
    ] = "",
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Come back when Ray runs, and go on behind; give up when the head stays away.",
        ),
    ] = False,
) -> None:
    """Run Ray here as a node of a cluster, in the foreground: what dies of it is started again.

    Further options go to `ray start`: --head on the first, --address=HEAD:6379 on the others."""
    from heliograph.server.node import run_detached, run_node

    say = partial(Console(highlight=False, soft_wrap=True).print, markup=False)

    def run(ready: Callable[[], None]) -> int:
        return run_node(
            data,
            name or socket.gethostname(),
            token,
            context.args,
            patient=not detach,
            ready=ready,
            say=say,
        )

    if detach:
        raise typer.Exit(run_detached(data, run))
    raise typer.Exit(run(lambda: say("Ray runs. Ctrl-C stops it; nothing is lost by that.")))


@app.command()
def start(
    data: Data = DATA,
    nodes: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Of how many nodes the cluster is; fixed when it is first started."
        ),
    ] = None,
    copies: Annotated[
        int,
        typer.Option(
            min=0,
            max=5,
            help="Nodes that have a copy of each message; fixed when it is first started.",
            show_default="as many as nodes, up to 3",
        ),
    ] = 0,
    shards: Shards = None,
    replace_after: ReplaceAfter = REPLACE_AFTER_S,
    host: Annotated[str, typer.Option(help="The address to listen on, on each node.")] = "0.0.0.0",
    port: Port = 8000,
    ws_port: WsPort = None,
    files_port: FilesPort = None,
    registration: Registration = "open",
    resident: Resident = RESIDENT,
    public_url: Annotated[
        str, typer.Option(help="How clients reach the cluster where proxies stand before it.")
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
    wait: Annotated[
        float, typer.Option(min=0, help="For how many seconds to wait for the nodes.")
    ] = 120.0,
) -> None:
    """Start Heliograph on the cluster that this machine is a node of, and wait until it answers.

    Repeat it after a change of the options; what need not be started anew goes on."""
    from heliograph.server import cluster
    from heliograph.server.listening import (
        check_host,
        check_networks,
        check_origins,
        check_public_url,
        different_ports,
        files_port_of,
    )

    say = partial(Console(highlight=False).print, markup=False)
    public_url = check_public_url(public_url)
    ws_port = port + 1 if ws_port is None else ws_port
    files_port = files_port_of(port, ws_port) if files_port is None else files_port
    different_ports(port, ws_port, files_port)
    host = check_host(host)
    config = ServerConfig(
        data=str(data.absolute()),
        cluster_id="",
        host=host,
        port=port,
        ws_port=ws_port,
        files_port=files_port,
        hosts=0,
        edges=0,
        partitions=0,
        registration=registration,
        dedicated=(),
        resident_max=resident,
        public_url=public_url,
        proxies=int(bool(public_url)) if proxies is None else proxies,
        temporary="",
        version=version("heliograph"),
        copies=copies,
        shards=shards or 0,
        replace_after_s=replace_after,
        user_quota_bytes=round(user_quota * GIB),
        chat_quota_bytes=round(chat_quota * GIB),
        proxy_header=proxy_header,
        connections_per_address_max=connections_per_address,
        exempt=check_networks(exempt),
        floods=read_floods(flood or ()),
        flood_exempt=read_exempt(flood_exempt or ()),
        reserved_names=reserved_names,
        common_passwords=common_passwords,
        origins=check_origins(origin or (), "--origin"),
        allow_origins=check_origins(allow_origin or (), "--allow-origin"),
    )
    started = cluster.start(config, nodes, wait, say)
    say(f"Heliograph is ready: {started.hosts} nodes, port {started.port} of each")
    _end_at_once()


@app.command()
def stop(data: Data = DATA) -> None:
    """Take Heliograph out of the cluster, cleanly. Ray stays; `heliograph cluster start` again."""
    from heliograph.server import cluster

    cluster.stop(data.absolute())
    _end_at_once()


def _end_at_once() -> None:
    """What was started lives on its own; leaving Ray takes seconds."""
    os._exit(0)
