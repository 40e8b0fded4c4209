"""Accounts by the million: made by the real handlers and the real engine, in one process and
without Ray, in the data folder of a server that is started on it afterwards. Each has a session,
and a private chat with its neighbour that holds a message. What is left out is what takes hours:
a password is hashed once, and all have its hash. The rows are written anew in the end, as a server
does with its own every week. Tokens follow from a person's number, so that nobody has to keep a
million of them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from actors import addresses
from actors.handle.messages import NewAccount
from api import methods as m
from api.ambient import now_ms
from fronts.auth import HASHER, USER_ID_MAX
from fronts.tokens import SECRET_BYTES, parse_token
from heliograph.server.up import PARTITIONS
from runtime.refs import EXEMPT, MAX_ID, NOBODY, Caller
from storage.folder import DataFolder
from storage.rewrite import rewrite
from tests.bench.memory_bench import Host

RESIDENT = 20_000
PAIRS_PER_STEP = 10_000
FIRST_WORDS = "Something that people say to each other."


class Person(NamedTuple):
    """An account with its one session."""

    name: str
    user_id: int
    session_id: int
    token: str


class Pair(NamedTuple):
    """Two people and their chat."""

    a: Person
    b: Person
    chat_id: str


def person(number: int) -> Person:
    """The same one whenever it is asked for, with an id out of the range that real ones are drawn
    from."""
    digest = blake2b(b"person %d" % number, digest_size=16 + SECRET_BYTES).digest()
    user_id = 1 + int.from_bytes(digest[:8], "big") % USER_ID_MAX
    session_id = 1 + int.from_bytes(digest[8:16], "big") % MAX_ID
    secret = base64.urlsafe_b64encode(digest[16:]).decode().rstrip("=")
    return Person(f"person{number}", user_id, session_id, f"{user_id:x}.{session_id:x}.{secret}")


def pair(number: int) -> Pair:
    a, b = person(2 * number), person(2 * number + 1)
    return Pair(a, b, addresses.private_chat_id(a.user_id, b.user_id))


def populate(data: Path, pairs: int, progress: Callable[[int], None]) -> None:
    """So many pairs with a first message, in a data folder of their own. `progress` is told how
    many there are."""
    folder = DataFolder.open(data, partitions=PARTITIONS, hosts=1)
    host = Host(data / "host-0", RESIDENT)
    password_hash = HASHER.hash("")
    for number in range(pairs):
        _make(host, pair(number), password_hash)
        if number % PAIRS_PER_STEP == 0:
            progress(number)
    host.commit()
    rewrite(host.store, now_ms())
    host.store.close()
    folder.close()
    engine = host.engine
    assert not engine.refusals + engine.failures, "an account was refused"


def _make(host: Host, pair: Pair, password_hash: str) -> None:
    for one in (pair.a, pair.b):
        _, _, token_hash = parse_token(one.token)
        account = NewAccount(
            one.user_id, one.session_id, one.name, one.name, password_hash, token_hash, "bench"
        )
        host.post(addresses.username(one.name), account, NOBODY)
    caller = Caller(pair.a.user_id, pair.a.session_id, network=EXEMPT)
    peer = pair.b.user_id
    host.post(addresses.user(peer), m.OpenPrivate(peer), caller)
    host.post(addresses.chat(pair.chat_id), m.SendMessage(pair.chat_id, FIRST_WORDS, 1), caller)
