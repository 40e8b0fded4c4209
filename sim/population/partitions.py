"""Which partition users and chats are in, for very many at once: `runtime.refs.partition_of`, whose
hash is what takes the time, without what is around it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.population.arrays import Ints

Partitions = NDArray[np.uint16]
PARTITIONS_MAX = 1 << 16
AT_ONCE = 1 << 16
"""Names of so many users are in memory at once."""


def hashed(homes: Iterable[bytes], partitions: int) -> Partitions:
    """The partitions of actors whose homes are called so."""
    digests = b"".join([blake2b(home, digest_size=4).digest() for home in homes])
    numbers = np.frombuffer(digests, dtype=">u4") % np.uint32(partitions)
    return numbers.astype(np.uint16)


def of_users(user_ids: Ints, partitions: int) -> Partitions:
    """Where users live, and their sessions with them."""
    return hashed([b"user:%d" % user_id for user_id in user_ids.tolist()], partitions)


def of_private_chats(a: Ints, b: Ints, partitions: int) -> Partitions:
    """Where the private chats of these pairs of user ids live."""
    low, high = np.minimum(a, b).tolist(), np.maximum(a, b).tolist()
    homes = [b"chat:p%d-%d" % pair for pair in zip(low, high, strict=True)]
    return hashed(homes, partitions)


def of_groups(numbers: Ints, partitions: int) -> Partitions:
    """Where groups live whose ids have these numbers."""
    return hashed([b"chat:g%d" % number for number in numbers.tolist()], partitions)


def kept(folder: Path, first_id: int, size: int, partitions: int) -> Partitions:
    """Where the users of a block live: worked out once, and kept in a file of this folder."""
    path = folder / f"users-{first_id}-{size}-{partitions}.u2"
    if path.exists():
        return np.fromfile(path, dtype=np.uint16)
    ids = np.arange(first_id, first_id + size)
    parts = range(0, size, AT_ONCE)
    found = np.concatenate([of_users(ids[n : n + AT_ONCE], partitions) for n in parts])
    made = path.with_suffix(f".{np.random.SeedSequence().entropy:x}")  # two workers may do the same
    found.tofile(made)
    made.replace(path)
    return found
