"""What a media actor does without being asked: repair, scrub, collect."""

from __future__ import annotations

import asyncio
import logging

import pytest

from api.files import chunk_hash
from fronts.metrics import DESCRIPTIONS, prometheus_text
from media.keeper import Keeper, figures
from media.pool import ChunkMissing
from media.repair import SETTLED_MS
from media.scrub import DEADLINE_MS
from tests.unit.media.kit import DAY_MS, OTHER, ROOT, Media, everybody, nobody, play
from tests.unit.runtime.fake_time import idle

CHUNKS = {chunk_hash(b"%d" % n): b"%d" % n for n in range(40)}


def store_all(media: Media, *roots: bytes) -> None:
    """Every chunk where it shall be, touched three days ago."""
    for name, data in CHUNKS.items():
        for owner in media.owners(name):
            media.put_at(owner, data, media.now_ms - 3 * DAY_MS, *roots)


def check_all(media: Media, *roots: bytes) -> None:
    """Every chunk is where it shall be and nowhere else, with its holders and its age."""
    for name, data in CHUNKS.items():
        owners = media.owners(name)
        assert media.having(name) == set(owners)
        for owner in owners:
            store = media.shelves[owner].store
            (facts,) = store.facts([name])
            assert facts is not None
            assert store.get(name) == data
            assert store.holders(name) == list(roots)
            assert facts.touched_ms == media.now_ms - 3 * DAY_MS


# --- copies ---------------------------------------------------------------------------------------


async def repair(media: Media) -> list[Keeper]:
    keepers = [media.keeper(actor) for actor in sorted(media.seats)]
    await asyncio.gather(*(keeper.repairer.run() for keeper in keepers))
    return keepers


def test_what_is_well_is_left_alone() -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        await repair(media)
        assert {method for _, method, _ in media.calls} == {"state"}
        check_all(media, ROOT)

    play("abcd", 2, story)


@pytest.mark.parametrize("copies", [2, 3])
def test_after_a_loss_there_are_as_many_copies_again(copies: int) -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT, OTHER)
        media.lose("b")
        keepers = await repair(media)
        check_all(media, ROOT, OTHER)
        given = sum(keeper.repairer.figures["given_total"] for keeper in keepers)
        lost = sum(facts is not None for facts in media.shelves["b"].store.facts(list(CHUNKS)))
        assert given == lost, "each copy is made once"

    play("abcde", copies, story)


def test_those_with_fewest_copies_come_first() -> None:
    async def story(media: Media) -> None:
        store_all(media)
        before = {name: set(media.owners(name)) for name in CHUNKS}
        media.lose("b")
        media.lose("c")
        left = {name: len(owners - {"b", "c"}) for name, owners in before.items()}
        assert set(left.values()) == {1, 2, 3}
        for actor in sorted(media.seats):
            media.calls.clear()
            await media.keeper(actor).repairer.run()
            given = [left[args[0]] for _, method, args in media.calls if method == "adopt"]
            assert given == sorted(given)
        check_all(media)

    play("abcde", 3, story)


def test_one_that_comes_gets_its_share_and_others_give_it_away() -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        media.add("d")
        media.add("e")
        await repair(media)
        await repair(media)
        check_all(media, ROOT)
        assert media.shelves["e"].store.stats().chunks > 5

    play("abc", 2, story)


def test_nothing_is_given_away_before_all_have_it() -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        media.add("d")
        media.down = {"d"}
        await repair(media)
        assert all(len(media.having(name) - {"d"}) == 2 for name in CHUNKS)
        media.down = set()
        await repair(media)
        await repair(media)
        check_all(media, ROOT)

    play("abc", 2, story)


def test_what_was_just_touched_is_not_given_away() -> None:
    async def story(media: Media) -> None:
        media.add("b")
        name = next(name for name in CHUNKS if media.owners(name) == ["b"])
        media.put_at("a", CHUNKS[name], media.now_ms - SETTLED_MS + 1)
        await repair(media)
        assert media.having(name) == {"a", "b"}
        media.now_ms += 1
        await repair(media)
        assert media.having(name) == {"b"}

    play("a", 1, story)


def test_a_copy_that_missed_a_holder_gets_it() -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        name = next(iter(CHUNKS))
        first, second = media.owners(name)
        media.shelves[first].store.hold(OTHER, [name], 1)
        media.shelves[second].store.hold(b"t" * 32, [name], 1)
        await repair(media)
        for owner in (first, second):
            assert media.shelves[owner].store.holders(name) == [ROOT, OTHER, b"t" * 32]
            (facts,) = media.shelves[owner].store.facts([name])
            assert facts is not None
            assert facts.touched_ms == media.now_ms - 3 * DAY_MS, "that is no touch"

    play("abc", 2, story)


# --- damage ---------------------------------------------------------------------------------------


def test_scrub_finds_a_damaged_chunk_reports_it_and_gets_a_good_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        name = next(iter(CHUNKS))
        owner = media.owners(name)[1]
        media.spoil(owner, name)
        keeper = media.keeper(owner)
        media.now_ms += DEADLINE_MS
        await keeper.scrub.run()
        store = media.shelves[owner].store
        assert store.get(name) == CHUNKS[name]
        assert store.holders(name) == [ROOT]
        (facts,) = store.facts([name])
        assert facts is not None
        assert not facts.damaged
        assert facts.touched_ms == media.now_ms - DEADLINE_MS - 3 * DAY_MS
        told = keeper.figures()
        assert told["scrubbed_total"] == store.stats().chunks
        assert told["mended_total"] == media.shelves[owner].figures["damaged_total"] == 1
        assert f"chunk {name.hex()} is damaged here" in caplog.text

    caplog.set_level(logging.INFO)
    play("abc", 2, story)


def test_what_nobody_has_whole_is_reported_until_somebody_has() -> None:
    async def story(media: Media) -> None:
        store_all(media)
        name = next(iter(CHUNKS))
        for owner in media.owners(name):
            media.spoil(owner, name)
            await media.shelves[owner].get(name)
        keepers = await repair(media)
        beyond = sum(keeper.figures()["beyond_repair"] for keeper in keepers)
        assert beyond == 2
        with pytest.raises(ChunkMissing):
            await media.pool.get(name)
        await media.pool.put(name, CHUNKS[name])
        keepers = await repair(media)
        assert not any(keeper.figures()["beyond_repair"] for keeper in keepers)
        check = [media.shelves[owner].store.get(name) for owner in media.owners(name)]
        assert check == [CHUNKS[name]] * 2

    play("abc", 2, story)


def test_what_a_reader_finds_damaged_is_mended_at_once() -> None:
    async def story(media: Media) -> None:
        store_all(media)
        name = next(iter(CHUNKS))
        owner = media.owners(name)[0]
        keeper = media.keeper(owner)
        keeper.start()
        await asyncio.sleep(10.0)
        media.spoil(owner, name)
        assert await media.shelves[owner].get(name) is None
        await idle()
        assert await media.shelves[owner].get(name) == CHUNKS[name]
        await keeper.close()

    play("abc", 2, story)


def test_the_age_of_the_scrub_is_told() -> None:
    async def story(media: Media) -> None:
        media.put_at("a", b"1", media.now_ms)
        media.now_ms += 2 * DAY_MS
        media.put_at("a", b"2", media.now_ms)
        media.now_ms += DAY_MS
        scrub = media.keeper("a").scrub
        await scrub.run()
        assert scrub.figures == {"scrubbed_total": 0, "scrub_age_s": 3 * 86_400.0}
        media.now_ms += 4 * DAY_MS
        await scrub.run()
        assert scrub.figures == {"scrubbed_total": 1, "scrub_age_s": 5 * 86_400.0}

    play("a", 1, story)


def test_a_keeper_repairs_when_media_actors_come_or_go() -> None:
    async def story(media: Media) -> None:
        store_all(media, ROOT)
        keepers = [media.keeper(actor) for actor in "abcd"]
        for keeper in keepers:
            keeper.start()
        await asyncio.sleep(5.0)
        media.lose("b")
        await asyncio.sleep(10.0)
        check_all(media, ROOT)
        for keeper in keepers:
            await keeper.close()

    play("abcd", 2, story)


def test_every_figure_is_shown() -> None:
    async def story(media: Media) -> None:
        told = figures(media.shelves["a"], media.keeper("a"))
        shown = {name for name in DESCRIPTIONS if name.startswith("media_")}
        by_fronts = {"media_actors", "media_detours_total", "media_repairs_total"}
        assert told.keys() | by_fronts == shown
        text = prometheus_text([{"media": "media-0", **told}]).decode()
        assert 'heliograph_media_chunks{process="media-0"} 0.0' in text

    play("a", 1, story)


# --- collection -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "roots", "condemned", "goes"),
    [
        (8, [ROOT, OTHER], everybody, True),
        (8, [], nobody, True),
        (8, [ROOT], nobody, False),
        (6, [ROOT], everybody, False),
        (6, [], everybody, False),
    ],
)
def test_what_nobody_needs_is_collected(days: int, roots: list[bytes], condemned, goes) -> None:  # type: ignore[no-untyped-def]
    async def story(media: Media) -> None:
        name = media.put_at("a", b"1", media.now_ms - days * DAY_MS, *roots)
        keeper = media.keeper("a", condemned)
        await keeper.collector.run()
        assert media.having(name) == (set() if goes else {"a"})
        assert media.shelves["a"].store.holders(name) == ([] if goes else roots)
        assert keeper.figures()["collected_total"] == goes

    play("a", 1, story)


def test_one_file_that_needs_it_or_cannot_be_asked_is_enough() -> None:
    async def story(media: Media) -> None:
        asked: list[bytes] = []

        async def condemned(root: bytes) -> bool:
            asked.append(root)
            if root == b"u" * 32:
                raise ConnectionError("its host is down")
            return root == ROOT

        old_ms = media.now_ms - 8 * DAY_MS
        needed = [media.put_at("a", b"%d" % n, old_ms, ROOT, OTHER) for n in range(5)]
        unasked = media.put_at("a", b"5", old_ms, ROOT, b"u" * 32)
        await media.keeper("a", condemned).collector.run()
        for name in [*needed, unasked]:
            assert media.having(name) == {"a"}
            assert len(media.shelves["a"].store.holders(name)) == 2
        assert asked.count(OTHER) == 1, "a file that is needed is asked once in a pass"

    play("a", 1, story)


def test_what_was_collected_does_not_come_back_from_other_copies() -> None:
    async def story(media: Media) -> None:
        name = next(iter(CHUNKS))
        for owner in media.owners(name):
            media.put_at(owner, CHUNKS[name], media.now_ms - 8 * DAY_MS, ROOT)
        first, second = (media.keeper(owner, everybody) for owner in media.owners(name))
        await first.collector.run()
        await second.repairer.run()
        await first.repairer.run()
        assert media.having(name) == set()

    play("abc", 2, story)
