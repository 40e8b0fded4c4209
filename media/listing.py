"""What a media actor tells of its chunks, for accounts of the storage."""

from __future__ import annotations

from msgspec import Struct


class ChunkLine(Struct, frozen=True, array_like=True):
    """A chunk on one media actor: its name, its bytes, what is stored for them, when it was last
    needed (Unix ms), and whether a file holds it."""

    name: bytes
    raw_bytes: int
    stored_bytes: int
    touched_ms: int
    held: bool
