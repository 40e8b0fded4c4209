"""Partitions of very many addresses are those that `partition_of` says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors import addresses
from runtime.refs import MAX_ID, partition_of
from sim.population import partitions
from sim.population.people import stream

FEW, MANY = 5_000, 250_000


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
@pytest.mark.parametrize("known", [64, 1_000, 1 << 16])
def test_they_are_those_of_the_server(count: int, known: int) -> None:
    rng = stream(count, known)
    users = np.exp(rng.uniform(0, np.log(MAX_ID), count)).astype(np.int64)
    others = rng.permutation(users)
    chats = map(addresses.private_chat_id, users.tolist(), others.tolist())
    for found, refs in (
        (partitions.of_users(users, known), map(addresses.user, users.tolist())),
        (partitions.of_private_chats(users, others, known), map(addresses.chat, chats)),
        (
            partitions.of_groups(users, known),
            (addresses.chat(f"g{number}") for number in users.tolist()),
        ),
    ):
        assert found.tolist() == [partition_of(ref, known) for ref in refs]


def test_sessions_live_with_their_users() -> None:
    users = range(1, 500)
    found = partitions.of_users(np.array(users), 64).tolist()
    assert found == [partition_of(addresses.session(user, 7), 64) for user in users]


def test_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever blocks people are in, theirs are worked out once."""
    monkeypatch.setattr(partitions, "FILED", 200)
    monkeypatch.setattr(partitions, "AT_ONCE", 50)
    users = partitions.of_users(np.arange(2_001), 64)
    for first, size in ((1_001, 500), (1, 2_000), (199, 1), (200, 200), (399, 3)):
        made = partitions.kept(tmp_path, first, size, 64)
        assert made.tolist() == users[first : first + size].tolist()
    files = list(tmp_path.iterdir())
    assert len(files) == 11
    for file in files:
        np.zeros(200, np.uint16).tofile(file)
    assert not partitions.kept(tmp_path, 1_001, 500, 64).any()
    assert partitions.kept(tmp_path, 1_001, 500, 65).any()
