"""The verdict over a run: whether anything was lost, doubled, reordered or leaked.

A checker is a function of the evidence that says what is wrong, one line a finding. Another one is
added here to `CHECKERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from actors.verify.walk import verify
from sim.world.check_devices import dialogs_are_right, mailboxes_are_whole, views_are_whole
from sim.world.check_groups import (
    changes_last,
    changes_make_sense,
    nothing_leaks,
    only_members_write,
    what_no_message_says_is_told,
)
from sim.world.check_messages import (
    acknowledged_is_stored,
    changes_are_kept,
    histories_are_whole,
    one_message_for_ever,
    one_send_is_one_message,
    reads_see_changes,
    reads_see_what_was_acknowledged,
    sends_are_in_order,
)
from sim.world.check_names import claims_are_exclusive, names_agree, refusals_have_reasons
from sim.world.evidence import Evidence

FINDINGS_MAX = 5
"""Of one checker."""


def nothing_fails(evidence: Evidence) -> Iterator[str]:
    """Refusals are no defects; these are."""
    for op in evidence.history.ops:
        if op.refused in ("internal", "storage_corrupt", "bad_request", "invalid_params"):
            yield f"{op} is refused as {op.refused}"
    if evidence.final.dead:
        yield f"{evidence.final.dead} messages are dead letters"


def stored_is_sound(evidence: Evidence) -> Iterator[str]:
    """What `heliograph admin verify` says."""
    for finding in verify(evidence.placement, evidence.hosts).findings:
        yield str(finding)


Checker = Callable[[Evidence], Iterator[str]]

CHECKERS: tuple[Checker, ...] = (
    nothing_fails,
    stored_is_sound,
    acknowledged_is_stored,
    one_send_is_one_message,
    one_message_for_ever,
    changes_are_kept,
    reads_see_changes,
    histories_are_whole,
    sends_are_in_order,
    reads_see_what_was_acknowledged,
    mailboxes_are_whole,
    views_are_whole,
    dialogs_are_right,
    changes_make_sense,
    what_no_message_says_is_told,
    changes_last,
    only_members_write,
    nothing_leaks,
    names_agree,
    claims_are_exclusive,
    refusals_have_reasons,
)


def judge(evidence: Evidence) -> list[str]:
    """All findings, each with the name of its checker."""
    return [
        f"{checker.__name__}: {finding}"
        for checker in CHECKERS
        for finding in islice(checker(evidence), FINDINGS_MAX)
    ]
