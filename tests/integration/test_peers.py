"""`heliograph bench peers` with what is installed here: each peer is started, answers a small load
without a fault, and is gone afterwards."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.running import HANGS_S, HELIOGRAPH

LOADS = ("2x1", "2x4")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Not one of pytest's, which are closed to the user whom PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.mark.soak
@pytest.mark.real
@pytest.mark.timeout(2 * HANGS_S)
def test_what_is_installed(open_folder: Path) -> None:
    command = [str(HELIOGRAPH), "bench", "peers", "--data", str(open_folder), "--json"]
    command += ["--rounds", "1", "--seconds", "3"]
    command += [word for load in LOADS for word in ("--load", load)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * HANGS_S, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert "heliograph" in result["peers"]
    assert not result["failed"], result["failed"]
    for name, peer in result["peers"].items():
        assert peer["version"], name
        assert list(peer["loads"]) == [*LOADS], name
        for figures in peer["loads"].values():
            assert 0 < figures["p50_ms"]["median"] <= figures["p99_ms"]["median"], name
            assert figures["per_s"]["median"] > 0, name
            assert figures["server_us"]["median"] > 0, name
    for name in result["skipped"]:
        assert f"skipped: {name}" in done.stderr
    assert list(open_folder.iterdir()) == []
    assert [p.pid for p in psutil.process_iter() if str(open_folder) in words(p)] == []


def words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
