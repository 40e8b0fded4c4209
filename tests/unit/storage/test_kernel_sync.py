"""Syncs that the kernel does beside the loop."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from storage import kernel_sync
from storage.kernel_sync import KernelSync


def with_kernel(test: Callable[[KernelSync], Awaitable[None]]) -> None:
    async def within() -> None:
        kernel = KernelSync()
        try:
            await test(kernel)
        finally:
            kernel.close()

    asyncio.run(within())


def written(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x" * 10_000)
    return fd


def test_many_at_a_time(tmp_path: Path) -> None:
    async def test(kernel: KernelSync) -> None:
        fds = [written(tmp_path / str(number)) for number in range(20)]
        await asyncio.gather(*(kernel.sync(fd) for fd in fds for _ in range(5)))
        for fd in fds:
            os.close(fd)

    with_kernel(test)


def test_the_loop_goes_on_meanwhile(tmp_path: Path) -> None:
    async def test(kernel: KernelSync) -> None:
        fd = written(tmp_path / "file")
        synced = kernel.sync(fd)
        await asyncio.sleep(0)
        assert not synced.done()
        await synced
        os.close(fd)

    with_kernel(test)


def test_what_fails_is_told(tmp_path: Path) -> None:
    """A file that is not open, and a pipe, of which nothing can be synced."""

    async def test(kernel: KernelSync) -> None:
        fd = written(tmp_path / "file")
        os.close(fd)
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            kernel.sync(fd)
        pipe = os.pipe()
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            kernel.sync(pipe[0])
        for each in pipe:
            os.close(each)

    with_kernel(test)


def test_who_is_cancelled_takes_nobody_with_them(tmp_path: Path) -> None:
    async def test(kernel: KernelSync) -> None:
        fd = written(tmp_path / "file")
        first, second = kernel.sync(fd), kernel.sync(fd)
        first.cancel()
        await second
        await kernel.sync(fd)
        os.close(fd)

    with_kernel(test)


@pytest.mark.parametrize("machine", ["x86_64", "riscv64"])
def test_a_kernel_without_it_says_so(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some sandboxes answer ENOSYS, or know other numbers only."""
    monkeypatch.setattr(kernel_sync.platform, "machine", lambda: machine)
    monkeypatch.setattr(kernel_sync, "CALLS", {"x86_64": (100_000,) * 4})

    async def make() -> None:
        KernelSync()

    with pytest.raises(OSError, match=r"."):
        asyncio.run(make())
