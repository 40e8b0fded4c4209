"""Real servers: one for all tests that do not break it, and those that several modules break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.raw_socket import ANSWER_S_MAX
from tests.integration.running import RunningServer
from tests.integration.under_load import UnderLoad, on_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two hosts and one edge."""
    yield from running(tmp_path_factory, "--hosts", "2")


def running(factory: pytest.TempPathFactory, *options: str) -> Iterator[RunningServer]:
    """A server with these options, while it is needed."""
    server = RunningServer(factory.mktemp("server") / "data", *options).start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="session")
def two_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two hosts, two edges; its processes are killed."""
    yield from running(tmp_path_factory, "--hosts", "2", "--edges", "2")


@pytest.fixture(scope="session")
def four_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Three copies of everything on four hosts; they are killed, and copies move."""
    options = ("--hosts", "4", "--copies", "3", "--replace-after", "10")
    yield from running(tmp_path_factory, *options)


@pytest.fixture(scope="module")
def under_load(server: RunningServer) -> Iterator[UnderLoad]:
    """Faults of the module's server, while messages flow."""
    load = on_server(server)
    yield load
    load.end()


@pytest.fixture(scope="module")
def front(server: RunningServer) -> Iterator[httpx2.Client]:
    """Speaks HTTP to it."""
    with httpx2.Client(base_url=server.url, timeout=ANSWER_S_MAX, trust_env=False) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder for a test that starts a server of its own."""
    return tmp_path / "data"
