"""How much of files is in memory at once, what is given up because it is slow, and what is kept of
what broke off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api import limits
from api import methods as m
from api.addresses import Callers, parse
from api.errors import ApiError
from api.files import name_in
from api.requests import ClientGone
from api.room import Room
from api.site import Shown
from api.types import PartRange
from tests.unit.media.desk import (
    LONG,
    Desk,
    Person,
    hash_of,
    parts_of,
)
from tests.unit.runtime.fake_time import idle

PARTS_IN_MEMORY = limits.PARTS_IN_MEMORY_PER_REQUEST_MAX


class Coming:
    """A body that comes as the test says; `read_bytes`: how much of it was taken; `over`: there is
    no more."""

    def __init__(self, content: bytes, ends: str = "") -> None:
        self._content = content
        self._ends = ends
        self.read_bytes = 0
        self.over = asyncio.Event()

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        piece = self._content[self.read_bytes : self.read_bytes + size]
        self.read_bytes += len(piece)
        if self._ends == "cancelled" and not piece:
            self.over.set()
            await asyncio.Event().wait()
        if self._ends == "gone" and len(piece) < size:
            raise ApiError("bad_request", "the client went away")
        return piece


class Stalled:
    """A request that brings three parts and lacks the last byte, until it is `let_go`."""

    def __init__(self, person: Person, address: str) -> None:
        self._body = b"".join(parts_of(LONG)[:3])
        self._let_go, self._waits = asyncio.Event(), asyncio.Event()
        scope = {
            "method": "PUT",
            "path": "/media/upload/7/0",
            "query_string": "&".join(
                f"hash={hash_of(part)}" for part in parts_of(LONG)[:3]
            ).encode(),
            "headers": [
                (b"authorization", f"Bearer {person.token}".encode()),
                (b"content-length", b"%d" % len(self._body)),
            ],
        }
        self._pieces = [self._body[:-1]]
        self._answer = asyncio.ensure_future(
            person.desk.http(
                scope, self._receive, self._receive, parse(address), Shown(person.token)
            )  # type: ignore[arg-type]
        )

    async def _receive(self) -> Any:
        if self._pieces:
            return {"type": "http.request", "body": self._pieces.pop(), "more_body": True}
        self._waits.set()
        await self._let_go.wait()
        return {"type": "http.request", "body": self._body[-1:]}

    async def refused(self) -> str:
        """Why it was refused; empty if it waits for its last byte."""
        waiting = asyncio.ensure_future(self._waits.wait())
        await asyncio.wait({self._answer, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self._answer.done():
            return ""
        error = self._answer.exception()
        assert isinstance(error, ApiError)
        assert error.retry_after
        return error.code

    async def let_go(self) -> int:
        self._let_go.set()
        reply = await self._answer
        assert reply is not None
        return reply[0]


async def some(count: int, *asked: Any) -> tuple[list[Stalled], list[str]]:
    """So many requests, one after the other, and why they were refused."""
    requests, refusals = [], []
    for _ in range(count):
        requests.append(Stalled(*asked))
        refusals.append(await requests[-1].refused())
    return requests, refusals


THREE = 3 * limits.PART_BYTES


def begin_uploads(*people: Person) -> None:
    for person in people:
        person.call(m.BeginUpload(7, len(LONG)))


def test_slow_uploads_of_one_account_keep_nobody_else_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX", 2 * THREE)
    begin_uploads(desk.alice, desk.bob)

    async def story() -> None:
        slow, refusals = await some(3, desk.alice, "192.0.2.1")
        assert refusals == ["", "", "overloaded"]
        assert (await some(1, desk.alice, "192.0.2.2"))[1] == ["overloaded"]
        (other,), refusals = await some(1, desk.bob, "192.0.2.1")
        assert refusals == [""]
        assert await other.let_go() == 200
        assert await slow[0].let_go() == 200
        (again,), refusals = await some(1, desk.alice, "192.0.2.1")
        assert refusals == [""], "there is room again"
        assert [await request.let_go() for request in (slow[1], again)] == [200, 200]

    asyncio.run(story())


def test_slow_uploads_of_one_address_keep_no_other_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", 2 * THREE)
    begin_uploads(desk.alice, desk.bob, desk.eve)

    async def story() -> None:
        slow = [Stalled(person, "192.0.2.1") for person in (desk.alice, desk.bob, desk.eve)]
        assert [await request.refused() for request in slow] == ["", "", "overloaded"]
        assert (await some(1, desk.eve, "192.0.2.2"))[1] == [""]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())


def test_an_exempt_address_has_no_share_but_its_accounts_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", THREE)
    monkeypatch.setattr(limits, "UPLOADS_IN_MEMORY_BYTES_PER_USER_MAX", THREE)
    monkeypatch.setattr(limits, "DOWNLOADS_IN_MEMORY_BYTES_PER_ADDRESS_MAX", limits.PART_BYTES)
    path = a_file(desk)
    desk.http._callers = Callers(exempt=("192.0.2.0/24",))
    begin_uploads(desk.alice, desk.bob)

    async def story() -> None:
        slow = [Stalled(person, "192.0.2.1") for person in (desk.alice, desk.bob, desk.alice)]
        assert [await request.refused() for request in slow] == ["", "", "overloaded"]
        readers = [Reader(desk, path, 1) for _ in range(2)]
        assert [await reader.stalls() for reader in readers] == [True, True]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())


def test_all_uploads_together_have_so_much_room(desk: Desk) -> None:
    begin_uploads(desk.alice, desk.bob)
    desk.http._uploads = Room(2 * THREE)

    async def story() -> None:
        assert (await some(2, desk.alice, "192.0.2.1"))[1] == ["", ""]
        assert (await some(1, desk.bob, "192.0.2.2"))[1] == ["overloaded"]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(story())
    assert desk.http._uploads.taken == 0, "who was cut off holds nothing"


def test_what_comes_too_slowly_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.01)
    begin_uploads(desk.alice)

    async def story() -> None:
        request = Stalled(desk.alice, "192.0.2.1")
        with pytest.raises(ApiError) as caught:
            await request._answer
        assert caught.value.code == "too_slow"

    asyncio.run(story())
    assert desk.http._uploads.taken == 0
    stored = desk.alice.call(m.GetUpload(7)).stored
    assert stored == [PartRange(0, 1)], "what was whole is kept"


class Reader:
    """Who downloads the file of a message, and takes so many pieces of it."""

    def __init__(self, desk: Desk, path: str, takes: int) -> None:
        self.taken = 0
        self.stands, self.left = asyncio.Event(), asyncio.Event()
        self._takes = takes
        headers = [(b"authorization", f"Bearer {desk.bob.token}".encode())]
        scope = {"method": "GET", "path": path, "query_string": b"", "headers": headers}
        self.answer = asyncio.ensure_future(
            desk.http(scope, self._receive, self._send, parse("192.0.2.1"), Shown(desk.bob.token))
        )

    async def _receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        assert len(message.get("body", b"")) <= limits.HTTP_PIECE_BYTES
        if self.taken == self._takes:
            self.stands.set()
            await asyncio.Event().wait()
        self.taken += bool(message.get("body"))

    async def stalls(self) -> bool:
        waiting = asyncio.ensure_future(self.stands.wait())
        await asyncio.wait({self.answer, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return not self.answer.done()


def a_file(desk: Desk) -> str:
    sent = desk.alice.send(desk.chat, desk.alice.upload(LONG).ticket)
    return f"/media/file/{desk.chat}/{sent.id}"


def test_downloads_that_stall_are_bounded_and_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, per_user = a_file(desk), 4 * limits.PART_BYTES
    monkeypatch.setattr(limits, "DOWNLOADS_IN_MEMORY_BYTES_PER_USER_MAX", per_user)

    async def story() -> None:
        readers = [Reader(desk, path, 1) for _ in range(5)]
        # While there is plenty of room, parts are fetched ahead; then one is held by each.
        assert [await reader.stalls() for reader in readers] == [True] * 4 + [False]
        refused = readers[4].answer.exception()
        assert isinstance(refused, ApiError)
        assert refused.code == "overloaded"
        assert desk.http._downloads.taken <= per_user
        readers[0].left.set()
        with pytest.raises(ClientGone):
            await readers[0].answer
        whole = Reader(desk, path, 10_000)
        await whole.answer
        assert whole.taken >= len(LONG) // limits.HTTP_PIECE_BYTES
        monkeypatch.setattr(limits, "HTTP_BODY_S_MAX", 0.01)
        last = Reader(desk, path, 3)
        with pytest.raises(ApiError, match="too_slow"):
            await last.answer
        for reader in readers:
            reader.left.set()
        await asyncio.gather(*(reader.answer for reader in readers), return_exceptions=True)

    asyncio.run(story())
    assert desk.http._downloads.taken == 0


@pytest.mark.parametrize("ends", ["gone", "cancelled"])
def test_what_came_before_the_connection_was_lost_is_kept(desk: Desk, ends: str) -> None:
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)]
    coming = Coming(LONG[: 2 * limits.PART_BYTES], ends)

    async def lost() -> None:
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        if ends == "gone":
            with pytest.raises(ApiError, match="went away"):
                await storing
            return
        await coming.over.wait()
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing

    asyncio.run(lost())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 1)]


def test_what_is_being_stored_when_the_client_hangs_up_is_noted(desk: Desk) -> None:
    """What serves this cancels the request then. It counts, so that nobody fills the disk so."""
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)][:2]
    put = desk.chunks.put
    go_on = asyncio.Event()

    async def slow(name: bytes, data: bytes) -> None:
        begun.set()
        await go_on.wait()
        await put(name, data)

    desk.chunks.put = slow  # type: ignore[method-assign]
    begun = asyncio.Event()

    async def lost() -> None:
        coming = Coming(LONG[: 2 * limits.PART_BYTES])
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        await begun.wait()
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
        go_on.set()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=10)

    asyncio.run(lost())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 1)]


def test_no_more_than_some_parts_are_in_memory(desk: Desk) -> None:
    desk.alice.call(m.BeginUpload(7, len(LONG)))
    names = [name_in(hash_of(part)) for part in parts_of(LONG)]
    coming = Coming(LONG)
    put = desk.chunks.put
    waiting: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def slow(name: bytes, data: bytes) -> None:
        go_on = asyncio.Event()
        waiting.put_nowait(go_on)
        await go_on.wait()
        await put(name, data)

    desk.chunks.put = slow  # type: ignore[method-assign]

    async def store() -> None:
        storing = asyncio.create_task(
            desk.service.store_parts(desk.alice.caller, 7, 0, names, coming)
        )
        held: list[asyncio.Event] = []
        for done in range(len(names)):
            async with asyncio.timeout(10):
                while len(held) < min(PARTS_IN_MEMORY, len(names) - done):
                    held.append(await waiting.get())
            await idle()
            assert waiting.empty()
            assert coming.read_bytes <= (done + PARTS_IN_MEMORY) * limits.PART_BYTES
            held.pop(0).set()
        await storing

    asyncio.run(store())
    assert desk.alice.call(m.GetUpload(7)).stored == [PartRange(0, 3)]
