"""Keys: bytes whose order is the order of what they stand for.

key   = actor table row
actor = kind (1 byte), then 0x01 and 8 bytes big endian, or 0x02, UTF-8 and 0x00
table = 1 byte

Kind 0 is the runtime's own: outbox, watermarks, timers. Numbers come before names.
"""

from __future__ import annotations

from storage.port import BadKey, Writes

KEY_BYTES_MAX = 511
"""LMDB's limit."""
NAME_BYTES_MAX = KEY_BYTES_MAX - 64
"""Of an actor's key: so that there is room for a row."""
TEXT_BYTES_MAX = 48
"""Of a text that is a row's key."""
_NUMBER, _NAME = 1, 2


def u64(number: int) -> bytes:
    """8 bytes, big endian. Raises BadKey."""
    try:
        return number.to_bytes(8, "big")
    except OverflowError as error:
        raise BadKey(f"{number} has no place in 8 bytes") from error


def actor_prefix(kind: int, key: int | str) -> bytes:
    """The beginning of all keys of an actor. Raises BadKey for a key that cannot be stored."""
    if not 0 <= kind <= 255:
        raise BadKey(f"{kind} is no kind of actor")
    if isinstance(key, int):
        return b"%c\x01%b" % (kind, u64(key))
    try:
        raw = key.encode()
    except UnicodeEncodeError as error:
        raise BadKey(f"an actor's key must be valid Unicode: {key[:40]!r}") from error
    if b"\x00" in raw or len(raw) > NAME_BYTES_MAX:
        raise BadKey(f"an actor's key must be short and without NUL: {key[:40]!r}")
    return b"%c\x02%b\x00" % (kind, raw)


def text_key(text: str) -> bytes:
    """A text as a row's key: UTF-8. Raises BadKey."""
    raw = text.encode()
    if len(raw) > TEXT_BYTES_MAX:
        raise BadKey(f"a row's key must have at most {TEXT_BYTES_MAX} bytes: {text[:40]!r}")
    return raw


def prefix_end(prefix: bytes) -> bytes:
    """The smallest bytes greater than everything that begins with `prefix`."""
    stem = prefix.rstrip(b"\xff")
    if not stem:
        return b"\xff" * (KEY_BYTES_MAX + 1)
    return stem[:-1] + bytes([stem[-1] + 1])


def split_key(key: bytes) -> tuple[int, int | str, int, bytes]:
    """Kind, actor's key, table and row of a key. Raises BadKey if it is not one."""
    if len(key) >= 11 and key[1] == _NUMBER:
        return key[0], int.from_bytes(key[2:10], "big"), key[10], key[11:]
    if len(key) >= 4 and key[1] == _NAME:
        end = key.find(b"\x00", 2)
        if 0 < end < len(key) - 1:
            try:
                name = key[2:end].decode()
            except UnicodeDecodeError as error:
                raise BadKey(f"not a key: {key.hex()}") from error
            return key[0], name, key[end + 1], key[end + 2 :]
    raise BadKey(f"not a key: {key.hex()}")


def prefix_of(key: bytes) -> bytes:
    """The beginning that a key has in common with all others of its actor. Raises BadKey."""
    _, _, _, row = split_key(key)
    return key[: len(key) - len(row) - 1]


def check_keys(writes: Writes) -> None:
    """Raises BadKey if a key is empty or too long. To be asked before a batch is durable: a batch
    in the log that LMDB will not take would stop the host again at every start."""
    for partition, rows in writes.items():
        lengths = set(map(len, rows))
        if lengths and not (min(lengths) > 0 and max(lengths) <= KEY_BYTES_MAX):
            raise BadKey(
                f"a key of partition {partition} has {min(lengths) and max(lengths)} bytes; "
                f"1 to {KEY_BYTES_MAX} can be stored"
            )
