"""The writer's threads: what comes together is done in one hop, each with a result of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from runtime.replication.writer import GROUP_MAX, Writer


def with_writer(test: Callable[[Writer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await test(Writer())

    asyncio.run(main())


def test_jobs_that_come_together_go_to_a_thread_together() -> None:
    async def test(writer: Writer) -> None:
        loop = asyncio.get_running_loop()
        gate, begun = threading.Event(), []

        def job(number: int) -> tuple[int, int]:
            begun.append(number)
            if number == 0:
                gate.wait(20)
            return number, threading.get_ident()

        jobs = [loop.run_in_executor(writer, job, number) for number in range(GROUP_MAX + 1)]
        last = await jobs[GROUP_MAX]
        assert set(begun) == {0, GROUP_MAX}, "those of the first hop wait for each other"
        gate.set()
        found = await asyncio.gather(*jobs)
        assert [number for number, _ in found] == list(range(GROUP_MAX + 1))
        assert len({thread for _, thread in found[:GROUP_MAX]}) == 1
        assert last[1] != found[0][1]

    with_writer(test)


def test_a_job_that_fails_fails_alone() -> None:
    async def test(writer: Writer) -> None:
        loop = asyncio.get_running_loop()

        def fail() -> None:
            raise OSError("the disk does not answer")

        jobs = [loop.run_in_executor(writer, work) for work in (int, fail, str)]
        first, failed, last = await asyncio.gather(*jobs, return_exceptions=True)
        assert (first, last) == (0, "")
        assert isinstance(failed, OSError)

    with_writer(test)


def test_one_who_stopped_waiting_does_not_stop_the_others() -> None:
    async def test(writer: Writer) -> None:
        loop = asyncio.get_running_loop()
        gate = threading.Event()
        first = loop.run_in_executor(writer, gate.wait, 20)
        second = loop.run_in_executor(writer, int)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        gate.set()
        assert await second == 0

    with_writer(test)
