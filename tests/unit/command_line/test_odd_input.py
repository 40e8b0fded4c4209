"""Every command, for every input, ends in one line and an exit code. The commands and their options
are read from the program, so that a new one is tried as well."""

from __future__ import annotations

import io
import itertools
import os
import socket
import ssl
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from heliograph import Timeouts
from heliograph.cli import app
from heliograph.command_line import TRACEBACKS, Checked
from heliograph.server.ports import free_ports
from heliograph.server.supervisor import Supervisor
from sim.population import calibration
from sim.population.plan import Plan
from sim.population.result import Result
from sim.population.saved import Saved, head_of
from sim.world.faults import KINDS
from sim.world.world import run as run_world
from tests.unit.population.made import a_result

NOWHERE = "http://127.0.0.1:1"
CONTEXT = ssl.create_default_context()
RUN = run_world(1, 1, KINDS)

ENOUGH: dict[str, tuple[str, ...]] = {
    "chat": ("--url", NOWHERE, "--to", "@bob", "--send", "hello"),
    "chat --register": ("--url", NOWHERE, "--register", "alice"),
    "chat --from": ("--url", NOWHERE, "--from", "@bob"),
    "load run": ("--url", NOWHERE, "--seconds", "0.1", "--no-floor"),
    "sim world": ("--seeds", "1", "--first", "1"),
    "bench peers": ("--only", "heliograph"),
    "sim population run": ("working-day",),
    "sim population plan": ("working-day",),
    "cluster node": ("--token", "token"),
    "cluster start": ("--wait", "0"),
    "admin restore --chat": ("--from", "backups", "--chat", "g1"),
}
"""What a command is called with beside the odd value; other commands get what they ask for."""

TEXTS = (
    *(
        "",
        " ",
        "\t\n",
        "-",
        "--",
        "@",
        "#0",
        "x" * 9_000,
        "\udcff",
        "\ud83d",
        "a\0b",
        "😀" * 50,
        "٣",
    ),
    *("\x1b[31m\u202e", "99999999999999999999", "-1", "0001-01-01", "::", "fe80::1%nope", "[::1]"),
)
URLS = (
    *("HTTP://127.0.0.1:1", "http://127.0.0.1:99999", "http://127.0.0.1: 1", "http://", "http://["),
    *("http://[::1", "http://[::1%lo]:1", "http://\u2028:1", "http://%00:1", "http://a..b:1"),
    *("ftp://127.0.0.1", "http://" + "x" * 300, "http://user:word@127.0.0.1:1/path?a=b#c"),
)
PATHS = (
    *("", " ", "\udcff", "a\0b", "x" * 300, "x/" * 3_000, "file", "file/x", "empty", "missing/x"),
    *("fifo", "/dev/null", "/dev/null/x", "/dev/full", "/proc/missing", "~", "--", "\x1b[31m\n"),
)
WHOLE = ("", " ", "x", "-1", "0", "1.5", "99999999999999999999", "9" * 5_000, "nan", "٣")
REAL = ("", " ", "x", "-1", "0", "nan", "inf", "-inf", "1e400", "1e300", "-0.0", "1_0")
CHOICES = ("", " ", "nope", "OPEN", "\udcff", "a\0b", "x" * 9_000)


class Call(NamedTuple):
    command: str
    name: str
    argument: bool
    odd: tuple[str, ...]
    rest: tuple[str, ...]

    def lines(self) -> Iterator[list[str]]:
        for value in self.odd:
            given = [value] if self.argument else [f"{self.name}={value}"]
            yield [*self.command.split(" --")[0].split(), *self.rest, *given]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


PROGRAM: Any = typer.main.get_command(app)
COMMANDS = dict(commands(PROGRAM))


def odd_values(param: Any) -> tuple[str, ...]:
    described = param.type_descriptor
    kind = described.annotation
    kinds = {kind, *getattr(kind, "__args__", ())}
    if described.choices is not None:
        return CHOICES
    if Path in kinds:
        return PATHS
    return (
        WHOLE if int in kinds else REAL if float in kinds else () if bool in kinds else named(param)
    )


def named(param: Any) -> tuple[str, ...]:
    return TEXTS + URLS if "url" in param.name else TEXTS


def needed(command: Any, but: Any) -> tuple[str, ...]:
    given = []
    for param in command.params:
        if param.required and param is not but:
            value = "1" if odd_values(param) in (WHOLE, REAL) else "word"
            given += [value] if param.param_type_name == "argument" else [param.opts[0], value]
    return tuple(given)


def calls() -> Iterator[Call]:
    for name, rest in itertools.chain(((name, None) for name in COMMANDS), ENOUGH.items()):
        command = COMMANDS[name.split(" --")[0]]
        if rest is None and name in ENOUGH:
            continue
        for param in command.params:
            odd = odd_values(param)
            argument = param.param_type_name == "argument"
            if odd and not (argument and param.nargs == -1):
                besides = needed(command, param) if rest is None else rest
                yield Call(name, param.opts[0], argument, odd, besides)


@cache
def result() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return a_result(Path(folder), minutes=1)


def simulated(*_: Any, save: Path | None) -> Result:
    """Nobody is, but it is looked whether it could be saved."""
    if save is not None:
        Saved(save, head_of("a run"))
    return result()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands find some odd files, no server, and no home; `up` ends when it would start."""
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("HELIOGRAPH_PASSWORD", "a long password")
    monkeypatch.setenv(TRACEBACKS, "1")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)

    monkeypatch.setattr("heliograph._client.Timeouts", lambda: Timeouts(call_s=0.01))
    monkeypatch.setattr("sim.load.http.UNREACHABLE_TRIES", 1)

    find = socket.getaddrinfo

    def find_numeric(
        host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        return find(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", find_numeric)
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: CONTEXT)
    monkeypatch.setattr("sim.world.world.run", lambda *_: RUN)
    monkeypatch.setattr("sim.peers.rounds.measure", lambda *_: [])
    monkeypatch.setattr("sim.population.whole.simulate", simulated)
    monkeypatch.setattr("sim.population.calibrating.whole.measure", lambda *_: None)
    monkeypatch.setattr(
        "sim.population.calibrating.whole.put_together", lambda _: calibration.read()
    )
    monkeypatch.setattr("sim.population.calibrating.show.show", lambda *_: None)
    monkeypatch.setattr("sim.population.calibration.OWN", tmp_path / "calibration.json")
    validation = "sim.population.validation.commands"
    monkeypatch.setattr(f"{validation}.predicted", lambda *_: None)
    monkeypatch.setattr(f"{validation}.measured", lambda *_: [])
    monkeypatch.setattr(
        "sim.population.plan.plan",
        lambda told, *_: Plan(
            1, [1] * len(told.regions), 0.5, 100.0, True, 1.0, [], 1.0, 1.0, price=0.0
        ),
    )

    def ready(supervisor: Supervisor, announce: Any) -> int:
        announce(supervisor._config)
        return 0

    monkeypatch.setattr(Supervisor, "run", ready)
    return tmp_path


def told(arguments: list[str], said: bytes = b"") -> int:
    """Run a command; its exit code. It says in one line what is wrong."""
    shown = [argument[:60] for argument in arguments]
    streams = [io.TextIOWrapper(io.BytesIO(first), encoding="utf-8") for first in (said, b"", b"")]
    with pytest.MonkeyPatch.context() as patched:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patched.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as end:
            PROGRAM.main(arguments)
        sys.stderr.flush()
    errors = streams[2].buffer.getvalue().decode()
    code: int = end.value.code
    assert code in (0, 1, 2), (shown, errors)
    assert "this is a fault of Heliograph" not in errors, (shown, errors)
    if code == 2:
        lines = errors.splitlines()
        assert [line[:12] for line in lines] == ["heliograph: "], (shown, errors)
        assert lines[0].isprintable(), (shown, lines)
    return code


def test_every_command_is_checked() -> None:
    assert {name for name, command in COMMANDS.items() if not isinstance(command, Checked)} == set()


@pytest.mark.parametrize("call", [*calls()], ids=lambda call: f"{call.command} {call.name}")
def test_an_odd_value(call: Call) -> None:
    if call.command == "up":
        options = ("--port", "--ws-port", "--files-port")
        ports = map(str, free_ports(len(options)))
        call = call._replace(rest=tuple(itertools.chain(*zip(options, ports, strict=True))))
    for line in call.lines():
        told(line)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "odd", [("--nope",), ("--", "a", "b", "c"), ("--help=1",), ("-",), ("--json", "--json"), ("",)]
)
def test_odd_options(name: str, odd: tuple[str, ...]) -> None:
    if name not in ("up", "sim world"):
        told([*name.split(), *odd])


SAID = (b"", b"\n", b"\xff\xfe\n", b"x" * 100_000, b"\0" * 20, b"\xed\xa0\xbd a long password\n")


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize(
    "line",
    [("chat", "--url", NOWHERE, "--to", "@bob", "--send", "-"), ("admin", "reset-password", "bob")],
    ids=lambda line: line[0],
)
def test_odd_standard_input(line: tuple[str, ...], said: bytes) -> None:
    assert told([*line], said) == 2


def test_a_password_that_is_not_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in ("\udcff long password", "long password \udced\udca0\udcbd"):
        monkeypatch.setenv("HELIOGRAPH_PASSWORD", odd)
        for way in ("--login", "--register"):
            assert told(["chat", "--url", NOWHERE, way, "alice"]) == 2
