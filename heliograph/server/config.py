"""How a server is started: what `heliograph up` passes to the process that runs it."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from api import limits
from api.addresses import ProxyHeader
from api.urls import bracketed
from heliograph.server.haproxy import Entrance

COPIES = 3
"""As many as there are nodes, up to this, if it is not said otherwise."""


class ServerConfig(Struct, frozen=True):
    """`data`: absolute path of the data folder. `public_url`: how clients reach this server where a
    proxy of the operator's stands before it, else empty; `proxies`: how many do, and say in
    `proxy_header` who calls. `temporary`: a folder for this run. `user_quota_bytes`,
    `chat_quota_bytes`: of files. `exempt`: networks without limits by address. `origins`,
    `allow_origins`, `files_port`: see `shells.settings`."""

    data: str
    cluster_id: str
    host: str
    port: int
    ws_port: int
    hosts: int
    edges: int
    partitions: int
    registration: Literal["open", "invitation", "closed"]
    dedicated: tuple[str, ...]
    resident_max: int
    public_url: str
    proxies: int
    temporary: str
    version: str
    copies: int = 1
    shards: int = 0
    replace_after_s: float = 600.0
    nodes: int = 1
    user_quota_bytes: int = limits.MEDIA_BYTES_PER_USER_MAX
    chat_quota_bytes: int = limits.MEDIA_BYTES_PER_CHAT_MAX
    proxy_header: ProxyHeader = "x-forwarded-for"
    connections_per_address_max: int = limits.CONNECTIONS_PER_ADDRESS_MAX
    exempt: tuple[str, ...] = ()
    floods: dict[str, tuple[int, int]] = {}
    flood_exempt: tuple[str, ...] = ()
    reserved_names: bool = False
    common_passwords: bool = False
    origins: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    files_port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.shown_host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """What clients are told; empty if the server listens on all addresses and does not know by
        which of them they come."""
        if self.public_url:
            return f"ws{self.public_url.removeprefix('http')}/ws"
        return "" if self.everywhere else f"ws://{self.shown_host}:{self.ws_port}/ws"

    @property
    def everywhere(self) -> bool:
        return self.host in ("0.0.0.0", "::")

    @property
    def shown_host(self) -> str:
        """The address to reach this server at from this machine."""
        if self.everywhere:
            return "127.0.0.1"
        return bracketed(self.host)

    def entrance(self, secret: str) -> Entrance:
        """What clients meet on the HTTP port. Where a proxy stands before this server all
        connections come from that: fronts count then, by the addresses that it names."""
        return Entrance(
            host=self.host,
            port=self.port,
            secret=secret,
            connections_per_address_max=0 if self.proxies else self.connections_per_address_max,
            exempt=list(self.exempt),
            head_s=limits.HTTP_HEAD_S_MAX,
            idle_s=limits.HTTP_IDLE_S_MAX,
            stall_s=limits.HTTP_STALL_S_MAX,
            answer_s=limits.HTTP_ANSWER_S_MAX + limits.POLL_TIMEOUT_S_MAX + limits.HTTP_BODY_S_MAX,
            silence_s=2 * limits.CONNECTION_SILENCE_S_MAX,
        )

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def decode_config(text: str) -> ServerConfig:
    return msgspec.json.decode(text, type=ServerConfig)


TOKEN_FILE = "ray-token"
"""In each data folder; who has it can run code in the cluster."""
NODE_FILE = "node.json"
"""In the data folder of a node of a cluster (`heliograph.server.node`)."""


class RunFile(Struct, frozen=True):
    """`run.json` in the data folder: where the running server is."""

    url: str
    ws_url: str
    pid: int
    ray_address: str
    cluster_id: str
    temporary: str


def node_temporary(data: Path) -> Path:
    """The folder for the sockets of the node with this data folder, and for what Ray writes down
    about where it is: the same path on all nodes of a cluster, because Serve tells the nodes what
    the first was told; another one for each cluster, so that two on one machine know nothing of
    each other; and short, as paths of sockets must be. The token tells clusters apart."""
    mark = blake2b((data / TOKEN_FILE).read_bytes().strip(), digest_size=6)
    return Path(f"/tmp/hg-{mark.hexdigest()}")


def ray_membership(data: Path) -> dict[str, str]:
    """What Ray must find in the environment before it is imported, in every process that is or
    joins the cluster of this data folder: the token, which is made with the first server and only
    the owner of the folder can read, because whoever has it can run code there; of a node of a
    cluster of machines, where it is found on its own machine; of any other, that the address of a
    node is loopback, where alone Ray listens then (what says so is named after the systems on which
    Ray does it by default)."""
    path = data / TOKEN_FILE
    if not path.exists():
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        draft.rename(path)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}
    if (data / NODE_FILE).exists():
        return {**token, "RAY_TMPDIR": str(node_temporary(data))}
    return {**token, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
