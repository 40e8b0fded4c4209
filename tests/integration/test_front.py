"""The HTTP front of a real server: the description of the API, long polls, refusals."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jsonschema
import pytest
import schemathesis

from api import limits
from api.methods import METHODS
from tests.integration.raw_socket import ANSWER_S_MAX, Login, register
from tests.integration.refusals import PROBLEM, check_refusal
from tests.integration.running import RunningServer, wait_for

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HTTP_METHODS = {name: method for name, method in METHODS.items() if method.wire != "ws"}
BODY_MAX = limits.HTTP_BODY_BYTES_MAX


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
    methods = methods_of(document)
    assert methods.keys() == {f"/api/{name}" for name in HTTP_METHODS}
    assert all(item.keys() == {"post"} for item in methods.values())


def methods_of(document: dict[str, Any]) -> dict[str, Any]:
    """The paths of methods; files have others (`test_media`)."""
    return {path: item for path, item in document["paths"].items() if path.startswith("/api/")}


def test_refusals_are_documented_as_problems(document: dict[str, Any]) -> None:
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, item in methods_of(document).items():
        responses = dict(item["post"]["responses"])
        assert responses.pop("200")["content"].keys() == {"application/json"}, path
        assert responses.keys() >= {"400", "413", "415", "500", "503"}, path
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


def test_the_client_names_only_what_this_server_has(front: httpx2.Client) -> None:
    answer = front.get("/")
    links = re.findall(r"<([^>]*)>", answer.headers["link"])
    files = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert any(name.endswith(".js") for name in files)
    for target in [*links, *files]:
        assert re.match("/[^/]", target), f"{target} is elsewhere"
        assert front.get(target).status_code == 200, target


def test_the_page_of_the_api_needs_nothing_but_this_server(front: httpx2.Client) -> None:
    answer = front.get("/api/docs")
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
    shown = [heading for heading in page.headings if heading.startswith("POST /api/")]
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
    "path",
    ["/", "/healthz", "/readyz", "/api/docs", "/api/openapi.json", "/api/asyncapi.json"],
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


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "invalid_params"),
        (b"null", "invalid_params"),
        (b'{"surplus":1}', "invalid_params"),
        (b"{", "bad_request"),
        (b"\xff", "bad_request"),
        (b"{}{}", "bad_request"),
    ],
)
def test_a_body_that_is_no_parameters(front: httpx2.Client, body: bytes, code: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = front.post("/api/help.config", content=body, headers=headers)
    check_refusal(answer, code)
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
