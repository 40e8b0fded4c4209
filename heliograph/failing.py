"""How commands end when something is wrong."""

from __future__ import annotations

import contextlib
import sys

import typer

from heliograph.terminal.text import one_line

REFUSED, UNABLE = 1, 2
"""Exit codes: something was found or refused; wrong use, or it could not be done."""


class Told(Exception):
    """A command cannot do what it was asked; the message tells the user why, and what to do."""


def fail(message: object, code: int = UNABLE) -> typer.Exit:
    """Say on standard error what is wrong, in one line however narrow the terminal is, and whatever
    is in the message; `raise fail(...)` ends with that exit code."""
    with contextlib.suppress(OSError):  # where nobody listens, the exit code tells
        print(f"heliograph: {one_line(str(message))}", file=sys.stderr, flush=True)
    return typer.Exit(code)


def read_text(lines: int | None = None) -> str:
    """What is piped into a command: all of it, or so many lines. Raises Told."""
    stream = sys.stdin.buffer
    raw = stream.read() if lines is None else b"".join(stream.readline() for _ in range(lines))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Told(f"standard input is not UTF-8 from its byte {error.start} on") from error


def is_unicode(text: str) -> bool:
    """Whether it is text: bytes that are not UTF-8 come from the shell as lone surrogates."""
    with contextlib.suppress(UnicodeEncodeError):
        text.encode()
        return True
    return False
