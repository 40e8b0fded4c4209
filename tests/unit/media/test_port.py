"""Files at a port of their own, over real sockets: what HAProxy and Serve see to elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import pytest
import uvloop

from api import limits
from api import types as t
from api.addresses import Callers
from api.files import chunk_hash
from api.site import Site
from fronts import guarded, unhurried
from fronts.files import port as ports
from fronts.files.port import FilesPort
from fronts.guarded import GuardedHttp
from heliograph.server.ports import free_ports
from tests.unit.fronts.raw_client import TEST_S_MAX
from tests.unit.media.desk import LONG, Desk, hash_of, parts_of

AT_ONCE_BYTES = 256 * 1024
"""What is read from a socket at once."""
TOO_LONG = f"a head has at most {limits.HTTP_HEAD_BYTES_MAX} bytes".encode()
NO_LIMITS = Callers(exempt=("127.0.0.0/8",))


class Served:
    """A desk whose files are served."""

    def __init__(self, desk: Desk, number: int) -> None:
        self.desk = desk
        self.port = number
        self.url = f"http://127.0.0.1:{number}"
        self.opened: list[asyncio.StreamWriter] = []

    async def ask(self, verb: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.desk.alice.token}", **options.pop("headers", {})}
        async with httpx2.AsyncClient(base_url=self.url) as client:
            return await client.request(verb, path, headers=headers, **options)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.append(writer)
        return reader, writer

    def path(self, content: bytes) -> str:
        """Of a file that was sent."""
        sent = self.desk.alice.send(self.desk.chat, self.desk.alice.upload(content).ticket)
        return f"/media/file/{self.desk.chat}/{sent.id}"


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What still comes; nothing from a connection that is broken off."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def play(
    desk: Desk,
    story: Callable[[Served], Awaitable[None]],
    prepare: Callable[[Served], None] = lambda served: None,
    callers: Callers = NO_LIMITS,
) -> None:
    served = Served(desk, free_ports(1)[0])
    prepare(served)

    async def whole() -> None:
        port = FilesPort(desk.http, desk.town.gateway.config, callers, Site())
        port.start("127.0.0.1", served.port)
        try:
            async with asyncio.timeout(TEST_S_MAX):
                await story(served)
        finally:
            for writer in served.opened:
                writer.transport.abort()
            await port.drain()

    uvloop.run(whole())


def test_files_come_whole_in_ranges_and_for_who_may_read_them(desk: Desk) -> None:
    paths: list[str] = []

    async def story(served: Served) -> None:
        (path,) = paths
        whole = await served.ask("GET", path)
        assert (whole.status_code, whole.content) == (200, LONG)
        assert whole.headers["content-length"] == str(len(LONG))
        for start, stop in ((0, 1), (5, 700_000), (limits.PART_BYTES, len(LONG)), (1, len(LONG))):
            asked = {"range": f"bytes={start}-{stop - 1}"}
            part = await served.ask("GET", path, headers=asked)
            assert (part.status_code, part.content) == (206, LONG[start:stop])
            assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(LONG)}"
        head = await served.ask("HEAD", path)
        assert (head.content, head.headers["content-length"]) == (b"", str(len(LONG)))
        stranger = {"authorization": f"Bearer {desk.eve.token}"}
        assert (await served.ask("GET", path, headers=stranger)).json()["code"] == "chat_not_found"
        assert (await served.ask("GET", path, headers={"authorization": ""})).status_code == 401

    play(desk, story, lambda served: paths.append(served.path(LONG)))


def test_files_go_up(desk: Desk) -> None:
    content = b"a small file"

    async def story(served: Served) -> None:
        asked = {"hash": hash_of(content), "name": "x.txt", "kind": "file"}
        done = await served.ask("POST", "/media/upload", params=asked, content=content)
        assert done.status_code == 200
        assert desk.chunks.chunks[chunk_hash(content)] == content
        wrong = await served.ask("POST", "/media/upload", params=asked, content=b"another")
        assert wrong.json()["code"] == "hash_mismatch"

    play(desk, story)


def test_nothing_else_is_there(desk: Desk) -> None:
    async def story(served: Served) -> None:
        for verb, path in (("POST", "/api/users.me"), ("GET", "/"), ("GET", "/metrics")):
            answer = await served.ask(verb, path, json={} if verb == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await served.ask("GET", "/healthz")).text == "ok\n"
        told = await served.ask("POST", "/api/help.config", json={})
        assert msgspec.json.decode(told.content, type=t.Config) == desk.town.gateway.config
        reader, writer = await served.raw()
        writer.write(
            b"GET /ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        writer.close()

    play(desk, story)


def test_a_part_that_is_lost_cuts_a_file_off_and_the_first_is_told(desk: Desk) -> None:
    paths: list[str] = []
    parts = list(map(chunk_hash, parts_of(LONG)))

    def lost(number: int) -> None:
        """It is found to be so when it is read."""
        lend = desk.chunks.lend

        async def without(names: Any, use: Any) -> bool:
            names = list(names)
            if parts[number] not in names:
                return await lend(names, use)
            await lend(names[: names.index(parts[number])], use)
            return False

        desk.chunks.lend = without  # type: ignore[method-assign]

    async def story(served: Served) -> None:
        lost(2)
        assert (await served.ask("GET", paths[0])).content == LONG  # others have it
        del desk.chunks.chunks[parts[2]]
        desk.chunks.chunks[parts[2]] = b""
        with pytest.raises(httpx2.RemoteProtocolError):
            await served.ask("GET", paths[0])

    play(desk, story, lambda served: paths.append(served.path(LONG)))


def test_an_address_has_so_many_connections(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_PER_ADDRESS_MAX", 2)

    async def story(served: Served) -> None:
        opened = [await served.raw() for _ in range(3)]
        for reader, writer in opened[:2]:
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        assert await all_of(opened[2][0]) == b""
        opened[0][1].close()
        await opened[0][1].wait_closed()
        while True:  # until it is counted no more
            reader, writer = await served.raw()
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            try:
                if (await reader.readline()).startswith(b"HTTP/1.1 200 "):
                    break
            except ConnectionError:
                continue

    play(desk, story, callers=Callers())


def test_a_head_that_does_not_come_or_does_not_end_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(served: Served) -> None:
        monkeypatch.setattr(limits, "HTTP_HEAD_S_MAX", 10 * TEST_S_MAX)
        reader, writer = await served.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nx: " + b"x" * 4 * AT_ONCE_BYTES)
        assert (await all_of(reader)).rpartition(b"\r\n")[2] in (b"", TOO_LONG)
        monkeypatch.setattr(limits, "HTTP_HEAD_S_MAX", 0.05)
        for begun in (b"", b"GET /healthz HTTP/1.1\r\nhost: x\r\n"):
            reader, writer = await served.raw()
            writer.write(begun)
            assert await all_of(reader) == b""
        reader, writer = await served.raw()
        for _ in range(2):  # the second one is late, and not because of the first
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\nok\n")
        writer.write(b"GET")
        assert await all_of(reader) == b""

    play(desk, story)


def test_who_asks_without_end_gets_no_more(desk: Desk) -> None:
    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
        said = await all_of(reader)
        assert said.count(b"200 OK") <= limits.HTTP_PIPELINED_MAX + 1
        reader, writer = await served.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 4)
        for _ in range(4):
            await reader.readuntil(b"\r\n\r\nok\n")

    play(desk, story)


def test_a_connection_that_is_not_used_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HTTP_IDLE_S_MAX", 0.05)
    monkeypatch.setattr(guarded, "CLOSE_S", 0.05)
    monkeypatch.setattr(unhurried, "CLOSE_S", 0.05)

    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.read()).endswith(b"ok\n")

    play(desk, story)


def test_a_port_that_is_taken_is_told_and_done_without(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def whole() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = FilesPort(desk.http, desk.town.gateway.config, NO_LIMITS, Site())
            port.start(*other.getsockname())
            await port.drain()

    asyncio.run(whole())
    assert "files are served at the HTTP port alone" in caplog.text


def asking(served: Served, path: str, *lines: str) -> bytes:
    said = [f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {served.desk.alice.token}"]
    return "\r\n".join([*said, *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "endless", [b"a:b\r\n" * 20_000, b"a" * 100_000], ids=["trailers", "one trailer"]
)
def test_what_follows_a_body_does_not_go_on_for_ever(desk: Desk, endless: bytes) -> None:
    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        writer.write(b"POST /api/help.config HTTP/1.1\r\nhost: x\r\n")
        writer.write(b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                writer.write(endless)
                await writer.drain()
            pytest.fail("it takes all of it")
        await all_of(reader)

    play(desk, story)


def test_a_body_in_many_small_pieces_is_one(desk: Desk) -> None:
    """However much is around them."""
    content = bytes(5_000)
    pieces = b"1\r\n\0\r\n" * len(content)

    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        asked = f"/media/upload?hash={hash_of(content)}&name=x&kind=file"
        head = asking(served, asked, "transfer-encoding: chunked").replace(b"GET", b"POST", 1)
        for at in range(0, len(pieces), 1000):
            writer.write(head * (at == 0) + pieces[at : at + 1000])
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")

    play(desk, story)


def test_who_sends_what_begins_no_request_is_not_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_S_MAX", 0.05)

    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"ok\n")
        writer.write(b"\r\n")
        assert await all_of(reader) == b""

    play(desk, story)


def test_who_takes_no_answers_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_IDLE_S_MAX", 0.05)
    asked = b"GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
    paused, went_on, lost = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Noting(GuardedHttp):
        def pause_writing(self) -> None:
            super().pause_writing()
            paused.set()
            went_on.set()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            went_on.set()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set()

    monkeypatch.setattr(ports, "GuardedHttp", Noting)

    async def story(served: Served) -> None:
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            while not paused.is_set():
                went_on.clear()
                sock.sendall(asked)
                await went_on.wait()
            sock.sendall(asked)
            await lost.wait()

    play(desk, story)


def test_behind_proxies_addresses_are_not_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All come from the same."""
    monkeypatch.setattr(limits, "CONNECTIONS_PER_ADDRESS_MAX", 1)

    async def story(served: Served) -> None:
        for _ in range(3):
            reader, writer = await served.raw()
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")

    play(desk, story, callers=Callers(proxies=1))


@pytest.mark.parametrize("wrong", [b"\x01 \r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 20])
def test_a_body_under_way_is_cut_off_by_what_is_wrong_and_not_filled_with_words(
    desk: Desk, wrong: bytes
) -> None:
    paths: list[str] = []

    async def story(served: Served) -> None:
        reader, writer = await served.raw()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(asking(served, paths[0]) + wrong)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        _, _, body = (await all_of(reader)).partition(b"\r\n\r\n")
        assert LONG.startswith(body)

    play(desk, story, lambda served: paths.append(served.path(LONG)))


def test_it_ends_with_downloads_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon, whoever does not read."""
    monkeypatch.setattr(ports, "DRAIN_S", 0)
    paths: list[str] = []

    async def story(served: Served) -> None:
        _, writer = await served.raw()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        token = desk.alice.token
        for _ in range(limits.HTTP_PIPELINED_MAX):
            asked = f"GET {paths[0]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
            writer.write(asked.encode())
        await writer.drain()

    play(desk, story, lambda served: paths.append(served.path(LONG)))
