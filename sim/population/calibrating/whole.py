"""All of a calibration: what is measured in towns, with files, and with a server, put together."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx2
import uvloop

from api.errors import ApiError
from heliograph.failing import Told
from sim.population.calibrating import costs, memory, rows, server
from sim.population.calibrating.figures import combined, typical
from sim.population.calibrating.loads import Window
from sim.population.calibrating.turns import GROUPS, Rounds
from sim.population.calibration import Calibration, Measured, Service
from sim.population.fanout import Frame, Turn

COPY_SHARE = 0.27
"""Measured once, with three hosts (docs/performance.md)."""
EDGE_SIGMA, MEDIA_SIGMA = 0.5, 1.0
"""Of frames and of parts of files: assumed, for a process does not tell what each took."""
LEAST_US = 0.1
COMMITS_MIN = 50
"""Of a window that says what one takes."""
GROUP = max(GROUPS)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What each part found."""

    turns: costs.Costs
    rows: rows.Costs
    row_bytes: float
    actor_bytes: float
    server: server.Found


@dataclass(frozen=True)
class Loop:
    """Of the loop of a host: how many times as long turns take there as in a town, what a batch
    takes, and how long the log takes for a commit. Of the closed loop: `message_us` of CPU for a
    message with all that comes of it, and `turns` of it."""

    times: float
    batch_us: float
    commit_us: float
    message_us: float
    turns: float


def measure(url: str | None, seconds: float, say: Say) -> Found:
    """Everything, which takes some minutes. Raises Told."""
    with server.server(url) as found_url:
        try:
            served = uvloop.run(server.measured(found_url, seconds, say))
        except (ApiError, httpx2.HTTPError, OSError, TimeoutError) as problem:
            told = str(problem) or type(problem).__name__
            raise Told(f"{found_url} can't be measured: {told}") from problem
    say("turns")
    turns = costs.costs(Rounds())
    say("rows and actors")
    return Found(turns, rows.costs(), memory.row_bytes(), memory.actor_bytes(), served)


def put_together(found: Found) -> Calibration:
    turns_us, loop, served = in_town_us(found), loop_of(found), found.server
    into_us, out_us, batch_us = frames_of(served)
    turned_us = [loop.times * work_us(turns_us, each) for each in served.windows]
    framed_us = [into_us * w.counts.into + out_us * w.counts.out for w in served.windows]
    host_beside, edge_beside = (
        beside_of(served, kind, work) for kind, work in (("host", turned_us), ("edge", framed_us))
    )
    return Calibration(
        version=version("heliograph"),
        machine=machine(),
        made=datetime.now(UTC).date().isoformat(),
        turns_us={turn.name.lower(): _rounded(us * loop.times) for turn, us in turns_us.items()},
        frames_us={
            Frame.IN.name.lower(): _rounded(into_us),
            Frame.OUT.name.lower(): _rounded(out_us),
            # Whoever has said hello asks what was missed.
            Frame.OPEN.name.lower(): _rounded(served.open_us + into_us + out_us),
        },
        host=Service(
            work_sigma=_rounded(found.turns.sigma),
            batch_us=_rounded(loop.batch_us),
            memory_mb=_rounded(served.memory_mb["host"]),
            commit_us=_rounded(loop.commit_us),
            commit_item_us=_rounded(found.rows.commit_item_us),
            beside=_rounded(host_beside[0]),
            beside_batch_us=_rounded(host_beside[1]),
        ),
        edge=Service(
            work_sigma=EDGE_SIGMA,
            batch_us=_rounded(batch_us),
            memory_mb=_rounded(served.memory_mb["edge"]),
            beside=_rounded(edge_beside[0]),
            beside_batch_us=_rounded(edge_beside[1]),
        ),
        media=Service(MEDIA_SIGMA, 0.0, _rounded(served.memory_mb["media"])),
        media_in_us=_rounded(served.files.in_us),
        media_in_us_per_mb=_rounded(served.files.in_us_per_mb),
        media_out_us=_rounded(served.files.out_us),
        media_out_us_per_mb=_rounded(served.files.out_us_per_mb),
        copy_share=COPY_SHARE,
        rest_mb=_rounded(served.memory_mb["rest"]),
        rest_cores=_rounded(sum(served.idle.cpu_s.values()) / served.idle.seconds),
        actor_bytes=_rounded(found.actor_bytes),
        connection_bytes=_rounded(served.connection_bytes),
        row_bytes=_rounded(found.row_bytes),
        measured=Measured(
            messages_per_s=_rounded(max(each.sent_per_s for each in served.windows)),
            connections=server.CONNECTIONS,
            group=GROUP,
        ),
    )


def in_town_us(found: Found) -> dict[Turn, float]:
    """Of turns with their rows, until these are in LMDB."""
    row_us = found.rows.row_us + found.rows.checkpoint_us
    return {
        turn: max(LEAST_US, us + found.turns.rows[turn] * row_us)
        for turn, us in found.turns.us.items()
    }


def loop_of(found: Found) -> Loop:
    """From what a host used under each load, beside what it uses when nothing is to be done."""
    us, served = in_town_us(found), found.server
    windows = served.windows
    used_us = [_loop_us(served, each, "host") for each in windows]
    turns_us = [work_us(us, each) for each in windows]
    times, batch_us = combined([turns_us, [each.told["batches"] for each in windows]], used_us)
    # Only an idle loop hears of it at once; what else the machine does only adds.
    at_once_us = [
        each.told["commit_at_once_seconds"] * 1e6 / each.told["commits_at_once"]
        for each in windows
        if each.told["commits_at_once"] >= COMMITS_MIN
    ]
    full = windows[0]
    total_us = _cpu_us(served, full, "host")
    return Loop(
        times or 1.0,
        max(batch_us, found.rows.batch_us),
        typical(at_once_us) if at_once_us else found.rows.commit_us,
        total_us / max(1, full.counts.sent),
        full.told["turns"] / max(1, full.counts.sent),
    )


def work_us(us: dict[Turn, float], window: Window) -> float:
    """What the turns of a window would have taken in a town."""
    sends, acks, members = window.counts.sent, window.counts.acks, window.members
    told = max(0.0, window.told["turns"] - sends * (1 + members) - 2 * acks)
    delivered = min(acks, told / 2)
    return (
        sends * (us[Turn.CHAT_SEND] + members * us[Turn.USER_MESSAGE])
        + acks * (us[Turn.SESSION_ACK] + us[Turn.USER_RECEIVED])
        + delivered * us[Turn.CHAT_DELIVERED]
        + (told - delivered) * us[Turn.USER_MARKS]
    )


def frames_of(served: server.Found) -> tuple[float, float, float]:
    """What a frame to an edge takes of its loop, a frame from it, and a batch, in microseconds."""
    windows = served.windows
    columns = (
        [each.counts.into for each in windows],
        [each.counts.out for each in windows],
        [each.told["batches"] for each in windows],
    )
    into_us, out_us, batch_us = combined(
        columns, [_loop_us(served, each, "edge") for each in windows]
    )
    return max(LEAST_US, into_us), max(LEAST_US, out_us), batch_us


def beside_of(served: server.Found, kind: str, work_us: list[float]) -> tuple[float, float]:
    """CPU of the other threads, for that of the loop on items (`work_us`, in each window), and, in
    microseconds, for a batch."""
    windows = served.windows
    others_us = [
        max(1.0, _cpu_us(served, each, kind) - _loop_us(served, each, kind)) for each in windows
    ]
    share, batch_us = combined([work_us, [each.told["batches"] for each in windows]], others_us)
    return share, batch_us


def _cpu_us(served: server.Found, window: Window, kind: str) -> float:
    """What all threads used beside what they use when there is nothing to do."""
    return _beyond_us(served.idle.per_s(served.idle.cpu_s[kind]), window, window.cpu_s[kind])


def _loop_us(served: server.Found, window: Window, kind: str) -> float:
    """What the loop used beside what it uses when there is nothing to do."""
    return _beyond_us(served.idle.per_s(served.idle.loop_s[kind]), window, window.loop_s[kind])


def _beyond_us(idle_per_s: float, window: Window, used_s: float) -> float:
    return max(1.0, (used_s - idle_per_s * window.seconds) * 1e6)


def machine() -> str:
    """Cores, their model, and Python."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, words = line.partition(":")
        if name.strip() == "model name":
            model = words.strip()
            break
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
