"""The server that modules share. Each start costs seconds, and each server that nobody uses slows
down all others: so there is one at a time, and modules that want the same one run one after the
other (`OPTIONS` in a module: `SHARED` if it has none, None if it starts what it needs itself)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.running import RunningServer

SHARED = ("--hosts", "2")
SHARDS = 8
FOUR_HOSTS = ("--hosts", "4", "--copies", "3", "--shards", f"{SHARDS}", "--replace-after", "10")
"""Three copies of everything; hosts are killed, and copies move."""


def wanted(module: Any) -> tuple[str, ...] | None:
    """The options of the server that a module uses."""
    options: tuple[str, ...] | None = getattr(module, "OPTIONS", SHARED)
    return options


class SharedServer:
    """See the module."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._server: RunningServer | None = None

    def with_options(self, *options: str) -> RunningServer:
        """One with these options, which may have been used by others."""
        server = self._server
        if server is not None and server.process is not None and not server.is_running:
            raise AssertionError(f"it has ended by itself:\n{server.logs()}")
        if server is None or server.options != options or not server.is_running:
            self.end()
            self._server = RunningServer(self._factory.mktemp("server") / "data", *options).start()
        return self._server

    def end(self) -> None:
        """Stop it, if there is one."""
        server, self._server = self._server, None
        if server is not None and server.is_running:
            server.stop()
