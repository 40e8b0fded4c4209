"""What of the interpreter is simulated while a world runs: clocks, randomness, sockets, HTTP. It is
all put back afterwards."""

from __future__ import annotations

import gc
import itertools
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from heliograph import _client, _live
from runtime import link
from runtime.front_queues import FrontQueue
from runtime.replication import clock
from sim.world.loop import Loop

SOURCES = {
    "actors": logging.WARNING,
    "runtime": logging.WARNING,
    "fronts": logging.WARNING,
    "media": logging.WARNING,
    "runtime.moves": logging.INFO,
    "runtime.replication": logging.INFO,
    "storage": logging.WARNING,
    "heliograph": logging.WARNING,
    "asyncio": logging.WARNING,
}
"""Who is listened to, from which level on."""


Heard = Callable[[str, str], None]
"""Is told what is logged: the message before it is filled in, and the whole line."""


class _Listener(logging.Handler):
    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({record.exc_info[1]!r})"
        self._heard(str(record.msg), text)


@contextmanager
def simulated(
    loop: Loop,
    rng: random.Random,
    connect: Callable[..., Any],
    http: type,
    heard: Heard,
) -> Iterator[None]:
    """Simulate for the length of a `with`. `connect` and `http` are what the client library
    connects with; `heard` gets what is logged."""
    state = random.getstate()
    random.seed(rng.getrandbits(64))
    replaced: list[Any] = [
        patch.object(time, "monotonic", loop.time),
        patch.object(clock, "now_s", loop.time),
        patch.object(time, "perf_counter", loop.time),
        patch.object(secrets, "randbits", rng.getrandbits),
        patch.object(secrets, "randbelow", rng.randrange),
        patch.object(secrets, "token_bytes", lambda size=32: rng.randbytes(size)),
        patch.object(secrets, "token_hex", lambda size=32: rng.randbytes(size).hex()),
        patch.object(_live, "ws_connect", connect),
        patch.object(_client, "Http", http),
        # Numbers of requests count on from one run to the next otherwise.
        patch.object(link, "_numbers", itertools.count(1)),
        # Sets of queues are walked: in the order of their birth and not of their addresses.
        patch.object(FrontQueue, "__hash__", lambda queue: queue.birth),
    ]
    collecting = gc.isenabled()
    with _logs_to(heard):
        for each in replaced:
            each.start()
        gc.disable()  # what is collected when would be another thing in every run
        try:
            yield
        finally:
            if collecting:
                gc.enable()
            for each in reversed(replaced):
                each.stop()
            random.setstate(state)


@contextmanager
def _logs_to(heard: Heard) -> Iterator[None]:
    listener = _Listener(heard)
    loggers = [logging.getLogger(name) for name in SOURCES]
    before = [(logger.propagate, logger.level) for logger in loggers]
    for logger, level in zip(loggers, SOURCES.values(), strict=True):
        logger.propagate = False
        logger.setLevel(level)
        logger.addHandler(listener)
    try:
        yield
    finally:
        for logger, (propagate, level) in zip(loggers, before, strict=True):
            logger.removeHandler(listener)
            logger.propagate = propagate
            logger.setLevel(level)
