"""Each checker is silent about a sound run, and tells what was done to the evidence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from api import methods as m
from api import types as t
from sim.world.checkers import CHECKERS, judge
from sim.world.evidence import Evidence
from sim.world.history import Op
from sim.world.world import World

SEED = 4
"""A run with groups, several people and no faults that last."""


@pytest.fixture(scope="module")
def sound() -> Evidence:
    world = World(SEED)
    outcome = world.run()
    assert not outcome.reasons
    assert world.evidence is not None
    return world.evidence


@pytest.fixture
def evidence(sound: Evidence) -> Evidence:
    """A copy to damage."""
    parts = (sound.final, sound.history.ops, sound.history.devices, sound.back)
    final, ops, devices, back = copy.deepcopy(parts)
    history = type(sound.history)(sound.history.clock, ops, devices)
    return Evidence(sound.placement, sound.hosts, final, history, back, [], sound.registered)


def _found(evidence: Evidence) -> set[str]:
    return {finding.partition(":")[0] for finding in judge(evidence)}


def _sends(evidence: Evidence) -> list[Op]:
    return [op for op in evidence.history.of(m.SendMessage) if op.answered]


def _log_of(evidence: Evidence, op: Op) -> Any:
    return evidence.final.chats[op.params.chat_id].messages  # type: ignore[attr-defined]


def test_a_sound_run(sound: Evidence) -> None:
    assert judge(sound) == []


def _lose(evidence: Evidence) -> None:
    op = _sends(evidence)[-1]
    del _log_of(evidence, op)[op.result.id]


def _double(evidence: Evidence) -> None:
    op = _sends(evidence)[0]
    log = _log_of(evidence, op)
    log[len(log) + 1] = log[op.result.id]


def _answer_otherwise(evidence: Evidence) -> None:
    op = _sends(evidence)[0]
    again = copy.copy(op)
    again.result = replace(op.result, id=op.result.id + 1)
    evidence.history.ops.append(again)


def _change(evidence: Evidence) -> None:
    op = _sends(evidence)[0]
    log = _log_of(evidence, op)
    log[op.result.id] = replace(log[op.result.id], text="something else")


def _undo(evidence: Evidence) -> None:
    """What was edited, or deleted, is as it was."""
    for places in (evidence.edits, evidence.deletions):
        for (chat_id, number), ops in places.items():
            if any(op.answered for op in ops):
                messages = evidence.final.chats[chat_id].messages
                messages[number] = replace(messages[number], text="as it was", change=None)


def _show_again(evidence: Evidence) -> None:
    """What was deleted is read afterwards."""
    for (chat_id, number), ops in evidence.deletions.items():
        for deletion in ops:
            if deletion.answered and deletion.params.for_all:  # type: ignore[attr-defined]
                op = evidence.history.begin(1, "somebody", m.GetHistory(chat_id))
                op.began_s = op.ended_s = 1e9
                op.result = t.History([t.Message(chat_id, number, 1, 1, "again")], False)
                return
    raise AssertionError("nothing was deleted")


def _reorder(evidence: Evidence) -> None:
    for op in _sends(evidence):
        later = next(
            other
            for other in _sends(evidence)
            if other.began_s > op.ended_s and other.params.chat_id == op.params.chat_id  # type: ignore[attr-defined]
        )
        op.result, later.result = later.result, op.result
        return


def _read_too_little(evidence: Evidence) -> None:
    for op in evidence.history.of(m.GetHistory):
        if op.answered and len(op.result.messages) > 3 and op.params.chat_id.startswith("p"):  # type: ignore[attr-defined]
            op.result = t.History(op.result.messages[:-3], False)


def _read_with_a_hole(evidence: Evidence) -> None:
    for op in evidence.history.of(m.GetHistory):
        if op.answered:
            del op.result.messages[1:2]


def _skip_an_update(evidence: Evidence) -> None:
    del evidence.history.devices[0].lives[0].updates[3]


def _repeat_an_update(evidence: Evidence) -> None:
    updates = evidence.history.devices[0].lives[0].updates
    updates.insert(3, updates[3])


def _lose_an_entry(evidence: Evidence) -> None:
    user_id = evidence.history.devices[0].user_id
    del evidence.final.accounts[user_id].mailbox[2]


def _miscount(evidence: Evidence) -> None:
    for dialogs in evidence.back.dialogs.values():
        for chat_id, dialog in dialogs.items():
            dialogs[chat_id] = replace(dialog, unread=dialog.unread + 1)


def _leak(evidence: Evidence) -> None:
    """Somebody who never was in a group saw something of it."""
    for chat_id, log in evidence.final.chats.items():
        for device in evidence.history.devices:
            if log.messages and not evidence.stays(chat_id, device.user_id):
                message = t.Message(chat_id, 1, log.messages[1].from_id, 0)
                device.lives[0].updates.append(t.MessageNew(message))
                return
    raise AssertionError("everybody is everywhere")


def _write_from_outside(evidence: Evidence) -> None:
    for chat_id in evidence.stories:
        log = evidence.final.chats[chat_id].messages
        log[len(log) + 1] = replace(log[1], from_id=5, text="hello", action=None)
    del evidence.stories


def _come_twice(evidence: Evidence) -> None:
    for chat_id in evidence.stories:
        log = evidence.final.chats[chat_id].messages
        log[len(log) + 1] = replace(log[1], action=("member_added", log[1].from_id, ""))
    del evidence.stories


def _describe_unheard(evidence: Evidence) -> None:
    for chat_id in evidence.stories:
        log = evidence.final.chats[chat_id]
        log.head = log.head and replace(log.head, description="something else")


def _allow_unheard(evidence: Evidence) -> None:
    for chat_id in evidence.stories:
        log = evidence.final.chats[chat_id]
        log.head = log.head and replace(log.head, members_add=not log.head.members_add)


def _stay_after_removal(evidence: Evidence) -> None:
    for chat_id, log in evidence.final.chats.items():
        for user_id, row in log.members.items():
            if not row.left_id and chat_id in evidence.stories:
                op = evidence.history.begin(1, "somebody", m.RemoveMember(chat_id, user_id))
                op.began_s = op.ended_s = 1e9
                op.result = t.Ok()


def _share_a_name(evidence: Evidence) -> None:
    name = next(iter(evidence.final.holders))
    evidence.final.holders[name] += 1


def _claim_what_is_held(evidence: Evidence) -> None:
    for user_id in (1, 2):
        op = evidence.history.begin(user_id, "somebody", m.SetUsername("somebody"))
        op.began_s = op.ended_s = 1e9 + user_id
        op.result = t.User(user_id, "somebody", "")


def _refuse_without_reason(evidence: Evidence) -> None:
    op = evidence.history.begin(1, "somebody", m.SetUsername("nobodys"))
    evidence.history.refuse(op, "username_taken")


def _fail(evidence: Evidence) -> None:
    evidence.history.refuse(evidence.history.ops[0], "internal")


DAMAGES: dict[Callable[[Evidence], None], str] = {
    _lose: "acknowledged_is_stored",
    _double: "one_send_is_one_message",
    _answer_otherwise: "one_send_is_one_message",
    _change: "one_message_for_ever",
    _undo: "changes_are_kept",
    _show_again: "reads_see_changes",
    _reorder: "sends_are_in_order",
    _read_too_little: "reads_see_what_was_acknowledged",
    _read_with_a_hole: "reads_see_what_was_acknowledged",
    _skip_an_update: "views_are_whole",
    _repeat_an_update: "views_are_whole",
    _lose_an_entry: "mailboxes_are_whole",
    _miscount: "dialogs_are_right",
    _leak: "nothing_leaks",
    _write_from_outside: "only_members_write",
    _come_twice: "changes_make_sense",
    _describe_unheard: "what_no_message_says_is_told",
    _allow_unheard: "what_no_message_says_is_told",
    _stay_after_removal: "changes_last",
    _share_a_name: "names_agree",
    _claim_what_is_held: "claims_are_exclusive",
    _refuse_without_reason: "refusals_have_reasons",
    _fail: "nothing_fails",
}


@pytest.mark.parametrize(
    ("damage", "checker"), DAMAGES.items(), ids=[damage.__name__ for damage in DAMAGES]
)
def test_damage_is_told(
    evidence: Evidence, damage: Callable[[Evidence], None], checker: str
) -> None:
    assert evidence.stories
    damage(evidence)
    assert checker in _found(evidence)


def test_every_checker_is_shown_to_bite() -> None:
    """But those that judge what lies on the disks: `tests/unit/actors/test_verify.py` does; and
    histories, which `test_mutations` does."""
    elsewhere = {"stored_is_sound", "histories_are_whole"}
    assert {checker.__name__ for checker in CHECKERS} - elsewhere == set(DAMAGES.values())
