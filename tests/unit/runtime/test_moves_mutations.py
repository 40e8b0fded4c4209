"""The checks of moves bite: with any one of the rules left out, the property finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from runtime.moves import Moves
from runtime.residence import Move
from runtime.wire import Request
from tests.unit.runtime.test_moves_in_any_order import MovesMachine

Patch = pytest.MonkeyPatch

pytestmark = pytest.mark.soak


def leave_before_what_it_sent_has_arrived(patch: Patch) -> None:
    real = Moves._freeze

    def freeze(self: Moves, move: Move, now_ms: int) -> None:
        real(self, move, now_ms)
        move.awaited.clear()

    patch.setattr(Moves, "_freeze", freeze)


def copy_only_once(patch: Patch) -> None:
    patch.setattr(Moves, "mirror", lambda self, ref, writes: None)


def send_the_copy_late(patch: Patch) -> None:
    """What the actor changes goes to its copy only where the copy has it already, not between."""
    real = Moves.mirror

    def mirror(self: Moves, ref: Any, writes: Any) -> None:
        move = self._moves.get(ref)
        if move is None or move.complete:
            real(self, ref, writes)

    patch.setattr(Moves, "mirror", mirror)


def serve_before_it_has_arrived(patch: Patch) -> None:
    real = Moves.take

    def take(self: Moves, front: str, request: Request) -> bool:
        return False if self._own else real(self, front, request)

    patch.setattr(Moves, "take", take)


def forget_what_was_held(patch: Patch) -> None:
    patch.setattr(Moves, "_resume", lambda self, move: None)


def forget_who_has_left(patch: Patch) -> None:
    real = Moves._record

    def record(self: Moves, move: Move) -> None:
        if move.phase != "left":
            real(self, move)

    patch.setattr(Moves, "_record", record)


def let_new_commands_pass_those_that_wait(patch: Patch) -> None:
    real = Moves.take

    def take(self: Moves, front: str, request: Request) -> bool:
        move = self._moves.get(request.target)
        if move is not None and move.phase == "here":
            return False
        return real(self, front, request)

    patch.setattr(Moves, "take", take)


@pytest.mark.parametrize(
    "mutate",
    [
        leave_before_what_it_sent_has_arrived,
        copy_only_once,
        send_the_copy_late,
        serve_before_it_has_arrived,
        forget_what_was_held,
        forget_who_has_left,
        let_new_commands_pass_those_that_wait,
    ],
)
def test_a_mutation_is_found(mutate: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutate(monkeypatch)
    searching = settings(
        max_examples=3_000,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        print_blob=False,
        database=None,
    )
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(MovesMachine, settings=searching)
    print(mutate.__name__, repr(caught.value)[:300])
