"""Syncs beside the loop: by the kernel, or by threads."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime import syncs as syncs_module
from runtime.syncs import Syncs, to_its_end
from storage.kernel_sync import AT_ONCE
from storage.port import StorageFailed

MANY = 20 * AT_ONCE
"""More than the kernel takes at once."""


class Batch:
    """Notes who synced it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.by = ""
        self.ended = asyncio.Event()

    def sync(self) -> None:
        os.fdatasync(self.fd)
        self.by += "thread"

    def end(self, error: OSError | None = None) -> None:
        assert error is None
        self.by += "kernel"
        self.ended.set()


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def test_what_is_too_much_for_the_kernel_goes_to_threads(fd: int) -> None:
    async def test() -> None:
        syncs = Syncs(None)
        batches = [Batch(fd) for _ in range(MANY)]
        await asyncio.gather(*(syncs.sync(batch) for batch in batches))
        assert {batch.by for batch in batches} == {"kernel", "thread"}
        again = Batch(fd)
        await syncs.sync(again)
        assert again.by == "kernel"
        syncs.close()

    asyncio.run(test())


def test_who_is_cancelled_waits_for_what_has_begun() -> None:
    async def test() -> None:
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(to_its_end(begun))
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        begun.set_result(1)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(test())


def test_what_nobody_waits_for_ends_all_the_same(fd: int) -> None:
    async def test() -> None:
        syncs = Syncs(None)
        batch = Batch(fd)
        syncs.sync(batch).cancel()
        await asyncio.wait_for(batch.ended.wait(), 10)
        assert batch.by == "kernel"
        syncs.close()

    asyncio.run(test())


def test_where_the_kernel_refuses_one_it_ends_what_it_has_taken(
    fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        syncs = Syncs(None)
        taken, refused, later = Batch(fd), Batch(fd), Batch(fd)
        first = syncs.sync(taken)
        assert syncs._kernel is not None
        with monkeypatch.context() as patch:
            patch.setattr(syncs._kernel, "sync", failing(errno.ENOMEM))
            second = syncs.sync(refused)
        await asyncio.wait_for(asyncio.gather(first, second, syncs.sync(later)), 10)
        assert [batch.by for batch in (taken, refused, later)] == ["kernel", "thread", "thread"]
        syncs.close()

    asyncio.run(test())


def test_where_the_kernel_gives_none_threads_sync(fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it says that there are too many just now: of other processes."""
    made: list[int] = []

    def none() -> None:
        made.append(1)
        raise OSError(errno.EAGAIN, "too many")

    async def test() -> None:
        monkeypatch.setattr(syncs_module, "KernelSync", none)
        syncs = Syncs(None)
        for _ in range(2):
            batch = Batch(fd)
            await syncs.sync(batch)
            assert batch.by == "thread"
        syncs.close()

    asyncio.run(test())
    assert made == [1]


def failing(code: int) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_who_is_cancelled_hears_that_the_disk_failed() -> None:
    async def test() -> None:
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(to_its_end(begun))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        begun.set_exception(StorageFailed("the disk does not answer"))
        with pytest.raises(StorageFailed):
            await task

    asyncio.run(test())
