"""Users of an XMPP server: TCP without TLS, stanzas that are made once, and no more parsing than it
takes to find the number of a message. A server's answer to a message is nothing; what it cannot
deliver comes back as an error."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import cast

from sim.load.wire import PREFIX_CHARS, SEQ_DIGITS, SEQ_END, text_of
from sim.peers.program import LOCALHOST, Failed
from sim.peers.workload import CONNECTS_AT_ONCE, Lane

DOMAIN = "localhost"
PASSWORD = "peers"
ANSWER_S_MAX = 30.0
OPEN = (
    f"<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"
).encode()
CLOSE = b"</stream:stream>"
FEATURES = b"</stream:features>"
BODY, END = b"<body>", b"</message>"
ERROR = (b'type="error"', b"type='error'", b"<stream:error")


def name_of(user: int) -> str:
    return f"u{user}"


def message(to: str, prefix: str) -> bytes:
    """A stanza to be completed with `template % (seq, seq)`."""
    filler = text_of(prefix, 0)[SEQ_END:]
    return (
        f"<message to='{to}@{DOMAIN}' type='chat' id='%d'>"
        f"<body>{prefix}%0{SEQ_DIGITS}d{filler}</body></message>"
    ).encode()


def numbers(data: bytes, prefix: bytes) -> tuple[list[int], bytes]:
    """The numbers of the complete messages in `data` whose text begins so, and what is left of it:
    the beginning of the next one. Raises Failed where one has come back as an error."""
    found = []
    at = 0
    while (end := data.find(END, at)) >= 0:
        body = data.find(BODY, at, end) + len(BODY)
        if any(data.find(mark, at, end) >= 0 for mark in ERROR):
            raise Failed(f"a message came back: {data[at : end + len(END)].decode()!r}")
        if data.startswith(prefix, body):
            found.append(int(data[body + PREFIX_CHARS : body + SEQ_END]))
        at = end + len(END)
    return found, data[at:]


class User(asyncio.Protocol):
    """A connection: `ask` while it is opened, `live` afterwards."""

    def __init__(self) -> None:
        self._data = b""
        self._more = asyncio.Event()
        self._into: Lane | None = None
        self._template = b""
        self._prefix = b""
        self._closed = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._into is None:
            self._more.set()
            return
        try:
            found, self._data = numbers(self._data, self._prefix)
        except Failed as problem:
            self._into.meter.failed(str(problem))
            return
        for seq in found:
            self._into.heard(seq)

    def connection_lost(self, error: Exception | None) -> None:
        self._more.set()
        if self._into is not None and not self._closed:
            self._into.meter.failed(f"a connection was lost after {self._data[-200:]!r}")

    async def ask(self, what: bytes, *answers: bytes) -> None:
        """Send something, and wait for one of these answers. Raises Failed."""
        self._data = b""
        self.transport.write(what)
        async with asyncio.timeout(ANSWER_S_MAX):
            while not any(answer in self._data for answer in answers):
                if any(error in self._data for error in (*ERROR, b"<failure")):
                    raise Failed(f"{what.decode()!r} was answered with {self._data.decode()!r}")
                if self.transport.is_closing():
                    raise Failed(f"{what.decode()!r} was answered by closing the connection")
                self._more.clear()
                await self._more.wait()

    async def register(self, user: int) -> None:
        await self.ask(OPEN, FEATURES)
        await self.ask(
            b"<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>%b</username>"
            b"<password>%b</password></query></iq>" % (name_of(user).encode(), PASSWORD.encode()),
            b'type="result"',
            b"type='result'",
        )

    async def log_in(self, user: int) -> None:
        """Log in, and be there for messages."""
        secret = base64.b64encode(f"\0{name_of(user)}\0{PASSWORD}".encode())
        sasl = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%b</auth>"
        bind = b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        await self.ask(OPEN, FEATURES)
        await self.ask(sasl % secret, b"<success")
        await self.ask(OPEN, FEATURES)
        await self.ask(b"<iq type='set' id='b'>%b</iq>" % bind, b"<jid>")
        await self.ask(b"<presence/>", b"<presence")

    def live(self, user: int, out: Lane, into: Lane) -> None:
        self._template = message(name_of(user ^ 1), out.prefix)
        self._prefix = into.prefix.encode()
        self._data = b""
        self._into = into

    def send(self, seq: int) -> None:
        self.transport.write(self._template % (seq, seq))

    def close(self) -> None:
        self._closed = True
        self.transport.write(CLOSE)
        self.transport.close()


class Server:
    """A server that runs on a port of loopback. `registered`: how many users it has already."""

    def __init__(self, port: int, pids: Sequence[int], registered: int) -> None:
        self._port = port
        self.pids = pids
        self.registered = registered

    async def register(self, users: int) -> None:
        at_once = asyncio.Semaphore(CONNECTS_AT_ONCE)

        async def one(user: int) -> None:
            async with at_once:
                connection = await self._open()
                try:
                    await connection.register(user)
                finally:
                    connection.close()

        await asyncio.gather(*map(one, range(self.registered, users)))
        self.registered = max(users, self.registered)

    async def connect(self, user: int, out: Lane, into: Lane) -> User:
        connection = await self._open()
        await connection.log_in(user)
        connection.live(user, out, into)
        return connection

    async def _open(self) -> User:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(User, LOCALHOST, self._port)
        return connection
