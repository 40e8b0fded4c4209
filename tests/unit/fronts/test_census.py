"""Who is missing is told without making anybody wait."""

from __future__ import annotations

import asyncio

import pytest

from fronts import census
from fronts.census import Census


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "COUNT_S", 0.0)


async def until_somebody_is_missing(found: Census) -> tuple[str, ...]:
    for _ in range(100):
        if missing := await found.missing():
            return missing
        await asyncio.sleep(0)
    raise AssertionError("nobody is missing")


def test_only_who_asks_first_waits_for_a_count(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        stuck = asyncio.Event()
        answers = [[], ["media-1", "edge-0"], ["media-1", "edge-0"]]

        async def count() -> list[str]:
            if len(answers) == 2:
                await stuck.wait()
            return answers.pop(0)

        found = Census(count)
        assert await found.missing() == ()
        for _ in range(3):
            assert await found.missing() == ()
            await asyncio.sleep(0)
        assert len(answers) == 2, "one count at a time, and it is waiting"
        stuck.set()
        assert await until_somebody_is_missing(found) == ("edge-0", "media-1")

    asyncio.run(main())
    assert caplog.messages == ["edge-0 does not answer", "media-1 does not answer"]


def test_a_count_that_fails_is_told_and_made_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        fails = [RuntimeError("Ray is silent")]

        async def count() -> list[str]:
            if fails:
                raise fails.pop()
            return ["host-1"]

        assert await until_somebody_is_missing(Census(count)) == ("host-1",)

    asyncio.run(main())
    assert caplog.messages[0] == "the parts of the server cannot be counted: Ray is silent"
    assert caplog.messages[-1] == "host-1 does not answer"
