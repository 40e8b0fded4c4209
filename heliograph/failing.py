"""How commands end when something is wrong."""

from __future__ import annotations

import sys

import typer


def fail(message: object, code: int = 2) -> typer.Exit:
    """Say on standard error what is wrong, in one line however narrow the terminal is; `raise
    fail(...)` ends with that exit code."""
    print(f"heliograph: {message}", file=sys.stderr)
    return typer.Exit(code)
