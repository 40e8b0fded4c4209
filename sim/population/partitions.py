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
FILED = 1 << 17
"""Users whose partitions are in one file."""


def hashed(homes: Iterable[bytes], partitions: int) -> Partitions:
    """The partitions of actors whose homes are called so."""
    digests, empty = [], blake2b(digest_size=4)
    for home in homes:
        digest = empty.copy()  # takes half the time of a new one
        digest.update(home)
        digests.append(digest.digest())
    numbers = np.frombuffer(b"".join(digests), dtype=">u4") % np.uint32(partitions)
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
    """Where these users live: worked out once, and kept in files of this folder, each of `FILED`
    ids."""
    found, at = np.empty(size, np.uint16), first_id
    while at < first_id + size:
        number, offset = divmod(at, FILED)
        count = min(FILED - offset, first_id + size - at)
        path = _filed(folder, number, partitions)
        part = np.fromfile(path, np.uint16, count, offset=offset * found.itemsize)
        found[at - first_id : at - first_id + count] = part
        at += count
    return found


def _filed(folder: Path, number: int, partitions: int) -> Path:
    path = folder / f"users-{partitions}-{number}.u2"
    if not path.exists():
        begins = range(number * FILED, (number + 1) * FILED, AT_ONCE)
        parts = [of_users(np.arange(each, each + AT_ONCE), partitions) for each in begins]
        made = path.with_suffix(f".{np.random.SeedSequence().entropy:x}")  # two may do the same
        np.concatenate(parts).tofile(made)
        made.replace(path)
    return path
