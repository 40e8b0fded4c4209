"""The floor: the least that a durable messenger could do on this machine, to measure against.

A bare picows server that takes the frames of the load client, appends whatever arrived while the
last append ran to one preallocated file with one write and one fdatasync (in a thread), and then
answers the senders and forwards the messages, with frames of the real server's shapes and sizes.
No users, rights, numbers that last, histories or Ray. The load client drives it exactly as it
drives the real server, so `sent_per_s / floor_per_s` tells what all the rest costs.

Tokens are `r<room>.<member>`: a message goes to the other connections of its sender's room.
`python -m sim.floor --data DIR` prints its address and serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

TEXT = WSMsgType.TEXT
BLOCK_BYTES = 1024 * 1024
JOURNAL_BYTES = 64 * BLOCK_BYTES
HEARTBEAT_S = 30
SEND_START = b',"method":"messages.send","params":{"chat_id":"'
TEXT_START = b'","text":"'
TEXT_END = b'","random_id":'


class Journal:
    """An append-only file without a name, preallocated and written in a circle."""

    def __init__(self, folder: str | None, size: int = JOURNAL_BYTES) -> None:
        self._fd, path = tempfile.mkstemp(prefix="floor-", dir=folder)
        os.unlink(path)
        zeros = bytes(BLOCK_BYTES)
        for _ in range(size // BLOCK_BYTES):
            os.write(self._fd, zeros)
        os.fsync(self._fd)
        self._size = self._at = size

    def append(self, data: bytes) -> None:
        if self._at + len(data) > self._size:
            self._at = 0
            os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, data)
        os.fdatasync(self._fd)
        self._at += len(data)

    def close(self) -> None:
        os.close(self._fd)


class Room:
    __slots__ = ("last_id", "members")

    def __init__(self) -> None:
        self.members: dict[int, Connection] = {}
        self.last_id = 0


class Connection(WSListener):  # type: ignore[misc, unused-ignore]
    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.room = Room()
        self.user_id = b"0"
        self.pts = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != TEXT:
            transport.disconnect()
            return
        raw = frame.get_payload_as_bytes()
        head, found, rest = raw.partition(SEND_START)
        if found:
            chat_id, _, rest = rest.partition(TEXT_START)
            self.floor.submit(raw, (self, head[6:], chat_id, rest.partition(TEXT_END)[0]))
        elif raw.startswith(b'{"id":'):
            self.floor.answer(self, msgspec.json.decode(raw))

    def send(self, frame: bytes) -> None:
        if not self.transport.is_disconnected:
            self.transport.send(TEXT, frame)


Send = tuple[Connection, bytes, bytes, bytes]
"""Who sends, the number of the request, the chat, the text."""


class Floor:
    """The server. `release` is what a test overrides to have it make mistakes."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rooms: dict[int, Room] = {}
        self._batch: list[Send] = []
        self._raw: list[bytes] = []
        self._committing = False
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.get_running_loop()

    async def start(self, host: str = "127.0.0.1") -> str:
        """Listen on a free port; the address of the live connections."""
        self._server = await ws_create_server(lambda _: Connection(self), host, 0, backlog=1024)
        return f"ws://{host}:{self._server.sockets[0].getsockname()[1]}/"

    def close(self) -> None:
        self._server.close()
        for room in self._rooms.values():
            for connection in room.members.values():
                connection.transport.disconnect(graceful=False)
        self._thread.shutdown()
        self._journal.close()

    def submit(self, raw: bytes, send: Send) -> None:
        self._raw.append(raw)
        self._batch.append(send)
        if not self._committing:
            self._committing = True
            # After the frames that this turn of the loop still reads.
            self._loop.call_soon(self._commit)

    def _commit(self) -> None:
        batch, self._batch = self._batch, []
        data = b"\n".join(self._raw)
        self._raw.clear()
        written = self._loop.run_in_executor(self._thread, self._journal.append, data)
        written.add_done_callback(lambda done: self._committed(done, batch))

    def _committed(self, done: asyncio.Future[None], batch: list[Send]) -> None:
        done.result()
        if self._batch:
            self._commit()
        else:
            self._committing = False
        date_ms = time.time_ns() // 1_000_000
        for sender, number, chat_id, text in batch:
            room = sender.room
            room.last_id = message_id = room.last_id + 1
            sender.pts += 1
            sender.send(
                b'{"id":%b,"result":{"chat_id":"%b","id":%d,"date_ms":%d,"pts":%d}}'
                % (number, chat_id, message_id, date_ms, sender.pts)
            )
            message = b'{"chat_id":"%b","id":%d,"from_id":%b,"date_ms":%d,"text":"%b"}' % (
                chat_id,
                message_id,
                sender.user_id,
                date_ms,
                text,
            )
            for member in room.members.values():
                if member is not sender:
                    self.release(member, message)

    def release(self, member: Connection, message: bytes) -> None:
        """Push one message to one connection."""
        member.pts += 1
        member.send(
            b'{"pts":%d,"update":{"type":"message_new","message":%b}}' % (member.pts, message)
        )

    def answer(self, connection: Connection, request: dict[str, Any]) -> None:
        """Everything but sends, as far as the load client asks for it."""
        method = request["method"]
        params = request["params"]
        result: dict[str, Any]
        if method == "session.hello":
            room_number, _, member = params["token"][1:].partition(".")
            room = self._rooms.setdefault(int(room_number), Room())
            connection.room = room
            connection.user_id = member.encode()
            room.members[int(member)] = connection
            result = {"user_id": int(member), "session_id": 1, "heartbeat_s": HEARTBEAT_S}
            result["pts"] = connection.pts
        elif method == "updates.difference":
            result = {"kind": "empty", "pts": connection.pts, "updates": []}
        elif method == "chats.open_private":
            low, high = sorted((int(connection.user_id), params["user_id"]))
            result = _chat(f"p{low}-{high}", "private", connection.room)
        elif method in ("chats.create_group", "chats.get"):
            result = _chat("g1", "group", connection.room)
        else:
            result = {"ok": True}
        connection.send(msgspec.json.encode({"id": request["id"], "result": result}))


def _chat(chat_id: str, kind: str, room: Room) -> dict[str, Any]:
    head = {"id": chat_id, "kind": kind, "title": "floor", "created_ms": 0, "members": []}
    return {**head, "last_id": room.last_id}


async def serve(folder: str | None) -> None:
    loop = asyncio.get_running_loop()
    floor = Floor(Journal(folder))
    print(json.dumps({"ws_url": await floor.start()}), flush=True)
    ended = asyncio.Event()

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            ended.set()

    loop.add_reader(sys.stdin.fileno(), heard)
    await ended.wait()
    floor.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", help="a folder on the file system to write to")
    uvloop.run(serve(parser.parse_args().data))


if __name__ == "__main__":
    main()
