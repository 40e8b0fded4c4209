"""What is around a process while a world runs: its clocks, chance, and who hears what it logs. All
is put back afterwards."""

from __future__ import annotations

import gc
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api import ambient
from sim.world.loop import Loop
from sim.world.process import current_process

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


class _Around:
    """What a world has in the place of `api.ambient.Machine`."""

    def __init__(self, loop: Loop, rng: random.Random) -> None:
        self.monotonic_s = self.boot_s = loop.time
        self.random_bytes = rng.randbytes
        self.random_below = rng.randrange

    def unix_ms(self) -> int:
        return current_process().machine.now_ms()


@contextmanager
def simulated(loop: Loop, rng: random.Random, heard: Heard) -> Iterator[None]:
    """Simulate for the length of a `with`. `heard` gets what is logged."""
    collecting = gc.isenabled()
    with _logs_to(heard), ambient.replaced(_Around(loop, rng)):
        gc.disable()  # what is collected when would be another thing in every run
        try:
            yield
        finally:
            if collecting:
                gc.enable()


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
