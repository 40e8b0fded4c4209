"""What all tests share: seeds, what they take, and the last lines of a run that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.profile import SEED, SEED_VARIABLE, SOAK, SOAK_VARIABLE
from tests.times import Times

REASON_CHARS_MAX = 300

settings.register_profile("tests", deadline=None)  # no test knows how fast the machine is
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=Path, help="write what each test and fixture takes, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("times")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Times(path))
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    return f"{SEED_VARIABLE}={SEED}" + (f" {SOAK_VARIABLE}={SOAK}" if SOAK else "")


def _reason(report: pytest.TestReport) -> str:
    """What broke, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if crash is not None or not lines else lines[-1])[:REASON_CHARS_MAX]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For each failure: what broke, and how to run it alone."""
    failed = [
        report
        for kind in ("failed", "error")
        for report in terminalreporter.getreports(kind)
        if hasattr(report, "nodeid")
    ]
    if not failed:
        return
    given = f"{SEED_VARIABLE}={SEED} " + (f"{SOAK_VARIABLE}={SOAK} " if SOAK else "")
    terminalreporter.section("what broke, and how to run it alone")
    for report in failed:
        when = {"setup": " (before it)", "teardown": " (after it)"}.get(
            getattr(report, "when", ""), ""
        )
        name = report.nodeid
        terminalreporter.write_line(f"{name}{when}: {_reason(report)}")
        terminalreporter.write_line(f"    {given}.venv/bin/pytest '{name}'")
