"""What origins the pages of this server have, as the machine that it runs on is reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

import psutil

from api.site import Site, origin_of
from api.urls import bracketed, server_url
from shells.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")


def site_of(settings: Settings) -> Site:
    """Where a proxy stands before the server, pages are where that is; else where this machine is,
    as far as it knows its own names and addresses."""
    if settings.public_url:
        own = {settings.public_url}
    else:
        hosts = {*LOOPBACK, *_hosts(settings.ws_host)}
        own = {f"http://{bracketed(host)}:{settings.port}" for host in hosts}
    return Site(
        settings.cluster_id,
        frozenset(map(origin_of, own | {*settings.origins})),
        frozenset(map(origin_of, settings.allow_origins)),
    )


def _hosts(listens_at: str) -> Iterator[str]:
    if listens_at not in EVERYWHERE:
        yield listens_at.partition("%")[0]  # no page's address has a zone
        return
    name = socket.gethostname()
    yield from filter(_is_name, (name, f"{name.partition('.')[0]}.local"))
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(one.address.partition("%")[0])
                yield str(address)


def _is_name(name: str) -> bool:
    """Whether a page's address can have it: a machine may be called otherwise."""
    try:
        server_url(f"http://{name}")
    except ValueError:
        return False
    return True
