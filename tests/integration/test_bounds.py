"""What a live connection may do, and what becomes of it when it does more: the same on the port of
the edge and on that of HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from api import limits
from api.frames import Close
from tests.integration import raw_socket as ws
from tests.integration.raw_socket import PASSWORD, Login, RawSocket, register
from tests.integration.running import RunningServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

RESUMABLE = {Close.TOO_SLOW, ws.HUNG_UP}
BATCH = 32
BATCHES = 32
LONG = "☀" * (limits.TEXT_CHARS_MAX - 10)
"""All batches are 12 MiB: more than server and kernel keep for a connection."""


@pytest.fixture(params=["edge", "fallback"])
def port(request: pytest.FixtureRequest, server: RunningServer) -> int:
    return server.ws_port if request.param == "edge" else server.port


@pytest.fixture
def alice(server: RunningServer) -> Login:
    return register(server)


@pytest.fixture
def bob(server: RunningServer) -> Login:
    return register(server)


def padded(size: int) -> bytes:
    """A request of so many bytes."""
    return b'{"id":1,"method":"help.limits"}'.ljust(size)


# --- ordinary use -----------------------------------------------------------------------------


def test_a_message_is_sent_pushed_and_delivered(port: int, alice: Login, bob: Login) -> None:
    chat_id = alice.call("chats.open_private", user_id=bob.user_id)["id"]
    with alice.connect(port) as hers, bob.connect(port) as his:
        sent = hers.ask("messages.send", chat_id=chat_id, text="hello", random_id=5)["result"]
        assert (sent["chat_id"], sent["id"]) == (chat_id, 1)
        pushed = his.until("update")
        message = {"chat_id": chat_id, "id": 1, "from_id": alice.user_id, "text": "hello"}
        assert pushed["update"]["type"] == "message_new"
        assert message.items() <= pushed["update"]["message"].items()
        his.send(ws.text(ack=pushed["pts"]))
        delivered = {"type": "delivered", "chat_id": chat_id, "max_id": 1, "user_id": bob.user_id}
        assert hers.until("update") == {"pts": sent["pts"] + 1, "update": delivered}
        again = hers.ask("messages.send", chat_id=chat_id, text="hello", random_id=5)["result"]
        assert (again["id"], again["date_ms"]) == (1, sent["date_ms"])


def test_heartbeats(port: int, alice: Login) -> None:
    with alice.connect(port) as hers:
        hers.send(ws.text(ping=7))
        assert hers.until("pong") == {"pong": 7}
        hers.send(ws.framed(ws.PING, b"are you there"))
        assert hers.receive() == (ws.PONG, b"are you there")


def test_a_client_that_closes_is_answered(port: int, alice: Login) -> None:
    with alice.connect(port) as hers:
        hers.send(ws.framed(ws.CLOSE, (1000).to_bytes(2, "big")))
        assert hers.close_code() == 1000


@pytest.mark.parametrize(("method", "params"), [("users.me", {}), ("updates.ack", {"pts": 0})])
def test_requests_without_an_answer_are_bounded(
    port: int, alice: Login, method: str, params: dict[str, Any]
) -> None:
    count = 4 * limits.REQUESTS_IN_FLIGHT_PER_CONNECTION_MAX
    with alice.connect(port) as hers:
        hers.send(b"".join(ws.request(number, method, **params) for number in range(count)))
        answers = {said["id"]: said for said in (hers.until("id") for _ in range(count))}
        assert answers.keys() == set(range(count))
        refused = [said["error"] for said in answers.values() if "error" in said]
        assert 0 < len(refused) < count
        assert {(error["code"], error["retry_after"] > 0) for error in refused} == {
            ("overloaded", True)
        }
        assert hers.ask("users.me")["result"]["id"] == alice.user_id


# --- hello ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [ws.request(1, "users.me"), ws.request(1, "help.config"), ws.text(ack=1), ws.text(ping=1)],
    ids=["request", "request of anybody", "acknowledgement", "heartbeat"],
)
def test_a_session_is_needed(port: int, frame: bytes) -> None:
    with RawSocket(port) as sock:
        sock.send(frame)
        assert sock.close_code() == Close.HELLO_EXPECTED


def test_a_wrong_token_ends_the_connection(port: int, alice: Login) -> None:
    for token in ("none", alice.token[:-1], alice.token + "x"):
        with RawSocket(port) as sock:
            assert sock.ask("session.hello", token=token)["error"]["code"] == "unauthorized"
            assert sock.close_code() == Close.SESSION_ENDED


def test_hello_is_said_once(port: int, alice: Login) -> None:
    with RawSocket(port) as sock:
        assert "result" in sock.ask("session.hello", token=alice.token)
        assert sock.ask("session.hello", token=alice.token)["error"]["code"] == "bad_request"
        assert sock.ask("users.me")["result"]["id"] == alice.user_id


def test_who_says_nothing_is_closed(server: RunningServer) -> None:
    with RawSocket(server.ws_port) as edge, RawSocket(server.port) as fallback:
        assert edge.close_code() == Close.HELLO_EXPECTED
        assert fallback.close_code() == Close.HELLO_EXPECTED


# --- frames -----------------------------------------------------------------------------------


def test_the_largest_frame_is_taken(port: int, alice: Login) -> None:
    with alice.connect(port) as sock:
        sock.send(ws.framed(ws.TEXT, padded(limits.FRAME_BYTES_MAX)))
        assert "limits" in sock.receive_json()["result"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (ws.framed(ws.TEXT, padded(limits.FRAME_BYTES_MAX + 1)), Close.TOO_LARGE),
        (
            ws.framed(ws.TEXT, padded(40_000), fin=False)
            + ws.framed(ws.CONTINUATION, b" " * 40_000),
            Close.TOO_LARGE,
        ),
        (
            ws.framed(ws.TEXT, padded(40_000), fin=False)
            + ws.framed(ws.CONTINUATION, b" " * 40_000, fin=False),
            Close.TOO_LARGE,
        ),
        (
            ws.framed(ws.TEXT, b" ", fin=False) + ws.framed(ws.CONTINUATION, b"", fin=False) * 64,
            Close.BAD_FRAME,
        ),
        (ws.framed(ws.TEXT, b"hello"), Close.BAD_FRAME),
        (ws.framed(ws.TEXT, b"{}"), Close.BAD_FRAME),
        (ws.framed(ws.BINARY, b'{"ping":1}'), Close.BAD_FRAME),
        (ws.framed(ws.TEXT, b'{"ping":1}', masked=False), 1002),
        (ws.framed(11, b""), 1002),
    ],
    ids=[
        "too large",
        "too large in parts",
        "too large and unfinished",
        "too many parts",
        "no JSON",
        "no frame",
        "binary",
        "unmasked",
        "opcode",
    ],
)
def test_breaches(port: int, alice: Login, raw: bytes, code: int) -> None:
    with alice.connect(port) as hers, alice.connect(port) as other:
        hers.send(raw)
        assert hers.close_code() == code
        assert other.ask("users.me")["result"]["id"] == alice.user_id


def test_a_flood_ends_the_connection_but_not_the_session(port: int, alice: Login) -> None:
    with alice.connect(port) as hers, alice.connect(port) as other:
        hers.send_all([ws.text(ping=1) * (10 * limits.FRAMES_BURST_MAX)])
        assert hers.close_code() == Close.FLOOD
        assert other.ask("users.me")["result"]["id"] == alice.user_id
    with alice.connect(port) as hers:
        assert hers.ask("users.me")["result"]["id"] == alice.user_id


@pytest.mark.parametrize("opcode", [ws.PING, ws.PONG])
def test_control_frames_count_for_the_rate(port: int, alice: Login, opcode: int) -> None:
    with alice.connect(port) as hers:
        hers.send_all([ws.framed(opcode, b"") * (10 * limits.FRAMES_BURST_MAX)])
        assert hers.close_code() == Close.FLOOD


# --- a reader that does not read --------------------------------------------------------------


def take(texts: dict[int, str], pts: int, update: dict[str, Any]) -> None:
    """Remember a message by its pts; each comes once."""
    assert update["type"] == "message_new"
    assert pts not in texts
    texts[pts] = update["message"]["text"]


def difference(sock: RawSocket, texts: dict[int, str], pts: int) -> None:
    """Fetch everything after `pts`."""
    kind = "slice"
    while kind == "slice":
        part = sock.ask("updates.difference", pts=pts)["result"]
        for numbered in part["updates"]:
            take(texts, numbered["pts"], numbered["update"])
        kind, pts = part["kind"], part["pts"]


def read_to_the_end(sock: RawSocket, texts: dict[int, str]) -> int:
    """Take what still comes; the code with which it ends."""
    while (frame := sock.receive()).opcode != ws.CLOSE:
        said = json.loads(frame.payload)
        take(texts, said["pts"], said["update"])
    return frame.close_code


def test_who_does_not_read_is_closed_and_resumes(port: int, alice: Login, bob: Login) -> None:
    """Others go on meanwhile, and everything is there when it comes back."""
    chat_id = alice.call("chats.open_private", user_id=bob.user_id)["id"]
    start = bob.call("updates.state")["pts"]
    texts: dict[int, str] = {}
    with alice.connect(port) as hers, bob.connect(port) as his:
        with bob.connect(port, receive_buffer_bytes=4096) as deaf:
            said = [f"{number} {LONG}" for number in range(BATCH * BATCHES)]
            for first in range(0, len(said), BATCH):
                for n in range(first, first + BATCH):
                    what = {"chat_id": chat_id, "text": said[n], "random_id": n + 1}
                    hers.send(ws.request(n, "messages.send", **what))
                for n in range(first, first + BATCH):
                    pushed = his.until("update")
                    assert pushed["update"]["message"]["text"] == said[n]
                    assert "result" in hers.until("id")
                his.send(ws.text(ack=pushed["pts"]))
            assert read_to_the_end(deaf, texts) in RESUMABLE
        assert 0 < len(texts) < len(said)
        assert list(texts) == list(range(start + 1, start + 1 + len(texts))), "holes"
        with bob.connect(port) as back:
            difference(back, texts, start + len(texts))
    assert list(texts.values()) == said


@pytest.mark.parametrize(
    "frame",
    [ws.framed(ws.PING, b"x" * 125), ws.framed(ws.PONG, b""), ws.text(ping=1)],
    ids=["ping", "pong", "heartbeat"],
)
def test_who_floods_and_does_not_read_is_hung_up_on(port: int, alice: Login, frame: bytes) -> None:
    with alice.connect(port, receive_buffer_bytes=4096) as deaf, alice.connect(port) as other:
        deaf.send_until_cut(frame * 1_000)
        assert other.ask("users.me")["result"]["id"] == alice.user_id


def test_who_asks_and_does_not_read_is_cut_off_by_the_fallback(
    server: RunningServer, alice: Login
) -> None:
    """Serve takes all answers from the connection, which cannot see that they wait."""
    chat_id = alice.call("chats.open_private", user_id=alice.user_id)["id"]
    for number in range(20):
        alice.call("messages.send", chat_id=chat_id, text=LONG, random_id=number + 1)
    asked = 20 * limits.SEND_BUFFER_BYTES_MAX // (20 * 3 * len(LONG))
    with alice.connect(server.port, receive_buffer_bytes=4096) as deaf:
        with alice.connect(server.port) as other:
            for number in range(asked):
                deaf.send(ws.request(number, "messages.history", chat_id=chat_id))
                other.ask("messages.history", chat_id=chat_id)  # as fast as they are answered
        answers = 0
        while (frame := deaf.receive()).opcode != ws.CLOSE:
            answers += 1
        assert frame.close_code == ws.HUNG_UP
        assert 0 < answers < asked


# --- sessions that end ------------------------------------------------------------------------


def logout(alice: Login) -> None:
    alice.call("auth.logout")


def end_session(alice: Login) -> None:
    alice.another().call("auth.end_session", session_id=alice.session_id)


def end_other_sessions(alice: Login) -> None:
    alice.another().call("auth.end_other_sessions")


def change_password(alice: Login) -> None:
    words = {"old_password": PASSWORD, "new_password": PASSWORD + "!"}
    alice.another().call("auth.change_password", **words)


@pytest.mark.parametrize("end", [logout, end_session, end_other_sessions, change_password])
def test_a_session_that_ends_closes_its_connections(
    port: int, alice: Login, bob: Login, end: Callable[[Login], None]
) -> None:
    with alice.connect(port) as one, alice.connect(port) as two, bob.connect(port) as other:
        end(alice)
        assert one.close_code() == Close.SESSION_ENDED
        assert two.close_code() == Close.SESSION_ENDED
        assert other.ask("users.me")["result"]["id"] == bob.user_id
    with RawSocket(port) as sock:
        refused = sock.ask("session.hello", token=alice.token)["error"]
        assert refused["code"] == "unauthorized"
