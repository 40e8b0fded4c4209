"""Millions of sessions known to one server, and how many of their actors it keeps in memory:
`python -m tests.bench.resident_bench [--sessions N] [--resident N] [--json]`.

Makes accounts with a session each (`tests.bench.accounts`), starts a server on them, and wakes
actors by messages until as many are resident as shall be: devices log in by their tokens over
WebSockets, in pairs, and say something to each other. Weighs all processes of the server before and
after; takes the time of a login and of a message whose actors are at rest, and then of the same
ones in memory; and at last reaches other sessions by a message, `--reach` of them from all over.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop
from picows import WSError
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from fronts.secrets import metrics_token, read_token
from heliograph.server.config import TOKEN_FILE
from heliograph.server.ports import free_ports
from tests.bench.accounts import pair, populate
from tests.bench.bench import Failed, report, server
from tests.bench.devices import Refused, Took, talk
from tests.bench.waking import quantiles, wake_us
from tests.bench.weight import Weight, settled

ACTORS_PER_PAIR = 5
"""That two devices who talk wake: two sessions, two users, a chat."""
TALKS_AT_ONCE = 100
TRIES_MAX = 5
WARM_PAIRS_MAX = 2_000
"""What a host needs once, it has then."""
TIMED_PAIRS_MAX = 1_000


class Bench:
    """A running server, and who is known to it."""

    def __init__(self, console: Console, data: Path, url: str, ws_url: str, pid: int) -> None:
        self.console = console
        self.ws_url = ws_url
        self.repeated = 0
        """Talks that were begun again: a device was not let in, or lost its connection."""
        self._pid = pid
        token = metrics_token(read_token(data / TOKEN_FILE))
        self._metrics = urllib.request.Request(
            f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}
        )

    def resident(self) -> int:
        """How many actors are in memory now."""
        with urllib.request.urlopen(self._metrics, timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        found = [f for f in families if f.name == "heliograph_resident_actors"]
        if not found:
            raise Failed("the server does not tell how many actors are resident")
        return int(sum(sample.value for sample in found[0].samples))

    def weigh(self) -> Weight:
        with self.console.status("weighing"):
            return settled(self._pid)

    async def talk(self, what: str, numbers: range) -> float:
        """Have these pairs talk, many at once; seconds that it took."""
        left = iter(numbers)
        begun = monotonic()
        with self.console.status(what) as status:

            async def some() -> None:
                for number in left:
                    await self._patiently(number)
                    if number % 100 == 0:
                        status.update(f"{what}: pair {number:,}")

            async with asyncio.TaskGroup() as tasks:
                for _ in range(TALKS_AT_ONCE):
                    tasks.create_task(some())
        return monotonic() - begun

    async def _patiently(self, number: int) -> None:
        for _ in range(TRIES_MAX - 1):
            try:
                await talk(self.ws_url, pair(number))
            except (OSError, WSError, Refused):
                self.repeated += 1
            else:
                return
        await talk(self.ws_url, pair(number))

    async def time(self, numbers: range) -> tuple[list[Took], list[Took]]:
        """Have these pairs talk, each alone and twice: how long it took while they were at rest,
        and when they were in memory."""
        woken: list[Took] = []
        resident: list[Took] = []
        with self.console.status("timing"):
            for number in numbers:
                for took in (woken, resident):
                    took.append(await talk(self.ws_url, pair(number)))
        return woken, resident


def measure(console: Console, options: argparse.Namespace) -> dict[str, Any]:
    pairs = options.sessions // 2
    talking = -(-options.resident // ACTORS_PER_PAIR)
    if talking >= pairs:
        raise Failed(f"{options.sessions} sessions have fewer than {options.resident} actors")
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-", dir=options.folder) as folder:
        data = Path(folder) / "data"
        begun = monotonic()
        with console.status("making accounts") as status:
            populate(data, pairs, lambda made: status.update(f"{2 * made:,} accounts made"))
        made_s = monotonic() - begun
        with console.status("waking actors without a server"):
            woken_us = wake_us(data, pairs)
        port, ws_port = free_ports(2)
        bounds = ("--ws-port", str(ws_port), "--resident", str(options.resident))
        with ExitStack() as stack:
            with console.status("starting a server"):
                log = Path(folder) / "server.log"
                started = stack.enter_context(server(data, port, log, *bounds))
            ws_url = f"ws://127.0.0.1:{ws_port}/ws"
            bench = Bench(console, data, f"http://127.0.0.1:{port}", ws_url, started.pid)
            found = uvloop.run(measured(bench, pairs, talking, options.reach))
        stored = sum(path.stat().st_size for path in data.glob("host-0/**/*") if path.is_file())
    return {
        "sessions": 2 * pairs,
        "made_s": round(made_s, 1),
        "ready_s": round(started.seconds, 1),
        **found,
        "us": woken_us,
        "stored_mb": round(stored / 2**20, 1),
    }


async def measured(bench: Bench, pairs: int, talking: int, reach: int) -> dict[str, Any]:
    warm = min(WARM_PAIRS_MAX, talking // 10)
    timed = min(TIMED_PAIRS_MAX, (pairs - talking) // 2)
    others = range(talking + timed, pairs)
    others = others[:: max(1, 2 * len(others) // max(1, reach))]
    at_rest = bench.weigh()
    await bench.talk("warming up", range(warm))
    before, at_first = bench.weigh(), bench.resident()
    waking_s = await bench.talk("waking", range(warm, talking))
    after, resident = bench.weigh(), bench.resident()
    woken, again = await bench.time(range(talking, talking + timed))
    await bench.talk("reaching others", others)
    at_last = bench.weigh()
    grown = after.host_anonymous_kb - before.host_anonymous_kb
    return {
        "resident_actors": resident,
        "resident_actors_at_last": bench.resident(),
        "bytes_per_resident_actor": round(1024 * grown / (resident - at_first)),
        "sessions_reached": 2 * (talking + timed + len(others)),
        "talks_repeated": bench.repeated,
        "woken_per_s": round((resident - at_first) / waking_s),
        "mb": {
            "at_rest": at_rest.shown(),
            "resident": after.shown(),
            "at_last": at_last.shown(),
        },
        "ms": {
            name: {
                "woken": quantiles((took[index] for took in woken), 1e3),
                "resident": quantiles((took[index] for took in again), 1e3),
            }
            for index, name in enumerate(Took._fields)
        },
    }


def table(result: dict[str, Any]) -> Table:
    title = f"{result['sessions']:,} sessions known, {result['resident_actors']:,} actors resident"
    shown = Table(title=title, title_justify="left", show_header=False)
    shown.add_column(style="bold")
    shown.add_column(justify="right")
    shown.add_row("bytes a resident actor", f"{result['bytes_per_resident_actor']:,}")
    shown.add_row("sessions reached by a message", f"{result['sessions_reached']:,}")
    for when, weight in result["mb"].items():
        shown.add_row(f"MB (PSS), {when.replace('_', ' ')}", f"{weight['all']:,}")
        shown.add_row("  of it mapped from files", f"{weight['mapped']:,}")
    for unit in ("us", "ms"):
        for what, found in result[unit].items():
            for state, took in found.items():
                told = ", ".join(f"{name} {value}" for name, value in took.items())
                shown.add_row(f"{unit}, {what.replace('_', ' ')}, {state}", told)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--resident", type=int, default=50_000)
    parser.add_argument("--reach", type=int, default=20_000, help="others, when all that is done")
    parser.add_argument("--folder", help="where the temporary data folder is made")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = report(lambda console: measure(console, options), table, options.json)
    return int(not result)


if __name__ == "__main__":
    sys.exit(main())
