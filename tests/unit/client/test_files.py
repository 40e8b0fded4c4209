"""Uploads and downloads of the client, on real sockets."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import heliograph
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.files import name_in
from api.visible import as_line
from heliograph import _files
from heliograph._saving import NAME_BYTES_MAX, draft_of, free_place, saved_name
from media.look import Look
from tests.unit.client import driving
from tests.unit.client.fake_server import Server
from tests.unit.client.files_at_desk import TEST_S_MAX, Served, run
from tests.unit.media.desk import hash_of, id_of, parts_of

PART = limits.PART_BYTES
LONG = random.Random(5).randbytes(5 * PART + 1000)
HASTY = heliograph.Timeouts(call_s=1)


class Told:
    """What an upload or download tells of its progress; `at(done)` is done when it is so far."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.at: dict[int, Any] = {}

    def __call__(self, done: int, size: int) -> None:
        self.steps.append((done, size))
        for least in [least for least in self.at if done >= least]:
            self.at.pop(least)()

    def check(self, size: int) -> None:
        assert self.steps == sorted(self.steps)
        assert self.steps[-1] == (size, size)


async def sent(served: Served, content: bytes, name: str = "notes.bin") -> t.Message:
    """A message with this file."""
    async with served.client() as alice:
        done = await alice.send_file(served.chat, content, name=name)
        (message,) = await alice.messages(served.chat, [done.id])
    return message


def sent_parts(served: Served) -> int:
    return sum(map(len, served.hashes))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


# --- up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, PART, PART + 1, len(LONG)])
def test_what_goes_up_comes_down(tmp_path: Path, size: int) -> None:
    source = tmp_path / "photo of us.jpg"
    source.write_bytes(LONG[:size])

    async def test(served: Served) -> None:
        up, down = Told(), Told()
        async with served.client() as alice:
            done = await alice.send_file(served.chat, source, text="look", progress=up)
        async with served.client(served.desk.bob) as bob:
            (message,) = await bob.messages(served.chat, [done.id])
            place = await bob.download(message, tmp_path / "saved", progress=down)
        assert message.media is not None
        assert (message.text, message.media.file_id) == ("look", id_of(LONG[:size]))
        assert place.read_bytes() == LONG[:size]
        assert files(tmp_path) == [source, place]
        assert served.desk.looker.looked == [(LONG[:size], "photo", "photo of us.jpg")]
        up.check(size)
        down.check(size)
        assert len(up.steps) == len(parts_of(LONG[:size]))

    run(test)


def test_pictures_of_users_and_groups(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        served.desk.looker.sees = Look(
            mime="image/jpeg", kind="photo", thumb=b"small", thumb_width=4, thumb_height=3
        )
        async with served.client() as alice:
            ticket = (await alice.upload(b"a face", name="me.jpg")).ticket
            me = await alice.set_profile_photo(ticket)
            group = (await alice.create_group("Club")).id
            await alice.set_chat_photo(group, ticket)
            place = await alice.download_photo(await alice.chat(group), tmp_path / "club")
            assert place.read_bytes() == b"a face"
        async with served.client(served.desk.bob) as bob:
            user = await bob.user("alice")
            assert user.photo == me.photo
            place = await bob.download_photo(user, tmp_path)
            assert (place.name, place.read_bytes()) == ("photo.jpg", b"a face")
            place = await bob.download_photo(user, tmp_path, thumb=True)
            assert (place.name, place.read_bytes()) == ("photo-small.jpg", b"small")
            with pytest.raises(ApiError, match="media_not_found"):
                await bob.download_photo(await bob.user("bobby"), tmp_path)
        async with served.client() as alice:
            assert (await alice.set_profile_photo("")).photo is None
        async with served.client(served.desk.bob) as bob:
            with pytest.raises(ApiError, match="media_not_found"):
                await bob.download_photo(user, tmp_path / "late")
        assert not (tmp_path / "late").exists()

    run(test)


def test_after_an_error_an_upload_goes_on_with_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_files, "REQUESTS_AT_ONCE", 1)  # nothing is under way after the error

    async def test(served: Served) -> None:
        def breaks() -> None:
            served.desk.chunks.broken = ApiError("storage_corrupt")

        first, second = Told(), Told()
        first.at[2 * PART] = breaks
        async with served.client() as alice:
            with pytest.raises(ApiError, match="storage_corrupt"):
                await alice.upload(LONG, upload_id=7, progress=first)
            served.desk.chunks.broken = None
            stored = (await alice.get_upload(7)).stored
            served.hashes.clear()
            done = await alice.upload(LONG, upload_id=7, progress=second)
        parts = sum(part.last - part.first + 1 for part in stored)
        assert parts >= 2
        assert sent_parts(served) == 6 - parts
        assert done.media.file_id == id_of(LONG)
        second.check(len(LONG))

    run(test)


@pytest.mark.parametrize(("fast_s", "most"), [(TEST_S_MAX, 16), (0, 1)])
def test_requests_grow_while_they_are_fast(
    monkeypatch: pytest.MonkeyPatch, fast_s: float, most: int
) -> None:
    monkeypatch.setattr(_files, "FAST_S", fast_s)
    monkeypatch.setattr(_files, "REQUESTS_AT_ONCE", 1)
    content = bytes(60 * PART + 5)

    async def test(served: Served) -> None:
        told = Told()
        async with served.client() as alice:
            done = await alice.upload(content, upload_id=7, progress=told)
        assert done.media.file_id == id_of(content)
        assert max(map(len, served.hashes)) == most
        assert sent_parts(served) == 61
        told.check(len(content))
        assert len(told.steps) == 61

    run(test)


def test_of_what_was_refused_in_part_only_what_is_lacking_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where that are parts with a gap between them."""
    monkeypatch.setattr(_files, "REQUESTS_AT_ONCE", 1)
    monkeypatch.setattr(_files, "FAST_S", TEST_S_MAX)
    content = LONG + LONG[::-1]
    lacking = {name_in(hash_of(parts_of(content)[number])) for number in (4, 6)}

    async def test(served: Served) -> None:
        put = served.desk.chunks.put

        async def full(name: bytes, data: bytes) -> None:
            if name in lacking:
                lacking.remove(name)
                raise ApiError("storage_full", retry_after=0.01)
            await put(name, data)

        served.desk.chunks.put = full  # type: ignore[method-assign]
        told = Told()
        async with served.client() as alice:
            done = await alice.upload(content, upload_id=7, progress=told)
        assert done.media.file_id == id_of(content)
        assert list(map(len, served.hashes)) == [1, 2, 4, 1, 1, 2, 2]
        told.check(len(content))

    run(test)


def test_a_server_under_load_gets_one_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_MAX", 2 * PART)
    monkeypatch.setattr(_files, "FAST_S", TEST_S_MAX)

    async def test(served: Served) -> None:
        async with served.client() as alice:
            assert (await alice.upload(LONG, upload_id=7)).media.file_id == id_of(LONG)

    run(test)


def test_an_upload_survives_a_wire_that_is_cut_within_a_part() -> None:
    async def test(served: Served) -> None:
        async with served.client() as alice:
            served.wire.left["up"] = PART + PART // 2
            done = await alice.upload(LONG, upload_id=7)
            assert served.wire.broken == 1
            small = LONG[: PART // 2]
            served.wire.left["up"] = PART // 4
            assert (await alice.upload(small)).media.file_id == id_of(small)
            assert served.wire.broken == 2
        assert done.media.file_id == id_of(LONG)

    run(test)


def test_an_upload_goes_on_after_an_outage() -> None:
    async def test(served: Served) -> None:
        served.wire.left["up"], served.wire.falls = 2 * PART + 100, True
        async with served.client(timeouts=HASTY) as alice:
            with pytest.raises(heliograph.DeadlineExceeded):
                await alice.upload(LONG, upload_id=7)
        assert served.wire.broken
        served.wire.down = False
        async with served.client() as alice:
            assert (await alice.upload(LONG, upload_id=7)).media.file_id == id_of(LONG)

    run(test)


def test_a_finish_whose_answer_is_lost_is_repeated() -> None:
    async def test(served: Served) -> None:
        desk = served.desk
        finish = desk.service.finish

        async def cut(*asked: Any) -> Any:
            desk.service.finish = finish  # type: ignore[method-assign]
            done = await finish(*asked)
            served.wire.cut()
            return done

        desk.service.finish = cut  # type: ignore[method-assign]
        async with served.client() as alice:
            done = await alice.upload(LONG, upload_id=7)
            assert done.media.file_id == id_of(LONG)
            again = await alice.upload(LONG, upload_id=7)
            assert again.media == done.media
        assert len(served.asked_for("POST", "/api/media.finish")) == 3

    run(test)


def test_what_is_refused_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, limits.FILE_BYTES_MAX + 1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    async def refused(upload: Any) -> str:
        with pytest.raises(ApiError) as caught:
            await upload
        return caught.value.code

    async def test(served: Served) -> None:
        async with served.client() as alice:
            assert await refused(alice.upload(huge)) == "too_large"
            assert await refused(alice.upload(b"")) == "part_invalid"
            for source in (tmp_path, pipe, tmp_path / "none"):
                with pytest.raises(OSError, match=str(source)):
                    await alice.upload(source)
            monkeypatch.setattr(limits, "MEDIA_BYTES_PER_USER_MAX", 2 * PART)
            assert await refused(alice.upload(LONG)) == "quota_exceeded"
            served.desk.chunks.broken = ApiError("storage_full", retry_after=60)
            assert await refused(alice.upload(b"small")) == "storage_full"
            long = "x" * (limits.CAPTION_CHARS_MAX + 1)
            served.asked.clear()
            assert await refused(alice.send_file(served.chat, b"x", text=long)) == "invalid_params"
            assert await refused(alice.send_album(served.chat, [b"x"] * 11)) == "too_many"
            assert not served.asked

    run(test)


def test_an_upload_waits_until_the_disk_has_room() -> None:
    async def test(served: Served) -> None:
        chunks = served.desk.chunks
        put = chunks.put

        async def full(*chunk: bytes) -> None:
            chunks.put = put  # type: ignore[method-assign]
            raise ApiError("storage_full", retry_after=0.01)

        chunks.put = full  # type: ignore[method-assign]
        async with served.client() as alice:
            assert (await alice.upload(b"small")).media.size == 5
        assert len(served.asked_for("POST", "/media/upload")) == 2

    run(test)


def test_a_file_that_has_changed_needs_another_upload() -> None:
    async def test(served: Served) -> None:
        first = Told()
        first.at[PART] = lambda: setattr(served.desk.chunks, "broken", ApiError("internal"))
        async with served.client() as alice:
            with pytest.raises(ApiError, match="internal"):
                await alice.upload(LONG, upload_id=7, progress=first)
            served.desk.chunks.broken = None
            with pytest.raises(ApiError, match="hash_mismatch"):
                await alice.upload(LONG[::-1], upload_id=7)
            assert await alice.upload(LONG[::-1], upload_id=8)

    run(test)


def test_a_file_that_gets_shorter_is_told(tmp_path: Path) -> None:
    source = tmp_path / "log"
    source.write_bytes(LONG)

    async def test(served: Served) -> None:
        told = Told()
        told.at[1] = lambda: os.truncate(source, 10)
        async with served.client() as alice:
            with pytest.raises(OSError, match="shorter"):
                await alice.upload(source, progress=told)

    run(test)


def test_albums_are_sent_together() -> None:
    async def test(served: Served) -> None:
        async with served.client() as alice:
            done = await alice.send_album(served.chat, [b"one", b"two", b"three"], text="all")
            found = await alice.messages(served.chat, [one.id for one in done])
        assert [message.text for message in found] == ["all", "", ""]
        assert len({message.album for message in found}) == 1
        assert found[0].album

    run(test)


def test_a_file_that_is_sent_again_is_sent_once() -> None:
    async def test(served: Served) -> None:
        async with served.client() as alice:
            first = await alice.send_file(served.chat, LONG, upload_id=7, random_id=8)
            again = await alice.send_file(served.chat, LONG, upload_id=7, random_id=8)
        assert (first.id, again.id) == (1, 1)

    run(test)


# --- down ---------------------------------------------------------------------------------------


def test_a_download_goes_on_where_the_wire_was_cut(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        told = Told()
        async with served.client(served.desk.bob) as bob:
            served.wire.left["down"] = 3 * PART + PART // 2
            place = await bob.download(message, tmp_path, progress=told)
        assert place == tmp_path / "notes.bin"
        assert place.read_bytes() == LONG
        assert served.wire.broken == 1
        first, second = served.asked_for("GET", "/media/file/")
        assert first == ""
        start = int(second.removeprefix("bytes=").removesuffix("-"))
        assert 3 * PART - PART <= start <= 3 * PART + PART // 2
        told.check(len(LONG))

    run(test)


def test_a_download_goes_on_in_another_process(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        served.wire.left["down"], served.wire.falls = 2 * PART, True
        async with served.client(served.desk.bob, timeouts=HASTY) as bob:
            with pytest.raises(heliograph.DeadlineExceeded):
                await bob.download(message, tmp_path)
        (draft,) = files(tmp_path)
        have = draft.stat().st_size
        assert PART < have < 2 * PART
        served.wire.down = False
        served.asked.clear()
        async with served.client(served.desk.bob) as bob:
            place = await bob.download(message, tmp_path)
        assert served.asked_for("GET", "/media/file/") == [f"bytes={have}-"]
        assert place.read_bytes() == LONG
        assert files(tmp_path) == [place]

    run(test)


def test_a_download_that_is_cancelled_goes_on_later(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        begun = asyncio.Event()
        told = Told()
        told.at[1] = begun.set
        async with served.client(served.desk.bob) as bob:
            task = asyncio.create_task(bob.download(message, tmp_path, progress=told))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            (draft,) = files(tmp_path)
            assert 0 < draft.stat().st_size < len(LONG)
            assert (await bob.download(message, tmp_path)).read_bytes() == LONG

    run(test)


def test_what_is_damaged_gets_no_name(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        chunks, name = served.desk.chunks.chunks, name_in(hash_of(parts_of(LONG)[2]))
        good = chunks[name]
        chunks[name] = bytes(len(good))
        async with served.client(served.desk.bob) as bob:
            with pytest.raises(heliograph.FileDamaged, match="not the file"):
                await bob.download(message, tmp_path)
            assert not files(tmp_path)
            chunks[name] = good
            assert (await bob.download(message, tmp_path)).read_bytes() == LONG

    run(test)


def test_another_files_beginning_is_not_taken_up(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        other = draft_of(tmp_path / "notes.bin", hash_of(b"other"))
        other.write_bytes(b"other")
        async with served.client(served.desk.bob) as bob:
            place = await bob.download(message, tmp_path)
        assert place.read_bytes() == LONG
        assert other.read_bytes() == b"other"

    run(test)


def test_nothing_is_replaced_in_a_folder(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, b"new")
        (tmp_path / "notes.bin").write_bytes(b"old")
        async with served.client(served.desk.bob) as bob:
            assert await bob.download(message, tmp_path) == tmp_path / "notes (2).bin"
            assert await bob.download(message, tmp_path) == tmp_path / "notes (3).bin"
            named = await bob.download(message, tmp_path / "notes.bin")
        assert named.read_bytes() == b"new"

    run(test)


def test_files_of_one_name_that_are_saved_at_once(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        messages = [await sent(served, content) for content in (b"one", b"two")]
        async with served.client(served.desk.bob) as bob:
            places = await asyncio.gather(*(bob.download(one, tmp_path) for one in messages))
        assert [place.read_bytes() for place in places] == [b"one", b"two"]
        assert files(tmp_path) == [tmp_path / "notes (2).bin", tmp_path / "notes.bin"]

    run(test)


def test_a_download_goes_on_though_its_name_was_taken_meanwhile(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        assert message.media is not None
        draft_of(tmp_path / "notes.bin", message.media.file_id).write_bytes(LONG[:PART])
        (tmp_path / "notes.bin").write_bytes(b"other")
        served.asked.clear()
        async with served.client(served.desk.bob) as bob:
            place = await bob.download(message, tmp_path)
        assert place == tmp_path / "notes (2).bin"
        assert place.read_bytes() == LONG
        assert served.asked_for("GET", "/media/file/") == [f"bytes={PART}-"]

    run(test)


def test_small_pictures(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        served.desk.looker.sees = Look(
            mime="image/jpeg",
            kind="photo",
            width=40,
            height=30,
            thumb=b"small",
            thumb_width=4,
            thumb_height=3,
        )
        message = await sent(served, b"picture", "us.jpg")
        async with served.client(served.desk.bob) as bob:
            place = await bob.download(message, tmp_path, thumb=True)
            assert place == tmp_path / "us-small.jpg"
            assert place.read_bytes() == b"small"

    run(test)


def test_who_may_not_read_gets_nothing(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, b"secret")
        async with served.client(served.desk.eve) as eve:
            with pytest.raises(ApiError, match="chat_not_found"):
                await eve.download(message, tmp_path / "secret")
            with pytest.raises(ApiError, match="media_not_found"):
                await eve.download(t.Message(served.chat, 1, 1, 1, "text"), tmp_path)
            with pytest.raises(ApiError, match="media_not_found"):
                await eve.download(message, tmp_path, thumb=True)
        assert not files(tmp_path)

    run(test)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"x" * 100, heliograph.ProtocolError),
        (200, b"", heliograph.DeadlineExceeded),
        (404, b"not ours", heliograph.ProtocolError),
        (502, b"proxy", heliograph.DeadlineExceeded),
    ],
)
def test_a_server_that_answers_wrongly(
    tmp_path: Path, status: int, body: bytes, error: type[Exception]
) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def test(served: Served) -> None:
        message = await sent(served, b"content")
        served.instead = answer
        async with served.client(timeouts=HASTY) as alice:
            with pytest.raises(error):
                await alice.download(message, tmp_path)

    run(test)


def test_a_server_that_knows_no_ranges(tmp_path: Path) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": LONG})

    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        assert message.media is not None
        draft_of(tmp_path / "notes.bin", message.media.file_id).write_bytes(LONG[:PART])
        served.instead = answer
        async with served.client(timeouts=HASTY) as alice:
            with pytest.raises(heliograph.ProtocolError, match="beginning"):
                await alice.download(message, tmp_path)

    run(test)


def test_close_cuts_off_what_goes_up_and_down(tmp_path: Path) -> None:
    async def test(served: Served) -> None:
        message = await sent(served, LONG)
        patient = {
            "timeouts": heliograph.Timeouts(call_s=1_000),
            "backoff": heliograph.Backoff(200, 200),
        }
        client = await served.client(**patient).__aenter__()
        served.wire.down = True
        served.wire.cut()
        tasks = [
            asyncio.create_task(client.upload(b"small")),
            asyncio.create_task(client.download(message, tmp_path)),
        ]
        await served.wire.until_broken(2)
        await client.close()
        for task in tasks:
            with pytest.raises(heliograph.ClientClosed):
                await task

    run(test)


# --- what is sent is told -----------------------------------------------------------------------


def test_the_update_of_an_own_send_has_its_file() -> None:
    async def test(server: Server) -> None:
        media = t.Media("file", "f", 5, "notes.txt", "text/plain")
        server.tickets["ticket"] = media
        async with driving.alice(server) as (client, account, reader):
            await client.send("p1-1", "before", random_id=1)
            await client.send("p1-1", "look", random_id=2, ticket="ticket", album=9)
            await client.send("p1-1", "after", random_id=3)
            items = await driving.everything(client, account, reader)
            shown = [(item.message.text, item.message.media) for item in items]
            assert shown == [("before", None), ("look", media), ("after", None)]
            assert items[1].message.album == 9
            assert len(server.calls(m.GetDifference)) == 1

    driving.run(test)


# --- names --------------------------------------------------------------------------------------


@given(st.text(max_size=300))
@example("ä" * 250)
@example("x." + "ä" * 250)
def test_a_name_is_in_its_folder(name: str) -> None:
    media = t.Media("voice", "f", 1, name, "audio/ogg")
    for shown in (saved_name(media), saved_name(media, thumb=True)):
        assert Path("/folder", shown).parent == Path("/folder")
        assert as_line(shown) == shown
        assert not shown.startswith(".")
        assert 0 < len(shown.encode()) <= NAME_BYTES_MAX
        assert len(draft_of(Path(shown), "x" * 43).name.encode()) <= 255


def test_names_keep_their_endings(tmp_path: Path) -> None:
    def name(of: str, mime: str = "") -> str:
        return saved_name(t.Media("file", "f", 1, of, mime))

    assert name("a/b\\c.txt") == "c.txt"
    assert name("..") == "file"
    assert name("", "application/pdf") == "file.pdf"
    assert name(".bashrc") == "bashrc"
    long = name("ä" * 200 + ".tar")
    assert long.endswith("ä.tar")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert free_place(tmp_path / "link") == tmp_path / "link (2)"
