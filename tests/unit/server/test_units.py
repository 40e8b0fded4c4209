"""The units for systemd: systemd understands them, and what they start is a command as it is."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from heliograph.cli import app

UNITS = Path(__file__).parents[3] / "systemd"
INSTALLED = "/opt/heliograph/.venv/bin"
RAY_OPTIONS = "--address=10.0.0.1:6379"


@pytest.mark.parametrize("name", ["heliograph", "heliograph-node"])
def test_systemd_understands_them(tmp_path: Path, name: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze")
    text = (UNITS / f"{name}.service").read_text()
    here = text.replace(INSTALLED, str(Path(sys.executable).parent))
    unit = tmp_path / f"{name}.service"
    unit.write_text(here.replace("User=heliograph", "User=root"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "command", "wanted"),
    [
        ("heliograph", ["up"], {"data": Path("/srv/heliograph"), "port": 8000}),
        ("heliograph-node", ["cluster", "node"], {"data": Path("/srv/heliograph")}),
    ],
)
def test_what_they_start_is_a_command(
    name: str, command: list[str], wanted: dict[str, object]
) -> None:
    """It stays in the foreground, and takes all its options."""
    words = exec_start(name)
    assert words[: 1 + len(command)] == [f"{INSTALLED}/heliograph", *command]
    found: Any = typer.main.get_command(app)
    for word in command:
        found = found.commands[word]
    context = found.make_context(command[-1], words[1 + len(command) :])
    assert {key: context.params[key] for key in wanted} == wanted
    assert not context.params.get("detach")
    assert context.args == ([RAY_OPTIONS] if command[-1] == "node" else [])


def exec_start(name: str) -> list[str]:
    """The words of a unit's command, with the options that a machine adds."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / f"{name}.service")
    line = parser["Service"]["ExecStart"]
    return shlex.split(re.sub(r"\$RAY_OPTIONS$", RAY_OPTIONS, line))
