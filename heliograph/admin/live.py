"""What the operator does with a running server: reached through its Ray cluster, which only the
owner of the data folder can find (`run.json`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from actors import addresses
from actors.handle.messages import Holder, LookUp
from actors.invitation.messages import MakeInvitation
from actors.user.messages import Credentials, GetCredentials, NewPassword
from api import methods as m
from api.errors import ApiError
from fronts.passwords import check_new, prepared
from fronts.secrets import metrics_token, read_token
from heliograph.failing import Told
from heliograph.server.config import (
    NODE_FILE,
    TOKEN_FILE,
    RunFile,
    node_temporary,
    ray_membership,
)
from media.listing import ChunkLine
from runtime.messages import Dedicate, Dedicated, Internal, WhereIs
from runtime.placement import own_partition
from runtime.refs import ActorRef

if TYPE_CHECKING:
    from heliograph.admin.stores import Node
    from runtime.lines.host_lines import Doors
    from runtime.replication.protocol import Mark, Seat
    from shells.settings import Settings
    from storage.node_folder import Content

log = logging.getLogger(__name__)
R = TypeVar("R")
ANSWER_S_MAX = 3.0
LOOK_S_MAX = 1.0
CHUNKS_PER_CALL = 4_096
CHUNKS_S_MAX = 30.0
LOOK_S = 1.0
DEDICATE_S_MAX = 600.0
"""A long history takes a while to be copied; the chat goes on meanwhile."""
RUN_FILE = "run.json"
NO_SERVER = "no server is running on {}; start it with: heliograph up --data {}"


class NotRunning(Told):
    """There is no server to talk to; the message says what to do."""


class UnknownHost(Told):
    """There is no such host; the message says which there are."""


def running(data: Path) -> RunFile:
    """The server that runs on a data folder. Raises NotRunning."""
    try:
        return msgspec.json.decode((data / RUN_FILE).read_bytes(), type=RunFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotRunning(NO_SERVER.format(data, data)) from error


def _ray_address(data: Path) -> str:
    """Of the server's Ray cluster. A node knows it, even if Heliograph was started on another one.
    Raises NotRunning."""
    if (data / NODE_FILE).exists() and not (data / RUN_FILE).exists():
        return os.environ.get("RAY_ADDRESS", "auto")
    return running(data).ray_address


@contextlib.contextmanager
def _connected(data: Path) -> Iterator[None]:
    """Joined to the server's Ray cluster; `shells` may be imported only then, for Ray reads
    its environment when it is imported. Raises NotRunning."""
    address = _ray_address(data)
    os.environ.update(ray_membership(data.resolve()))
    import ray

    from shells.registry import NAMESPACE

    try:
        ray.init(
            address=address,
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
        from shells.edge import make_gateway

        gateway = make_gateway(_settings(data))
        await gateway.start()
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    with _connected(data):
        return asyncio.run(main())


class ClusterView(NamedTuple):
    """What the hosts of a server with copies say. `rows`: each host of its own copies (see
    `runtime.replication.member.Member.row`); `silent`: the hosts and media actors that do
    not answer."""

    seats: dict[str, Seat]
    rows: list[dict[str, Any]]
    silent: list[str]


def cluster_view(data: Path) -> ClusterView:
    """Raises NotRunning."""
    with _store_of(data):
        return _look(_settings_with_copies(data))


@contextlib.contextmanager
def _store_of(data: Path) -> Iterator[None]:
    """The key-value store of the server's Ray cluster can be read, without joining that, which
    takes seconds. Raises NotRunning."""
    address = _ray_address(data)
    os.environ.update(ray_membership(data.resolve()))
    if address == "auto":
        address = _address_here(data)
    from shells.transport import key_values_of

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(key_values_of(address))
        except (OSError, ValueError) as error:
            raise NotRunning(
                f"Ray's head does not answer at {address} ({error}): without it nobody can tell "
                "who leads; it is started again by itself, if its machine is on"
            ) from error
        yield


def _address_here(data: Path) -> str:
    """Of the Ray that runs on this node, as Ray wrote it down. Raises NotRunning."""
    try:
        return (node_temporary(data) / "ray" / "ray_current_cluster").read_text().strip()
    except OSError as error:
        raise NotRunning(NO_SERVER.format(data, data)) from error


class Watch:
    """A server that is looked at, as often as one likes."""

    def __init__(self, data: Path, settings: Settings) -> None:
        self._data = data
        self._settings = settings

    def view(self) -> ClusterView:
        """Of a server with copies. Raises Unsettled."""
        with _unsettled("the hosts could not be asked what they lead"):
            return _look(self._settings)

    def nodes(self) -> list[Node]:
        """The nodes of its cluster that answer and have its data; none of one that was started on
        one machine. Raises Unsettled where one dies while it is asked."""
        from heliograph.admin.remote import RemoteReader
        from heliograph.admin.stores import Node
        from shells import cluster, registry

        with _unsettled("a node could not be asked what it has"):
            homes = nodes_of(self._data, registry.node_names())
        return [
            Node(content.hosts, partial(RemoteReader, cluster.Home(name, path)))
            for name, (path, content) in homes.items()
            if content.cluster and content.cluster.cluster_id == self._settings.cluster_id
        ]

    def media(self) -> set[str]:
        """The media actors that the server has. Raises Unsettled."""
        from shells.media import media_roster

        with _unsettled("the media actors cannot be found"):
            return set(media_roster(self._settings).read())


@contextlib.contextmanager
def _unsettled(what: str) -> Iterator[None]:
    """Where Ray fails, another look may do. Raises Unsettled."""
    from ray.exceptions import RayError

    from heliograph.admin.reader import Unsettled

    try:
        yield
    except RayError as error:
        raise Unsettled(f"{what}: {error}") from error


def nodes_of(data: Path, names: list[str]) -> dict[str, tuple[str, Content]]:
    """The path of each node's data folder and what is in it, as far as they answer."""
    from heliograph.server import cluster, local_nodes

    return local_nodes.look(data) or cluster.look(names, log.info)


@contextlib.contextmanager
def watching(data: Path) -> Iterator[Watch]:
    """Raises NotRunning."""
    with _connected(data):
        yield Watch(data, _settings(data))


def _settings(data: Path) -> Settings:
    from shells import registry

    try:
        return registry.settings()
    except RuntimeError as error:
        raise NotRunning(NO_SERVER.format(data, data)) from error


def _settings_with_copies(data: Path) -> Settings:
    settings = _settings(data)
    if settings.copies == 1:
        raise NotRunning("this server has one copy of everything; see: heliograph admin stats")
    return settings


def _look(settings: Settings) -> ClusterView:
    """The hosts and media actors are asked by their own lines, as they ask each other: so it is
    told what is so, also where Ray knows less, or is not quite there."""
    from shells import cluster
    from shells.gcs import GcsRoster
    from shells.media import media_roster
    from shells.transport import Gcs

    seats = cluster.seats(settings.cluster_id)
    hosts = sorted(seats) or cluster.host_names(settings)
    told = asyncio.run(_ask_all(GcsRoster(Gcs(), settings.cluster_id), hosts, "rows"))
    media = media_roster(settings)
    actors = sorted(media.read())
    there = asyncio.run(_ask_all(media, actors, "ping"))
    rows = [row for raw in told.values() for row in msgspec.json.decode(raw)]
    silent = [name for name in hosts + actors if name not in told and name not in there]
    return ClusterView(seats, rows, silent)


async def _ask_all(roster: Doors, names: list[str], method: str) -> dict[str, Any]:
    """What each answers that answers."""
    from runtime.lines.host_lines import HostLines

    lines = HostLines(roster)

    async def ask(name: str) -> Any:
        async with asyncio.timeout(LOOK_S_MAX):
            return await lines.call(name, method)

    try:
        answers = await asyncio.gather(*map(ask, names), return_exceptions=True)
    finally:
        lines.close()
    return {
        name: answer
        for name, answer in zip(names, answers, strict=True)
        if not isinstance(answer, BaseException)
    }


class MediaView(NamedTuple):
    """What the media actors of a server say: the figures of each, its chunks in the order of their
    names, and who does not answer. `copies`: how many of each chunk there shall be."""

    copies: int
    figures: list[dict[str, Any]]
    chunks: list[Iterator[ChunkLine]]
    silent: list[str]


@contextlib.contextmanager
def media_view(data: Path) -> Iterator[MediaView]:
    """Looks at the media actors of a running server; the chunks are fetched as they are gone
    through. Raises NotRunning."""
    with _connected(data):
        import ray
        from ray.exceptions import RayError

        from shells import registry
        from shells.media import media_roster

        settings = _settings(data)
        try:
            seats = media_roster(settings).read()
        except (RayError, RuntimeError) as error:
            raise NotRunning(f"the media actors cannot be found; try it again: {error}") from error
        view = MediaView(min(settings.copies, len(seats)), [], [], [])
        for name in sorted(seats):
            try:
                actor = registry.find(name)
                told = ray.get(actor.stats.remote(), timeout=ANSWER_S_MAX)
            except (ValueError, RayError):
                view.silent.append(name)
                continue
            view.figures.append({"node": seats[name].node, **msgspec.json.decode(told)})
            view.chunks.append(_chunks_of(name, actor))
        yield view


def _chunks_of(name: str, actor: Any) -> Iterator[ChunkLine]:
    import ray
    from ray.exceptions import RayError

    after = b""
    while True:
        try:
            raw = ray.get(actor.chunks.remote(after, CHUNKS_PER_CALL), timeout=CHUNKS_S_MAX)
        except RayError as error:
            raise NotRunning(f"{name} does not answer any more; try it again: {error}") from error
        lines = msgspec.msgpack.decode(raw, type=list[ChunkLine])
        yield from lines
        if len(lines) < CHUNKS_PER_CALL:
            return
        after = lines[-1].name


def mark(
    data: Path, host: str, wanted: Mark, done: Callable[[ClusterView], bool], wait_s: float
) -> bool:
    """Say what is wanted of a host, and wait until it is so; whether it came to that in time.
    Raises NotRunning, UnknownHost."""
    end_s = time.monotonic() + wait_s
    with _connected(data):
        from shells import cluster

        settings = _settings_with_copies(data)
        seats = cluster.seats(settings.cluster_id)
        if host not in seats:
            raise UnknownHost(f"there is no host {host!r}; there are {', '.join(sorted(seats))}")
        cluster.mark(settings.cluster_id, host, wanted)
        while not done(_look(settings)):
            if time.monotonic() > end_s:
                return False
            time.sleep(LOOK_S)
    return True


def invite(data: Path, uses: int) -> str:
    """Make an invitation for this many registrations; returns its code."""
    code = secrets.token_urlsafe(12)

    async def work(gateway: Any) -> None:
        await gateway.ask(ActorRef("invitation", code), MakeInvitation(uses))

    _with_gateway(data, work)
    return code


def dedicate(data: Path, chat_id: str) -> Dedicated:
    """Give a chat a host of its own, and wait until it serves there. Raises NotRunning,
    ApiError."""

    async def work(gateway: Any) -> Dedicated:
        from heliograph.admin import own_hosts
        from shells import registry

        chat = addresses.chat(chat_id)
        await gateway.ask(chat, WhereIs(), read=True)
        settings = registry.settings()
        host = await own_hosts.make(data, settings, own_partition(chat))
        answer = await gateway.ask(chat, Dedicate(), deadline_s=DEDICATE_S_MAX)
        found = msgspec.json.decode(answer, type=Dedicated)
        return found if settings.copies == 1 else replace(found, host=host)

    return _with_gateway(data, work)


def reset_password(data: Path, username: str, password: str) -> None:
    """Give a user a new password; all their sessions end. Raises Told, ApiError."""
    wanted = {"old_password": password, "new_password": password}
    try:
        m.decode_params(m.METHODS["auth.change_password"], msgspec.json.encode(wanted))
        check_new(password, "/new_password")
    except (msgspec.ValidationError, ApiError) as error:
        why = getattr(error, "detail", error)
        raise Told(f"this password cannot be set: {why}") from error

    async def work(gateway: Any) -> None:
        from fronts.auth import HASHER

        holder = await _typed(gateway, Holder, addresses.username(username), LookUp())
        if not holder.user_id:
            raise ApiError("user_not_found", f"nobody is called {username}")
        user = addresses.user(holder.user_id)
        known = await _typed(gateway, Credentials, user, GetCredentials())
        new_hash = await asyncio.to_thread(HASHER.hash, prepared(password))
        await gateway.ask(user, NewPassword(known.password_hash, new_hash))

    _with_gateway(data, work)


async def _typed(gateway: Any, kind: type[R], ref: ActorRef, message: Internal) -> R:
    return msgspec.json.decode(await gateway.ask(ref, message, read=True), type=kind)


def token_for_metrics(data: Path) -> str:
    """What `/metrics` of the server or cluster with this data folder wants to be shown. Raises
    NotRunning."""
    try:
        return metrics_token(read_token(data / TOKEN_FILE))
    except OSError as error:
        raise NotRunning(
            f"{data} has no {TOKEN_FILE}: it is made when a server is first started there"
        ) from error


def figures(data: Path) -> dict[str, dict[str, float]]:
    """The metrics of a running server: process to name to value. Raises NotRunning."""
    run = running(data)
    import httpx2
    from prometheus_client.parser import text_string_to_metric_families

    try:
        answer = httpx2.get(
            f"{run.url}/metrics",
            headers={"authorization": f"Bearer {token_for_metrics(data)}"},
            trust_env=False,
            timeout=10.0,
        )
        answer.raise_for_status()
    except httpx2.HTTPError as error:
        raise NotRunning(f"the server at {run.url} does not answer: {error}") from error
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            name = sample.name.removeprefix("heliograph_")
            found.setdefault(sample.labels.get("process", ""), {})[name] = sample.value
    return found
