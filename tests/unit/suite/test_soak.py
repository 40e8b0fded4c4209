"""The table in which the soak writes what ran, and finds it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import soak
from tests.soak import BEGIN, END, PARTS, Ran, came_to, next_part, recorded, write_table

FIRST, SECOND = PARTS[0], PARTS[1]
FOUND = "1 failed, 8 passed in 12.5s"
ROW = Ran(FIRST.name, "2026-11-30 05:00", "0123456789+", 77, 13, 2, 40, FOUND)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "testing.md"
    path.write_text(f"before\n{BEGIN}{END}after\n")
    monkeypatch.setattr(soak, "TABLE", path)
    return path


def test_what_ran_is_found_again_and_the_rest_has_not_run(table: Path) -> None:
    assert recorded() == {}
    write_table({FIRST.name: ROW})
    assert recorded() == {FIRST.name: ROW}
    text = table.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert text.count("has not run") == len(PARTS) - 1


def test_what_has_waited_longest_comes_first_if_it_can_end_in_time() -> None:
    both = {FIRST.name, SECOND.name}
    assert next_part({FIRST.name: ROW}, 10_000, both) == SECOND
    assert next_part({FIRST.name: ROW}, ROW.took_s, both) == FIRST
    assert next_part({FIRST.name: ROW}, ROW.took_s - 1, both) is None


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", ""),
        ("600 runs, 0 failed\n\n", "600 runs, 0 failed"),
        (
            "FAILED a\n=== 1 failed, 3 passed in 2.5s (0:00:02) ===\n",
            "1 failed, 3 passed in 2.5s (0:00:02)",
        ),
        (
            "3 passed in 346.47s (0:05:46)\nResourceWarning: Enable it\n",
            "3 passed in 346.47s (0:05:46)",
        ),
    ],
)
def test_what_a_part_came_to_is_told(log: str, said: str) -> None:
    assert came_to(log) == said


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--minutes", "5"], 2)])
def test_what_it_does_not_know_starts_nothing(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of it is not what somebody wants who asks how it is used."""
    monkeypatch.setattr(soak, "recorded", lambda: pytest.fail("it has begun"))
    with pytest.raises(SystemExit) as ended:
        soak.main(arguments)
    assert ended.value.code == code
