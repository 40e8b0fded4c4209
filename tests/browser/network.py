"""What lies between one browser and the servers: a SOCKS proxy that can be slow, cut, or silent.

Everything that a browser does goes through it, its workers' requests and WebSockets too (which
Playwright's own means do not reach), and so it knows whom the browser talked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

SOCKS5, NO_PASSWORD, CONNECT, IPV4, NAME, IPV6 = 5, 0, 1, 1, 3, 4
REACHED, REFUSED = 0, 5
T = TypeVar("T")
CHUNK = 65_536
CALL_S_MAX = 30


@dataclass(eq=False)
class Connection:
    """One of the browser's, to a server. A lost one says nothing any more, and is not closed."""

    host: str
    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    lost: bool = False

    def close(self) -> None:
        for writer in self.writers:
            if writer.transport is not None:
                writer.transport.abort()


class Network:
    """Runs in a thread of its own until `end`. `names`: where hosts are that only this network
    knows; all others are on this machine, or cannot be reached."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        self._names = dict(names or {})
        self._connections: set[Connection] = set()
        self._is_up, self._delay_s, self._bytes_per_s = True, 0.0, 0.0
        self._answers, self._through = True, asyncio.Event()
        self._through.set()
        self.hosts: set[str] = set()
        """Whom the browser asked for."""
        self.opened: list[tuple[str, int]] = []
        """Every connection that there ever was, in their order."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"socks5://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Hang up on everybody, and let nobody through."""
        self._is_up = False
        self._call(self._close_all)

    def mend(self) -> None:
        """As good as new; what was lost stays lost."""
        self._is_up, self._delay_s, self._bytes_per_s = True, 0.0, 0.0

    def slow(self, delay_s: float, bytes_per_s: float = 0) -> None:
        """Each piece takes so long on its way, in both directions."""
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

    def lose(self, port: int = 0) -> None:
        """All connections that there are (to this port) fall silent, and nobody is told, as when
        the network changes under a sleeping machine. New ones work."""

        def lose() -> None:
            for connection in self._connections:
                connection.lost = connection.lost or port in (0, connection.port)

        self._call(lose)

    @contextlib.contextmanager
    def answers_are_lost(self) -> Iterator[None]:
        """What the browser says gets through, and nothing comes back."""
        self._answers = False
        yield
        self._answers = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Answers wait until it is over, and come then."""
        self._call(self._through.clear)
        yield
        self._call(self._through.set)

    def open_to(self, port: int) -> int:
        """How many connections to this port there are now, of those that were not lost."""
        return sum(each.port == port and not each.lost for each in tuple(self._connections))

    def end(self) -> None:
        """After the browser has ended its side."""

        async def end() -> None:
            self._server.close()
            self._close_all()
            # What was just accepted is served by another task.
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.gather(*others)

        self._do(end())
        self._call(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(CALL_S_MAX)

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _close_all(self) -> None:
        for connection in tuple(self._connections):
            connection.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            host, port = await _greeted(reader, writer)
            self.hosts.add(host)
            await self._connect(Connection(host, port, [writer]), reader)
        writer.transport.abort()

    async def _connect(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        (writer,) = connection.writers
        self.opened.append((connection.host, connection.port))
        there = self._names.get(connection.host, connection.host)
        if not self._is_up or not _is_here(there):
            writer.write(_answer(REFUSED))
            return
        self._connections.add(connection)
        try:
            try:
                server_reader, server_writer = await asyncio.open_connection(there, connection.port)
            except OSError:
                writer.write(_answer(REFUSED))
                return
            connection.writers.append(server_writer)
            writer.write(_answer(REACHED))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(connection, reader, server_writer))
                both.create_task(self._carry(connection, server_reader, writer))
        finally:
            connection.close()
            self._connections.discard(connection)

    async def _carry(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Until one side ends, or one of them is hung up on."""
        is_answer = writer is connection.writers[0]
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                pause_s = self._delay_s
                if self._bytes_per_s:
                    pause_s += len(data) / self._bytes_per_s
                if pause_s:
                    await asyncio.sleep(pause_s)
                if is_answer:
                    await self._through.wait()
                if not connection.lost and (self._answers or not is_answer):
                    writer.write(data)
                    await writer.drain()
        if not (is_answer and connection.lost):
            connection.close()


async def _greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
    """Where to (RFC 1928)."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(bytes((SOCKS5, NO_PASSWORD)))
    _, command, _, kind = await reader.readexactly(4)
    if command != CONNECT:
        raise EOFError
    if kind == NAME:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode()
    elif kind == IPV4:
        host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
    else:
        host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
    return host, int.from_bytes(await reader.readexactly(2))


def _answer(code: int) -> bytes:
    return bytes((SOCKS5, code, 0, IPV4, 0, 0, 0, 0, 0, 0))


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
