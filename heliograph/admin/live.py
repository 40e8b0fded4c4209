"""What the operator does with a running server: reached through its Ray cluster, which only the
owner of the data folder can find (`run.json`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors import messages as i
from actors.runtime import refs
from actors.runtime.refs import ActorRef
from api import methods as m
from api.errors import ApiError
from heliograph.server.config import RunFile, ray_membership

R = TypeVar("R")
ANSWER_S_MAX = 3.0
NO_SERVER = "no server is running on {}; start it with: heliograph up --data {}"


class NotRunning(Exception):
    """There is no server to talk to; the message says what to do."""


def running(data: Path) -> RunFile:
    """The server that runs on a data folder. Raises NotRunning."""
    try:
        return msgspec.json.decode((data / "run.json").read_bytes(), type=RunFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotRunning(NO_SERVER.format(data, data)) from error


@contextlib.contextmanager
def _connected(data: Path) -> Iterator[None]:
    """Joined to the server's Ray cluster. Raises NotRunning."""
    run = running(data)
    os.environ.update(ray_membership(data.resolve()))
    import ray

    from actors.runtime.transport import NAMESPACE

    try:
        ray.init(
            address=run.ray_address,
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError) as error:
        raise NotRunning(NO_SERVER.format(data, data)) from error
    try:
        yield
    finally:
        ray.shutdown()


def _with_gateway(data: Path, work: Callable[[Any], Awaitable[R]]) -> R:
    """Do something with a gateway to the running server. Raises NotRunning, ApiError."""

    async def main() -> R:
        from actors.edge.edge import make_gateway
        from actors.runtime import cluster

        gateway = make_gateway(cluster.settings())
        await gateway.start()
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    with _connected(data):
        return asyncio.run(main())


def copies(data: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What each host of a server with copies says of its own (see
    `actors.runtime.replication.member.Member.row`), and the hosts that do not answer. Raises
    NotRunning."""

    async def ask(host: str) -> list[dict[str, Any]]:
        from actors.runtime.transport import call_host

        async with asyncio.timeout(ANSWER_S_MAX):
            rows: list[dict[str, Any]] = msgspec.json.decode(await call_host(host, "cluster"))
        return rows

    async def main() -> tuple[list[dict[str, Any]], list[str]]:
        from actors.runtime import cluster

        settings = cluster.settings()
        if settings.copies == 1:
            raise NotRunning("this server has one copy of everything; see: heliograph admin stats")
        names = cluster.host_names(settings)
        found = await asyncio.gather(*map(ask, names), return_exceptions=True)
        silent = [n for n, rows in zip(names, found, strict=True) if isinstance(rows, Exception)]
        return [row for rows in found if isinstance(rows, list) for row in rows], silent

    with _connected(data):
        return asyncio.run(main())


def invite(data: Path, uses: int) -> str:
    """Make an invitation for this many registrations; returns its code."""
    code = secrets.token_urlsafe(12)

    async def work(gateway: Any) -> None:
        await gateway.ask(ActorRef("invitation", code), i.MakeInvitation(uses))

    _with_gateway(data, work)
    return code


def reset_password(data: Path, username: str, password: str) -> None:
    """Give a user a new password; all their sessions end. Raises ApiError."""
    wanted = {"old_password": password, "new_password": password}
    try:
        m.decode_params(m.METHODS["auth.change_password"], msgspec.json.encode(wanted))
    except msgspec.ValidationError as error:
        raise ApiError("bad_request", f"this password cannot be set: {error}") from error

    async def work(gateway: Any) -> None:
        from actors.auth import HASHER

        holder = await _typed(gateway, i.Holder, refs.username(username), i.LookUp())
        if not holder.user_id:
            raise ApiError("user_not_found", f"nobody is called {username}")
        user = refs.user(holder.user_id)
        known = await _typed(gateway, i.Credentials, user, i.GetCredentials())
        new_hash = await asyncio.to_thread(HASHER.hash, password)
        await gateway.ask(user, i.NewPassword(known.password_hash, new_hash))

    _with_gateway(data, work)


async def _typed(gateway: Any, kind: type[R], ref: ActorRef, message: i.Internal) -> R:
    return msgspec.json.decode(await gateway.ask(ref, message, read=True), type=kind)


def figures(data: Path) -> dict[str, dict[str, float]]:
    """The metrics of a running server: process to name to value. Raises NotRunning."""
    run = running(data)
    import httpx2
    from prometheus_client.parser import text_string_to_metric_families

    try:
        answer = httpx2.get(f"{run.url}/metrics", trust_env=False, timeout=10.0)
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise NotRunning(f"the server at {run.url} does not answer: {error}") from error
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            name = sample.name.removeprefix("heliograph_")
            found.setdefault(sample.labels.get("process", ""), {})[name] = sample.value
    return found
