"""How files are named: after their bytes, so that whoever has them can check them. As text, a hash
is base64url without padding, 43 characters."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from blake3 import blake3

from api import limits
from api.visible import as_line, is_visible

HASH_BYTES = 32


def chunk_hash(data: bytes | memoryview) -> bytes:
    """The name of a chunk."""
    return blake3(data).digest()


def file_id(parts: Sequence[bytes]) -> bytes:
    """The id of the file whose parts have these hashes: of a file of one part that of its chunk, of
    a longer one that of the list of its parts."""
    return parts[0] if len(parts) == 1 else chunk_hash(b"".join(parts))


def text_of(name: bytes) -> str:
    return base64.urlsafe_b64encode(name).decode().rstrip("=")


def name_in(text: str) -> bytes:
    """The hash that this text is. Raises ValueError."""
    try:
        name = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        name = b""
    if len(name) != HASH_BYTES or text_of(name) != text:
        raise ValueError("not a BLAKE3 hash in base64url")
    return name


def plain_name(name: str) -> str:
    """What a file is called, without what could be taken for a path, a hidden file, a line, or a
    direction of writing; empty if nothing of it can be seen."""
    last = name.replace("\\", "/").rpartition("/")[2]
    line = as_line(last).strip(". ")
    return line if is_visible(line) else ""


def part_count(size: int) -> int:
    """Of how many parts a file of so many bytes is made."""
    return -(-size // limits.PART_BYTES)


def part_bytes(size: int, part: int) -> int:
    """The length of a part, counted from 0, of a file of so many bytes; 0 if it has no such."""
    return max(0, min(limits.PART_BYTES, size - part * limits.PART_BYTES))


def split(hashes: bytes) -> list[bytes]:
    """The hashes of a list of parts."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
