"""A server that is measured from outside: one that runs, or one that is started for it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import limits
from api import types as t
from heliograph.failing import Told
from heliograph.server.ports import free_ports
from sim.load.accounts import Accounts
from sim.load.files import put
from sim.load.http import Http
from sim.load.machine import raise_file_limit
from sim.load.plan import Account
from sim.peers.program import LOCALHOST, Failed, program
from sim.population.calibrating.figures import line
from sim.population.calibrating.loads import Watched, Window, all_loads, used
from sim.population.calibrating.processes import KINDS, Processes, behind
from sim.population.calibrating.talkers import Counts, opened
from sim.population.inputs import INPUTS

TALKERS = 50
CONNECTIONS = 1_000
IDLE_S = 6.0
SETTLE_S = 2.0
MIB = 1 << 20
FILES = {round(INPUTS["media.photo_bytes"].default): 120, 4_000_000: 20}
"""How many of each size."""
FILES_AT_ONCE = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Files:
    """CPU of all media actors, in microseconds for a file, and for a megabyte."""

    in_us: float
    in_us_per_mb: float
    out_us: float
    out_us_per_mb: float


@dataclass(frozen=True)
class Found:
    """Of a server: the memory of a process of each kind and of all others, `idle` and under loads;
    what a connection takes."""

    memory_mb: dict[str, float]
    idle: Window
    windows: list[Window]
    connection_bytes: float
    open_us: float
    files: Files


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """The URL of the one that is named, or of one that runs within this context. Raises Told."""
    if url is not None:
        yield url
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it is not left behind
    with tempfile.TemporaryDirectory(prefix="heliograph-calibrate-") as folder:
        data = Path(folder) / "data"
        port, ws_port = free_ports(2)
        command = [sys.executable, "-m", "heliograph", "up", "--data", str(data)]
        command += ["--port", str(port), "--ws-port", str(ws_port), "--flood", "off"]
        command += ["--files-port", "0"]
        try:
            with program(command, Path(folder) / "log", (data / "run.json").exists):
                yield f"http://{LOCALHOST}:{port}"
        except Failed as failed:
            raise Told(str(failed)) from failed


async def measured(url: str, seconds: float, say: Say) -> Found:
    """Everything about the server there. Raises Told, ApiError, OSError."""
    raise_file_limit()
    async with Http(url) as http, contextlib.AsyncExitStack() as stack:
        config = await http.config()
        pid, settings = behind(config.ws_url)
        if (settings.hosts, settings.edges, settings.copies) != (1, 1, 1):
            raise Told(
                "--url: only a server of one host and one edge without copies tells what each takes"
            )
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        needed = max(TALKERS, -(-CONNECTIONS // limits.CONNECTIONS_PER_SESSION_MAX))
        accounts = await Accounts(http, config.server_id, cache).take(
            needed, lambda have, want: say("registering users") if have == 0 else None
        )
        watched = Watched(Processes(pid), Path(settings.data), Counts())
        say("an idle server")
        idle = await watched.during("nothing", None, IDLE_S)
        memory = watched.processes.memory_mb()
        memory_mb = {kind: memory[kind] / max(1, watched.processes.counts[kind]) for kind in KINDS}
        memory_mb["rest"] = memory["rest"]
        say(f"{CONNECTIONS:,} connections")
        connection_bytes, open_us = await _connections(watched, config.ws_url, accounts)
        talkers = await opened(config.ws_url, accounts[:TALKERS], watched.counts)
        try:
            say("loads")
            windows = await all_loads(watched, talkers, seconds)
            if trouble := next((each.trouble for each in talkers if each.trouble), ""):
                raise Told(f"the server refused messages: {trouble}")
        finally:
            for talker in talkers:
                talker.close()
        say("files")
        return Found(
            memory_mb,
            idle,
            windows,
            connection_bytes,
            open_us,
            await _files(watched.processes, http, accounts),
        )


async def _connections(
    watched: Watched, ws_url: str, accounts: list[Account]
) -> tuple[float, float]:
    """Bytes and CPU, in microseconds, that a connection takes of the edge: opened, and closed."""
    processes, each = watched.processes, limits.CONNECTIONS_PER_SESSION_MAX
    for_warmth = await opened(ws_url, accounts, watched.counts)
    for talker in for_warmth:
        talker.close()
    await asyncio.sleep(SETTLE_S)
    before_s, memory_mb = processes.threads_s(), processes.memory_mb()["edge"]
    wanted = [accounts[number // each] for number in range(CONNECTIONS)]
    talkers = await opened(ws_url, wanted, watched.counts)
    await asyncio.sleep(SETTLE_S)
    more_mb = processes.memory_mb()["edge"] - memory_mb
    for talker in talkers:
        talker.close()
    await asyncio.sleep(SETTLE_S)
    _, loop_s = used(processes, before_s, processes.threads_s())
    return max(0.0, more_mb) * MIB / CONNECTIONS, loop_s["edge"] * 1e6 / CONNECTIONS


async def _files(processes: Processes, http: Http, accounts: list[Account]) -> Files:
    """Files as large as pictures and as videos go up, and come down again."""
    account = accounts[0]
    params = {"user_id": account.user_id}
    chat = await http.call("chats.open_private", params, t.Chat, account.token)
    at_once = asyncio.Semaphore(FILES_AT_ONCE)

    async def up(size: int, tickets: list[str]) -> None:
        content = secrets.token_bytes(size)
        async with at_once:
            tickets.append((await put(http, content, account.token)).ticket)

    async def down(message_id: int) -> None:
        async with at_once:
            await http.get(f"/media/file/{chat.id}/{message_id}", account.token)

    async def used_us(work: list[Coroutine[Any, Any, None]]) -> float:
        before_s = processes.threads_s()
        await asyncio.gather(*work)
        total_s, _ = used(processes, before_s, processes.threads_s())
        return total_s["media"] * 1e6 / len(work)

    await up(1_000, [])
    in_us, out_us, random_ids = [], [], itertools.count(1)
    for size, number in FILES.items():
        tickets: list[str] = []
        in_us.append(await used_us([up(size, tickets) for _ in range(number)]))
        ids = []
        for ticket in tickets:
            sent = {"chat_id": chat.id, "text": "", "random_id": next(random_ids), "media": ticket}
            ids.append((await http.call("messages.send", sent, t.Sent, account.token)).id)
        out_us.append(await used_us([down(each) for each in ids]))
    mb = [size / 1e6 for size in FILES]
    return Files(*line(mb, in_us), *line(mb, out_us))
