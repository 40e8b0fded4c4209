"""Where the login is kept, and the command line without a terminal."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

import heliograph as h
from heliograph.cli import app
from heliograph.terminal.login import (
    LoginError,
    alone,
    check_new,
    check_url,
    default_path,
    username_of,
)

URL = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1-8000.json"),
        ("https://chat.example.org", "chat.example.org-443.json"),
        ("http://[::1]:80", "__1-80.json"),
    ],
)
def test_one_state_file_per_server(url: str, name: str) -> None:
    assert default_path(url, {"XDG_STATE_HOME": "/s"}) == Path("/s/heliograph") / name
    at_home = Path.home() / ".local/state/heliograph" / name
    assert default_path(url, {}) == default_path(url, {"XDG_STATE_HOME": "here"}) == at_home


def test_addresses() -> None:
    assert check_url("http://host:1/") == "http://host:1"
    for wrong in ("host:8000", "ftp://host", "http://", "http://host:port", "http://[::1"):
        with pytest.raises(LoginError, match="is no address"):
            check_url(wrong)


def test_a_state_is_for_one_client_at_a_time(tmp_path: Path) -> None:
    state = tmp_path / "folder" / "state.json"
    with alone(state):
        with pytest.raises(LoginError, match="--state OTHER"), alone(state):
            pass
        with alone(tmp_path / "other.json"):
            pass
    with alone(state):
        pass
    assert stat.S_IMODE(state.parent.stat().st_mode) == 0o700


def test_what_is_wrong_with_a_new_account() -> None:
    check_new("alice_1", "12345678", "12345678")
    for username in ("abcd", "1alice", "ali-ce", "älice", "a" * 33):
        with pytest.raises(LoginError, match="a user name has"):
            check_new(username, "12345678")
    with pytest.raises(LoginError, match="8 characters"):
        check_new("alice", "1234567")
    with pytest.raises(LoginError, match="not the same"):
        check_new("alice", "12345678", "12345679")
    with pytest.raises(LoginError, match="user name"):
        username_of(" @ ")


def run(*arguments: str, password: str = "") -> tuple[int, str]:
    environment = {"HELIOGRAPH_PASSWORD": password or None}
    result = CliRunner().invoke(app, ["chat", *arguments], env=environment)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "host"], "is no address of a server"),
        (["--url", URL, "--to", "@bobby"], "--to together with --send"),
        (["--url", URL, "--send", "hi"], "--to together with --send"),
        (["--url", URL, "--login", "a", "--register", "b"], "--login or --register"),
        (["--url", URL, "--login", "alice"], "set HELIOGRAPH_PASSWORD"),
        (["--url", URL, "--to", "@bobby", "--send", "hi"], f"--url {URL} --login USER"),
        (["--url", URL, "--to", "@bobby", "--send", " "], "no text to send"),
        (["--url", URL], "needs a terminal"),
    ],
)
def test_wrong_use(tmp_path: Path, arguments: list[str], words: str) -> None:
    code, output = run(*arguments, "--state", str(tmp_path / "state.json"))
    assert code == 2
    assert words in output


def test_a_login_at_another_server_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    h.FileState(path).save(h.Saved(server="http://elsewhere", token="x"))
    code, output = run("--url", URL, "--state", str(path), "--to", "@bobby", "--send", "hi")
    assert code == 2
    assert "a login at http://elsewhere" in output


def test_a_state_in_use_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with alone(path):
        code, output = run("--url", URL, "--state", str(path), "--login", "alice", password="x" * 9)
    assert code == 2
    assert "--state OTHER" in output
