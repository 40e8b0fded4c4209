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
from heliograph.failing import is_unicode, read_text
from heliograph.terminal.login import LoginError, alone, check_url, default_path

PASSWORD = "HELIOGRAPH_PASSWORD"


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
        str, typer.Option(help="With --send or --file: @user, the title of a group, or: saved.")
    ] = "",
    send: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Send this text from the saved login and print its id; -: stdin."
        ),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="Send this file, with the text of --send; several times: an album."),
    ] = None,
    from_: Annotated[
        str, typer.Option("--from", help="Save a file from this chat, named as with --to.")
    ] = "",
    save: Annotated[
        str,
        typer.Option(
            metavar="N|#ID", help="With --from: the N-th last file, or that of a message."
        ),
    ] = "1",
    into: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="With --from: the folder, or the name of a new file.",
            show_default="~/Downloads, or where you are",
        ),
    ] = "",
) -> None:
    """Talk, in the terminal. /help there shows what it can do.

    --login and --register take the password from HELIOGRAPH_PASSWORD, or ask.

    Sent messages are told by their ids, a saved file by its place.

    Exit code of --send, --file and --from: 0 it is done; 1 the server refused
    or did not answer; 2 wrong use, or nobody is logged in."""
    sends = send is not None or bool(file)
    if (login and register) or sends != bool(to) or (from_ and to):
        raise LoginError("use --login or --register, and --to together with --send or --file")
    url = check_url(url)
    path = (state or default_path(url)).absolute()
    if login or register:
        _log_in(url, path, login or register, bool(register), invitation)
    if sends:
        _send(url, path, to, send or "", file or [])
    elif from_:
        _save(url, path, from_, save, into)
    elif not (login or register):
        _talk(url, path)


def _log_in(url: str, path: Path, username: str, register: bool, invitation: str) -> None:
    from heliograph.terminal.script import log_in

    password = os.environ.get(PASSWORD) or _ask()
    if not is_unicode(password):
        raise LoginError("the password is not UTF-8")
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


def _send(url: str, path: Path, to: str, text: str, files: list[Path]) -> None:
    from heliograph.terminal.paths import check_count, sendable
    from heliograph.terminal.script import send

    if text == "-":
        text = read_text().removesuffix("\n")
    if not text.strip() and not files:
        raise LoginError("there is no text to send")
    check_count(files)
    for file in files:
        sendable(file)
    for sent in asyncio.run(send(url, path, to, text, files)):
        print(sent.id)


def _save(url: str, path: Path, chat: str, which: str, into: str) -> None:
    from heliograph.terminal.paths import place, which_file
    from heliograph.terminal.script import save

    last, message_id = which_file(which)
    print(asyncio.run(save(url, path, chat, last, message_id, place(into))))


def _talk(url: str, path: Path) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LoginError("this needs a terminal; for scripts there is --send, see --help")
    from heliograph.terminal.app import run

    with alone(path):
        saved = h.FileState(path).load()  # what is wrong with it is told before the screen is taken
        if saved is not None and saved.token and saved.server != url:
            raise LoginError(f"{path} is a login at {saved.server}; name another file with --state")
        code = run(url, path)
    raise typer.Exit(code)
