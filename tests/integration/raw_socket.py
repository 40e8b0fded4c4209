"""A WebSocket client (RFC 6455) that may break every rule, for tests of what a server bears."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from typing import Any, NamedTuple

import httpx2

from tests.integration.running import RunningServer

ANSWER_S_MAX = 60.0
"""A server that is silent for longer hangs."""
PASSWORD = "correct horse battery"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_CODE, HUNG_UP = 1005, 1006
"""How a connection ended without a code (RFC 6455, section 7.4.1)."""


class Frame(NamedTuple):
    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int:
        return int.from_bytes(self.payload[:2], "big") if self.payload else NO_CODE


def framed(
    opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """A frame as a client sends it."""
    size = len(payload)
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask_bit = masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65_536:
        head += bytes([mask_bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = os.urandom(4)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def text(**said: Any) -> bytes:
    return framed(TEXT, json.dumps(said).encode())


def request(number: int, method: str, **params: Any) -> bytes:
    return text(id=number, method=method, params=params)


class RawSocket:
    """One connection. What it receives comes as frames or, from `receive_json`, as JSON."""

    def __init__(self, port: int, receive_buffer_bytes: int = 0) -> None:
        self._sock = socket.socket()
        self._sock.settimeout(ANSWER_S_MAX)
        if receive_buffer_bytes:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._sock.connect(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._sock.makefile("rb")
        self.send(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        status = self._reader.readline()
        assert b" 101 " in status, status
        while self._reader.readline() != b"\r\n":
            pass

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._sock.close()

    def send(self, raw: bytes) -> None:
        self._sock.sendall(raw)

    def send_all(self, parts: list[bytes]) -> None:
        """Send what the server lets through before it hangs up."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                self.send(part)

    def send_until_cut(self, raw: bytes) -> None:
        """Send it again and again, and read nothing, until the server hangs up."""
        end_s = time.monotonic() + ANSWER_S_MAX
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() < end_s:
                self.send(raw)
            raise AssertionError("the server takes it all")

    def receive(self) -> Frame:
        """The next frame; the end of the connection looks like a close frame."""
        try:
            head = self._reader.read(2)
            if len(head) < 2:
                return Frame(CLOSE, HUNG_UP.to_bytes(2, "big"))
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self._reader.read(2 if size == 126 else 8), "big")
            payload = self._reader.read(size)
        except ConnectionResetError:
            return Frame(CLOSE, HUNG_UP.to_bytes(2, "big"))
        if len(payload) < size:
            return Frame(CLOSE, HUNG_UP.to_bytes(2, "big"))
        assert head[0] & 0xF0 == 0x80, "the server sends whole messages without reserved bits"
        return Frame(head[0] & 15, payload)

    def receive_json(self) -> dict[str, Any]:
        """The next text message."""
        frame = self.receive()
        assert frame.opcode == TEXT, frame
        said: dict[str, Any] = json.loads(frame.payload)
        return said

    def until(self, key: str) -> dict[str, Any]:
        """The next message that has this field."""
        while key not in (said := self.receive_json()):
            pass
        return said

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request; what else comes before it is passed over."""
        number = secrets.randbits(50)
        self.send(request(number, method, **params))
        while (said := self.receive_json()).get("id") != number:
            pass
        return said

    def close_code(self) -> int:
        """Read until the connection is closed; the code that the server gave."""
        while (frame := self.receive()).opcode != CLOSE:
            pass
        return frame.close_code


def post(url: str, method: str, token: str = "", **params: Any) -> dict[str, Any]:
    """The result of a method over HTTP."""
    answer = httpx2.post(
        f"{url}/api/{method}",
        json=params,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=ANSWER_S_MAX,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


class Login:
    """One session of a user of a server."""

    def __init__(self, url: str, authorization: dict[str, Any]) -> None:
        self.url = url
        self.token: str = authorization["token"]
        self.session_id: int = authorization["session_id"]
        self.user_id: int = authorization["user"]["id"]
        self.username: str = authorization["user"]["username"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return post(self.url, method, self.token, **params)

    def another(self) -> Login:
        """The same user once more."""
        made = post(self.url, "auth.login", username=self.username, password=PASSWORD)
        return Login(self.url, made)

    def connect(self, port: int, receive_buffer_bytes: int = 0) -> RawSocket:
        """A live connection that has said hello."""
        sock = RawSocket(port, receive_buffer_bytes)
        answer = sock.ask("session.hello", token=self.token)
        assert answer["result"]["user_id"] == self.user_id, answer
        return sock


def register(server: RunningServer) -> Login:
    """A new user."""
    username = f"u{secrets.token_hex(6)}"
    made = post(server.url, "auth.register", username=username, password=PASSWORD, name="U")
    return Login(server.url, made)
