"""The composition root of the HTTP front: one Ray Serve deployment and nothing else.

`Front` speaks HTTP (and the WebSocket fallback). Passwords are hashed in threads of its own that
have less priority (`fronts.auth`).
"""

from __future__ import annotations

import asyncio
import hmac
import os
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from ray import serve

from api import methods as m
from api.addresses import Address, network_of
from api.errors import ApiError
from api.http import App, Readiness
from api.replies import Reply
from api.requests import Message, Receive, Send
from api.room import Room
from api.site import Headers, Shown
from fronts import asgi, pages
from fronts.auth import AuthService
from fronts.census import Census
from fronts.files.http import MediaHttp
from fronts.files.service import MediaService
from fronts.metrics import prometheus_text
from fronts.secrets import cluster_token, metrics_token
from media.chunks import PooledChunks
from media.look import Looker
from media.memory import return_memory_soon
from runtime.refs import Caller
from shells import registry
from shells.edge import make_gateway
from shells.media import MediaFront
from shells.names import DATA_VARIABLE
from shells.process import log_to
from shells.settings import Settings
from shells.site import site_of
from shells.sockets import close_the_next, open_to_others
from shells.transport import RayProcess

APP = "heliograph"
STATS_S_MAX = 2.0
REQUESTS_PER_REPLICA_MAX = 10_000
WEB_CLIENT = Path(__file__).with_name("web") / "dist"
"""As Vite builds it."""


class Backend:
    """What `api.http` needs, on Ray."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gateway = make_gateway(settings)
        self._auth = AuthService(
            self._gateway, settings.registration, common_passwords=settings.common_passwords
        )
        self._processes: dict[str, RayProcess] = {}
        self._census = Census(self._missing)
        data = Path(os.environ.get(DATA_VARIABLE, settings.data))  # of this node
        self._chunks = MediaFront(settings, data)
        self._media = MediaService(self._gateway, PooledChunks(self._chunks.pool), Looker())
        self._files = MediaHttp(self._gateway, self._media, settings.callers)
        self._pages = pages.Pages(pages.read(WEB_CLIENT), self._gateway.config, site_of(settings))

    async def start(self) -> Backend:
        self._closing = asyncio.create_task(close_the_next(open_to_others()))
        self._chunks.start()
        await self._gateway.start()
        return self

    async def call(self, params: m.Params, token: str, address: Address | None) -> bytes:
        network = self._gateway.network(address)
        caller = Caller(0, 0, network=network)
        if token:
            caller = await self._gateway.authenticate(token, network)
        if params.method.to == "auth":
            answer = await self._auth.call(params, caller, network_of(address))
            return msgspec.json.encode(answer)
        if isinstance(params, m.FinishUpload):
            return msgspec.json.encode(await self._media.finish(params, caller))
        return await self._gateway.call(params, caller)

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: Address | None, shown: Shown
    ) -> Reply | None:
        return await self._files(scope, receive, send, address, shown)

    def page(self, verb: str, path: str, headers: Headers) -> Reply | None:
        return self._pages.answer(verb, path, headers)

    async def ready(self) -> Readiness:
        serves = bool(self._chunks.roll.seats()) and all(await self._gateway.ping_hosts())
        return Readiness(serves, await self._census.missing())

    async def metrics(self, token: str) -> bytes:
        if not hmac.compare_digest(token.encode(), metrics_token(cluster_token()).encode()):
            raise ApiError("unauthorized", "heliograph admin metrics-token prints the token")
        return prometheus_text(await self.stats())

    async def stats(self) -> list[dict[str, Any]]:
        """Figures of this front, and of every process that answers soon."""
        found = await self._ask_all()
        missing = [name for name, figures in found.items() if figures is None]
        self._census.note(missing)
        own = {
            "service": f"front-{os.getpid()}",
            "pid": os.getpid(),
            "parts_missing": len(missing),
            "requests_waiting": len(self._gateway.desk.waiting),
            "requests_queued": self._gateway.queued,
            "password_hashes_waiting": self._auth.passwords.waiting,
            "password_hashes_total": self._auth.passwords.hashed,
            **{f"media_{name}": value for name, value in self._chunks.pool.figures.items()},
        }
        return [own, *(figures for figures in found.values() if figures is not None)]

    async def _missing(self) -> list[str]:
        return [name for name, figures in (await self._ask_all()).items() if figures is None]

    async def _ask_all(self) -> dict[str, dict[str, Any] | None]:
        """The figures of each process of the server; None: it does not answer soon."""

        async def one(name: str) -> dict[str, Any]:
            process = self._processes.setdefault(name, RayProcess(name, registry.find))
            figures: dict[str, Any] = msgspec.json.decode(await process.stats())
            return figures

        names = await asyncio.to_thread(registry.process_names)
        found = await asyncio.gather(
            *(asyncio.wait_for(one(name), STATS_S_MAX) for name in names), return_exceptions=True
        )
        return {
            name: figures if isinstance(figures, dict) else None
            for name, figures in zip(names, found, strict=True)
        }

    async def websocket(
        self, receive: Receive, send: Send, address: Address | None, token: str
    ) -> None:
        await asgi.websocket(self._gateway, receive, send, self._gateway.network(address), token)


def application(settings: Settings, fronts: int = 1) -> serve.Application:
    """The Serve application of a server."""

    async def start() -> Backend:
        log_to(Path(settings.data), f"front-{os.getpid()}")
        settings.set_limits()
        Room.on_ebb = return_memory_soon
        return await Backend(settings).start()

    # On a cluster one on each node: Serve runs its HTTP proxy where replicas are.
    spread: dict[str, Any] = {"max_replicas_per_node": 1} if fronts > 1 else {}

    @serve.deployment(
        name="Front",
        num_replicas=fronts,
        **spread,
        max_ongoing_requests=REQUESTS_PER_REPLICA_MAX,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=2,
        graceful_shutdown_timeout_s=2,
    )
    @serve.ingress(App(start, settings.callers, partial(site_of, settings)))
    class Front:
        """See `api.http`."""

    bound: serve.Application = Front.bind()  # type: ignore[attr-defined]
    return bound
