"""Rows are written anew beside a store that works: when it is asked for, and when it is time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.ambient import monotonic_s
from runtime import eraser
from runtime.checkpointer import Checkpointer
from storage.engine import LmdbStore
from storage.keys import actor_prefix
from storage.port import StorageFailed
from storage.rewrite import REQUEST, RewriteBroken, Rewriting, asked

SECRET = b"the text that is to be gone"
KEY = actor_prefix(3, 1) + b"\x02"
DAY_MS = 86_400_000


class Place:
    """A store with its checkpointer, as a host has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LmdbStore(folder, [0], map_bytes=1 << 26, segment_bytes=1 << 16)
        self.checkpointer = Checkpointer(self.store, ThreadPoolExecutor(1))

    def put(self, row: bytes) -> None:
        self.store.append({0: {KEY: row}})
        self.store.install({0: {KEY: row}})

    async def until(self, what: Callable[[], bool]) -> None:
        """Keep house until something is so."""
        async with asyncio.timeout(60):
            while not what():
                await self.checkpointer.run_if_due(monotonic_s())
                await asyncio.sleep(0.01)

    def has(self, text: bytes) -> bool:
        return any(text in path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


def run(folder: Path, test: Callable[[Place], Awaitable[None]]) -> None:
    async def whole() -> None:
        place = Place(folder)
        place.put(SECRET * 30)
        await place.checkpointer.run()
        place.put(b"another")
        try:
            await test(place)
        finally:
            await place.checkpointer.finish()
            place.store.close()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eraser, "LOOK_S", 0.0)
    monkeypatch.setattr(eraser, "RETRY_S", 0.0)


def test_who_asks_for_it_gets_it(tmp_path: Path) -> None:
    async def test(place: Place) -> None:
        assert place.has(SECRET)
        (tmp_path / REQUEST).touch()
        await place.until(lambda: not asked(tmp_path))
        assert not place.has(SECRET), "it is asked for until all is done"
        assert place.store.get(0, KEY) == b"another"
        place.put(b"afterwards")
        await place.checkpointer.run()
        assert place.store.get(0, KEY) == b"afterwards"

    run(tmp_path, test)


@pytest.mark.parametrize("passed_ms", [eraser.ERASE_DAYS * DAY_MS, -DAY_MS])
def test_it_is_done_when_it_is_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed_ms: int
) -> None:
    """Also where a clock that was wrong had noted a time that is still to come."""

    async def test(place: Place) -> None:
        begun_ms = place.store.rewritten_ms
        now_ms = begun_ms + passed_ms - 1_000 if passed_ms > 0 else begun_ms
        monkeypatch.setattr(eraser, "now_ms", lambda: now_ms)
        await place.checkpointer.run_if_due(monotonic_s())
        assert place.has(SECRET)
        monkeypatch.setattr(eraser, "now_ms", lambda: begun_ms + passed_ms)
        await place.until(lambda: place.store.rewritten_ms == begun_ms + passed_ms)
        await place.until(lambda: not place.has(SECRET))

    run(tmp_path, test)


def test_a_copy_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right, tries = Rewriting.command, []

    def command(self: Rewriting) -> list[str]:
        tries.append(1)
        found = right(self)
        return found if len(tries) > 1 else [found[0], "-c", "raise SystemExit('no room')"]

    monkeypatch.setattr(Rewriting, "command", command)

    async def test(place: Place) -> None:
        (tmp_path / REQUEST).touch()
        with caplog.at_level(logging.WARNING):
            await place.until(lambda: not asked(tmp_path))
        assert "rows are not written anew now: the rows could not be copied: no room" in caplog.text
        assert not place.has(SECRET)

    run(tmp_path, test)


def test_a_store_that_is_closed_meanwhile_has_its_old_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = asyncio.Event()

    def command(self: Rewriting) -> list[str]:
        began.set()
        return ["sleep", "600"]

    monkeypatch.setattr(Rewriting, "command", command)

    async def test(place: Place) -> None:
        (tmp_path / REQUEST).touch()
        await place.until(began.is_set)

    run(tmp_path, test)
    assert asked(tmp_path)
    again = LmdbStore(tmp_path, [0], map_bytes=1 << 26, segment_bytes=1 << 16)
    assert again.get(0, KEY) == b"another"
    again.close()


def test_broken_off_between_two_steps_it_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, tries = Rewriting.complete, []

    def complete(self: Rewriting, now_ms: int) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise RewriteBroken("as the test has it")
        right(self, now_ms)

    monkeypatch.setattr(Rewriting, "complete", complete)

    async def test(place: Place) -> None:
        (tmp_path / REQUEST).touch()
        await place.until(lambda: not asked(tmp_path))
        assert not place.has(SECRET)

    run(tmp_path, test)
    assert not list(tmp_path.glob("rows.new*"))


def test_a_change_of_names_that_may_not_last_stops_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled(self: Rewriting) -> None:
        raise StorageFailed("as the test has it")

    monkeypatch.setattr(Rewriting, "settled", settled)

    async def test(place: Place) -> None:
        (tmp_path / REQUEST).touch()
        with pytest.raises(StorageFailed):
            await place.until(lambda: False)
        applied = place.store.applied
        place.put(b"afterwards")
        with pytest.raises(StorageFailed):
            await place.checkpointer.run_if_due(monotonic_s() + 60)
        assert place.store.applied == applied, "no checkpoint may cut the log"

    run(tmp_path, test)


def test_a_mistake_is_told_and_tried_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def begin(self: Rewriting) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Rewriting, "begin", begin)

    async def test(place: Place) -> None:
        place.checkpointer._eraser._pause_s = 3600.0  # type: ignore[union-attr]
        (tmp_path / REQUEST).touch()
        await place.until(lambda: "are not written anew now" in caplog.text)
        for _ in range(5):
            await place.checkpointer.run_if_due(monotonic_s())
        assert caplog.text.count("are not written anew now") == 1

    run(tmp_path, test)
