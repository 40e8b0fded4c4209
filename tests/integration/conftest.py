"""One real server for all tests that do not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.raw_socket import ANSWER_S_MAX
from tests.integration.running import RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two hosts and one edge."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data", "--hosts", "2").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def front(server: RunningServer) -> Iterator[httpx2.Client]:
    """Speaks HTTP to it."""
    with httpx2.Client(base_url=server.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder for a test that starts a server of its own."""
    return tmp_path / "data"
