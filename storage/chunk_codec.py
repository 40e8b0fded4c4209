"""What is stored of a chunk: its bytes, packed where that saves something, and its facts.

Packing was measured on one core. A chunk of 512 KiB of source code costs zstandard 1.8 ms at level
3, for 0.235 of its size (level 1: 1.5 ms, 0.253; level 6: 6.7 ms, 0.213), and 0.4 ms to be
unpacked. What saves less than a tenth is kept as it is, and read without unpacking. One that does
not shrink costs 0.06 to 0.1 ms, which is much of what a media actor spends on it; 16 KiB from all
over it tell so in 0.015 ms (of source code they shrink to 0.36, of noise with an eighth of source
code to 0.965), but miss what repeats only far away. A trained dictionary of 16 KiB brings text
files of 0.3 to 8 KiB to 0.30 of their size instead of 0.46, which is half a page of the store for
each; it would have to be kept as long as any chunk, and there is none.

What is read is checked by its name: BLAKE3 takes 0.07 ms for 512 KiB, CRC-32 takes 0.10 ms.
"""

from __future__ import annotations

import struct
import threading
from typing import NamedTuple

import zstandard

from api.files import chunk_hash
from storage.codec import seal, unseal
from storage.port import StorageError

CHUNK_BYTES_MAX = 512 * 1024
LEVEL = 3
PACKED_SHARE_MAX = 0.9
SAMPLES, SAMPLE_BYTES, SAMPLE_SHARE_MAX = 16, 1024, 0.97
_PACKED, _DAMAGED = 1, 4
_FACTS = struct.Struct(">BIIqq")


class WrongName(StorageError, ValueError):
    """A chunk is not what its name says, or is empty or too large."""


class CorruptChunk(StorageError):
    """A stored chunk is not what its name says."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"chunk {self.name.hex()} failed its check"


class Facts(NamedTuple):
    """Of a stored chunk. Sizes in bytes: of the chunk, and of what is stored for it. `touched_ms`:
    when somebody last needed it; `verified_ms`: when it was last found to be whole. `damaged`: it
    was found not to be."""

    raw_bytes: int
    stored_bytes: int
    touched_ms: int
    verified_ms: int
    packed: bool = False
    damaged: bool = False


UNKNOWN = Facts(0, 0, 0, 0, damaged=True)
"""Of a chunk whose facts failed their check."""


class Packed(NamedTuple):
    """A chunk that was checked, as it will be stored."""

    name: bytes
    body: bytes
    raw_bytes: int
    packed: bool


class _Tools(threading.local):
    """zstandard's, which may be used by one thread at a time."""

    def __init__(self) -> None:
        self.packer = zstandard.ZstdCompressor(level=LEVEL)
        self.unpacker = zstandard.ZstdDecompressor()


_tools = _Tools()


def may_shrink(data: bytes) -> bool:
    """Whether it is worth while to pack a chunk, by samples of it."""
    step = len(data) // SAMPLES
    if step <= SAMPLE_BYTES:
        return True
    starts = range(0, SAMPLES * step, step)
    sample = b"".join([data[start : start + SAMPLE_BYTES] for start in starts])
    return len(_tools.packer.compress(sample)) < SAMPLE_SHARE_MAX * len(sample)


def pack(name: bytes, data: bytes) -> Packed:
    """Check a chunk and make it smaller. Raises WrongName."""
    chunk = plain(name, data)
    smaller = _tools.packer.compress(data)
    if len(smaller) < PACKED_SHARE_MAX * len(data):
        return Packed(name, smaller, len(data), True)
    return chunk


def plain(name: bytes, data: bytes) -> Packed:
    """Check a chunk, which is stored as it is. Raises WrongName."""
    if not 0 < len(data) <= CHUNK_BYTES_MAX:
        raise WrongName(f"a chunk has 1 to {CHUNK_BYTES_MAX} bytes, not {len(data)}")
    if chunk_hash(data) != name:
        raise WrongName(f"{name.hex()} is the name of something else")
    return Packed(name, data, len(data), False)


def unpack(name: bytes, facts: Facts, body: memoryview, checked: bool = False) -> memoryview:
    """The chunk, as it lies there if it is not packed. `checked`: that it is what its name says is
    known. Raises CorruptChunk."""
    data: bytes | memoryview = body
    try:
        if facts.packed:
            if zstandard.frame_content_size(body) != facts.raw_bytes:
                raise CorruptChunk(name)
            data = _tools.unpacker.decompress(body)
    except zstandard.ZstdError as error:
        raise CorruptChunk(name) from error
    # Hashed where it lies: if the disk has to be waited for, it is without the interpreter lock.
    if len(data) != facts.raw_bytes or not (checked or chunk_hash(data) == name):
        raise CorruptChunk(name)
    return memoryview(data)


def encode_facts(name: bytes, facts: Facts) -> bytes:
    kind = _PACKED * facts.packed | _DAMAGED * facts.damaged
    return seal(name, _FACTS.pack(kind, *facts[:4]))


def decode_facts(name: bytes, row: bytes) -> Facts | None:
    """None for a row that fails its check."""
    plain = unseal(name, row)
    if plain is None or len(plain) != _FACTS.size:
        return None
    kind, raw, stored, touched_ms, verified_ms = _FACTS.unpack(plain)
    flags = (bool(kind & flag) for flag in (_PACKED, _DAMAGED))
    return Facts(raw, stored, touched_ms, verified_ms, *flags)
