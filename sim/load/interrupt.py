"""Ctrl-C ends the sending, not the measurement."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_interrupt(call: Callable[[], None]) -> Iterator[None]:
    """Within it, the first Ctrl-C calls this; the next one ends the program, as always."""
    loop = asyncio.get_running_loop()

    def heed() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        call()

    loop.add_signal_handler(signal.SIGINT, heed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
