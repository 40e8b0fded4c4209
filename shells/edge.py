"""An edge: the Ray actor that holds live connections, and nothing durable."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import msgspec

from actors.tickets import Seal
from api import limits
from api import types as t
from api.addresses import parse_networks
from fronts.gateway import Gateway
from fronts.listener import Listener
from runtime.lines.calls import LineCalls
from runtime.lines.host_lines import HostLines
from runtime.placement import OWN, Placement, Replicated
from shells import registry
from shells.gcs import GcsRoster
from shells.process import log_to, tune_garbage_collection
from shells.settings import Settings, decode_settings
from shells.site import site_of
from shells.transport import Gcs, Routes


def config_of(settings: Settings) -> t.Config:
    """What clients are told of this server. Of its port for files only where no proxy is before
    it, which they would go around."""
    return t.Config(
        version=settings.version,
        ws_url=settings.ws_url,
        ws_fallback_path="/ws",
        registration=settings.registration,
        heartbeat_s=limits.HEARTBEAT_S,
        server_id=settings.cluster_id,
        ws_port=settings.ws_port,
        files_port=0 if settings.proxies else settings.files_port,
    )


def make_gateway(settings: Settings) -> Gateway:
    """A gateway that reaches the hosts of this server; on a running loop."""
    exempt = parse_networks(settings.flood_exempt)
    roster = GcsRoster(Gcs(), settings.cluster_id)
    if settings.copies > 1:
        routes = Routes(settings.hosts, roster, HostLines(roster))
        routes.start()
        placement: Placement = Replicated(settings.partitions, settings.shards)
        return Gateway(placement, routes.places.reach, config_of(settings), cluster_seal(), exempt)
    placement = Placement(settings.partitions, settings.hosts, settings.dedicated)
    lines = HostLines(roster, await_host=_await_host)
    return Gateway(
        placement, partial(LineCalls, lines), config_of(settings), cluster_seal(), exempt
    )


def _await_host(name: str) -> bool:
    """Whether there will be a host of this name."""
    if not name.startswith(OWN):
        return registry.is_there(name)
    from shells.host import await_host  # and all that a host is made of, which few edges need

    return await_host(name)


def cluster_seal() -> Seal:
    """The seal that all processes of this cluster have, made from its token."""
    return Seal.of_cluster(Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text().strip())


class Edge:
    """See the module. Ray makes it and restarts it; clients come back by themselves."""

    async def __init__(self, name: str, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        log_to(Path(config.data), name)
        config.set_limits()
        tune_garbage_collection()
        self._name = name
        self._started_s = time.monotonic()
        self.gateway = make_gateway(config)
        await self.gateway.start()
        self.listener = Listener(self.gateway, config.callers, site_of(config))
        await self.listener.start(config.ws_host, config.ws_port)

    async def ready(self) -> bool:
        """Comes back when every host answers."""
        await self.gateway.ready()
        return True

    async def stats(self) -> bytes:
        """Figures of this edge as JSON: name to number, and `edge`."""
        return msgspec.json.encode(
            {
                "edge": self._name,
                "pid": os.getpid(),
                "uptime_s": round(time.monotonic() - self._started_s, 1),
                "connections": self.listener.doors.open,
                "connections_refused_total": self.listener.doors.refused,
                "requests_waiting": len(self.gateway.desk.waiting),
                "requests_queued": self.gateway.queued,
            }
        )

    async def drain(self) -> None:
        """Ask all clients to come back later, and close."""
        await self.listener.drain()
        await self.gateway.close()
