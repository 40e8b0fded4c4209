"""What a process writes into its log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shells.process import JsonLines, log_to

LOGGER = logging.getLogger("tests.process")


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    names = ("", "httpx2", "httpcore2", "asyncio", "ray")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, raises = list(root.handlers), logging.raiseExceptions
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.raiseExceptions = raises


def line_of(message: str, *args: object, **more: Any) -> dict[str, Any]:
    record = LOGGER.makeRecord(LOGGER.name, logging.WARNING, "file.py", 1, message, args, **more)
    record.created, record.msecs = 1_700_000_000.042, 42.0
    text = JsonLines("host-3").format(record)
    assert "\n" not in text
    line: dict[str, Any] = msgspec.json.decode(text)
    return line


def test_a_record_is_one_line_of_json() -> None:
    assert line_of('"%s"\nand %d', "quoted\x00é", 7, exc_info=None) == {
        "time": "2023-11-14T22:13:20.042Z",
        "level": "WARNING",
        "process": "host-3",
        "pid": os.getpid(),
        "logger": "tests.process",
        "message": '"quoted\x00é"\nand 7',
    }


def test_an_exception_is_told_with_its_trace() -> None:
    error = ZeroDivisionError("by nought")
    line = line_of("failed", exc_info=(type(error), error, None))
    assert line["trace"] == "ZeroDivisionError: by nought"


@pytest.mark.usefixtures("_logging_as_it_was")
def test_logs_of_a_process_go_to_its_file(tmp_path: Path) -> None:
    log_to(tmp_path, "edge-1")
    folder = tmp_path / "logs"
    assert list(folder.iterdir()) == [], "a file is made when there is something to write"
    LOGGER.info("started")
    logging.getLogger("httpx2").info("noise")
    logging.getLogger("httpx2").warning("trouble")
    LOGGER.debug("detail")
    lines = (folder / "edge-1.jsonl").read_text().splitlines()
    assert [msgspec.json.decode(line)["message"] for line in lines] == ["started", "trouble"]


@pytest.mark.usefixtures("_logging_as_it_was")
def test_where_there_is_no_room_a_line_is_dropped_and_the_work_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to(tmp_path, "edge-1")
    (tmp_path / "logs" / "edge-1.jsonl").mkdir()
    LOGGER.info("there is no room for this")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_logging_as_it_was")
def test_what_is_said_again_and_again_fills_no_disk(tmp_path: Path) -> None:
    """As of a host that is gone: a line for each try, once a second, for an hour."""
    log_to(tmp_path, "host-1")
    for n in range(3600):
        for host in ("host-2", "host-3"):
            record = LOGGER.makeRecord(
                LOGGER.name, logging.INFO, "f.py", 1, "%s is gone", (host,), None
            )
            record.created = 1_700_000_000.0 + n
            LOGGER.handle(record)
    text = (tmp_path / "logs" / "host-1.jsonl").read_text()
    lines = [msgspec.json.decode(line) for line in text.splitlines()]
    assert {line["message"] for line in lines} == {"host-2 is gone", "host-3 is gone"}
    assert len(lines) < 2 * 10
    assert sum(1 + line.get("repeated", 0) for line in lines) > 2 * 1_000
