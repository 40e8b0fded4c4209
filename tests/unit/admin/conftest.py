"""A data folder as a server leaves it: two hosts, three users."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from actors import addresses
from actors.user.messages import NewLogin
from api import methods as m
from heliograph.admin import backup, stored
from storage import snapshot
from storage.engine import LmdbStore
from storage.folder import DataFolder
from tests.unit.actors.town import Town
from tests.unit.admin.folders import ODD_NAME, checkpoint, media_actors
from tests.unit.admin.restorable import Server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What is stored lies partly in LMDB and partly in the logs."""
    path = tmp_path / "data"
    folder = DataFolder.open(path, partitions=8, hosts=2)
    stores = [
        LmdbStore(path / f"host-{host}", range(host, 8, 2), map_bytes=1 << 26) for host in (0, 1)
    ]
    town = Town(hosts=2, stores=list(stores))
    alice, bobby = town.register("alice"), town.register("Bobby", ODD_NAME)
    chat = addresses.private_chat_id(alice.user_id, bobby.user_id)
    town.ask(addresses.user(bobby.user_id), m.OpenPrivate(bobby.user_id), alice)
    town.send(alice, chat, "in the rows")
    for store in stores:
        checkpoint(store)
    town.register("carol")
    town.ask(addresses.user(bobby.user_id), NewLogin(7, b"token", "phone", "hash"))
    town.call(bobby, m.UpdateProfile(bio="In Wonderland"))
    town.send(bobby, chat, "in the log")
    town.settle()
    for store in stores:
        store.close()
    folder.close()
    media_actors(path, 2)
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return Server(tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(made: Server, tmp_path: Path) -> Server:
    """A copy that a test may damage."""
    copy = object.__new__(Server)
    copy.__dict__ |= made.__dict__
    copy.data, copy.repo = tmp_path / "data", tmp_path / "repository"
    copy.moved = {}
    shutil.copytree(made.data, copy.data)
    shutil.copytree(made.repo, copy.repo)
    return copy


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes to these folders: another look needs no waiting for."""
    monkeypatch.setattr(stored, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(snapshot, "ATTEMPTS_MAX", 1)
    monkeypatch.setattr(backup, "AGAIN_S", 0.0)
