"""What every process of a server does at its start.

Logs are JSON lines, one file per process, in the data folder's `logs`. What is said again and again
is written after growing pauses, with how often it was not (`repeated`).
"""

from __future__ import annotations

import gc
import logging
import logging.handlers
import os
import sys
import time
from pathlib import Path

import msgspec

from runtime.troubles import Repeats
from shells.settings import Settings

BYTES_MAX, FILES_MAX = 20 * 1024 * 1024, 3
REPEATED = "repeated"


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": self._process,
            "pid": os.getpid(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if repeated := getattr(record, REPEATED, 0):
            line[REPEATED] = repeated
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class Sparing(logging.Filter):
    """Lets of records that say the same only some through (see `Repeats`)."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        line = (record.name, record.levelno, record.getMessage(), repr(error))
        unsaid = self._repeats.heard(line, record.created)
        setattr(record, REPEATED, unsaid)
        return unsaid is not None


def log_to(data: Path, process: str) -> None:
    """Send this process's logs to `data`/logs/`process`.jsonl. Where there is no room for a log
    line, the line is dropped rather than the work."""
    logging.raiseExceptions = False
    folder = data / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{process}.jsonl", maxBytes=BYTES_MAX, backupCount=FILES_MAX, delay=True
    )
    handler.setFormatter(JsonLines(process))
    handler.addFilter(Sparing())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for noisy in ("httpx2", "httpcore2", "asyncio", "ray"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("picows").setLevel(logging.CRITICAL)  # what clients do wrong is no error here


def tune_garbage_collection() -> None:
    """Few of the many small objects here are in cycles: look for them seldom, and never among what
    was there from the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def share_the_interpreter(interval_s: float = 0.0005) -> None:
    """Let a thread that comes back from a sync take the interpreter lock from a busy loop sooner
    than after the usual 5 ms: every acknowledgement waits for it."""
    sys.setswitchinterval(interval_s)


def begin(settings: Settings, name: str) -> None:
    """What each process does first that keeps something on a disk."""
    log_to(Path(settings.data), name)
    settings.set_limits()
    tune_garbage_collection()
    share_the_interpreter()
