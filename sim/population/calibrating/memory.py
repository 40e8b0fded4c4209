"""What an actor takes in memory, and what a message takes on the disk."""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import lmdb

from actors import addresses
from api import methods as m
from sim.memory import anonymous_bytes
from sim.population.calibrating.town import Town
from sim.population.calibrating.turns import Day
from sim.population.microcosm import TEXT
from storage.layout import ROWS, database_name

PAIRS = 1_000
ROWS_OF_A_SEND = 4
"""That stay: the message, by which it is known again, and one in the mailbox of each of two."""


def actor_bytes(pairs: int = PAIRS) -> float:
    """Of chats, users and sessions alike, when they are woken in a process of their own."""
    with tempfile.TemporaryDirectory(prefix="heliograph-calibrate-") as folder:
        town = Town(Path(folder))
        Day(town, pairs, 0).write()
        town.checkpoint()
        town.close()
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as other:
            return other.submit(_woken, folder, pairs).result()


def _woken(folder: str, pairs: int) -> float:
    town = Town(Path(folder))
    few = pairs // 10
    _wake(town, range(few))
    before, woken = anonymous_bytes(), _residents(town)
    _wake(town, range(few, pairs))
    found = (anonymous_bytes() - before) / (_residents(town) - woken)
    town.close()
    return found


def _wake(town: Town, pairs: range) -> None:
    """A chat, two users and a session of each of these pairs."""
    for pair in pairs:
        user, other = 2 * pair + 1, 2 * pair + 2
        chat = addresses.private_chat_id(user, other)
        with town.batch(m.SetTyping):
            town.call(user, chat, m.SetTyping(chat))
        with town.batch(m.Ack):
            town.call(user, addresses.session(user, user), m.Ack(1))


def _residents(town: Town) -> int:
    return sum(len(engine.residents) for engine in town.engines.values())


def row_bytes(pairs: int = 40, few: int = 15, many: int = 45) -> float:
    """That a row takes beside the text of its message, as chats grow from few messages to many."""
    grown = (_pages_bytes(pairs, many) - _pages_bytes(pairs, few)) / (many - few) / pairs
    return (grown - len(TEXT)) / ROWS_OF_A_SEND


def _pages_bytes(pairs: int, sends: int) -> int:
    """Of all pages that are used, when each pair has so many messages."""
    with tempfile.TemporaryDirectory(prefix="heliograph-calibrate-") as folder:
        town = Town(Path(folder))
        day = Day(town, pairs, 0)
        for _ in range(sends):
            day.write()
        town.checkpoint()
        [(host, store)] = town.stores.items()
        names = [database_name(partition) for partition in town.placement.led_by(host)]
        store.close()
        rows = str(Path(folder) / host / ROWS)
        with lmdb.open(rows, readonly=True, max_dbs=len(names) + 1) as env:
            found = 0
            for name in names:
                database = env.open_db(name, create=False)
                with env.begin(database) as txn:
                    told = txn.stat(database)
                pages = told["branch_pages"] + told["leaf_pages"] + told["overflow_pages"]
                found += pages * told["psize"]
            return found
