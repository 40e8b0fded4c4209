"""What is changed in a store of chunks (see `storage.chunks`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from storage.chunk_codec import Packed

PAGE_BYTES = 4096
HOLD_BYTES = 2 * PAGE_BYTES
"""What a name that is held may add: a page in each of two databases."""


class Put(NamedTuple):
    """Store a chunk, and its holders with it; one that is there is touched. The result: whether its
    bytes were written. `touched_ms`: None is now; another copy says when it was touched there."""

    chunk: Packed
    touched_ms: int | None = None
    roots: tuple[bytes, ...] = ()


class Hold(NamedTuple):
    """A file consists of these chunks: all that are there are held for it, and touched. The result:
    the names of those that are not there, or are damaged. `touched_ms`: as in `Put`."""

    root: bytes
    names: Sequence[bytes]
    touched_ms: int | None = None


class Drop(NamedTuple):
    """These files do not hold the chunk any more; delete it if nobody else does. Nothing happens if
    it was touched after `touched_ms`. The result: whether it was deleted."""

    name: bytes
    touched_ms: int
    roots: Sequence[bytes] = ()


class Checked(NamedTuple):
    """A chunk was read, and was whole or not. No result."""

    name: bytes
    whole: bool


Change = Put | Hold | Drop | Checked


def cost(change: Change) -> int:
    """What a change may add to the file at most."""
    match change:
        case Put(chunk, _, roots):
            return len(chunk.body) + HOLD_BYTES * (1 + len(roots))
        case Hold(_, names, _):
            return HOLD_BYTES * len(names)
    return 0
