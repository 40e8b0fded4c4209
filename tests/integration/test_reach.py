"""Where a real server listens, and that it never answers for another one."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import psutil
import pytest

from api.limits import CONNECTIONS_PER_ADDRESS_MAX
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
            title = " ".join(process.cmdline())
            found += [
                Listening(title, sock.laddr.ip, sock.laddr.port)
                for sock in process.net_connections("tcp")
                if sock.status == psutil.CONN_LISTEN
            ]
    return found


def reached(sock: Listening, path: str, **headers: str) -> httpx2.Response | None:
    """What is answered there; None if it is not HTTP."""
    host = "127.0.0.1" if sock.everywhere else sock.address
    url = f"http://{f'[{host}]' if ':' in host else host}:{sock.port}{path}"
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.post(url, timeout=ANSWER_S_MAX, trust_env=False, headers=headers)
    return None


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that listens on all addresses."""
    data = tmp_path_factory.mktemp("public") / "data"
    running = RunningServer(data, "--host", "0.0.0.0", "--exempt", "127.0.0.3").start()
    yield running
    running.stop()


def test_by_default_everything_is_on_loopback(server: RunningServer) -> None:
    wait_for(lambda: not [sock for sock in listening(server) if not sock.on_loopback])
    ports = {(sock.address, sock.port) for sock in listening(server)}
    own = {server.port, server.ws_port, server.files_port}
    assert {("127.0.0.1", port) for port in own} <= ports


def test_three_ports_are_open_to_others_and_nothing_else_listens_but_on_loopback(
    public: RunningServer,
) -> None:
    """Serve's replicas listen for calls between deployments until their constructors are done."""

    def open_ports() -> set[int]:
        return {sock.port for sock in listening(public) if not sock.on_loopback}

    wait_for(lambda: open_ports() == {public.port, public.ws_port, public.files_port})
    named = {sock.title.split()[0].rpartition("/")[2] for sock in listening(public)}
    for name in ("haproxy", "gcs_server", "raylet", "ray::Edge", "ray::ServeReplica"):
        # Of Ray's actors the title also tells what they do at this moment.
        assert any(title.startswith(name) for title in named), (name, named)


def test_behind_the_entrance_nobody_is_answered(public: RunningServer) -> None:
    """Whatever a user of this machine says there of who calls."""
    forged = {"x-forwarded-for": "203.0.113.7", "x-heliograph-client": "203.0.113.7"}
    entrances = public.port, public.files_port
    behind = [sock for sock in listening(public) if sock.port not in entrances]
    answers = [reached(sock, "/api/help.config", **forged) for sock in behind]
    spoken = [answer for answer in answers if answer is not None]
    assert 403 in {answer.status_code for answer in spoken}, "the front is among them"
    assert not [answer for answer in spoken if answer.is_success]


def test_wrong_passwords_are_counted_whoever_they_are_said_to_be_from(
    public: RunningServer,
) -> None:
    with httpx2.Client(base_url=public.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
        account = {"username": "somebody", "password": "password of somebody", "name": "S"}
        assert client.post("/api/auth.register", json=account).status_code == 200
        said = []
        for number in range(8):
            headers = {
                "x-forwarded-for": f"203.0.113.{number}",
                "forwarded": f"for=203.0.113.{number}",
                "x-heliograph-client": f"203.0.113.{number}",
            }
            wrong = {"username": "somebody", "password": f"wrong {number}"}
            said.append(client.post("/api/auth.login", json=wrong, headers=headers).status_code)
    assert 429 in said


def test_figures_are_for_who_has_the_token(public: RunningServer) -> None:
    said = public.run("admin", "metrics-token", "--data", str(public.data))
    headers = {"authorization": f"Bearer {said.stdout.strip()}"}
    with httpx2.Client(base_url=public.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
        assert client.get("/metrics").status_code == 401
        answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert "heliograph_turns_total" in answer.text


def test_connections_of_one_address_leave_room_for_all_others(public: RunningServer) -> None:
    """Half-sent requests on each port, as many as the machine can open."""
    ways = (public.port, "/healthz"), (public.ws_port, "/ws"), (public.files_port, "/healthz")
    for port, path in ways:
        with contextlib.ExitStack() as held:
            for _ in range(CONNECTIONS_PER_ADDRESS_MAX + 50):
                with contextlib.suppress(OSError):
                    sock = held.enter_context(connected(port, "127.0.0.1"))
                    sock.sendall(b"POST /api/help.config HTTP/1.1\r\nX-Half: ")
            assert not answered(port, "127.0.0.1", path)
            assert answered(port, "127.0.0.2", path)
            assert answered(port, "127.0.0.3", path)


def connected(port: int, source: str) -> socket.socket:
    address = ("127.0.0.1", port)
    return socket.create_connection(address, ANSWER_S_MAX, source_address=(source, 0))


def answered(port: int, source: str, path: str) -> bool:
    """Whether a request is answered at all."""
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with contextlib.suppress(OSError), connected(port, source) as sock:
        sock.sendall(ask.encode())
        return sock.recv(100).startswith(b"HTTP/1.1 ")
    return False


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


@pytest.mark.soak
def test_two_servers_never_answer_for_each_other(server: RunningServer, tmp_path: Path) -> None:
    """From the first moment in which the second one's port is open, and while its front is down."""
    second = RunningServer(tmp_path / "data")
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
