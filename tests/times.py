"""What the tests take: `python -m tests.times .venv/times-*.json` puts a table of the last run of
the gate into `docs/testing.md`.

A run with `--times FILE` writes for each test how many seconds its fixtures, the test itself, and
what comes after it took; a fixture counts for the test that needed it first.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "docs" / "testing.md"
BEGIN, END = "<!-- times: begin -->\n", "<!-- times: end -->\n"
LONGEST = 25
SHORT_S = 5.0
"""Modules that take less are one row together."""


class Times:
    """The pytest plugin that writes them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, dict[str, float]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._found[report.nodeid][report.when] = round(report.duration, 3)

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(self._found, indent=1))


def between(text: str, begin: str, end: str, lines: list[str]) -> str:
    """The text with these lines in place of those between two marks."""
    before, rest = text.split(begin)
    return before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """By module, and the longest tests."""
    modules: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for name, took in found.items():
        row = modules[name.split("::")[0]]
        row[0] += 1
        row[1] += took.get("setup", 0.0) + took.get("teardown", 0.0)
        row[2] += took.get("call", 0.0)
    short = [row for row in modules.values() if row[1] + row[2] < SHORT_S]
    rows = {name: row for name, row in modules.items() if row[1] + row[2] >= SHORT_S}
    rest = f"{len(short)} modules of less than {SHORT_S:g} s"
    rows[rest] = [sum(column) for column in zip(*short, strict=True)]
    lines = ["| module | tests | fixtures, s | tests, s |", "|---|--:|--:|--:|"]
    for name, row in sorted(rows.items(), key=lambda item: -item[1][1] - item[1][2]):
        lines.append(f"| {name} | {row[0]:.0f} | {row[1]:.1f} | {row[2]:.1f} |")
    total = [sum(column) for column in zip(*modules.values(), strict=True)]
    lines.append(f"| **all** | {total[0]:.0f} | {total[1]:.1f} | {total[2]:.1f} |")
    lines += ["", "| the longest | fixtures, s | test, s |", "|---|--:|--:|"]
    longest = sorted(found.items(), key=lambda item: -sum(item[1].values()))[:LONGEST]
    for name, took in longest:
        around = took.get("setup", 0.0) + took.get("teardown", 0.0)
        lines.append(f"| `{name}` | {around:.1f} | {took.get('call', 0.0):.1f} |")
    return lines


def main() -> None:
    found: dict[str, dict[str, float]] = {}
    for path in sys.argv[1:]:
        found |= json.loads(Path(path).read_text())
    TABLE.write_text(between(TABLE.read_text(), BEGIN, END, table(found)))


if __name__ == "__main__":
    main()
