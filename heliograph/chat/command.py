"""`heliograph chat`: the command line of the client."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import heliograph as h
from heliograph.chat.login import LoginError, alone, check_url, default_path
from heliograph.chat.text import one_line

PASSWORD = "HELIOGRAPH_PASSWORD"


def fail(message: str, code: int = 2) -> typer.Exit:
    print(f"heliograph: {message}", file=sys.stderr)
    return typer.Exit(code)


def command(
    url: Annotated[str, typer.Option(help="The server, as http://127.0.0.1:8000.")],
    state: Annotated[
        Path | None,
        typer.Option(
            help="The file that keeps your login; one for each client that runs at the same time.",
            show_default="~/.local/state/heliograph/HOST-PORT.json",
        ),
    ] = None,
    login: Annotated[
        str, typer.Option(metavar="USER", help="Log in and save it, without a terminal.")
    ] = "",
    register: Annotated[
        str, typer.Option(metavar="USER", help="Make an account and save the login.")
    ] = "",
    invitation: Annotated[
        str, typer.Option(help="With --register, where the server asks for one.")
    ] = "",
    to: Annotated[
        str, typer.Option(help="With --send: @user, the title of a group, or: saved.")
    ] = "",
    send: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Send this text from the saved login and print its id; -: stdin."
        ),
    ] = None,
) -> None:
    """Talk, in the terminal. /help there shows what it can do.

    --login and --register take the password from HELIOGRAPH_PASSWORD, or ask.

    Exit code of --send: 0 it is on the server; 1 the server refused or did
    not answer; 2 wrong use, or nobody is logged in."""
    if (login and register) or (send is None) != (not to):
        raise fail("use --login or --register, and --to together with --send")
    try:
        url = check_url(url)
        path = (state or default_path(url)).absolute()
        if login or register:
            _log_in(url, path, login or register, bool(register), invitation)
        if send is not None:
            _send(url, path, to, send)
        elif not (login or register):
            _talk(url, path)
    except (LoginError, h.StateError) as error:
        raise fail(str(error)) from error
    except h.ApiError as error:
        raise fail(one_line(error.detail), 1) from error
    except h.HeliographError as error:
        raise fail(one_line(str(error)), 1) from error


def _log_in(url: str, path: Path, username: str, register: bool, invitation: str) -> None:
    from heliograph.chat.script import log_in

    password = os.environ.get(PASSWORD) or _ask()
    who = asyncio.run(
        log_in(url, path, username, password, register=register, invitation=invitation)
    )
    print(f"Logged in as @{who}; the login is kept in {path}", file=sys.stderr)


def _ask() -> str:
    if not sys.stdin.isatty():
        raise LoginError(f"set {PASSWORD}, or run this in a terminal to be asked")
    try:
        return getpass.getpass("Password: ")
    except EOFError as error:
        raise LoginError("no password was given") from error


def _send(url: str, path: Path, to: str, text: str) -> None:
    from heliograph.chat.script import send

    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    if not text.strip():
        raise LoginError("there is no text to send")
    print(asyncio.run(send(url, path, to, text)).id)


def _talk(url: str, path: Path) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LoginError("this needs a terminal; for scripts there is --send, see --help")
    from heliograph.chat.app import run

    with alone(path):
        saved = h.FileState(path).load()  # what is wrong with it is told before the screen is taken
        if saved is not None and saved.token and saved.server != url:
            raise LoginError(f"{path} is a login at {saved.server}; name another file with --state")
        code = run(url, path)
    raise typer.Exit(code)
