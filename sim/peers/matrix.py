"""Users of a Matrix server: HTTP/1.1 without TLS, one connection that sends, one message after the
other as clients do to keep their order, and one that waits in `/sync` for what comes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from sim.load.wire import PREFIX_CHARS, SEQ_DIGITS, SEQ_END, text_of
from sim.peers.program import LOCALHOST, Failed
from sim.peers.workload import Lane

API = "/_matrix/client/v3"
PASSWORD = "peers-peers"
ANSWER_S_MAX = 60.0
SYNC_MS = 30_000
AT_ONCE = 4
"""So many users are registered, and rooms made, at the same time."""
FILTER = {
    "presence": {"not_types": ["*"]},
    "account_data": {"not_types": ["*"]},
    "room": {
        "timeline": {"limit": 100},
        "state": {"lazy_load_members": True},
        "ephemeral": {"not_types": ["*"]},
        "account_data": {"not_types": ["*"]},
    },
}


class Content(msgspec.Struct, frozen=True, gc=False):
    body: str = ""


class Event(msgspec.Struct, frozen=True, gc=False):
    content: Content = Content()


class Timeline(msgspec.Struct, frozen=True, gc=False):
    events: list[Event] = []


class Joined(msgspec.Struct, frozen=True, gc=False):
    timeline: Timeline = Timeline()


class Rooms(msgspec.Struct, frozen=True, gc=False):
    join: dict[str, Joined] = {}


class Sync(msgspec.Struct, gc=False):
    """What `/sync` answers, as far as it takes to find messages."""

    next_batch: str
    rooms: Rooms = Rooms()


decode_sync = msgspec.json.Decoder(Sync).decode


@dataclass(frozen=True, slots=True)
class Account:
    user_id: str
    token: str
    filter_id: str
    room_id: str = ""


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {LOCALHOST}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def message(account: Account, prefix: str) -> bytes:
    """A request to be completed with `template % (seq, seq)`."""
    start, end = (text_of(prefix, 0)[part] for part in (slice(PREFIX_CHARS), slice(SEQ_END, None)))
    number = f"%0{SEQ_DIGITS}d"
    body = msgspec.json.encode({"msgtype": "m.text", "body": f"{start}{'0' * SEQ_DIGITS}{end}"})
    name = prefix.replace("/", ".")
    path = f"{API}/rooms/{account.room_id}/send/m.room.message/{name}"
    whole = request("PUT", path + number, account.token, body)
    return whole.replace(b"0" * SEQ_DIGITS, number.encode())


def response(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Status and body of the first answer in `data`, and what follows it; None where it is not
    complete. The body has a length or comes in chunks."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    status = int(head[9:12])
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        body: list[bytes] = []
        at = 0
        while (line := rest.find(b"\r\n", at)) >= 0:
            size = int(rest[at:line], 16)
            at = line + 2 + size + 2
            if at > len(rest):
                return None
            if size == 0:
                return status, b"".join(body), rest[at:]
            body.append(rest[line + 2 : line + 2 + size])
        return None
    _, found, after = fields.partition(b"\r\ncontent-length:")
    size = int(after.partition(b"\r\n")[0]) if found else 0
    return (status, rest[:size], rest[size:]) if len(rest) >= size else None


class Connection(asyncio.Protocol):
    """One request at a time; `on_answer` gets status and body."""

    def __init__(self) -> None:
        self.on_answer: Callable[[int, bytes], None] = lambda status, body: None
        self.on_lost: Callable[[], None] = lambda: None
        self._data = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        self._data += data
        if (answer := response(self._data)) is not None:
            status, body, self._data = answer
            self.on_answer(status, body)

    def connection_lost(self, error: Exception | None) -> None:
        self.on_lost()

    async def ask(self, what: bytes) -> bytes:
        """The body of the answer. Raises Failed where the status is another than 200."""
        answer = asyncio.get_running_loop().create_future()
        self.on_answer = lambda status, body: answer.set_result((status, body))
        self.transport.write(what)
        async with asyncio.timeout(ANSWER_S_MAX):
            status, body = await answer
        if status != 200:
            asked = what.partition(b"\r\n")[0].decode()
            raise Failed(f"{asked} was answered with {status}: {body.decode(errors='replace')}")
        return bytes(body)


class User:
    """Two connections of a user who is in a room with one other."""

    def __init__(self, account: Account, out: Lane, into: Lane) -> None:
        self._account = account
        self._out = out
        self._into = into
        self._template = message(account, out.prefix)
        self._waiting: deque[int] = deque()
        self._sending = 0
        self._closed = False
        self._send: Connection
        self._sync: Connection

    async def open(self, port: int) -> None:
        self._send, self._sync = await connection(port), await connection(port)
        first = decode_sync(await self._sync.ask(self._wait("&timeout=0")))
        for each in (self._send, self._sync):
            each.on_lost = self._on_lost
        self._send.on_answer = self._on_sent
        self._sync.on_answer = self._on_sync
        self._sync.transport.write(self._wait(f"&timeout={SYNC_MS}&since={first.next_batch}"))

    def send(self, seq: int) -> None:
        if self._sending:
            self._waiting.append(seq)
        else:
            self._sending = seq
            self._send.transport.write(self._template % (seq, seq))

    def close(self) -> None:
        self._closed = True
        self._send.transport.close()
        self._sync.transport.close()

    def _wait(self, how: str) -> bytes:
        path = f"{API}/sync?filter={self._account.filter_id}&set_presence=offline{how}"
        return request("GET", path, self._account.token)

    def _on_sent(self, status: int, body: bytes) -> None:
        seq, self._sending = self._sending, 0
        if status == 429:
            self._out.again(seq, msgspec.json.decode(body).get("retry_after_ms", 1_000) / 1e3)
        elif status != 200:
            self._out.meter.failed(f"a message was answered with {status}: {body.decode()}")
        if self._waiting:
            self.send(self._waiting.popleft())

    def _on_sync(self, status: int, body: bytes) -> None:
        if status != 200:
            self._into.meter.failed(f"/sync was answered with {status}: {body.decode()}")
            return
        sync = decode_sync(body)
        if not self._closed:
            self._sync.transport.write(self._wait(f"&timeout={SYNC_MS}&since={sync.next_batch}"))
        prefix = self._into.prefix
        for room in sync.rooms.join.values():
            for event in room.timeline.events:
                if event.content.body.startswith(prefix):
                    self._into.heard(int(event.content.body[PREFIX_CHARS:SEQ_END]))

    def _on_lost(self) -> None:
        if not self._closed:
            self._into.meter.failed("a connection was lost")


class Server:
    """A server that runs on a port of loopback. `accounts`: those of its users, by number."""

    def __init__(self, port: int, pids: Sequence[int], accounts: list[Account]) -> None:
        self._port = port
        self.pids = pids
        self.accounts = accounts

    async def register(self, users: int) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def pair(first: int) -> list[Account]:
            async with at_once:
                asking = await connection(self._port)
                try:
                    return await _pair(asking, f"u{first}", f"u{first + 1}")
                finally:
                    asking.transport.close()

        made = await asyncio.gather(*map(pair, range(len(self.accounts), users, 2)))
        self.accounts += [account for both in made for account in both]

    async def connect(self, user: int, out: Lane, into: Lane) -> User:
        found = User(self.accounts[user], out, into)
        await found.open(self._port)
        return found


async def connection(port: int) -> Connection:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(Connection, LOCALHOST, port)
    return made


async def _pair(asking: Connection, first: str, second: str) -> list[Account]:
    """Register two users, and make a room with both."""

    async def post(path: str, token: str, **body: Any) -> dict[str, Any]:
        whole = request("POST", API + path, token, msgspec.json.encode(body))
        return dict(msgspec.json.decode(await asking.ask(whole)))

    accounts = []
    for name in (first, second):
        dummy = {"type": "m.login.dummy"}
        made = await post("/register", "", username=name, password=PASSWORD, auth=dummy)
        user_id, token = made["user_id"], made["access_token"]
        kept = await post(f"/user/{user_id}/filter", token, **FILTER)
        accounts.append(Account(user_id, token, kept["filter_id"]))
    one, other = accounts
    room = await post(
        "/createRoom", one.token, preset="trusted_private_chat", invite=[other.user_id]
    )
    await post(f"/rooms/{room['room_id']}/join", other.token)
    return [Account(a.user_id, a.token, a.filter_id, room["room_id"]) for a in accounts]
