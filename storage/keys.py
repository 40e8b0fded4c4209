"""Keys: bytes whose order is the order of what they stand for.

key   = actor table row
actor = kind (1 byte), then 0x01 and 8 bytes big endian, or 0x02, UTF-8 and 0x00
table = 1 byte
"""

from __future__ import annotations

KEY_BYTES_MAX = 511
"""LMDB's limit."""


def u64(number: int) -> bytes:
    """8 bytes, big endian."""
    return number.to_bytes(8, "big")


def actor_prefix(kind: int, key: int | str) -> bytes:
    """The beginning of all keys of an actor. Raises ValueError for a key that cannot be stored."""
    if isinstance(key, int):
        return b"%c\x01%b" % (kind, key.to_bytes(8, "big"))
    raw = key.encode()
    if b"\x00" in raw or len(raw) > KEY_BYTES_MAX - 64:
        raise ValueError(f"an actor's key must be short and without NUL: {key[:40]!r}")
    return b"%c\x02%b\x00" % (kind, raw)


def prefix_end(prefix: bytes) -> bytes:
    """The smallest bytes greater than everything that begins with `prefix`."""
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return b"\xff" * (KEY_BYTES_MAX + 1)
    return stem[:-1] + bytes([stem[-1] + 1])


def split_key(key: bytes) -> tuple[int, int | str, int, bytes]:
    """Kind, actor's key, table and row of a key. Raises ValueError if it is not one."""
    if len(key) < 4:
        raise ValueError("too short for a key")
    if key[1] == 1 and len(key) >= 11:
        return key[0], int.from_bytes(key[2:10], "big"), key[10], key[11:]
    end = key.find(b"\x00", 2)
    if key[1] == 2 and end > 0 and len(key) > end + 1:
        return key[0], key[2:end].decode(), key[end + 1], key[end + 2 :]
    raise ValueError("not a key")
