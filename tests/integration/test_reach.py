"""Where a real server listens, and that it never answers for another one."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import httpx2
import psutil
import pytest

from tests.integration.raw_socket import ANSWER_S_MAX
from tests.integration.running import RunningServer, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

ASKS = 300
PACE_S = 0.01


# --- who can reach it -------------------------------------------------------------------------


class Listening(NamedTuple):
    title: str
    address: str
    port: int

    @property
    def on_loopback(self) -> bool:
        address = ipaddress.ip_address(self.address)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    @property
    def everywhere(self) -> bool:
        return ipaddress.ip_address(self.address).is_unspecified


def listening(server: RunningServer) -> list[Listening]:
    """Where the processes of a server listen."""
    assert server.process is not None
    found = []
    for process in [psutil.Process(server.process.pid), *server.family()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            title = " ".join(process.cmdline())[:80]
            found += [
                Listening(title, sock.laddr.ip, sock.laddr.port)
                for sock in process.net_connections("tcp")
                if sock.status == psutil.CONN_LISTEN
            ]
    return found


def is_replica(sock: Listening) -> bool:
    return sock.title.startswith("ray::ServeReplica")


def serves_the_api(sock: Listening) -> bool:
    """Whether help.config is answered there."""
    host = "127.0.0.1" if sock.everywhere else sock.address
    with contextlib.suppress(httpx2.HTTPError):
        url = f"http://{f'[{host}]' if ':' in host else host}:{sock.port}/api/help.config"
        return "server_id" in httpx2.post(url, timeout=ANSWER_S_MAX, trust_env=False).text
    return False


def test_what_clients_speak_to_is_on_loopback(server: RunningServer) -> None:
    sockets = listening(server)
    public = [sock for sock in sockets if sock.port in (server.port, server.ws_port)]
    assert {(s.address, s.port) for s in public} == {
        ("127.0.0.1", server.port),
        ("127.0.0.1", server.ws_port),
    }
    serving = [sock for sock in sockets if serves_the_api(sock)]
    assert server.port in {sock.port for sock in serving}
    assert any(is_replica(sock) for sock in serving), "the front behind the proxy"
    proxies = [sock for sock in sockets if "/haproxy " in sock.title]
    assert proxies
    assert not [sock for sock in serving + proxies if not sock.on_loopback]


def test_ray_listens_on_loopback(server: RunningServer) -> None:
    sockets = [sock for sock in listening(server) if not is_replica(sock)]
    assert not [sock for sock in sockets if not sock.on_loopback]


@pytest.mark.xfail(
    strict=True,
    reason="Serve's replicas bind their gRPC servers (which want the token) to [::], whatever the "
    "address of the node: ray/serve/_private/replica.py, _on_initialized",
)
def test_replicas_listen_on_loopback(server: RunningServer) -> None:
    sockets = [sock for sock in listening(server) if is_replica(sock)]
    assert sockets
    assert not [sock for sock in sockets if not sock.on_loopback]


# --- two servers ------------------------------------------------------------------------------


def identity(server: RunningServer) -> str:
    """The server_id that belongs to a data folder."""
    found: str = json.loads((server.data / "heliograph.json").read_text())["cluster_id"]
    return found


class Asking:
    """Asks a server who it is, over and over, each time on a connection of its own."""

    def __init__(self, server: RunningServer) -> None:
        self.heard: Counter[str] = Counter()
        self._url = server.url
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def _ask(self) -> None:
        bounds = httpx2.Limits(max_keepalive_connections=0)
        with httpx2.Client(
            base_url=self._url, timeout=ANSWER_S_MAX, trust_env=False, limits=bounds
        ) as client:
            while not self._enough.wait(PACE_S):
                with contextlib.suppress(httpx2.HTTPError):
                    answer = client.post("/api/help.config")
                    if answer.status_code == 200:
                        self.heard[answer.json()["server_id"]] += 1

    def wait_for_more(self) -> None:
        before = self.heard.total()
        wait_for(lambda: self.heard.total() >= before + ASKS)


def test_two_servers_never_answer_for_each_other(server: RunningServer, folder: Path) -> None:
    """From the first moment in which the second one's port is open, and while its front is down."""
    second = RunningServer(folder)
    with Asking(server) as asking_first, Asking(second) as asking_second:
        second.start()
        try:
            asking_second.wait_for_more()
            second.kill_one("ray::ServeReplica:heliograph:Front")
            asking_second.wait_for_more()
            asking_first.wait_for_more()
            own = identity(second)
        finally:
            second.stop()
    assert own != identity(server)
    assert asking_first.heard.keys() == {identity(server)}
    assert asking_second.heard.keys() == {own}
