"""Whatever clients send, over HTTP or live connections, is answered or refused as documented: the
server never makes a mistake of its own, never hangs, and serves the next one."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.specs.openapi import checks

from api import limits
from api import methods as m
from api.errors import ERRORS, ApiError, Problem
from api.files import chunk_hash, text_of
from api.frames import Close
from tests.integration import raw_socket as ws
from tests.integration.raw_socket import Login, RawSocket, register
from tests.integration.running import RunningServer
from tests.profile import tries

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MISTAKES = {code for code, kind in ERRORS.items() if kind.status == 500}
INSIDE = re.compile(r"Traceback|\.py\b|/site-packages|<\w+ object|\bat 0x|\bmsgspec\b")
"""What no client is told."""
BEYOND_SCHEMAS = re.compile(
    "must be a whole number|something (that )?can be seen|a password (holds nothing|has at least)"
    "|each message needs a random id|each needs one of its own"
)
"""What JSON Schema cannot say: to it 1.0 is an integer, and a blank a letter like others; what a
password is when it has been prepared; and that there are as many of one thing as of another."""
UVICORN_TRIPS = "websockets.exceptions.InvalidState"
"""uvicorn hangs up, with a trace, when invalid UTF-8 and a close frame come in one piece."""
PROTOCOL_CODES = {1000, 1002, 1007}
CLOSE_CODES = PROTOCOL_CODES | {code for name, code in vars(Close).items() if name.isupper()}


def fuzz(examples: int) -> settings:
    checks_not_made = list(HealthCheck)
    return settings(
        max_examples=tries(examples), deadline=None, suppress_health_check=checks_not_made
    )


def failures(server: RunningServer) -> float:
    """Turns that failed by a defect."""
    lines = server.metrics().splitlines()
    counts = [
        float(line.split()[-1]) for line in lines if line.startswith("heliograph_failures_total{")
    ]
    assert counts, "no host tells how many turns failed"
    return sum(counts)


def traces(server: RunningServer) -> set[str]:
    """What all processes logged about exceptions that nobody expected."""
    logs = [path.read_text() for path in (server.data / "logs").glob("*.jsonl*")]
    lines = {line for log in logs for line in log.splitlines()}
    return {line for line in lines if '"trace":' in line and UVICORN_TRIPS not in line}


@pytest.fixture(scope="module", autouse=True)
def _nothing_failed_inside(server: RunningServer) -> Iterator[None]:
    failed, logged = failures(server), traces(server)
    yield
    assert failures(server) == failed
    assert traces(server) <= logged


def check_problem(said: Any) -> Problem:
    """A problem document is as the registry of errors has it, and tells nothing else."""
    problem = msgspec.convert(said, Problem)
    assert problem == ApiError.from_problem(problem).problem()
    assert msgspec.to_builtins(problem) == said
    assert problem.code not in MISTAKES, problem
    assert not INSIDE.search(problem.detail), problem
    assert problem.retry_after or not ERRORS[problem.code].retryable, problem
    return problem


@pytest.fixture(scope="module")
def someone(server: RunningServer) -> Login:
    return register(server)


# --- what is wrong in JSON --------------------------------------------------------------------

NUMBERS = st.sampled_from(
    b"-1 0 1 -0 1.5 1e3 1e400 9007199254740991 9007199254740992 9223372036854775808 "
    b"18446744073709551616 NaN".split()
) | st.just(b"9" * 400)
STRINGS = st.sampled_from(
    [b'""', b'" "', rb'"\ud800"', rb'"\u0000"', b'"\xff\xfe"', b'"\xed\xa0\x80"', rb'"\x"']
) | st.just(b'"%b"' % (b"x" * 5_000))
NESTED = st.builds(
    lambda depth, opening, closing: opening * depth + b"1" + closing * depth,
    st.sampled_from([1, 100, 1_000, 5_000]),
    st.sampled_from([b"[", b'{"a":']),
    st.sampled_from([b"]", b"}", b""]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
).map(lambda value: json.dumps(value).encode())
WRONG = NUMBERS | STRINGS | NESTED | JSON | st.binary(max_size=20)

TOO_LARGE = b" " * (limits.FRAME_BYTES_MAX + 1)


def joined(fields: dict[str, bytes]) -> bytes:
    return b"{%b}" % b",".join(b'"%b":%b' % (key.encode(), raw) for key, raw in fields.items())


# --- HTTP -------------------------------------------------------------------------------------

HTTP_METHODS = {name: method for name, method in m.METHODS.items() if method.wire != "ws"}
CHECKS: list[Any] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
SLOW = {"auth.register", "auth.login", "auth.change_password"}
ENDING = {"auth.logout", "auth.end_session", "auth.end_other_sessions", "auth.change_password"}


@pytest.fixture(scope="module")
def document(server: RunningServer) -> schemathesis.BaseSchema:
    found = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    found.config.generation.with_security_parameters = False  # the tests choose the token
    rejected = found.config.checks.negative_data_rejection
    rejected.expected_statuses = [*rejected.expected_statuses, "413"]
    return found


class FromElsewhere(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=("127.0.0.2", 0), **options)


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    """Its address is its own: wrong passwords make only itself wait."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", FromElsewhere())
        yield session


def call(http: requests.Session, case: Case, token: str) -> Response:
    """Call it; whatever comes back is as the document says."""
    if isinstance(case.body, dict) and case.path == "/api/updates.poll":
        case.body.setdefault("timeout_s", 0)
        if case.body["timeout_s"] in range(1, limits.POLL_TIMEOUT_S_MAX + 1):
            case.body["timeout_s"] = 0
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = case.call(session=http, headers=headers, timeout=ws.ANSWER_S_MAX)
    case.validate_response(response, checks=CHECKS)
    if response.status_code != 200:
        headers = {name: values[0] for name, values in response.headers.items()}
        problem = check_refusal(response.status_code, headers, response.json())
        method = m.METHODS[case.path.removeprefix("/api/")]
        assert problem.code in method.errors, "what it is refused with was declared"
    return response


def check_refusal(status: int, headers: Mapping[str, str], said: Any) -> Problem:
    problem = check_problem(said)
    assert problem.status == status
    assert headers["content-type"] == "application/problem+json"
    if problem.retry_after:
        assert int(headers["retry-after"]) >= problem.retry_after
    if status == 401:
        assert headers["www-authenticate"] == "Bearer"
    if status == 405:
        assert headers["allow"] == "POST"
    return problem


def operation(document: schemathesis.BaseSchema, name: str) -> schemathesis.APIOperation:
    return document[f"/api/{name}"]["POST"]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("name", sorted(HTTP_METHODS.keys() - ENDING))
def test_a_method_over_http(
    document: schemathesis.BaseSchema,
    http: requests.Session,
    someone: Login,
    name: str,
    mode: GenerationMode,
) -> None:
    @fuzz(3 if name in SLOW else 8)
    @given(case=operation(document, name).as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        response = call(http, case, someone.token)
        assert response.status_code != 401 or not HTTP_METHODS[name].auth
        if mode is GenerationMode.POSITIVE and response.status_code == 400:
            problem = check_problem(response.json())
            told = BEYOND_SCHEMAS.search(problem.detail) is not None
            begun = problem.field == "/size"  # this upload was begun with another one
            assert problem.code != "invalid_params" or told or begun, problem

    run()


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("name", sorted(ENDING))
def test_a_method_that_ends_sessions(
    server: RunningServer,
    document: schemathesis.BaseSchema,
    http: requests.Session,
    name: str,
    mode: GenerationMode,
) -> None:
    account = register(server)

    @fuzz(3)
    @given(case=operation(document, name).as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        call(http, case, account.another().token)

    run()


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("name", sorted(name for name, m in HTTP_METHODS.items() if m.auth))
def test_a_method_without_a_token(
    document: schemathesis.BaseSchema, http: requests.Session, name: str, mode: GenerationMode
) -> None:
    @fuzz(2)
    @given(case=operation(document, name).as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        response = call(http, case, "")
        if response.status_code == 413:  # nobody's token is looked up for what is not even read
            assert len(response.request.body or b"") > limits.FRAME_BYTES_MAX
        else:
            assert response.status_code == 401

    run()


def bodies_of(name: str) -> st.SearchStrategy[bytes]:
    """Anything in the fields of a method, or no JSON at all."""
    names = [field.name for field in msgspec.structs.fields(HTTP_METHODS[name].params)]
    known = st.dictionaries(st.sampled_from([*names, "surplus"]), WRONG, min_size=1).map(joined)
    return st.one_of(known, known, st.binary(max_size=200), st.just(TOO_LARGE))


WAYS = [("POST", "application/json")] * 8
WAYS += [(verb, "application/json") for verb in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS")]
WAYS += [("POST", media_type) for media_type in ("text/plain", "application/xml", "")]


def test_bodies_that_are_no_parameters(
    server: RunningServer, http: requests.Session, someone: Login
) -> None:
    names = sorted(HTTP_METHODS.keys() - ENDING - {"updates.poll"})  # that might wait
    calls = st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), bodies_of(name)))

    @fuzz(120)
    @given(calls, st.sampled_from(WAYS))
    def run(call: tuple[str, bytes], way: tuple[str, str]) -> None:
        (name, body), (verb, media_type) = call, way
        headers = {"Content-Type": media_type, "Authorization": f"Bearer {someone.token}"}
        url = f"{server.url}/api/{name}"
        response = http.request(verb, url, data=body, headers=headers, timeout=ws.ANSWER_S_MAX)
        if response.status_code == 200:
            msgspec.json.decode(response.content, type=HTTP_METHODS[name].result)
        else:
            check_refusal(response.status_code, response.headers, response.json())

    run()


# --- files ------------------------------------------------------------------------------------

PARTS_SIZE = 3 * limits.PART_BYTES + 1
SIZES = st.sampled_from([1, 2, limits.PART_BYTES, limits.PART_BYTES + 1, PARTS_SIZE])


def uploaded(who: Login, content: bytes) -> str:
    """The ticket of a file."""
    answer = requests.post(
        f"{who.url}/media/upload",
        params={"hash": text_of(chunk_hash(content)), "name": "x"},
        data=content,
        headers={"Authorization": f"Bearer {who.token}"},
        timeout=ws.ANSWER_S_MAX,
    )
    return str(answer.json()["ticket"])


@pytest.mark.parametrize("port", ["http", "files"])
def test_files(server: RunningServer, http: requests.Session, someone: Login, port: str) -> None:
    """Uploads and downloads with anything wrong about them are refused, and nothing fails."""
    base = server.url if port == "http" else server.files_url
    chat = someone.call("chats.open_private", user_id=someone.user_id)["id"]
    sent = someone.call(
        "messages.send", chat_id=chat, text="", random_id=9, media=uploaded(someone, b"file")
    )
    someone.call("media.begin", upload_id=3, size=PARTS_SIZE)
    step = st.sampled_from(
        ["upload", "file", "thumb", "link", "3", "0", "1", "4000", "-1", chat, f"{sent['id']}"]
    ) | st.text(max_size=12).map(quote)
    paths = st.lists(step, max_size=4).map(lambda steps: "/".join(["/media", *steps]))
    right = st.just(f"/media/file/{chat}/{sent['id']}") | st.sampled_from(
        ["/media/upload", "/media/upload/3/0", "/media/upload/3/1", "/media/upload/3/3"]
    )
    body = SIZES.map(bytes) | st.binary(max_size=50)
    asked = st.dictionaries(st.sampled_from(["hash", "name", "kind", "x"]), st.text(max_size=50))
    header = st.sampled_from(
        ["bytes=0-", "bytes=1-2", "bytes=-1", "bytes=9-", "bytes=2-1", "bytes=0-0,2-3", "x=1-2", ""]
    )

    @fuzz(80)
    @given(
        st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
        paths | right,
        body,
        asked,
        st.sampled_from(["", "whole", "parts", "parts but one", "twice"]),
        header,
        st.sampled_from([someone.token, someone.token, "", "x"]),
    )
    def run(
        verb: str,
        path: str,
        content: bytes,
        params: dict[str, str | list[str]],
        hashed: str,
        asked_range: str,
        token: str,
    ) -> None:
        headers = {"Range": asked_range, "If-None-Match": "x"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if hashed == "whole":
            params = {**params, "hash": text_of(chunk_hash(content))}
        elif hashed:
            starts = range(0, len(content), limits.PART_BYTES)
            parts = [content[start : start + limits.PART_BYTES] for start in starts]
            hashes = [text_of(chunk_hash(part)) for part in parts]
            shown = {"parts": hashes, "parts but one": hashes[:-1], "twice": hashes * 2}
            params = {**params, "hash": shown[hashed]}
        response = http.request(
            verb,
            f"{base}{path}",
            params=params,
            data=content,
            headers=headers,
            timeout=ws.ANSWER_S_MAX,
        )
        if response.status_code >= 400 and verb != "HEAD":
            problem = check_problem(response.json())
            assert problem.status == response.status_code

    run()


# --- live connections -------------------------------------------------------------------------

WS_METHODS = [method for method in m.METHODS.values() if method.wire != "http"]
FIRST = 10**9
"""The number of the first request that must be answered; frames that may not be understood have
others."""


class Request(NamedTuple):
    """A request in one or more frames, with other frames in between: it has to be answered."""

    method: str
    params: bytes
    cuts: list[float]
    between: bytes

    @property
    def breach(self) -> bool:
        """Texts are UTF-8: what is none breaks the WebSocket protocol."""
        return self.params != self.params.decode(errors="ignore").encode()

    def said(self, number: int) -> bytes:
        head = b'{"id":%d,"method":"%b"' % (number, self.method.encode())
        return head + b',"params":%b}' % self.params

    def frames(self, number: int) -> bytes:
        whole = self.said(number)
        places = [0, *sorted(int(cut * len(whole)) for cut in self.cuts), len(whole)]
        parts = [whole[start:end] for start, end in itertools.pairwise(places)]
        last = len(parts) - 1
        return self.between.join(
            ws.framed(ws.CONTINUATION if index else ws.TEXT, part, fin=index == last)
            for index, part in enumerate(parts)
        )


class Closing(NamedTuple):
    """A close frame: the server answers it with the same code."""

    code: int
    reason: bytes

    @property
    def breach(self) -> bool:
        """Something may be said after it."""
        return True

    def frames(self, _: int) -> bytes:
        return ws.framed(ws.CLOSE, self.code.to_bytes(2, "big") + self.reason)


class Raw(NamedTuple):
    """Frames that need no answer. `breach`: they may break the WebSocket protocol."""

    raw: bytes
    breach: bool = False

    def frames(self, _: int) -> bytes:
        return self.raw


Said = Request | Closing | Raw


BREACHES = (
    st.sampled_from(
        [
            ws.framed(ws.TEXT, TOO_LARGE),
            ws.framed(ws.TEXT, TOO_LARGE[:40_000], fin=False)
            + ws.framed(ws.CONTINUATION, TOO_LARGE[:40_000]),
            b"\x81\xff" + (2**62).to_bytes(8, "big") + b"mask",
            b"\x81\xff" + b"\xff" * 8 + b"mask",
            ws.framed(ws.CONTINUATION, b"{}"),
            ws.framed(ws.TEXT, b"{", fin=False),
            ws.framed(ws.TEXT, b'{"ping":1}', masked=False),
            ws.framed(ws.PING, b"", fin=False),
            ws.framed(ws.PING, b"x" * 126),
            ws.framed(ws.CLOSE, b"x"),
        ]
    )
    | st.builds(ws.framed, st.sampled_from([*range(3, 8), *range(11, 16)]), st.binary(max_size=200))
    | st.builds(
        ws.framed, st.sampled_from([ws.TEXT, ws.PING]), st.just(b"{}"), reserved=st.integers(1, 7)
    )
)
SMALL = st.binary(max_size=125)
ORDINARY = (
    st.builds(ws.framed, st.sampled_from([ws.PING, ws.PONG]), SMALL)
    | st.integers(0, limits.JSON_INT_MAX).map(lambda number: ws.text(ping=number))
    | st.integers(0, limits.JSON_INT_MAX).map(lambda number: ws.text(ack=number))
)
CLOSES = st.builds(
    Closing,
    st.sampled_from([0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 3000, 4003, 4999, 65_535]),
    st.binary(max_size=123),
)
NO_JSON = st.builds(
    ws.framed, st.sampled_from([ws.TEXT, ws.BINARY]), st.binary(max_size=300) | WRONG
)


def requests_of(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Request]:
    """Requests of every method, their fields right, wrong, missing, or too many."""

    def one(method: m.Method) -> st.SearchStrategy[Request]:
        names = [field.name for field in msgspec.structs.fields(method.params)]
        right = {name: known[name].map(lambda value: json.dumps(value).encode()) for name in names}
        wrong = {name: right[name] | WRONG for name in names}
        params = st.one_of(
            st.fixed_dictionaries(right).map(joined),
            st.fixed_dictionaries({}, optional={**wrong, "surplus": WRONG}).map(joined),
            WRONG,
        )
        if method is m.Logout.method:  # the session shall live
            params = params.filter(lambda raw: raw != b"{}")
        between = st.sampled_from([b"", ws.framed(ws.PING, b"x"), ws.framed(ws.PONG, b"")])
        cuts = st.lists(st.floats(0, 1), max_size=3)
        return st.builds(Request, st.just(method.name), params, cuts, between)

    names = [method.name for method in WS_METHODS]  # whose repr is short
    return st.sampled_from(names).flatmap(lambda name: one(m.METHODS[name]))


@st.composite
def mutated(draw: st.DrawFn, requests_: st.SearchStrategy[Request]) -> bytes:
    """A request with some of its bytes replaced."""
    whole = draw(requests_).said(7)
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(start + 8, len(whole))))
    return ws.framed(ws.TEXT, whole[:start] + draw(WRONG) + whole[end:])


@pytest.fixture(scope="module")
def known(server: RunningServer, someone: Login) -> dict[str, st.SearchStrategy[Any]]:
    """Right values for every field of every method, by its name."""
    peer = register(server)
    private = someone.call("chats.open_private", user_id=peer.user_id)["id"]
    group = someone.call("chats.create_group", title="G", random_id=1, user_ids=[peer.user_id])[
        "id"
    ]
    user_id = st.sampled_from([someone.user_id, peer.user_id])
    small = st.integers(1, 100)
    ticket = uploaded(someone, b"a small file")
    return {
        "add": st.booleans(),
        "admin": st.booleans(),
        "album": st.integers(0, 3),
        "after_id": small,
        "before_id": small,
        "bio": st.text(max_size=limits.BIO_CHARS_MAX),
        **dict.fromkeys(
            ("chat_id", "from_chat_id", "to_chat_id"), st.sampled_from([private, group])
        ),
        "description": st.text(max_size=limits.DESCRIPTION_CHARS_MAX),
        "for_all": st.booleans(),
        "id": small,
        "ids": st.lists(small, min_size=1, max_size=limits.MESSAGES_PER_REQUEST_MAX),
        "limit": small,
        "max_id": small,
        "media": st.sampled_from(["", ticket, ticket[:-4], "x"]),
        "message_id": small,
        "name": st.text(max_size=limits.NAME_CHARS_MAX),
        "offset": small,
        "pts": small,
        "random_id": st.integers(1, limits.JSON_INT_MAX),
        "random_ids": st.lists(st.integers(1, limits.JSON_INT_MAX), min_size=1, max_size=5),
        "reply_to": small,
        "session_id": small,
        "size": st.integers(1, limits.FILE_BYTES_MAX),
        "text": st.text(max_size=limits.TEXT_CHARS_MAX),
        "thumb": st.booleans(),
        "title": st.text(max_size=limits.TITLE_CHARS_MAX),
        "token": st.sampled_from([someone.token, "x"]),
        "upload_id": small,
        "user_id": user_id,
        "user_ids": st.lists(user_id, max_size=limits.USERS_PER_REQUEST_MAX),
        "username": st.from_regex(r"[a-z][a-z0-9_]{8,31}", fullmatch=True),
    }


@pytest.fixture(params=["edge", "fallback"])
def port(request: pytest.FixtureRequest, server: RunningServer) -> int:
    return server.ws_port if request.param == "edge" else server.port


def check_answers(sock: RawSocket, said: list[Said]) -> None:
    """Say it all; every request is answered once, unless the connection is closed, with a code."""
    note(repr(said)[:4_000])
    codes = CLOSE_CODES | {one.code for one in said if isinstance(one, Closing)}
    if any(one.breach for one in said):
        codes.add(ws.HUNG_UP)  # who sends on after a breach may be reset before the code arrives
    numbered = dict(enumerate([*said, Request("help.limits", b"{}", [], b"")], FIRST))
    waiting = {number: one for number, one in numbered.items() if isinstance(one, Request)}
    sock.send_all([one.frames(number) for number, one in numbered.items()])
    while waiting:
        frame = sock.receive()
        if frame.opcode == ws.CLOSE:
            assert frame.close_code in codes, frame
            assert not INSIDE.search(frame.payload[2:].decode()), frame
            return
        if frame.opcode == ws.PONG:
            continue
        answer = json.loads(frame.payload)
        problem = check_problem(answer["error"]) if "error" in answer else None
        if answer.get("id") in numbered:
            request = waiting.pop(answer["id"])
            if problem is not None and problem.code != "unknown_method":
                assert problem.code in m.METHODS[request.method].errors, problem
            if "result" in answer:
                msgspec.convert(answer["result"], m.METHODS[request.method].result)


@pytest.mark.parametrize("hello", [False, True])
def test_frames(
    port: int, someone: Login, known: dict[str, st.SearchStrategy[Any]], hello: bool
) -> None:
    rq = requests_of(known)
    breaches = (BREACHES | NO_JSON | mutated(rq)).map(lambda raw: Raw(raw, breach=True))
    one = st.one_of(rq, rq, ORDINARY.map(Raw), breaches, CLOSES)

    @fuzz(50)
    @given(said=st.lists(one, min_size=1, max_size=6))
    def run(said: list[Said]) -> None:
        with someone.connect(port) if hello else RawSocket(port) as sock:
            check_answers(sock, said)
        with someone.connect(port) as sock:
            assert sock.ask("users.me")["result"]["id"] == someone.user_id

    run()


def test_bytes_that_are_no_frames(port: int, someone: Login) -> None:
    @fuzz(20)
    @given(st.lists(st.binary(max_size=2_000), max_size=3))
    def run(said: list[bytes]) -> None:
        with RawSocket(port) as sock:
            sock.send_all(said)
        with someone.connect(port) as sock:
            assert sock.ask("users.me")["result"]["id"] == someone.user_id

    run()
