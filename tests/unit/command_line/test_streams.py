"""What is written to where nobody reads, to a full disk, or to a terminal that lacks characters."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
import typer

from heliograph.command_line import INTERRUPTED, UNHEARD, App, Program
from heliograph.failing import Told

HELP = (sys.executable, "-m", "heliograph", "admin", "--help")


def run(code: str) -> tuple[int, str]:
    """How a command ends that does this; what it says on standard error."""
    done = subprocess.run(
        ["sh", "-c", code, "sh", *HELP], stderr=subprocess.PIPE, text=True, timeout=100, check=False
    )
    return done.returncode, done.stderr


def test_nobody_reads_what_it_prints() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            HELP, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=100, check=False
        )
    assert (done.returncode, done.stderr) == (UNHEARD, "")


def test_a_full_disk() -> None:
    code, said = run('exec "$@" >/dev/full')
    assert (code, said.count("\n")) == (2, 1)
    assert said.endswith("No space left on device\n")


def test_closed_streams() -> None:
    assert run('exec "$@" 0<&- >&-') == (0, "")


def program() -> typer.Typer:
    app = App(cls=Program)

    @app.callback()
    def group() -> None: ...

    @app.command()
    def show(text: str) -> None:
        print(text)

    @app.command()
    def refuse(text: str) -> None:
        raise Told(text)

    @app.command()
    def interrupt() -> None:
        raise KeyboardInterrupt

    @app.command()
    def fault() -> None:
        raise LookupError("odd")

    return app


def ended(
    monkeypatch: pytest.MonkeyPatch, *line: str, encoding: str = "ascii"
) -> tuple[int, str, str]:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    with pytest.raises(SystemExit) as end:
        program()(list(line))
    for stream in streams:
        stream.flush()
    printed, said = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]
    assert isinstance(end.value.code, int)
    return end.value.code, printed, said


def test_characters_that_a_terminal_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "show", "Зоя") == (0, "\\u0417\\u043e\\u044f\n", "")
    assert ended(monkeypatch, "refuse", "no Зоя") == (
        2,
        "",
        "heliograph: no \\u0417\\u043e\\u044f\n",
    )
    assert ended(monkeypatch, "show", "Зоя", encoding="utf-8") == (0, "Зоя\n", "")


def test_lines_and_controls_in_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, said = ended(monkeypatch, "refuse", "one\ntwo\x1b[31m\r", encoding="utf-8")
    assert (code, said.count("\n"), said.strip().isprintable()) == (2, 1, True)


def test_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "interrupt") == (INTERRUPTED, "", "heliograph: interrupted\n")


def test_a_fault_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, said = ended(monkeypatch, "fault")
    assert (code, said.count("\n")) == (2, 1)
    assert "LookupError: odd" in said
    assert "HELIOGRAPH_TRACEBACKS=1" in said
