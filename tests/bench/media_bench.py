"""How fast files come and go: python -m tests.bench.media_bench --json

A server of its own with one host, everything on this machine, whose load average is told with it.
In one run: a large file up, against one process that writes and syncs the same bytes; the same file
down, the first time and then, against nginx that serves it from the disk (Debian's nginx; curl
reads both); each at the port for files, and at the HTTP port; files of 64 KiB up and down there
(wrk), each durable before it is answered; memory of the media actor meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psutil

import heliograph
from api import files
from api import types as t
from heliograph import _way
from heliograph.server.ports import free_ports
from tests.integration.running import RunningServer, wait_for

MEGABYTE = 1_000_000
SMALL_BYTES = 64 * 1024
CONNECTIONS = 16
MEDIA = "ray::MediaActor"
NGINX = """
worker_processes auto; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""
WRK = """
paths = {{ {paths} }}
local next = 0
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next])
end
"""


class Memory:
    """The most that the media actor has had of its own (without pages of files) while this ran."""

    def __init__(self, server: RunningServer) -> None:
        self._processes = [psutil.Process(pid) for pid in server.pids(MEDIA)]
        self.own_mb = self.shared_mb = 0.0

    def look(self) -> None:
        for process in self._processes:
            text = Path(f"/proc/{process.pid}/status").read_text()
            kilobytes = {k: int(v) for k, v in re.findall(r"^(Rss\w+):\s+(\d+)", text, re.M)}
            self.own_mb = max(self.own_mb, kilobytes["RssAnon"] / 1000)
            self.shared_mb = max(self.shared_mb, kilobytes["RssFile"] / 1000)


async def large(server: RunningServer, folder: Path, size: int, memory: Memory) -> dict[str, Any]:
    path = folder / "large.bin"
    fill(path, size)
    disk = written(path, folder / "copy.bin")
    async with heliograph.Client(server.url) as client:
        await client.register("carrier", "password of the carrier")
        notes = await client.open_private(client.user_id)
        done, up = await sent_up(client, path, size, memory)
        sent = await client.send(notes.id, "", ticket=done.ticket)
        link = await client.file_link(notes.id, sent.id)
    with patch.object(_way, "files_server", return_value=""):
        async with heliograph.Client(server.url) as client:
            await client.login("carrier", "password of the carrier")
            _, up_by_http = await sent_up(client, other(path, size), size, memory)
    memory.look()
    files_url = f"http://127.0.0.1:{server.files_port}"
    first = fetched(files_url + link.path, size)
    down = [fetched(files_url + link.path, size) for _ in range(3)]
    memory.look()
    by_http = [fetched(server.url + link.path, size) for _ in range(3)]
    memory.look()
    with nginx(folder) as url:
        by_nginx = [fetched(f"{url}/large.bin", size) for _ in range(3)]
    return {
        "upload_mb_s": round(up, 1),
        "disk_mb_s": round(disk, 1),
        "upload_ratio": round(up / disk, 3),
        "upload_by_http_mb_s": round(up_by_http, 1),
        "upload_by_http_ratio": round(up_by_http / disk, 3),
        "first_download_mb_s": round(first, 1),
        "download_mb_s": round(max(down), 1),
        "download_by_http_mb_s": round(max(by_http), 1),
        "nginx_mb_s": round(max(by_nginx), 1),
        "first_download_ratio": round(first / max(by_nginx), 3),
        "download_ratio": round(max(down) / max(by_nginx), 3),
        "download_by_http_ratio": round(max(by_http) / max(by_nginx), 3),
    }


async def sent_up(
    client: heliograph.Client, path: Path, size: int, memory: Memory
) -> tuple[t.Finished, float]:
    """An upload, and its MB/s."""
    begun = time.perf_counter()
    done = await client.upload(path, progress=lambda *_: memory.look())
    return done, size / MEGABYTE / (time.perf_counter() - begun)


def other(path: Path, size: int) -> Path:
    """A file of the same size that has nothing in common with that one."""
    found = path.with_name("other.bin")
    fill(found, size, seed=2)
    return found


def fill(path: Path, size: int, seed: int = 1) -> None:
    rng = random.Random(seed)
    with open(path, "wb") as out:
        for _ in range(size // MEGABYTE):
            out.write(rng.randbytes(MEGABYTE))


def said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def written(source: Path, target: Path) -> float:
    """MB/s of one process that writes and syncs."""
    pieces = source.read_bytes()
    begun = time.perf_counter()
    with open(target, "wb", buffering=0) as out:
        for at in range(0, len(pieces), 512 * 1024):
            out.write(pieces[at : at + 512 * 1024])
        os.fsync(out.fileno())
    took = time.perf_counter() - begun
    target.unlink()
    return len(pieces) / MEGABYTE / took


def fetched(url: str, size: int) -> float:
    """MB/s of one download."""
    curl = ("curl", "-sS", "--fail", "-o", "/dev/null", "-w", "%{size_download} %{time_total}")
    said = said_by(*curl, url).split()
    assert int(said[0]) == size, said
    return size / MEGABYTE / float(said[1])


class nginx:
    """nginx that serves a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._port,) = free_ports(1)

    def __enter__(self) -> str:
        config = self._folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self._folder, port=self._port))
        os.chmod(self._folder, 0o755)
        command = ["nginx", "-c", str(config), "-g", "daemon off; user root;"]
        self._process = subprocess.Popen(command)
        url = f"http://127.0.0.1:{self._port}"
        probe = ["curl", "-s", "-o", "/dev/null", url]
        wait_for(lambda: subprocess.run(probe, check=False).returncode == 0)
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


async def small(
    server: RunningServer, folder: Path, seconds: float, memory: Memory
) -> dict[str, Any]:
    async with heliograph.Client(server.url) as client:
        await client.register("postman", "password of the postman")
        notes = await client.open_private(client.user_id)
        token = client._saved.token
        done = await uploads(server.url, token, seconds, memory.look)
        links = []
        for ticket in done[:200]:
            sent = await client.send(notes.id, "", ticket=ticket)
            links.append((await client.file_link(notes.id, sent.id)).path)
    script = folder / "links.lua"
    script.write_text(WRK.format(paths=", ".join(f'"{link}"' for link in links)))
    wrk = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(script))
    said = said_by(*wrk, server.url)
    memory.look()
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return {"uploads_s": round(len(done) / seconds, 1), "downloads_s": float(found[1])}


async def uploads(url: str, token: str, seconds: float, look: Callable[[], None]) -> list[str]:
    """Upload different files over some connections for a while; returns their tickets."""
    where = urlsplit(url)
    tickets: list[str] = []
    end = time.perf_counter() + seconds
    head = (
        "POST /media/upload?hash={hash}&name=small.bin HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {SMALL_BYTES}\r\n\r\n"
    )

    async def work(seed: int) -> None:
        rng = random.Random(seed)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        while time.perf_counter() < end:
            body = rng.randbytes(SMALL_BYTES)
            name = files.text_of(files.chunk_hash(body))
            writer.write(head.format(hash=name).encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", answer, re.I)
            assert length, answer
            said = await reader.readexactly(int(length[1]))
            assert answer.startswith(b"HTTP/1.1 200"), said
            tickets.append(json.loads(said)["ticket"])
            look()
        writer.close()

    await asyncio.gather(*(work(seed) for seed in range(CONNECTIONS)))
    return tickets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, help="of the large file")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run of small files")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    options = parser.parse_args()
    if missing := [name for name in ("nginx", "curl", "wrk") if shutil.which(name) is None]:
        sys.exit(f"cannot measure here: there is no {', '.join(missing)}")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        server = RunningServer(folder / "data").start()
        try:
            memory = Memory(server)
            figures = asyncio.run(large(server, folder, options.megabytes * MEGABYTE, memory))
            figures |= asyncio.run(small(server, folder, options.seconds, memory))
        finally:
            server.stop()
    figures |= {"memory_mb": round(memory.own_mb, 1), "mapped_mb": round(memory.shared_mb, 1)}
    figures["load_average"] = round(os.getloadavg()[0], 1)
    if options.json:
        print(json.dumps(figures))
        return
    for what, value in figures.items():
        print(f"{what:22} {value}")


if __name__ == "__main__":
    main()
