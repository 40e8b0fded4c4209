"""What the processes of a server are told at start: one frozen value, passed on as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from blake3 import blake3
from msgspec import Struct

from api import limits, names
from api.addresses import Callers, ProxyHeader

ROOMS = ("api", "storage", "runtime", "actors", "media", "fronts", "shells", "heliograph")


def code_digest(root: Path = Path(__file__).parents[1]) -> str:
    """What the code of this installation is, and the web client as it is built: another one where
    any of it is."""
    digest = blake3()
    paths = [path for room in ROOMS for path in (root / room).glob("**/*.py")]
    for path in sorted([*paths, *root.glob("serve_app.py"), *root.glob("web/dist/*.*")]):
        digest.update(f"{path.relative_to(root)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


class Settings(Struct, frozen=True):
    """The runtime's part of a server's configuration. `data`: the data folder. `hosts`: how many
    the server begins with; a cluster may have more later. `copies`: how many hosts have each
    partition, and where there are several, into how many `shards` partitions are dealt out (see
    `runtime.placement`); `replace_after_s`: others get those of a host that was silent for so long.
    `resident_max`: actors in memory per host. `ws_host`, `ws_port`: where edges listen; `ws_url`:
    how clients reach them, if that can be told. `files_port`: where media actors serve files at the
    same address (0: nowhere). `proxies`: reverse proxies of the operator's before this server,
    which say in `proxy_header` who calls. `connections_per_address_max`, and `exempt` networks
    without limits by address. `user_quota_bytes`, `chat_quota_bytes`: of files. `floods`: see
    `limits.set_floods`; `flood_exempt`: the networks that are under no flood limits.
    `reserved_names`, `common_passwords`: whether somebody may take them. `port`: of HTTP.
    `public_url`: how clients reach this server where a proxy stands before it; `origins`: further
    ones of its own pages; `allow_origins`: of other pages that may use it. `code`: on a cluster,
    what the code is (`code_digest`), so that actors that were made of other code are made anew."""

    data: str
    cluster_id: str
    partitions: int = 64
    hosts: int = 1
    copies: int = 1
    shards: int = 1
    replace_after_s: float = 600.0
    edges: int = 1
    dedicated: tuple[str, ...] = ()
    resident_max: int = 100_000
    ws_host: str = "127.0.0.1"
    ws_port: int = 8001
    ws_url: str = ""
    files_port: int = 0
    proxies: int = 0
    registration: Literal["open", "invitation", "closed"] = "open"
    version: str = "0.1.0"
    user_quota_bytes: int = limits.MEDIA_BYTES_PER_USER_MAX
    chat_quota_bytes: int = limits.MEDIA_BYTES_PER_CHAT_MAX
    proxy_header: ProxyHeader = "x-forwarded-for"
    connections_per_address_max: int = limits.CONNECTIONS_PER_ADDRESS_MAX
    exempt: tuple[str, ...] = ()
    floods: dict[str, tuple[int, int]] = {}
    flood_exempt: tuple[str, ...] = ()
    reserved_names: bool = False
    common_passwords: bool = False
    port: int = 8000
    public_url: str = ""
    origins: tuple[str, ...] = ()
    allow_origins: tuple[str, ...] = ()
    code: str = ""

    @property
    def callers(self) -> Callers:
        return Callers(self.proxies, self.proxy_header, self.exempt)

    def set_limits(self) -> None:
        """The limits of this process are those of this server from now on."""
        limits.set_quotas(self.user_quota_bytes, self.chat_quota_bytes)
        limits.set_connections(self.connections_per_address_max)
        limits.set_floods(self.floods)
        names.set_reserved(not self.reserved_names)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)


def decode_settings(raw: bytes) -> Settings:
    """The settings that `Settings.encode` encoded."""
    return msgspec.json.decode(raw, type=Settings)
