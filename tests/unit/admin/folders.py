"""What tests do to data folders themselves, as a server would."""

from __future__ import annotations

from pathlib import Path

from media.here import CHUNKS
from storage.chunks import ChunkStore
from storage.engine import LmdbStore

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
