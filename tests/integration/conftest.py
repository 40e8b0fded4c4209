"""Real servers: one for all tests that do not break it, and those that several modules break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.raw_socket import ANSWER_S_MAX
from tests.integration.running import RunningServer
from tests.integration.sharing import SHARED, SharedServer, wanted
from tests.integration.under_load import UnderLoad, on_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that share a server come one after the other."""
    items.sort(key=lambda item: str(wanted(item.getparent(pytest.Module).obj)))  # type: ignore[union-attr]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServer]:
    """What `server` is taken from."""
    shared = SharedServer(tmp_path_factory)
    yield shared
    shared.end()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, shared: SharedServer) -> RunningServer:
    """A server with the options that the module wants."""
    return shared.with_options(*(wanted(request.module) or SHARED))


@pytest.fixture(scope="module")
def alone(shared: SharedServer) -> None:
    """The shared server is ended: what a test starts runs alone."""
    shared.end()


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
def folder(alone: None, tmp_path: Path) -> Path:
    """A data folder for a test that starts a server of its own."""
    return tmp_path / "data"
