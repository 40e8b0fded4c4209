"""`python -m tests.bench.bench` (`make bench`): the figures of a whole server on this machine.

Starts `heliograph up` on a folder of its own and free ports, measures, stops it, and leaves nothing
behind: durable messages per second at full load and at rest against the bare floor, memory of an
idle connection and of resident actors, and what a server of one node and of three takes to start
and while nobody does anything. Prints one table, and with `--json`
one JSON object as the last line.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from heliograph.server.ports import free_ports
from sim.load.idle import processes_titled
from sim.memory import pss_kb

ROOT = Path(__file__).parents[2]
MEMORY_BENCH = "tests.bench.memory_bench"
LIGHT_BENCH = "tests.bench.light_bench"
NODES = 3
START_S_MAX = 180.0
STOP_S_MAX = 60.0
STEP_S_MAX = 1_800.0
POLL_S = 0.05
ACTOR_TITLE = "ray::"

ROWS = (
    ("light.ready_s", "start until ready", "s"),
    ("light.ready_cpu_s", "  CPU", "s"),
    ("light.mb", "  memory of all processes", "MB (PSS)"),
    ("light.idle_percent", "  while nobody does anything", "% of a core"),
    ("light_nodes.ready_s", f"start of {NODES} nodes until ready", "s"),
    ("light_nodes.ready_cpu_s", "  CPU", "s"),
    ("light_nodes.mb", "  memory of all processes", "MB (PSS)"),
    ("light_nodes.idle_percent", "  while nobody does anything", "% of a core"),
    ("full.sent_per_s", "200 pairs, window 8", "durable messages/s"),
    ("full.delivered_per_s", "  delivered", "messages/s"),
    ("full.p50_ms", "  delivery p50", "ms"),
    ("full.p99_ms", "  delivery p99", "ms"),
    ("full.floor_per_s", "  floor", "messages/s"),
    ("full.floor_ratio", "  of the floor", ""),
    ("full.client_us_per_message", "  client CPU", "µs a message"),
    ("rest.sent_per_s", "1 pair, window 1", "durable messages/s"),
    ("rest.p50_ms", "  delivery p50", "ms"),
    ("rest.p99_ms", "  delivery p99", "ms"),
    ("rest.floor_p50_ms", "  floor p50", "ms"),
    ("lost", "lost", "messages, both runs"),
    ("duplicated", "duplicated", "messages, both runs"),
    ("reordered", "reordered", "messages, both runs"),
    ("idle.connections", "idle connections", ""),
    ("idle.kb_per_connection", "  memory of one", "KiB of the edges"),
    ("processes_mb", "Ray actors' processes", "MiB after the runs"),
)


class Failed(Exception):
    """A step of the benchmark did not work."""


class Started(NamedTuple):
    """`seconds`: until it was ready. `pid`: of its supervisor."""

    seconds: float
    pid: int


@contextlib.contextmanager
def server(data: Path, port: int, log: Path, *options: str) -> Iterator[Started]:
    """A server of its own."""
    command = [str(Path(sys.executable).with_name("heliograph")), "up"]
    command += ["--data", str(data), "--port", str(port), "--flood", "off", *options]
    if not Path(command[0]).exists():
        raise Failed(f"{command[0]} is missing: run `make install`")
    started = monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until = started + START_S_MAX
        while not ready(f"http://127.0.0.1:{port}"):
            if process.poll() is not None or monotonic() > until:
                raise Failed(f"the server did not start:\n{log.read_text()[-4000:]}")
            sleep(POLL_S)
        yield Started(monotonic() - started, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def step(console: Console, what: str, module: str, *arguments: object) -> dict[str, Any]:
    """Run a module that prints one JSON object as its last line."""
    with console.status(what):
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=STEP_S_MAX,
            check=False,
        )
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise Failed(f"{what}: {done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def measure(console: Console, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-", dir=options.folder) as folder:
        os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
        data = Path(folder) / "data"
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        others = set(processes_titled(ACTOR_TITLE))
        with console.status("starting a server"), contextlib.ExitStack() as stack:
            stack.enter_context(server(data, port, Path(folder) / "server.log"))
            running = stack.pop_all()
        with running:
            load = ("--url", url, "--data", data, "--json", "--seconds", options.seconds)
            full = ("--pairs", options.pairs, "--window", 8)
            rest = ("--pairs", 1, "--window", 1)
            name = f"{options.pairs} pairs, window 8"
            result: dict[str, Any] = {}
            result["full"] = step(console, name, "heliograph", "load", *load, *full)
            result["rest"] = step(console, "1 pair, window 1", "heliograph", "load", *load, *rest)
            result["idle"] = idle(console, url, options.connections, others)
            own = [pid for pid in processes_titled(ACTOR_TITLE) if pid not in others]
            result["processes_mb"] = round(sum(map(pss_kb, own)) / 1024, 1)
    for fault in ("lost", "duplicated", "reordered"):
        result[fault] = result["full"][fault] + result["rest"][fault]
    for key, nodes in (("light", 1), ("light_nodes", NODES)):
        what = f"a server of {nodes}, idle"
        result[key] = step(console, what, LIGHT_BENCH, "--json", "--nodes", nodes)
    if importlib.util.find_spec(MEMORY_BENCH) is not None:
        result["memory"] = step(console, "resident actors", MEMORY_BENCH, "--json")
    return result


def idle(console: Console, url: str, connections: int, others: set[int]) -> dict[str, Any]:
    foreign = [argument for pid in others for argument in ("--not-pid", pid)]
    arguments = ("--url", url, "--connections", connections, *foreign)
    return step(console, f"{connections} idle connections", "sim.load.idle", *arguments)


def table(result: dict[str, Any]) -> Table:
    shown = Table(title="Heliograph on this machine", title_justify="left", show_header=False)
    shown.add_column(style="bold")
    shown.add_column(justify="right")
    shown.add_column(style="dim")
    for key, name, unit in ROWS:
        value: Any = result
        for part in key.split("."):
            value = value.get(part, "-")
            if value == "-":
                break
        shown.add_row(name, f"{value:,}" if isinstance(value, int | float) else value, unit)
    for key, value in result.get("memory", {}).items():
        shown.add_row(key, f"{value:,}" if isinstance(value, int | float) else str(value), "memory")
    return shown


def report(
    measure: Callable[[Console], dict[str, Any]],
    table: Callable[[dict[str, Any]], Table],
    as_json: bool,
) -> dict[str, Any]:
    """Measure, and show the figures: in a table and, with `as_json`, as one JSON object, which then
    is all of the output. Returns them; none if it failed, which is told."""
    console = Console(stderr=as_json)
    try:
        result = measure(console)
    except Failed as problem:
        console.print(str(problem), markup=False)
        return {}
    console.print(table(result))
    if as_json:
        print(json.dumps(result), flush=True)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load run")
    parser.add_argument("--connections", type=int, default=4_000, help="idle ones")
    parser.add_argument("--folder", help="where the temporary data folder is made")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = report(lambda console: measure(console, options), table, options.json)
    return int(not result or any(result[fault] for fault in ("lost", "duplicated", "reordered")))


if __name__ == "__main__":
    sys.exit(main())
