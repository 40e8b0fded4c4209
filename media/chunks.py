"""The media pool as the service sees it: what goes wrong there is said in the errors of the
contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from api.errors import ApiError
from media.errors import Refused
from media.pool import ChunkMissing, Pool
from runtime.replication.protocol import Unavailable

RETRY_S = 0.5


class PooledChunks:
    """See `fronts.files.service.Chunks`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def put(self, name: bytes, data: bytes, root: bytes | None = None) -> None:
        with _told():
            await self._pool.put(name, data, root)

    async def get(self, name: bytes) -> bytes:
        with _told():
            return await self._pool.get(name)

    async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool:
        return await self._pool.lend(names, use)

    async def have(self, names: Sequence[bytes]) -> bool:
        return await self._pool.have(names)

    async def hold(self, root: bytes, names: Sequence[bytes]) -> None:
        with _told():
            missing = await self._pool.hold(root, names)
        if missing:
            raise ApiError(
                "upload_incomplete",
                f"{len(missing)} parts have been deleted since; cancel the upload and begin again",
            )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ChunkMissing as error:
        raise ApiError("storage_corrupt", f"a part of the file is lost: {error}") from error
    except Refused as error:
        raise ApiError(error.code, f"the media pool: {error}", RETRY_S) from error
    except Unavailable as error:
        raise ApiError("unavailable", f"the media pool: {error}", RETRY_S) from error
