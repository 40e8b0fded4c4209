"""The simulated loop: time jumps, and lives freeze, thaw and end."""

from __future__ import annotations

import asyncio

import pytest

from sim.world.loop import Life, Loop, Stuck, context_of, current_life


def test_time_jumps_to_the_next_timer() -> None:
    loop = Loop(10.0)

    async def main() -> list[float]:
        times = [loop.time()]
        for wait_s in (3600.0, 0.5):
            await asyncio.sleep(wait_s)
            times.append(loop.time())
        return times

    assert loop.run(main()) == [10.0, 3610.0, 3610.5]


def test_timers_of_one_moment_run_in_the_order_they_were_set() -> None:
    loop = Loop()
    ran: list[int] = []

    async def main() -> None:
        for number in range(20):
            loop.call_later(1.0, ran.append, number)
        loop.call_later(1.0, ran.append, 99).cancel()
        await asyncio.sleep(2.0)

    loop.run(main())
    assert ran == list(range(20))


def test_waiting_for_nothing_is_told() -> None:
    loop = Loop()

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(Stuck):
        loop.run(main())


def test_a_frozen_life_does_everything_when_it_thaws() -> None:
    loop, life = Loop(), Life()
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(loop.time())
            await asyncio.sleep(1.0)

    async def main() -> None:
        loop.create_task(tick(), context=context_of(life))
        await asyncio.sleep(1.5)
        life.frozen = True
        await asyncio.sleep(10.0)
        assert len(ticks) == 2
        loop.thaw(life)
        await asyncio.sleep(1.25)

    loop.run(main())
    assert [at_s - ticks[0] for at_s in ticks] == [0.0, 1.0, 11.5, 12.5]


def test_a_life_that_is_over_does_not_even_clean_up() -> None:
    loop, life = Loop(), Life()
    done: list[str] = []

    async def work() -> None:
        assert current_life() is life
        try:
            await asyncio.sleep(1.0)
        finally:
            done.append("cleaned up")

    async def main() -> list[str]:
        task = loop.create_task(work(), context=context_of(life))
        await asyncio.sleep(0.5)
        life.over = True
        task.cancel()
        await asyncio.sleep(5.0)
        return list(done)

    assert loop.run(main()) == []


def test_tasks_belong_to_the_life_that_makes_them() -> None:
    loop, life = Loop(), Life()

    async def inner() -> Life:
        await asyncio.sleep(0)
        return current_life()

    async def outer() -> Life:
        return await asyncio.create_task(inner())

    async def main() -> Life:
        task: asyncio.Task[Life] = loop.create_task(outer(), context=context_of(life))
        return await task

    assert loop.run(main()) is life


def test_what_is_outside_happens_whoever_dies() -> None:
    loop, life = Loop(), Life()
    happened: list[str] = []

    async def work() -> None:
        loop.call_later(1.0, happened.append, "its own")
        loop.outside(1.0, happened.append, "outside")

    async def main() -> None:
        await loop.create_task(work(), context=context_of(life))
        life.over = True
        await asyncio.sleep(2.0)

    loop.run(main())
    assert happened == ["outside"]


def test_an_error_of_a_callback_is_told() -> None:
    loop = Loop()
    told: list[BaseException | None] = []
    loop.complain = lambda context: told.append(context.get("exception"))

    async def main() -> None:
        loop.call_soon([].pop)
        await asyncio.sleep(1.0)

    loop.run(main())
    assert [type(error) for error in told] == [IndexError]
