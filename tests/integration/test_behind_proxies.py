"""A page's login by cookie at a real server: at its own two ports, and through nginx and Caddy with
the examples of `docs/operations.md` as they stand there, but for ports and certificates."""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api import limits
from api.files import chunk_hash, file_id, text_of
from api.site import SECURE_NAME
from heliograph.server.ports import free_ports
from tests.integration.raw_socket import ANSWER_S_MAX, PASSWORD
from tests.integration.running import ROOT, RunningServer, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
NAME = "chat.example.org"
PAGE = f"https://{NAME}"
OPTIONS = ("--public-url", PAGE)
OWN = {"origin": PAGE}
EXAMPLES = (ROOT / "docs" / "operations.md").read_text()


class Browser(NamedTuple):
    """What a page of the server's own can reach: `http`, and live connections by `dial`."""

    http: httpx2.Client
    dial: Callable[[dict[str, str]], ClientConnection]

    def call(self, method: str, **params: Any) -> httpx2.Response:
        return self.http.post(f"/api/{method}", json=params, headers=OWN)

    def register(self) -> dict[str, Any]:
        """A new user, whose cookie is kept from then on."""
        username = f"u{secrets.token_hex(6)}"
        answer = self.call(
            "auth.register", username=username, password=PASSWORD, name="U", cookie=True
        )
        assert answer.status_code == 200, answer.text
        kept = answer.headers["set-cookie"]
        assert kept.startswith(f"{SECURE_NAME}=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {*kept.split("; ")}
        self.http.headers["cookie"] = kept.partition(";")[0]
        made: dict[str, Any] = answer.json()
        assert "token" not in made
        return made

    def hello(self, origin: str = PAGE) -> dict[str, Any]:
        """What a live connection is answered that shows nothing but its cookie."""
        headers = {"Cookie": self.http.headers["cookie"], "Origin": origin}
        with self.dial({name: value for name, value in headers.items() if value}) as live:
            live.send(json.dumps({"id": 1, "method": "session.hello"}))
            answer: dict[str, Any] = json.loads(live.recv(ANSWER_S_MAX))
            return answer


@pytest.fixture(params=["http", "edge"])
def direct(request: pytest.FixtureRequest, server: RunningServer) -> Iterator[Browser]:
    """At the server's own ports."""
    port = server.port if request.param == "http" else server.ws_port

    def dial(headers: dict[str, str]) -> ClientConnection:
        url = f"ws://127.0.0.1:{port}/ws"
        return connect(url, additional_headers=headers, proxy=None, open_timeout=ANSWER_S_MAX)

    with httpx2.Client(base_url=server.url, timeout=ANSWER_S_MAX, trust_env=False) as http:
        yield Browser(http, dial)


def test_a_page_logs_in_by_cookie_and_out(direct: Browser) -> None:
    made = direct.register()
    assert direct.call("users.me").json()["id"] == made["user"]["id"]
    assert direct.hello()["result"]["user_id"] == made["user"]["id"]
    assert direct.hello("")["error"]["code"] == "unauthorized", "a program shows a token"
    evil = direct.http.post("/api/users.me", headers={"origin": "https://evil.example"})
    assert (evil.status_code, evil.json()["code"]) == (403, "origin_refused")
    with pytest.raises(InvalidStatus) as refused:
        direct.hello("https://evil.example")
    assert refused.value.response.status_code == 403

    new = "another long password"
    changed = direct.call("auth.change_password", old_password=PASSWORD, new_password=new)
    assert changed.status_code == 200, changed.text
    out = direct.call("auth.logout")
    assert out.headers["set-cookie"].startswith(f"{SECURE_NAME}=; Path=/; Max-Age=0")
    assert out.headers["clear-site-data"] == '"cache", "storage"'
    over = direct.call("users.me")
    assert (over.status_code, over.json()["code"]) == (401, "unauthorized")
    assert over.headers["set-cookie"].startswith(f"{SECURE_NAME}=; ")
    assert direct.hello()["error"]["code"] == "unauthorized"


# --- proxies ----------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a proxy under test has its files, listens, and finds the server."""

    folder: Path
    port: int
    server: RunningServer

    def at_ports(self, example: str) -> str:
        """The example with the ports of this test."""
        server = self.server
        ports = {"8000": server.port, "8001": server.ws_port, "8002": server.files_port}
        for given, meant in ports.items():
            example, count = re.subn(rf"127\.0\.0\.1:{given}\b", f"127.0.0.1:{meant}", example)
            assert count == 1, "the example names each port once"
        return example


def example(language: str) -> str:
    """A block of the document."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", EXAMPLES, re.DOTALL)
    return str(found)


def nginx(place: Place) -> list[str]:
    site = place.at_ports(example("nginx"))
    site = site.replace("listen 443 ssl", f"listen 127.0.0.1:{place.port} ssl")
    site = re.sub(r"/etc/letsencrypt/\S+/(\w+\.pem)", rf"{place.folder}/\1", site)
    temporary = " ".join(
        f"{kind}_temp_path {place.folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = place.folder / "nginx.conf"
    config.write_text(
        # its workers write bodies where only this user may
        f"user {getpass.getuser()}; daemon off; pid {place.folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{site}}}\n"
    )
    return ["nginx", "-e", "stderr", "-c", str(config)]


def caddy(place: Place) -> list[str]:
    site = place.at_ports(example("caddy")).replace(f"{NAME} {{", f"{PAGE}:{place.port} {{", 1)
    certified = f"{{\n    tls {place.folder}/fullchain.pem {place.folder}/privkey.pem\n"
    site = site.replace("{\n", certified, 1)
    config = place.folder / "Caddyfile"
    config.write_text(f"{{\n    admin off\n    auto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]


def certify(folder: Path) -> ssl.SSLContext:
    """A certificate for the name, and what believes it."""
    asked = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        f"-subj /CN={NAME} -addext subjectAltName=DNS:{NAME} "
        "-keyout privkey.pem -out fullchain.pem"
    )
    subprocess.run(["openssl", *asked.split()], check=True, capture_output=True, cwd=folder)
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def behind(
    request: pytest.FixtureRequest, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Through a proxy that adds TLS."""
    program = request.param.__name__
    if missing := [name for name in (program, "openssl") if shutil.which(name) is None]:
        told = f"the example for {program} is NOT tested: there is no {' and no '.join(missing)}"
        warnings.warn(told, stacklevel=1)
        pytest.skip(told)
    folder = tmp_path_factory.mktemp(program)
    context = certify(folder)
    (port,) = free_ports(1)
    command = request.param(Place(folder, port, server))
    output = folder / "output"
    with open(output, "wb") as file:
        homes = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder))
        proxy = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | homes
        )

    def answers() -> bool:
        assert proxy.poll() is None, output.read_text()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    def dial(headers: dict[str, str]) -> ClientConnection:
        sock = socket.create_connection(("127.0.0.1", port))
        return connect(
            f"wss://{NAME}/ws",
            sock=sock,
            ssl=context,
            additional_headers=headers,
            open_timeout=ANSWER_S_MAX,
        )

    class Resolved(httpx2.HTTPTransport):
        """The name leads to the proxy."""

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            request.url = request.url.copy_with(host="127.0.0.1", port=port)
            request.extensions = {**request.extensions, "sni_hostname": NAME}
            return super().handle_request(request)

    transport = Resolved(verify=context)
    try:
        wait_for(answers)
        with httpx2.Client(base_url=PAGE, timeout=ANSWER_S_MAX, transport=transport) as http:
            yield Browser(http, dial)
    finally:
        proxy.terminate()
        proxy.wait()


def test_the_example_of_a_proxy_carries_a_page(behind: Browser) -> None:
    made = behind.register()
    assert behind.call("users.me").json()["id"] == made["user"]["id"]
    assert behind.hello()["result"]["user_id"] == made["user"]["id"]
    assert behind.call("help.config").json()["ws_url"] == f"wss://{NAME}/ws"
    page = behind.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_example_of_a_proxy_carries_the_largest_request_of_an_upload(behind: Browser) -> None:
    made = behind.register()
    parts = [bytes([n]) * limits.PART_BYTES for n in range(limits.PARTS_PER_REQUEST_MAX)]
    names = [chunk_hash(part) for part in parts]
    behind.call("media.begin", upload_id=7, size=sum(map(len, parts)))
    answer = behind.http.put(
        "/media/upload/7/0",
        params={"hash": [text_of(name) for name in names]},
        content=b"".join(parts),
        headers=OWN,
    )
    assert answer.status_code == 200, answer.text
    whole = text_of(file_id(names))
    ticket = behind.call("media.finish", upload_id=7, hash=whole, name="x.bin").json()["ticket"]
    chat = behind.call("chats.open_private", user_id=made["user"]["id"]).json()["id"]
    sent = behind.call("messages.send", chat_id=chat, text="", random_id=1, media=ticket).json()
    path = f"/media/file/{chat}/{sent['id']}/{whole}"
    shown = behind.http.get(path, headers={"range": "bytes=-10"})
    assert (shown.status_code, shown.content) == (206, bytes([15]) * 10)
    assert shown.headers["cache-control"] == "private, max-age=31536000, immutable"
