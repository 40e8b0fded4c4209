"""The composition root of the HTTP front: two Ray Serve deployments and nothing else.

`Front` speaks HTTP (and the WebSocket fallback) and carries out every method but those that touch
passwords; `Auth` hashes passwords, in processes of its own that have less priority.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
from ray import serve

from actors.auth import AuthService
from actors.edge import asgi
from actors.edge.edge import make_gateway
from actors.media.actor import MediaFront
from actors.media.chunks import PooledChunks
from actors.media.http import MediaHttp
from actors.media.look import Looker
from actors.media.memory import return_memory
from actors.media.service import MediaService
from actors.metrics import prometheus_text
from actors.runtime.cluster import process_names
from actors.runtime.names import DATA_VARIABLE
from actors.runtime.process import log_to
from actors.runtime.refs import NOBODY, Caller
from actors.runtime.settings import Settings, decode_settings
from actors.runtime.transport import RayHost
from api import methods as m
from api.errors import ApiError, Problem
from api.http import App, Message, Receive, Reply, Send

APP = "heliograph"
AUTH_NICENESS = 10
STATS_S_MAX = 2.0
REQUESTS_PER_REPLICA_MAX = 10_000
BY_AUTH = (m.Register, m.Login, m.ChangePassword)


@serve.deployment(
    name="Auth",
    max_ongoing_requests=1_000,
    ray_actor_options={"num_cpus": 0},
    health_check_period_s=2,
)
class Auth:
    """The authentication service (see `actors.auth`)."""

    async def __init__(self, settings: bytes) -> None:  # type: ignore[misc]
        config = decode_settings(settings)
        log_to(Path(config.data), "auth")
        os.nice(AUTH_NICENESS)
        gateway = make_gateway(config)
        await gateway.start()
        self._service = AuthService(gateway, config.registration)

    async def call(self, name: str, body: bytes, caller: tuple[int, int], address: str) -> Any:
        """(True, JSON of the result) or (False, JSON of the problem): errors of the contract
        travel as data."""
        params = m.decode_params(m.METHODS[name], body)
        try:
            result = await self._service.call(params, Caller(*caller), address)
        except ApiError as error:
            return False, msgspec.json.encode(error.problem())
        return True, msgspec.json.encode(result)

    async def stats(self) -> dict[str, Any]:
        passwords = self._service.passwords
        return {
            "service": "auth",
            "pid": os.getpid(),
            "password_hashes_waiting": passwords.waiting,
            "password_hashes_total": passwords.hashed,
        }


class Backend:
    """What `api.http` needs, on Ray."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gateway = make_gateway(settings)
        self._auth: Any = serve.get_deployment_handle("Auth", APP)
        self._processes: dict[str, RayHost] = {}
        data = Path(os.environ.get(DATA_VARIABLE, settings.data))  # of this node
        self._chunks = MediaFront(settings, data)
        self._media = MediaService(self._gateway, PooledChunks(self._chunks.pool), Looker())
        self._files = MediaHttp(self._gateway, self._media)

    async def start(self) -> Backend:
        self._chunks.start()
        await self._gateway.start()
        return self

    async def call(self, params: m.Params, token: str, address: str) -> bytes:
        caller = await self._gateway.authenticate(token) if token else NOBODY
        if isinstance(params, BY_AUTH):
            right, answer = await self._auth.call.remote(
                params.method.name,
                msgspec.json.encode(params),
                (caller.user_id, caller.session_id),
                address,
            )
            if not right:
                raise ApiError.from_problem(msgspec.json.decode(answer, type=Problem))
            return bytes(answer)
        if isinstance(params, m.FinishUpload):
            return msgspec.json.encode(await self._media.finish(params, caller))
        return await self._gateway.call(params, caller)

    async def media(
        self, scope: Message, receive: Receive, send: Send, address: str
    ) -> Reply | None:
        return await self._files(scope, receive, send, address)

    async def ready(self) -> bool:
        return bool(self._chunks.roll.seats()) and all(await self._gateway.ping_hosts())

    async def metrics(self) -> bytes:
        return prometheus_text(await self.stats())

    async def stats(self) -> list[dict[str, Any]]:
        """Figures of this front, and of every process that answers soon."""

        async def one(name: str) -> dict[str, Any]:
            process = self._processes.setdefault(name, RayHost(name))
            figures: dict[str, Any] = msgspec.json.decode(await process.stats())
            return figures

        async def auth() -> dict[str, Any]:
            figures: dict[str, Any] = await self._auth.stats.remote()
            return figures

        names = await asyncio.to_thread(process_names)
        asked = [auth(), *map(one, names)]
        found = await asyncio.gather(
            *(asyncio.wait_for(call, STATS_S_MAX) for call in asked), return_exceptions=True
        )
        own = {
            "service": f"front-{os.getpid()}",
            "pid": os.getpid(),
            "requests_waiting": len(self._gateway.desk.waiting),
            "requests_queued": self._gateway.queued,
            **{f"media_{name}": value for name, value in self._chunks.pool.figures.items()},
        }
        return [own, *(figures for figures in found if isinstance(figures, dict))]

    async def websocket(self, receive: Receive, send: Send) -> None:
        await asgi.websocket(self._gateway, receive, send)


def application(settings: Settings, fronts: int = 1) -> serve.Application:
    """The Serve application of a server."""

    async def start() -> Backend:
        log_to(Path(settings.data), f"front-{os.getpid()}")
        settings.set_limits()
        return_memory()
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
    @serve.ingress(App(start, settings.proxies))
    class Front:
        """See `api.http`."""

        def __init__(self, auth: Any) -> None:
            """Serve starts `auth` because it is bound here; the backend finds it by its name."""

    bound: serve.Application = Front.bind(Auth.bind(settings.encode()))  # type: ignore[attr-defined]
    return bound
