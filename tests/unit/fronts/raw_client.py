"""A client that is spoken for byte by byte."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import msgspec

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN = 0x80
TEST_S_MAX = 30
MASK = b"\x01\x02\x03\x04"
PING_FRAME = b'{"ping":7}'
"""In text messages: a heartbeat of the protocol, answered with pong."""


def client_frame(kind: int, payload: bytes = b"", fin: bool = True) -> bytes:
    """A frame as a client sends it (RFC 6455, section 5.2): masked."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    mask = (MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return bytes([kind | FIN * fin]) + length + MASK + masked.to_bytes(size, "big")


class Socket:
    """The client's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, *frames: bytes) -> None:
        """Send frames in one piece."""
        self._writer.write(b"".join(frames))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server's: kind and payload."""
        first, second = await self._reader.readexactly(2)
        assert first & FIN, "the server sends whole messages"
        assert second < 0x80, "and does not mask them"
        size = second
        if second == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif second == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(size)

    async def message(self) -> Any:
        """The next text message."""
        kind, payload = await self.frame()
        assert kind == TEXT
        return msgspec.json.decode(payload)

    async def close_code(self) -> int:
        """The code of the close frame, which is next."""
        kind, payload = await self.frame()
        assert kind == CLOSE
        return int.from_bytes(payload[:2], "big")

    def close(self) -> None:
        self._writer.close()

    async def until(self, mark: bytes) -> bytes:
        """What comes up to and with this."""
        return await self._reader.readuntil(mark)

    async def end(self) -> bytes:
        """What comes until the server hangs up."""
        return await self._reader.read()

    async def refused(self) -> bool:
        """Whether the server hangs up without a word; a reset says the same."""
        try:
            return await self.end() == b""
        except ConnectionResetError:
            return True

    def hang_up(self) -> None:
        self._writer.close()
