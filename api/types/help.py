"""What a client has to know of the server."""

from __future__ import annotations

from typing import Literal

from api.types.base import Record


class Config(Record, frozen=True):
    """Where live connections go, and what the server is. They go to `ws_url`; where that is empty,
    to `ws://` and `ws_port` of the host that answers here. `ws_fallback_path` is the same on this
    port. What is at `/media/` here is at `files_port` of this host too, if that is not 0: large
    files come and go faster there. `server_id` stays as long as the server's data."""

    version: str
    ws_url: str
    ws_fallback_path: str
    registration: Literal["open", "invitation", "closed"]
    heartbeat_s: int
    server_id: str = ""
    ws_port: int = 0
    files_port: int = 0


class LimitTable(Record, frozen=True):
    """Every limit by its name, which ends with its unit."""

    limits: dict[str, int]
