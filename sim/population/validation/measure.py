"""Loads on a real server: the load tool as a process of its own, and the memory of the server's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from heliograph.failing import Told
from sim.load.http import Http
from sim.population.calibrating.processes import Processes, behind
from sim.population.calibrating.server import server
from sim.population.validation.loads import Load, scenario, seconds_of
from sim.population.validation.pace import pace_s

LOOK_S = 0.5
NEVER_S = 1e6
"""Stands for a recovery that nobody saw the end of."""
Say = Callable[[str], None]


class Server:
    """A server of this machine. `folder`: where the load tool remembers its users."""

    def __init__(self, url: str, processes: Processes, folder: Path) -> None:
        self._url = url
        self._processes = processes
        self._folder = folder

    def load(self, load: Load, rate: float, seconds: float) -> dict[str, Any]:
        """What the load tool says of it; `pace_s`: of the machine, the median of all looks;
        `edge_mb` and `memory_mb`: the most of them. Rate 0: as fast as it can. Raises Told."""
        file = self._folder / "load.toml"
        file.write_text(scenario(load, rate, seconds_of(load, seconds)))
        command = [sys.executable, "-m", "heliograph", "load", "run", str(file)]
        command += ["--url", self._url, "--no-floor", "--json"]
        environment = os.environ | {"XDG_CACHE_HOME": str(self._folder)}
        with (self._folder / "said").open("w+") as said, (self._folder / "why").open("w+") as why:
            process = subprocess.Popen(command, stdout=said, stderr=why, env=environment)
            try:
                seen = self._look_until_end(process, load)
            finally:
                process.kill()
                process.wait()
            said.seek(0)
            why.seek(0)
            told = said.read().strip().splitlines()
            if not told:
                reason = why.read().strip().splitlines() or ["it said nothing"]
                raise Told(f"heliograph load could not do {load.text}: {reason[-1]}")
        found: dict[str, Any] = json.loads(told[-1])
        return found | seen

    def _look_until_end(self, process: subprocess.Popen[bytes], load: Load) -> dict[str, float]:
        """To look at memory takes time of the machine: only where nobody sends."""
        edge_mb = memory_mb = 0.0
        paces_s = [pace_s()]
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_S)
                break
            paces_s.append(pace_s())
            if load.idle:
                memory = self._processes.memory_mb()
                edge_mb = max(edge_mb, float(memory["edge"]))
                memory_mb = max(memory_mb, float(sum(memory.values())))
        return {"pace_s": median(paces_s), "edge_mb": edge_mb, "memory_mb": memory_mb}


@contextlib.contextmanager
def running(url: str | None, say: Say) -> Iterator[Server]:
    """The server of this machine that is named, or one that runs within this context. Raises
    Told."""
    say("starting a server" if url is None else "looking at the server")
    with server(url) as found, tempfile.TemporaryDirectory(prefix="heliograph-validate-") as folder:
        pid, settings = behind(asyncio.run(_ws_url(found)))
        if (settings.hosts, settings.edges, settings.copies) != (1, 1, 1):
            raise Told("--url: what is predicted is a server of one host and one edge, no copies")
        yield Server(found, Processes(pid), Path(folder))


async def _ws_url(url: str) -> str:
    try:
        async with Http(url) as http:
            return (await http.config()).ws_url
    except Exception as error:
        raise Told(f"--url: {url} does not answer: {error}") from error


def figures(load: Load, found: dict[str, Any]) -> dict[str, float]:
    """Those that are compared. Latencies count from when a message left: where more comes than can
    be done, those from when it was due only say for how long that went on."""
    if not load.idle:
        return {
            "throughput_per_s": found["sent_per_s"],
            "p50_ms": found["service_p50_ms"],
            "p99_ms": found["service_p99_ms"],
        }
    if load.storm:
        (storm,) = found["storms"]
        whole = storm["back"] == storm["asked"]
        return {"recovery_s": storm["recovered_s"] if whole else NEVER_S}
    return {name: round(found[name], 1) for name in ("edge_mb", "memory_mb")}
