"""The media actors' folders in a data folder: read beside them, or written where no server runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import lmdb

from api.ambient import now_ms
from media.here import CHUNKS
from media.placement import ranking
from runtime.replication.protocol import Seat
from storage.chunk_changes import Put
from storage.chunk_codec import CorruptChunk, pack
from storage.chunk_reader import ChunkReader, Held
from storage.chunks import ChunkStore
from storage.folder import Description, HostFolder
from storage.log import sync_folder
from storage.port import StorageFailed

STORE = f"{CHUNKS}/data.mdb"
LOCK_S = 5.0
BATCH_BYTES = 8 * 1024 * 1024


def media_folders(path: Path) -> list[Path]:
    """Those with a store in them; also those of nodes that have their folders in this one."""
    found = [*path.glob("media-*"), *path.glob("node-*/media-*")]
    return sorted(folder for folder in found if (folder / STORE).exists())


@contextlib.contextmanager
def readable(store: object) -> Iterator[None]:
    """Around what is done with the chunks of a store. Raises StorageFailed where it is damaged."""
    try:
        yield
    except lmdb.Error as error:
        raise StorageFailed(f"the chunks of {store} cannot be read: {error}") from error


def has_copy(readers: Iterable[ChunkReader], name: bytes) -> bool:
    """Whether one of them has a chunk that is not known to be damaged."""
    for reader in readers:
        with contextlib.suppress(lmdb.Error):
            if reader.has(name):
                return True
    return False


def whole_copy(readers: Iterable[ChunkReader], name: bytes) -> bytes | None:
    """A chunk that one of them has; None where none has a whole one."""
    for reader in readers:
        with contextlib.suppress(CorruptChunk, lmdb.Error):
            data = reader.get(name)
            if data is not None:
                return data
    return None


class ChunksIn:
    """What is in some stores, for `actors.verify`."""

    def __init__(self, readers: Iterable[ChunkReader]) -> None:
        self._readers = list(readers)

    def has(self, name: bytes) -> bool:
        return has_copy(self._readers, name)

    def get(self, name: bytes) -> bytes | None:
        return whole_copy(self._readers, name)


@contextlib.contextmanager
def chunks_in(path: Path, made: Description) -> Iterator[ChunksIn | None]:
    """None where not all media actors that the server began with are here: then nobody can tell
    here what is missing. Raises StorageFailed where a store is damaged."""
    folders = media_folders(path)
    if not names_of(made) <= {folder.name for folder in folders}:
        yield None
        return
    with ExitStack() as stack:
        readers = []
        for folder in folders:
            with readable(folder):
                readers.append(stack.enter_context(closing(ChunkReader(folder / CHUNKS))))
        yield ChunksIn(readers)


def names_of(made: Description) -> set[str]:
    """The media actors that a server begins with."""
    return {f"media-{number}" for number in range(made.hosts)}


class MediaStores:
    """The stores of all media actors of a server that is stopped. A chunk is written to those that
    shall have it, and held for its files: so it is found, and collected when nobody needs it."""

    def __init__(self, stores: Mapping[str, ChunkStore], copies: int) -> None:
        self._stores = stores
        self._seats = {name: Seat(name, name) for name in stores}
        self._copies = copies
        self._waiting: list[tuple[str, Put]] = []
        self._bytes = 0

    def has(self, name: bytes) -> bool:
        return has_copy(self._stores.values(), name)

    def get(self, name: bytes) -> bytes | None:
        return whole_copy(self._stores.values(), name)

    def put(self, held: Held, data: bytes) -> None:
        """Raises WrongName, StorageFull."""
        chunk = pack(held.name, data)
        for media in ranking(held.name, self._seats)[: self._copies]:
            self._waiting.append((media, Put(chunk, None, held.roots)))
        self._bytes += len(chunk.body)
        if self._bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """What was put is durable. Raises StorageFull."""
        touched_ms = now_ms()
        for media, store in self._stores.items():
            if puts := [put for name, put in self._waiting if name == media]:
                store.commit(puts, touched_ms)
        self._waiting, self._bytes = [], 0


@contextlib.contextmanager
def writing_media(path: Path, made: Description) -> Iterator[MediaStores]:
    """Those that are there; where there are none, those that the server begins with. Raises
    StorageFailed where one is damaged."""
    folders = media_folders(path) or [path / name for name in sorted(names_of(made))]
    with ExitStack() as stack:
        stores = {}
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            stack.callback(HostFolder.lock(folder, LOCK_S).close)
            with readable(folder):
                stores[folder.name] = stack.enter_context(closing(ChunkStore(folder / CHUNKS)))
            sync_folder(folder)
        media = MediaStores(stores, made.copies)
        yield media
        media.flush()
