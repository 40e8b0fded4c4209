"""The HTTP front of a real server: health, figures, the description of the API, refusals, long
polls, which sockets are open to whom, and that two servers on one machine never mix."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import jsonschema
import msgspec
import psutil
import pytest
import schemathesis
from prometheus_client.parser import text_string_to_metric_families

from actors.metrics import DESCRIPTIONS
from api import limits
from api.errors import ApiError, Problem
from api.methods import METHODS
from tests.integration.raw_socket import ANSWER_S_MAX, Login, register
from tests.integration.running import ROOT, RunningServer, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HOSTS, EDGES, SERVICES = {"host-0", "host-1"}, {"edge-0"}, {"auth"}
HTTP_METHODS = {name: method for name, method in METHODS.items() if method.wire != "ws"}
PROBLEM = "application/problem+json"
INSIDE = re.compile(
    r"Traceback|\.py\b|site-packages|<\w+ object|\bat 0x|"
    r"/(?:bin|dev|etc|home|lib|mnt|opt|proc|root|run|srv|tmp|usr|var|work)\b"
)
"""What no client is told."""
BODY_MAX = limits.HTTP_BODY_BYTES_MAX
SENDS = 20
ASKS = 300
PACE_S = 0.01


@pytest.fixture(scope="module")
def front(server: RunningServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
        yield client


def check_refusal(answer: httpx2.Response, code: str) -> None:
    """It is the problem document of this code, as registered, and tells nothing else."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert problem.code == code
    assert problem == ApiError.from_problem(problem).problem()
    assert answer.json() == msgspec.to_builtins(problem)
    assert answer.status_code == problem.status
    told = f"{answer.text} {list(answer.headers.items())}"
    assert not INSIDE.search(told), told
    assert str(ROOT) not in told


# --- health and figures -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_who_asks_for_its_health_is_answered(front: httpx2.Client, path: str) -> None:
    answer = front.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.strip() in ("ok", "ready")
    head = front.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(answer.content))


class Figures(NamedTuple):
    """What /metrics tells: the figures with their kinds, and their values by process."""

    kinds: dict[str, str]
    values: dict[str, dict[str, float]]

    def total(self, name: str) -> float:
        return sum(self.values[f"heliograph_{name}"].values())


def parsed(text: str) -> Figures:
    """Prometheus text; each figure is described right before its values, and there once."""
    comments = [line.split(" ", 3) for line in text.splitlines() if line.startswith("#")]
    described = [(name, keyword) for _, keyword, name, _ in comments]
    names = list(dict.fromkeys(name for name, _ in described))
    assert described == [(name, keyword) for name in names for keyword in ("HELP", "TYPE")]
    kinds: dict[str, str] = {}
    values: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        assert name in names, f"{name} is not described"
        assert family.type in ("counter", "gauge"), name
        assert len(family.documentation) > 5, name
        kinds[name] = family.type
        for sample in family.samples:
            assert sample.name == name
            assert sample.labels.keys() == {"process"}
            of_name = values.setdefault(name, {})
            assert sample.labels["process"] not in of_name, f"{name} is there twice"
            of_name[sample.labels["process"]] = sample.value
    assert kinds.keys() == values.keys() == set(names)
    return Figures(kinds, values)


def figures(front: httpx2.Client) -> Figures:
    """The figures of all processes: one that is busy for seconds is left out of an answer."""
    found: list[Figures] = []

    def complete() -> bool:
        answer = front.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        found[:] = [parsed(answer.text)]
        processes = {process for of_name in found[0].values.values() for process in of_name}
        return processes >= HOSTS | EDGES | SERVICES

    wait_for(complete)
    return found[0]


def test_every_process_tells_its_figures(front: httpx2.Client) -> None:
    told = figures(front)
    assert told.kinds.keys() == {f"heliograph_{name}" for name in DESCRIPTIONS}
    assert all((kind == "counter") == name.endswith("_total") for name, kind in told.kinds.items())
    for kind in (HOSTS, EDGES, SERVICES):
        of_kind = [values.keys() for values in told.values.values() if values.keys() & kind]
        assert of_kind
        assert all(processes >= kind for processes in of_kind), "some of a kind tell less"
    assert told.values["heliograph_turns_total"].keys() == HOSTS
    assert told.values["heliograph_connections"].keys() == EDGES
    assert told.values["heliograph_uptime_s"].keys() >= HOSTS | EDGES


def test_the_figures_that_operators_are_told_to_watch_are_there(front: httpx2.Client) -> None:
    documented = set(re.findall(r"heliograph_\w+", (ROOT / "docs/operations.md").read_text()))
    assert documented
    assert documented <= figures(front).kinds.keys()


def test_the_front_tells_its_own_figures(front: httpx2.Client) -> None:
    waiting = figures(front).values["heliograph_requests_waiting"]
    assert any(process.startswith("front") for process in waiting)


def test_who_hangs_is_left_out_of_the_figures(server: RunningServer, front: httpx2.Client) -> None:
    [pid] = server.pids("ray::ServeReplica:heliograph:Auth")
    auth = psutil.Process(pid)
    auth.suspend()
    try:
        told = parsed(front.get("/metrics").text)
    finally:
        auth.resume()
    assert told.values["heliograph_turns_total"].keys() == HOSTS
    assert "heliograph_password_hashes_total" not in told.values


def test_counters_count_what_happens(server: RunningServer, front: httpx2.Client) -> None:
    start = figures(front)
    alice = register(server)
    notes = alice.call("chats.open_private", user_id=alice.user_id)["id"]
    before = figures(front)
    assert before.total("password_hashes_total") > start.total("password_hashes_total")
    for number in range(1, SENDS + 1):
        alice.call("messages.send", chat_id=notes, text=f"message {number}", random_id=number)

    def moved(name: str) -> float:
        return figures(front).total(name) - before.total(name)

    # Each was answered before the next was sent, so each had a batch of its own.
    wait_for(lambda: moved("turns_total") >= SENDS and moved("commits_total") >= SENDS)
    assert moved("commit_seconds_total") > 0
    assert moved("failures_total") == 0
    refusals = figures(front).total("refusals_total")
    refused = front.post(
        "/api/messages.send",
        json={"chat_id": "g1", "text": "x", "random_id": 1},
        headers={"Authorization": f"Bearer {alice.token}"},
    )
    check_refusal(refused, "chat_not_found")
    wait_for(lambda: figures(front).total("refusals_total") > refusals)


def test_connections_are_counted_up_and_down(server: RunningServer, front: httpx2.Client) -> None:
    alice = register(server)
    count = limits.CONNECTIONS_PER_SESSION_MAX
    wait_for(lambda: figures(front).total("connections") == 0)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(alice.connect(server.ws_port))
        wait_for(lambda: figures(front).total("connections") == count)
        wait_for(lambda: figures(front).total("online_actors") > 0)
    wait_for(lambda: figures(front).total("connections") == 0)


# --- the description of the API ---------------------------------------------------------------


@pytest.fixture(scope="module")
def document(front: httpx2.Client) -> dict[str, Any]:
    answer = front.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_the_document_is_openapi_3_1_and_has_every_method(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))) <= known
    assert document["paths"].keys() == {f"/api/{name}" for name in HTTP_METHODS}
    assert all(item.keys() == {"post"} for item in document["paths"].values())


def test_refusals_are_documented_as_problems(document: dict[str, Any]) -> None:
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, item in document["paths"].items():
        responses = dict(item["post"]["responses"])
        assert responses.pop("200")["content"].keys() == {"application/json"}, path
        assert responses.keys() >= {"400", "404", "413", "415", "429", "500", "503"}, path
        assert all(response["content"] == problem for response in responses.values()), path


@pytest.mark.parametrize("name", HTTP_METHODS)
def test_every_method_refuses_as_documented(
    front: httpx2.Client, document: dict[str, Any], name: str
) -> None:
    answer = front.post(f"/api/{name}", json={"surplus": 1})
    check_refusal(answer, "unauthorized" if HTTP_METHODS[name].auth else "invalid_params")
    responses = document["paths"][f"/api/{name}"]["post"]["responses"]
    schema = responses[str(answer.status_code)]["content"][PROBLEM]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(answer.json())


class Page(HTMLParser):
    """What a browser would fetch of, or follow on, a page, and what is on it."""

    FETCHING = frozenset({"base", "embed", "form", "iframe", "img", "link", "object", "script"})
    ADDRESSES = frozenset(
        ["src", "srcset", "href", "action", "formaction", "data", "poster", "background", "cite"]
    ) | {"ping", "manifest"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.styles: list[str] = []
        self.headings: list[str] = []
        self._tag = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), "a script"
            assert name != "http-equiv", "a header in disguise"
            if name.rpartition(":")[2] in self.ADDRESSES:
                self.targets.append(value or "")
            elif name == "id":
                self.anchors.add(value or "")
            elif name == "style":
                self.styles.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "style":
            self.styles.append(data)
        elif self._tag == "h3":
            self.headings.append(data)


@pytest.mark.parametrize("path", ["/", "/api/docs"])
def test_a_page_needs_nothing_but_this_server(front: httpx2.Client, path: str) -> None:
    answer = front.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert answer.headers.keys().isdisjoint({"link", "refresh", "location"})
    page = Page(answer.text)
    assert page.tags.isdisjoint(Page.FETCHING)
    assert page.styles
    assert not re.search(r"@import|\burl\(|\bsrc\(|image-set\(|//", "".join(page.styles))
    assert page.targets
    for target in page.targets:
        if target.startswith("#"):
            assert target[1:] in page.anchors, f"{target} leads nowhere"
        else:
            parts = urlsplit(target)
            assert (parts.scheme, parts.netloc) == ("", ""), f"{target} is elsewhere"
            assert front.get(target).status_code == 200, target


def test_the_page_of_the_api_shows_every_method(front: httpx2.Client) -> None:
    page = Page(front.get("/api/docs").text)
    shown = [heading for heading in page.headings if heading.startswith("POST ")]
    assert sorted(shown) == sorted(f"POST /api/{name}" for name in HTTP_METHODS)
    assert page.anchors >= HTTP_METHODS.keys()


# --- long polls -------------------------------------------------------------------------------


def poll(who: Login, pts: int, timeout_s: int) -> dict[str, Any]:
    """The difference that a long poll comes back with; the client waits longer than the server."""
    answer = httpx2.post(
        f"{who.url}/api/updates.poll",
        json={"pts": pts, "timeout_s": timeout_s},
        headers={"Authorization": f"Bearer {who.token}"},
        timeout=timeout_s + ANSWER_S_MAX,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    difference: dict[str, Any] = answer.json()
    return difference


def test_a_long_poll_comes_back_with_the_message(server: RunningServer) -> None:
    alice, bob = register(server), register(server)
    chat_id = bob.call("chats.open_private", user_id=alice.user_id)["id"]
    pts = alice.call("updates.state")["pts"]

    def alice_is_online() -> bool:
        status = bob.call("users.get", user_ids=[alice.user_id])["users"][0]["status"]
        return bool(status["online"])

    assert not alice_is_online()
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll, alice, pts, limits.POLL_TIMEOUT_S_MAX)
        wait_for(lambda: polling.done() or alice_is_online())
        assert not polling.done(), f"it did not wait: {polling.result()}"
        sent = bob.call("messages.send", chat_id=chat_id, text="are you there?", random_id=1)
        difference = polling.result()
    assert difference["kind"] == "full"
    assert difference["pts"] == pts + 1
    [numbered] = difference["updates"]
    assert numbered["pts"] == pts + 1
    assert numbered["update"]["type"] == "message_new"
    message = numbered["update"]["message"]
    assert (message["id"], message["from_id"]) == (sent["id"], bob.user_id)
    assert (message["chat_id"], message["text"]) == (chat_id, "are you there?")
    wait_for(lambda: not alice_is_online())


@pytest.mark.parametrize("timeout_s", [0, 1])
def test_a_long_poll_comes_back_empty_in_time(server: RunningServer, timeout_s: int) -> None:
    alice = register(server)
    pts = alice.call("updates.state")["pts"]
    assert poll(alice, pts, timeout_s) == {"kind": "empty", "pts": pts, "updates": []}


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_method_is_called_by_post_only(front: httpx2.Client, verb: str) -> None:
    answer = front.request(verb, "/api/help.config")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    if verb == "HEAD":
        assert answer.content == b""
    else:
        check_refusal(answer, "method_not_allowed")


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/metrics", "/api/docs", "/api/openapi.json"]
)
def test_a_page_is_read_only(front: httpx2.Client, path: str) -> None:
    answer = front.post(path)
    check_refusal(answer, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert front.head(path).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path", "code"),
    [
        ("GET", "/nothing", "not_found"),
        ("POST", "/nothing", "not_found"),
        ("GET", "/api", "not_found"),
        ("GET", "/ws", "not_found"),
        ("GET", "/%2e%2e/%2e%2e/passwd", "not_found"),
        ("GET", "/" + "x" * 5_000, "not_found"),
        ("POST", "/api/no.such_method", "unknown_method"),
        ("GET", "/api/no.such_method", "unknown_method"),
        ("POST", "/api/help.config/", "unknown_method"),
        ("POST", "/api/session.hello", "unknown_method"),
    ],
)
def test_what_is_not_there(front: httpx2.Client, verb: str, path: str, code: str) -> None:
    answer = front.request(verb, path)
    check_refusal(answer, code)
    assert answer.status_code == 404
    assert len(answer.content) < 1_000, "what the caller wrote is not all repeated"


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data", ""])
def test_a_body_of_another_type(front: httpx2.Client, media_type: str) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = front.post("/api/help.config", content=b"{}", headers=headers)
    check_refusal(answer, "unsupported_media_type")
    assert answer.status_code == 415


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"surplus":1}', b"{}{}"])
def test_a_body_that_is_no_parameters(front: httpx2.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = front.post("/api/help.config", content=body, headers=headers)
    check_refusal(answer, "invalid_params")
    assert answer.status_code == 400


def chunks(size: int) -> Iterator[bytes]:
    """A body of spaces in pieces: it is sent without its length."""
    for start in range(0, size, 1_000):
        yield b" " * min(1_000, size - start)


@pytest.mark.parametrize("chunked", [False, True])
def test_the_largest_body_and_a_larger_one(front: httpx2.Client, chunked: bool) -> None:
    def call(size: int) -> httpx2.Response:
        padding = size - len(b"{}")
        content: bytes | Iterable[bytes] = b" " * padding + b"{}"
        if chunked:
            content = (part for parts in (chunks(padding), [b"{}"]) for part in parts)
        headers = {"Content-Type": "application/json"}
        answer = front.post("/api/help.config", content=content, headers=headers)
        assert ("content-length" in answer.request.headers) is not chunked
        return answer

    assert front.post("/api/help.limits").json()["limits"]["http_body_bytes_max"] == BODY_MAX
    assert call(BODY_MAX).status_code == 200
    too_large = call(BODY_MAX + 1)
    assert too_large.status_code == 413
    check_refusal(too_large, "too_large")
    assert front.post("/api/help.config").status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_refused_before_its_end(server: RunningServer, chunked: bool) -> None:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_S_MAX)
    ) as connection:
        connection.putrequest("POST", "/api/help.config")
        connection.putheader("Content-Type", "application/json")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            for chunk in chunks(BODY_MAX + 1):
                connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            connection.putheader("Content-Length", str(10**12))
            connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert answer.headers["content-type"] == PROBLEM
        assert json.loads(answer.read())["code"] == "too_large"


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
