"""The bench of residents, with few: what it tells of a real server is of that server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.running import HANGS_S, ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(2 * HANGS_S)]

SESSIONS, RESIDENT = 120, 200


@pytest.mark.soak
def test_as_many_actors_stay_as_may_and_all_sessions_are_reached(
    alone: None, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.bench.resident_bench", "--folder", str(tmp_path)]
    command += ["--sessions", str(SESSIONS), "--resident", str(RESIDENT), "--json"]
    done = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=HANGS_S
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["resident_actors"] == told["resident_actors_at_last"] == RESIDENT
    assert told["sessions_reached"] == told["sessions"] == SESSIONS
    assert told["us"].keys() == {"session", "user", "chat"}
    assert list(tmp_path.iterdir()) == [], "nothing is left"
