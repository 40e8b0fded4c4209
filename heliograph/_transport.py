"""How a client reaches its server."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from picows import ws_connect

from heliograph._config import Timeouts
from heliograph._http import Http

Connect = Callable[..., Awaitable[tuple[Any, Any]]]
"""Opens a live connection, as `picows.ws_connect` does."""


@dataclass(frozen=True)
class Transport:
    """By sockets, unless a simulation has something else in their place."""

    http: Callable[[str, Timeouts, ssl.SSLContext | None], Http] = Http
    connect: Connect = ws_connect
