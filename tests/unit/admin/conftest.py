"""A data folder as a server leaves it: two hosts, three users."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import addresses
from actors.user.messages import NewLogin
from api import methods as m
from heliograph.admin import backup, stored
from media.here import CHUNKS
from storage import snapshot
from storage.chunks import ChunkStore
from storage.engine import LmdbStore
from storage.folder import DataFolder
from tests.unit.actors.town import Town

ODD_NAME = "\\[red]Bob[/red]"


def checkpoint(store: LmdbStore) -> None:
    """Move what is in the log to LMDB."""
    moving = store.begin_checkpoint()
    moving.open()
    while moving.step(100):
        pass
    moving.commit()
    moving.finish()


def media_actors(path: Path, count: int) -> None:
    """The stores of media actors, without any file."""
    for number in range(count):
        ChunkStore(path / f"media-{number}" / CHUNKS).close()


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


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes to these folders: another look needs no waiting for."""
    monkeypatch.setattr(stored, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(snapshot, "ATTEMPTS_MAX", 1)
    monkeypatch.setattr(backup, "AGAIN_S", 0.0)
