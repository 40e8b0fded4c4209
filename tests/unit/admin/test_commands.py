"""What `heliograph admin` prints, where, and with which exit code."""

from __future__ import annotations

import http.server
import io
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from fronts.secrets import metrics_token
from heliograph.admin import commands
from heliograph.cli import app
from heliograph.failing import Told
from heliograph.server.config import TOKEN_FILE, RunFile
from tests.unit.admin.folders import ODD_NAME

METRICS = b"""\
# TYPE heliograph_turns counter
heliograph_turns_total{process="host-0"} 12345.0
heliograph_turns_total{process="host-1"} 7.0
# TYPE heliograph_commit_s gauge
heliograph_commit_s{process="host-0"} 0.0125
"""


def admin(*args: object, said: str = "") -> Result:
    """Run a command; a traceback is never what an operator gets."""
    result = CliRunner().invoke(app, ["admin", *map(str, args)], input=said)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def run_file(data: Path, url: str) -> None:
    """As a running server leaves it."""
    run = RunFile(url, "", 1, "127.0.0.1:1", "cluster", "")
    (data / "run.json").write_bytes(msgspec.json.encode(run))
    (data / TOKEN_FILE).write_text("of this server\n")


@pytest.fixture
def answering(data: Path) -> Iterator[Path]:
    """The data folder of a server that answers with `METRICS`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = self.headers["Authorization"] == f"Bearer {metrics_token('of this server')}"
            self.send_response(200 if self.path == "/metrics" and shown else 404)
            self.end_headers()
            self.wfile.write(METRICS)

        def log_message(self, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        run_file(data, f"http://127.0.0.1:{server.server_port}")
        yield data
        server.shutdown()
        thread.join()


# --- verify -----------------------------------------------------------------------------------


def test_a_whole_folder_is_told_to_be_so(data: Path) -> None:
    result = admin("verify", "--data", data)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"^ +2 messages$", result.stdout, re.MULTILINE)
    assert result.stdout.endswith("Everything is as it must be.\n")


def test_a_whole_folder_as_json(data: Path) -> None:
    result = admin("verify", "--json", "--data", data)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert (told["clean"], told["findings_total"], told["findings"]) == (True, 0, [])
    assert told["counts"]["users"] == 3


def test_what_is_found_is_listed_with_exit_code_1(data: Path) -> None:
    shutil.rmtree(data / "host-1")
    result = admin("verify", "--data", data)
    assert result.exit_code == 1
    assert "host-1: its folder is missing\n" in result.stdout
    assert re.search(r"^\d+ findings\.$", result.stdout.splitlines()[-1])
    result = admin("verify", "--json", "--data", data)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert not told["clean"]
    assert told["findings_total"] == len(told["findings"])
    assert {"where": "host-1", "what": "its folder is missing"} in told["findings"]


# --- users ------------------------------------------------------------------------------------


def test_users_are_listed_by_name(data: Path) -> None:
    result = admin("users", "--data", data)
    assert result.exit_code == 0
    assert re.findall("alice|Bobby|carol", result.stdout) == ["alice", "Bobby", "carol"]
    assert result.stdout.splitlines()[-1] == "3 users"


def test_nothing_of_a_user_is_cut_off(data: Path) -> None:
    listed = admin("users", "--data", data).stdout
    for line in admin("users", "--json", "--data", data).stdout.splitlines():
        assert str(json.loads(line)["id"]) in listed


def test_a_name_is_shown_as_it_is_and_cannot_control_the_terminal(data: Path) -> None:
    listed = admin("users", "--data", data).stdout
    assert "\x1b" not in listed
    rows = [line.split("│") for line in listed.splitlines() if line.startswith("│")]
    names = "".join(row[2].strip() for row in rows)  # a long one goes on in the next row
    assert names == f"Alice{ODD_NAME}Carol".replace("\x1b", "\u241b")


def test_users_as_json_are_a_line_each(data: Path) -> None:
    lines = admin("users", "--json", "--data", data).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    assert [(user["username"], user["name"], user["sessions"]) for user in found] == [
        ("alice", "Alice", 1),
        ("Bobby", ODD_NAME, 2),
        ("carol", "Carol", 1),
    ]


# --- stats ------------------------------------------------------------------------------------


def test_figures_of_all_processes_stand_side_by_side(answering: Path) -> None:
    result = admin("stats", "--data", answering)
    assert result.exit_code == 0
    rows = [re.split(r"[│┃]", line)[1:-1] for line in result.stdout.splitlines() if line[0] in "│┃"]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert cells == [
        ["figure", "host-0", "host-1"],
        ["commit_s", "0.013", ""],
        ["turns_total", "12,345", "7"],
    ]


def test_the_token_for_figures_is_printed_for_who_has_the_folder(data: Path) -> None:
    run_file(data, "http://127.0.0.1:1")
    result = admin("metrics-token", "--data", data)
    assert result.stdout == metrics_token("of this server") + "\n"
    (data / TOKEN_FILE).unlink()
    result = admin("metrics-token", "--data", data)
    assert (result.exit_code, result.stdout) == (2, "")
    assert TOKEN_FILE in result.stderr


def test_figures_as_json(answering: Path) -> None:
    told = json.loads(admin("stats", "--json", "--data", answering).stdout)
    assert told == {
        "host-0": {"turns_total": 12345.0, "commit_s": 0.0125},
        "host-1": {"turns_total": 7.0},
    }


def test_a_server_that_is_gone_is_named(data: Path) -> None:
    run_file(data, "http://127.0.0.1:1")
    result = admin("stats", "--data", data)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the server at http://127.0.0.1:1 does not answer" in result.stderr


# --- what cannot be done ----------------------------------------------------------------------


@pytest.mark.parametrize("command", [("stats",), ("invite",), ("reset-password", "alice")])
@pytest.mark.parametrize("run", [None, b"", b'{"url": 5}'], ids=["none", "empty", "odd"])
def test_without_a_server_it_is_told_how_to_start_one(
    data: Path, command: tuple[str, ...], run: bytes | None
) -> None:
    if run is not None:
        (data / "run.json").write_bytes(run)
    result = admin(*command, "--data", data, said="a long password\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"heliograph: no server is running on {data}; start it with: heliograph up --data {data}\n"
    )


@pytest.mark.parametrize("command", ["verify", "users"])
@pytest.mark.parametrize(
    ("description", "told"),
    [
        (None, "is no data folder of Heliograph"),
        (b"no json", "heliograph.json is damaged: "),
        (b'{"version": 99}', "install the newer one"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, command: str, description: bytes | None, told: str
) -> None:
    if description is not None:
        (tmp_path / "heliograph.json").write_bytes(description)
    result = admin(command, "--data", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("heliograph: ")
    assert str(tmp_path) in result.stderr
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_users_of_a_damaged_store_are_not_half_told(data: Path) -> None:
    shutil.rmtree(data / "host-1" / "rows")
    result = admin("users", "--data", data)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"heliograph: {data / 'host-1'} holds no store\n"


@pytest.mark.parametrize("uses", ["0", "-1", "many"])
def test_an_invitation_is_for_somebody(data: Path, uses: str) -> None:
    result = admin("invite", "--data", data, "--uses", uses)
    assert result.exit_code == 2
    assert "--uses" in result.stderr


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_is_checked_before_anything_else(data: Path, password: str) -> None:
    result = admin("reset-password", "alice", "--data", data, said=f"{password}\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("heliograph: this password cannot be set: ")
    assert "length" in result.stderr


def test_two_passwords_that_differ_change_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter(["a long password", "a long passwort"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    with pytest.raises(Told, match="nothing was changed"):
        commands.reset_password("alice", data)
