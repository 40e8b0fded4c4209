"""The processes of a server on this machine: what they are, and what they use."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil

from heliograph.failing import Told
from sim.memory import pss_kb
from sim.peers.program import family_of

SERVER = "heliograph.server.main"
TITLES = {"ray::Host": "host", "ray::Edge": "edge", "ray::MediaActor": "media"}
"""How the titles of those begin that are a kind of their own; all others are the rest."""
KINDS = (*TITLES.values(), "rest")


class Settings(msgspec.Struct):
    """Of a server's own process, as its command line tells them."""

    data: str
    hosts: int
    edges: int
    copies: int


class Processes:
    """Of a server, by the id of its own process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.kinds = {each.pid: _kind(each) for each in family_of(pid)}
        self.counts = Counter(self.kinds.values())

    def threads_s(self) -> dict[tuple[int, int], float]:
        """CPU by process and thread, to the nanosecond, until now."""
        found = {}
        for pid in self.kinds:
            for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    used_ns = int((task / "schedstat").read_text().split()[0])
                    found[pid, int(task.name)] = used_ns / 1e9
        return found

    def memory_mb(self) -> Counter[str]:
        """The proportional set size of all of a kind."""
        found: Counter[str] = Counter()
        for pid, kind in self.kinds.items():
            with contextlib.suppress(OSError):
                found[kind] += pss_kb(pid) / 1024  # type: ignore[assignment]
        return found


def _kind(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, IndexError):
        title = process.cmdline()[0]
        return next((kind for start, kind in TITLES.items() if title.startswith(start)), "rest")
    return "rest"


def behind(ws_url: str) -> tuple[int, Settings]:
    """The own process of the server whose edge listens there, and its settings. Raises Told."""
    port = urlsplit(ws_url).port
    for each in psutil.net_connections("tcp"):
        listens = each.status == psutil.CONN_LISTEN and getattr(each.laddr, "port", 0) == port
        if listens and each.pid:
            for process in (psutil.Process(each.pid), *psutil.Process(each.pid).parents()):
                words = process.cmdline()
                if SERVER in words:
                    settings = words[words.index(SERVER) + 1]
                    return process.pid, msgspec.json.decode(settings, type=Settings)
    raise Told(
        f"--url: the server behind {ws_url} is not on this machine, or is not yours to look at"
    )
