"""In front of a server: gives out its client as it is, and after an upgrade another build of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec
from playwright.sync_api import Page

from api import types as t
from api.replies import Reply
from api.site import Site
from fronts.pages import Pages, read
from tests.browser.tab import LOOK_MS
from tests.integration.running import ROOT

WEB = ROOT / "web"
DIST = WEB / "dist"
NOT_PASSED_ON = {"accept-encoding", "connection", "content-length", "etag", "if-none-match"}
"""What is compressed, or known already, could not be given other names."""
GONE = "/assets/gone.js"
BUILD = "document.querySelector('meta[name=build]').content"
PROTOCOL = re.compile(r"(?<=export const PROTOCOL = )\d+")


def build_of(page: Page) -> str:
    name = page.evaluate(BUILD)
    assert isinstance(name, str)
    return name


def is_newer(page: Page, before: str) -> None:
    """It is loaded again, and of another build than it was."""
    page.wait_for_function(f"before => {BUILD} !== before", arg=before, polling=LOOK_MS)


class Front:
    """Runs in threads of its own until `end`. `server_url`: of the server behind it."""

    def __init__(self) -> None:
        self.server_url = ""
        self.upgraded = False
        """Set it while nothing is being asked."""
        handler = type("Handler", (_Handler,), {"front": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def own(self, verb: str, path: str, headers: dict[bytes, bytes]) -> Reply | None:
        """What the server is not asked for."""
        return None

    def behind(self, path: str) -> str:
        """What the server calls it."""
        return path

    def given(self, body: bytes) -> bytes:
        return body


class Upgraded(Front):
    """To the same build under other names; what is asked for by its earlier name is gone."""

    def __init__(self) -> None:
        names = [path.name for path in (DIST / "assets").iterdir()]
        scripts = [name for name in names if name.endswith((".js", ".css"))]
        self._newer = {name: name.replace(".", "_2.", 1) for name in scripts}
        found = re.search(r'name="build" content="(\w+)"', (DIST / "index.html").read_text())
        assert found is not None
        self._newer[found[1]] = found[1][::-1]
        super().__init__()

    def behind(self, path: str) -> str:
        if not self.upgraded or not path.startswith("/assets/"):
            return path
        if path.rpartition("/")[2] in self._newer:
            return GONE
        for old, new in self._newer.items():
            path = path.replace(new, old)
        return path

    def given(self, body: bytes) -> bytes:
        """With the names of the build that it is by now."""
        for old, new in self._newer.items() if self.upgraded else ():
            body = body.replace(old.encode(), new.encode())
        return body


class Rebuilt(Front):
    """To a build of its own, whose tabs do not understand those of the one before."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._files = read(built_with_next_protocol(folder))

    def own(self, verb: str, path: str, headers: dict[bytes, bytes]) -> Reply | None:
        if not self.upgraded:
            return None
        told = httpx2.post(f"{self.server_url}/api/help.config", json={}, trust_env=False).content
        site = Site("", frozenset({self.url}))
        return Pages(self._files, msgspec.json.decode(told, type=t.Config), site).answer(
            verb, path, headers
        )

    def behind(self, path: str) -> str:
        return GONE if self.upgraded and path.startswith("/assets/") else path


def built_with_next_protocol(folder: Path) -> Path:
    """Today's client, with `PROTOCOL` raised by one; where it is."""
    web = folder / "web"
    skipped = shutil.ignore_patterns("dist", "node_modules", "test", ".build-*")
    shutil.copytree(WEB, web, ignore=skipped)
    (web / "node_modules").symlink_to(WEB / "node_modules")
    said = web / "src" / "bridge" / "protocol.ts"
    raised, times = PROTOCOL.subn(lambda now: str(int(now[0]) + 1), said.read_text())
    assert times == 1
    said.write_text(raised)
    subprocess.run([sys.executable, web / "build.py"], check=True)
    return web / "dist"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        asked = {k.lower().encode(): v.encode("latin-1") for k, v in self.headers.items()}
        if own := self.front.own(self.command, self.path.partition("?")[0], asked):
            status, media_type, body, headers = own
            return self._answer(status, [(b"content-type", media_type), *headers], body)
        passed = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED_ON}
        server = HTTPConnection(urlsplit(self.front.server_url).netloc)
        server.request(self.command, self.front.behind(self.path), body, passed)
        answer = server.getresponse()
        body = self.front.given(answer.read())
        server.close()
        told = [(name.encode(), value.encode("latin-1")) for name, value in answer.getheaders()]
        kept = [each for each in told if each[0].decode().lower() not in NOT_PASSED_ON]
        self._answer(answer.status, kept, body)

    do_POST = do_GET

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name.decode(), value.decode("latin-1"))
        if status != 304:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
