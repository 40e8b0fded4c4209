"""Real servers: one for all tests that do not break it, and those that several modules break."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.integration.raw_socket import ANSWER_S_MAX
from tests.integration.running import RunningServer, kill_all_in
from tests.integration.sharing import SHARED, SharedServer, wanted
from tests.integration.under_load import UnderLoad, on_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that share a server come one after the other; before them come those that start what
    they need, which take longest."""

    def place(item: pytest.Item) -> tuple[bool, str]:
        module = item.getparent(pytest.Module)
        assert module is not None
        options = wanted(module.obj)
        return options is not None, str(options)

    items.sort(key=place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What shares a server runs in one lane."""
    return Lanes(config, log)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """See above. A test is named by its module's path: `tests/integration/test_chat.py::…`."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        options = wanted(importlib.import_module(path.removesuffix(".py").replace("/", ".")))
        return path if options is None else str(options)


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
    """The shared server of this lane is ended: what a test starts runs without it."""
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
def folder(alone: None, tmp_path: Path) -> Iterator[Path]:
    """A data folder for a test that starts a server of its own."""
    yield tmp_path / "data"
    kill_all_in(tmp_path)
