"""Worlds: the seeds that found something once, and fresh ones for every commit."""

from __future__ import annotations

import os
import subprocess
import sys
from unittest.mock import patch

import pytest

from actors.kinds import KINDS
from api import methods as m
from sim.world.seeds import SEEDS, Kept
from sim.world.world import Outcome, World, run
from tests.profile import first_seed, tries

FRESH = tries(4)
FRESH_REPLICATED = tries(1)
SEEN_BEFORE = 1


def _tell(outcome: Outcome) -> str:
    return "\n".join([f"seed {outcome.seed}", *outcome.reasons, *outcome.trace[-60:]])


@pytest.mark.parametrize("kept", SEEDS)
def test_what_was_found_once_is_not_found_again(kept: Kept) -> None:
    outcome = run(kept.seed, kept.copies)
    assert not outcome.reasons, _tell(outcome)


@pytest.mark.draws
@pytest.mark.parametrize("batch", range(4))
def test_fresh_seeds(batch: int) -> None:
    first = first_seed(f"worlds {batch}")
    for seed in range(first, first + FRESH):
        outcome = run(seed)
        assert not outcome.reasons, _tell(outcome)


@pytest.mark.draws
@pytest.mark.parametrize(("copies", "batch"), [(2, 0), (3, 0), (3, 1), (3, 2)])
def test_fresh_seeds_with_copies(copies: int, batch: int) -> None:
    first = first_seed(f"worlds with {copies} copies, {batch}")
    for seed in range(first, first + FRESH_REPLICATED):
        outcome = run(seed, copies)
        assert not outcome.reasons, _tell(outcome)


@pytest.mark.parametrize("copies", [1, 3])
def test_a_seed_decides_everything(copies: int) -> None:
    assert run(SEEN_BEFORE, copies) == run(SEEN_BEFORE, copies)
    assert run(SEEN_BEFORE, copies).digest != run(SEEN_BEFORE + 1, copies).digest


@pytest.mark.parametrize(("hash_seed", "copies"), [("1", 1), ("2", 3)])
def test_another_interpreter_does_the_same(hash_seed: str, copies: int) -> None:
    code = f"from sim.world.world import run; print(run({SEEN_BEFORE}, {copies}).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == run(SEEN_BEFORE, copies).digest


def test_worlds_are_of_many_sorts_and_something_happens_in_them() -> None:
    worlds = [World(seed) for seed in range(8)]
    outcomes = [world.run() for world in worlds]
    assert {world.hosts for world in worlds} == {1, 2, 3}
    assert {world.edges for world in worlds} == {1, 2}
    assert sum(len(world.history.ops) for world in worlds) > 300
    assert all(outcome.simulated_s > 5 for outcome in outcomes)
    answered = {type(op.params).__name__ for world in worlds for op in world.history.ops}
    assert {"SendMessage", "MarkRead", "AddMember", "RemoveMember", "SetUsername"} <= answered


def test_a_turn_that_fails_is_found() -> None:
    """What the runtime logs is listened to."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with patch.dict(KINDS["chat"].handlers, {m.SendMessage: broken}):
        assert any("failed at SendMessage" in reason for reason in run(0).reasons)
