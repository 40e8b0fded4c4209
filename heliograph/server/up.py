"""`heliograph up`: check what can be checked before anything starts, then supervise a server."""

from __future__ import annotations

import shlex
import shutil
import socket
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from heliograph.server import local_nodes
from heliograph.server.config import COPIES, ServerConfig
from heliograph.server.supervisor import Supervisor
from storage.folder import DataFolder
from storage.port import DataFolderError

PARTITIONS = 64
REPLICATED_PARTITIONS = 16
"""Fewer where each has a log and files of its own."""


class UpError(Exception):
    """The server cannot be started like this; the message says what to do."""


def check_port(host: str, port: int, option: str) -> None:
    """Raises UpError if the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
    except OSError as error:
        raise UpError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another with {option}"
        ) from error


def check_public_url(url: str) -> str:
    """The address without a slash at its end. Raises UpError."""
    parts = urlsplit(url)
    known = parts.scheme in ("http", "https") and parts.hostname
    if url and (not known or parts.path.strip("/") or parts.query or parts.fragment):
        raise UpError(f"--public-url {url} is no address like https://chat.example.org")
    return url.rstrip("/")


def up(
    *,
    data: Path,
    host: str,
    port: int,
    ws_port: int | None,
    hosts: int | None,
    nodes: int | None,
    edges: int,
    registration: Literal["open", "invitation", "closed"],
    dedicated: tuple[str, ...] | None,
    copies: int | None,
    replace_after_s: float,
    resident_max: int,
    public_url: str,
    proxies: int | None,
    user_quota_bytes: int,
    chat_quota_bytes: int,
    console: Console,
) -> int:
    """Run a server in the foreground; returns the exit code. Raises UpError."""
    data = data.resolve()
    public_url = check_public_url(public_url)
    if nodes is not None:
        if hosts not in (None, nodes) or dedicated:
            raise UpError("--nodes is for one host a node, and not for --dedicated")
        if not local_nodes.folder(data, 0).exists():
            if (data / "host-0").exists():
                raise UpError(f"{data} was made without --nodes; start it like that")
            copies = copies or min(nodes, COPIES)
        hosts = nodes
    ws_port = port + 1 if ws_port is None else ws_port
    check_port(host, port, "--port")
    check_port(host, ws_port, "--ws-port")
    try:
        folder = DataFolder.open(
            data,
            partitions=PARTITIONS if copies in (None, 1) else REPLICATED_PARTITIONS,
            hosts=hosts,
            dedicated=dedicated,
            copies=copies,
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
        hosts=made.hosts,
        copies=made.copies,
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
    if config.host not in ("127.0.0.1", "::1", "localhost") and not config.public_url:
        console.print(
            "[yellow]Anybody who reaches this machine can reach this server, without TLS: put a "
            "proxy in front (docs/operations.md).[/yellow]"
        )
    lines = [
        f"[bold]{config.url}[/bold]   the server; {config.url}/api/docs is its API",
        f"{config.data}   its data",
        "",
        "Open a second terminal and talk:",
        f"  [bold]{escape(own_command())} chat --url {config.url}[/bold]",
        "",
        "Ctrl-C stops it; nothing is lost by that.",
    ]
    console.print(Panel("\n".join(lines), title="Heliograph is ready", expand=False))
