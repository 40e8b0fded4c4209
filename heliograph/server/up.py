"""`heliograph up`: check what can be checked before anything starts, then supervise a server."""

from __future__ import annotations

import shlex
import shutil
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from api.addresses import ProxyHeader
from heliograph.failing import Told, is_unicode
from heliograph.server import local_nodes
from heliograph.server.config import COPIES, ServerConfig
from heliograph.server.listening import (
    check_host,
    check_networks,
    check_origins,
    check_ports,
    check_public_url,
    free_files_port,
    is_loopback,
)
from heliograph.server.supervisor import Supervisor
from media.look.film import Ffmpeg
from storage.folder import DataFolder
from storage.port import DataFolderError

PARTITIONS = 64


class UpError(Told):
    """The server cannot be started like this; the message says what to do."""


def up(
    *,
    data: Path,
    host: str,
    port: int,
    ws_port: int | None,
    files_port: int | None,
    hosts: int | None,
    nodes: int | None,
    edges: int,
    registration: Literal["open", "invitation", "closed"],
    dedicated: tuple[str, ...] | None,
    copies: int | None,
    shards: int | None,
    replace_after_s: float,
    resident_max: int,
    public_url: str,
    proxies: int | None,
    user_quota_bytes: int,
    chat_quota_bytes: int,
    proxy_header: ProxyHeader,
    connections_per_address_max: int,
    exempt: str,
    floods: dict[str, tuple[int, int]],
    flood_exempt: tuple[str, ...],
    reserved_names: bool,
    common_passwords: bool,
    origins: tuple[str, ...],
    allow_origins: tuple[str, ...],
    console: Console,
) -> int:
    """Run a server in the foreground; returns the exit code. Raises UpError."""
    data = data.resolve()
    if not is_unicode(str(data)):  # processes tell it each other as text
        raise UpError("--data must be a path in UTF-8")
    public_url = check_public_url(public_url)
    host = check_host(host)
    networks = check_networks(exempt)
    own = check_origins(origins, "--origin")
    others = check_origins(allow_origins, "--allow-origin")
    if nodes is not None:
        if hosts not in (None, nodes) or dedicated:
            raise UpError("--nodes is for one host a node, and not for --dedicated")
        if not local_nodes.folder(data, 0).exists():
            if (data / "host-0").exists():
                raise UpError(f"{data} was made without --nodes; start it like that")
            copies = copies or min(nodes, COPIES)
        elif nodes != (made_of := local_nodes.count(data)):
            raise UpError(f"{data} was made with {made_of} nodes; start it with --nodes {made_of}")
        hosts = nodes
    ws_port = port + 1 if ws_port is None else ws_port
    check_ports(host, port, ws_port, files_port or 0)
    if files_port is None:
        files_port = free_files_port(host, port, ws_port)
    try:
        folder = DataFolder.open(
            data,
            partitions=PARTITIONS,
            hosts=hosts,
            dedicated=dedicated,
            copies=copies,
            shards=shards,
        )
    except DataFolderError as error:
        raise UpError(str(error)) from error
    (data / "logs").mkdir(exist_ok=True)
    made = folder.description
    if nodes is not None:
        local_nodes.prepare(data, made)
    config = ServerConfig(
        data=str(data),
        cluster_id=made.cluster_id,
        host=host,
        port=port,
        ws_port=ws_port,
        files_port=files_port,
        hosts=made.hosts,
        copies=made.copies,
        shards=made.shard_count,
        replace_after_s=replace_after_s,
        edges=edges if nodes is None else nodes,
        nodes=nodes or 1,
        partitions=made.partitions,
        registration=registration,
        dedicated=made.dedicated,
        resident_max=resident_max,
        public_url=public_url,
        proxies=int(bool(public_url)) if proxies is None else proxies,
        temporary="",
        version=version("heliograph"),
        user_quota_bytes=user_quota_bytes,
        chat_quota_bytes=chat_quota_bytes,
        proxy_header=proxy_header,
        connections_per_address_max=connections_per_address_max,
        exempt=networks,
        floods=floods,
        flood_exempt=flood_exempt,
        reserved_names=reserved_names,
        common_passwords=common_passwords,
        origins=own,
        allow_origins=others,
    )
    try:
        console.print("Starting Heliograph ...")
        supervisor = Supervisor(config, partial(console.print, markup=False))
        return supervisor.run(lambda ready: announce(ready, console))
    finally:
        folder.close()


def own_command() -> str:
    """How this program is called from the shell that it was started from."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which(called.name)
    if found is not None and Path(found).absolute() == called:
        return called.name
    if called.is_relative_to(Path.cwd()):
        return shlex.quote(str(called.relative_to(Path.cwd())))
    return shlex.quote(str(called))


def announce(config: ServerConfig, console: Console) -> None:
    """Tell the user that and where the server is."""
    if not is_loopback(config.host) and not config.public_url:
        console.print(
            "[yellow]Anybody who reaches this machine can reach this server, without TLS: put a "
            "proxy in front (docs/operations.md).[/yellow]"
        )
    if Ffmpeg.find() is None:
        console.print(
            "[yellow]Without ffmpeg voice messages have no waveform, and videos no picture: "
            "install it, and start again.[/yellow]"
        )
    url = escape(config.url)  # an address with a zone, in its brackets, looks like markup
    chat = escape(f"{own_command()} chat --url {shlex.quote(config.url)}")
    lines = [
        f"Open [bold]{url}[/bold] in a browser, or talk in a second terminal:",
        f"  [bold]{chat}[/bold]",
        "",
        f"{url}/api/docs   its API",
        f"{escape(config.data)}   its data",
        "",
        "Ctrl-C stops it; nothing is lost by that.",
    ]
    console.print(Panel("\n".join(lines), title="Heliograph is ready", expand=False))
