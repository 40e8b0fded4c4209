"""In front of a server: gives out its client as it is, and after an upgrade another build of it:
the same under other names, and what is asked for by its earlier name is gone."""

from __future__ import annotations

import re
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.integration.running import ROOT

DIST = ROOT / "web" / "dist"
NOT_PASSED_ON = {"accept-encoding", "connection", "content-length", "etag", "if-none-match"}
"""What is compressed, or known already, could not be given other names."""
GONE = "/assets/gone.js"


class Upgraded:
    """Runs in threads of its own until `end`. `server_url`: of the server behind it."""

    def __init__(self) -> None:
        self.server_url = ""
        self.upgraded = False
        """Set it while nothing is being asked."""
        names = [path.name for path in (DIST / "assets").iterdir()]
        scripts = [name for name in names if name.endswith((".js", ".css"))]
        self._newer = {name: name.replace(".", "_2.", 1) for name in scripts}
        found = re.search(r'name="build" content="(\w+)"', (DIST / "index.html").read_text())
        assert found is not None
        self._newer[found[1]] = found[1][::-1]
        handler = type("Handler", (_Handler,), {"front": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def behind(self, path: str) -> str:
        """What the server calls it."""
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Upgraded

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED_ON}
        server = HTTPConnection(urlsplit(self.front.server_url).netloc)
        server.request(self.command, self.front.behind(self.path), self.rfile.read(size), headers)
        answer = server.getresponse()
        body = self.front.given(answer.read())
        server.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass
