"""`python -m sim.load.idle`: what an idle connection costs the edges in memory.

Opens connections that say hello and then only send heartbeats, and reads the proportional set size
of the edge processes (Linux, on the server's machine) before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Collection
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from api import limits
from sim.load.accounts import Accounts
from sim.load.endpoint import CONNECTS_AT_ONCE
from sim.load.http import Http
from sim.load.machine import raise_file_limit
from sim.load.plan import Account, Say
from sim.load.wire import CONTROL_ID, decode_answer, request
from sim.memory import pss_kb

EDGE_TITLE = "ray::Edge"
HELLO_S_MAX = 30.0
SETTLED_KB = 64
SETTLE_S_MAX = 15.0
SETTLE_POLL_S = 0.5
TEXT = WSMsgType.TEXT


class Idle(WSListener):  # type: ignore[misc, unused-ignore]
    """A connection that says hello and waits."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.send(TEXT, request(CONTROL_ID, "session.hello", {"token": self.token}))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != TEXT:
            transport.disconnect()
        elif not self.greeted.done():
            answer = decode_answer(frame.get_payload_as_bytes())
            if answer.error is not None:
                self.greeted.set_exception(ConnectionError(answer.error.detail))
            elif answer.id == CONTROL_ID:
                self.greeted.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("closed before hello was answered"))


def processes_titled(title: str) -> list[int]:
    """The ids of the processes whose title begins so."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(title.encode()):
                found.append(int(folder.name))
    return sorted(found)


async def measure_idle(
    url: str, connections: int, per_session: int, say: Say, not_pids: Collection[int] = ()
) -> dict[str, Any]:
    """Open so many connections, `per_session` of them with each token, and weigh the edges."""
    raise_file_limit()
    pids = [pid for pid in processes_titled(EDGE_TITLE) if pid not in not_pids]
    if not pids:
        raise OSError(f"no process titled {EDGE_TITLE}: run this on the server's machine")
    async with Http(url) as http:
        config = await http.config()
        users = await Accounts(http, config.server_id).take(
            -(-connections // per_session),
            lambda have, want: say(f"registering users: {have} of {want}"),
        )
    before_kb = await _settled_kb(pids)
    started = monotonic()
    opened = await _open(config.ws_url, users, connections, per_session)
    connect_s = monotonic() - started
    try:
        say(f"weighing {connections} connections")
        after_kb = await _settled_kb(pids, opened)
        alive = sum(not idle.transport.is_disconnected for idle in opened)
    finally:
        for idle in opened:
            idle.transport.disconnect(graceful=False)
    return {
        "connections": connections,
        "alive": alive,
        "edges": len(pids),
        "connect_s": round(connect_s, 2),
        "edge_pss_before_kb": before_kb,
        "edge_pss_after_kb": after_kb,
        "kb_per_connection": round((after_kb - before_kb) / connections, 2),
    }


async def _open(
    ws_url: str, users: list[Account], connections: int, per_session: int
) -> list[Idle]:
    at_once = asyncio.Semaphore(CONNECTS_AT_ONCE)

    async def one(number: int) -> Idle:
        async with at_once:
            idle = Idle(users[number // per_session].token)
            await ws_connect(lambda: idle, ws_url, read_buffer_init_size=2048)
            await asyncio.wait_for(idle.greeted, HELLO_S_MAX)
            return idle

    return list(await asyncio.gather(*map(one, range(connections))))


async def _settled_kb(pids: list[int], opened: Collection[Idle] = ()) -> int:
    """The sum over the edges, when it has stopped changing."""
    until = monotonic() + SETTLE_S_MAX
    beat_at = monotonic() + limits.HEARTBEAT_S / 4
    last_kb = -1
    while True:
        now_kb = sum(map(pss_kb, pids))
        if abs(now_kb - last_kb) <= SETTLED_KB or monotonic() > until:
            return now_kb
        last_kb = now_kb
        if monotonic() > beat_at:
            beat_at += limits.HEARTBEAT_S / 2
            for idle in opened:
                if not idle.transport.is_disconnected:
                    idle.transport.send(TEXT, b'{"ping":1}')
        await asyncio.sleep(SETTLE_POLL_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--connections", type=int, default=4_000)
    parser.add_argument("--per-session", type=int, default=limits.CONNECTIONS_PER_SESSION_MAX)
    parser.add_argument("--not-pid", type=int, action="append", default=[], help="another's edge")
    options = parser.parse_args()
    found = uvloop.run(
        measure_idle(
            options.url,
            options.connections,
            options.per_session,
            lambda what: print(what, file=sys.stderr),
            options.not_pid,
        )
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
