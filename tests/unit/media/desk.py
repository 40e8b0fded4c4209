"""The HTTP front for files on a town in this process: real actors, gateway, service and HTTP, over
chunks in memory, and with a look that sees what the test says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from blake3 import blake3

from actors import addresses
from actors.handle.messages import NewAccount
from api import limits
from api import methods as m
from api import types as t
from api.addresses import Address
from api.errors import ApiError, Problem
from api.files import chunk_hash, text_of
from api.http import App
from fronts.files.http import MediaHttp
from fronts.files.service import MediaService
from fronts.tokens import new_token
from media.look import Look
from runtime.refs import EXEMPT, Caller
from tests.unit.actors.cluster import Cluster
from tests.unit.actors.town import declared

LONG = random.Random(1).randbytes(3 * limits.PART_BYTES + 1000)


class MemoryChunks:
    """A media pool in memory. `broken`: what raises."""

    def __init__(self) -> None:
        self.chunks: dict[bytes, bytes] = {}
        self.holders: dict[bytes, set[bytes]] = {}
        self.broken: ApiError | None = None
        self.bytes_max = 0

    async def put(self, name: bytes, data: bytes, root: bytes | None = None) -> None:
        if self.broken:
            raise self.broken
        assert chunk_hash(data) == name
        self.chunks[name] = data
        self.bytes_max = max(self.bytes_max, len(data))
        if root is not None:
            await self.hold(root, [name])

    async def get(self, name: bytes) -> bytes:
        await asyncio.sleep(0)
        if self.broken:
            raise self.broken
        return self.chunks[name]

    async def lend(self, names: Sequence[bytes], use: Callable[[memoryview], bool]) -> bool:
        if self.broken:
            raise self.broken
        for name in names:
            if name not in self.chunks:
                return False
            if not await asyncio.to_thread(use, memoryview(self.chunks[name])):
                break
        return True

    async def have(self, names: Sequence[bytes]) -> bool:
        return all(name in self.chunks for name in names)

    async def hold(self, root: bytes, names: Sequence[bytes]) -> None:
        assert all(name in self.chunks for name in names)
        for name in names:
            self.holders.setdefault(name, set()).add(root)


class FakeLooker:
    def __init__(self) -> None:
        self.sees = Look(mime="text/plain", kind="file")
        self.looked: list[tuple[bytes, str, str]] = []

    async def look(self, path: Path, kind: t.MediaKind, name: str) -> Look:
        self.looked.append((await asyncio.to_thread(path.read_bytes), kind, name))
        return self.sees


class Backend:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def call(self, params: m.Params, token: str, address: Address | None) -> bytes:
        caller = await self._desk.town.gateway.authenticate(token, EXEMPT)
        if isinstance(params, m.FinishUpload):
            return msgspec.json.encode(await self._desk.service.finish(params, caller))
        return await self._desk.town.gateway.call(params, caller)

    async def media(self, *asked: Any) -> Any:
        return await self._desk.http(*asked)

    def page(self, *asked: Any) -> None:
        """Nothing but what is for programs is here."""


class Person:
    """A user and their token."""

    def __init__(self, desk: Desk, username: str) -> None:
        self.desk = desk
        user_id, session_id = desk.town.rng.randrange(1, 2**48), desk.town.rng.randrange(1, 2**53)
        self.token, hashed = new_token(user_id, session_id)
        account = NewAccount(user_id, session_id, username, username, "hash", hashed, "test")
        desk.town.ask(addresses.username(username), account)
        self.caller = Caller(user_id, session_id)

    def ask(self, verb: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.desk.ask(verb, path, headers=headers, **options)

    def call(self, params: m.Params) -> Any:
        """The result of a method. Raises ApiError."""
        answer = self.ask("POST", f"/api/{params.method.name}", json=msgspec.to_builtins(params))
        if answer.status_code != 200:
            error = ApiError.from_problem(msgspec.json.decode(answer.content, type=Problem))
            declared(params, error)
            raise error
        return msgspec.json.decode(answer.content, type=params.method.result)

    def upload(self, content: bytes, kind: str = "file", name: str = "notes.txt") -> t.Finished:
        """In one request, or in parts from the last to the first."""
        if len(content) <= limits.PART_BYTES:
            answer = self.ask(
                "POST",
                "/media/upload",
                params={"hash": hash_of(content), "kind": kind, "name": name},
                content=content,
            )
            assert answer.status_code == 200, answer.text
            return msgspec.json.decode(answer.content, type=t.Finished)
        upload_id = self.desk.town.rng.randrange(1, 2**53)
        begun = self.call(m.BeginUpload(upload_id, len(content)))
        parts = parts_of(content)
        assert begun.parts == len(parts)
        for number in reversed(range(len(parts))):
            self.put(upload_id, number, parts[number])
        finished: t.Finished = self.call(
            m.FinishUpload(upload_id, id_of(content), name, kind)  # type: ignore[arg-type]
        )
        return finished

    def put(self, upload_id: int, number: int, part: bytes) -> None:
        answer = self.ask(
            "PUT",
            f"/media/upload/{upload_id}/{number}",
            params={"hash": hash_of(part)},
            content=part,
        )
        assert answer.status_code == 200, answer.text

    def send(self, chat_id: str, ticket: str, text: str = "", album: int = 0) -> t.Sent:
        number = self.desk.town.rng.randrange(1, 2**53)
        sent: t.Sent = self.call(m.SendMessage(chat_id, text, number, media=ticket, album=album))
        return sent


class Desk:
    """See the module."""

    def __init__(self) -> None:
        self.town = Cluster(2)
        self.town.gateway.network = lambda address: EXEMPT  # type: ignore[method-assign]
        self.chunks = MemoryChunks()
        self.looker = FakeLooker()
        self.service = MediaService(self.town.gateway, self.chunks, self.looker)
        self.http = MediaHttp(self.town.gateway, self.service)
        self.alice = Person(self, "alice")
        self.bob = Person(self, "bobby")
        self.eve = Person(self, "eveev")
        self.chat = self.town.private(self.alice.caller, self.bob.caller)

    def ask(self, verb: str, path: str, **options: Any) -> httpx2.Response:
        return asyncio.run(self.answer(verb, path, **options))

    async def answer(self, verb: str, path: str, **options: Any) -> httpx2.Response:
        app = App(self._start)
        app._backend = Backend(self)  # type: ignore[assignment]
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://desk") as client:
            return await client.request(verb, path, **options)

    async def _start(self) -> Any:
        return Backend(self)


def hash_of(content: bytes) -> str:
    return text_of(blake3(content).digest())


def parts_of(content: bytes) -> list[bytes]:
    return [content[at : at + 512 * 1024] for at in range(0, len(content), 512 * 1024)]


def id_of(content: bytes) -> str:
    """The id of a file, as the protocol defines it."""
    hashes = [blake3(part).digest() for part in parts_of(content)]
    return text_of(hashes[0] if len(hashes) == 1 else blake3(b"".join(hashes)).digest())


def code(answer: object) -> str:
    return msgspec.json.decode(answer.content, type=Problem).code  # type: ignore[attr-defined]


def refused(call: object) -> str:
    with pytest.raises(ApiError) as caught:
        call()  # type: ignore[operator]
    return caught.value.code
