"""Ports for what needs one of its own, on loopback."""

from __future__ import annotations

import contextlib
import random
import socket

PORTS = range(30_000, 32_768)
"""Below those that Linux gives to whoever asks for any (32,768 and up, where nothing else is told):
between the choice and the use of such a port, one of Ray's many connections may take it."""


def free_ports(count: int) -> list[int]:
    """Different ports of loopback that nobody uses now. Raises OSError where there are not so
    many."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"there are no {count} free ports from {PORTS.start} to {PORTS.stop - 1}")
